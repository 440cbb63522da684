//! Futures: one sampled frame after another.

use crate::error::Result;
use crate::inference::{Forecaster, Noise};
use crate::models::repeat_each;
use crate::rng::Rng;
use candle_core::{Device, Tensor};
use rayon::prelude::*;

/// Samples that go through the network at once, so that memory stays bounded
/// whatever the number of futures: so many for each thread.
const AT_ONCE: usize = 32;

/// `futures` futures of `frames` frames after each context: x is (B, T, C, H,
/// W) with T at least the network's context, of which the last frames count;
/// the result is (B, N, frames, C, H, W) in [0, 1], N = `futures`. A model
/// without a latent has one future; N of them are equal.
pub fn rollout(
    forecaster: &Forecaster,
    x: &Tensor,
    futures: usize,
    frames: usize,
    temperature: f64,
    rng: &mut Rng,
) -> Result<Tensor> {
    let times: Vec<usize> = (1..=frames).collect();
    rollout_at(forecaster, x, futures, &times, temperature, rng)
}

/// [`rollout_as`], and with each future how likely its z's were, (B, N): the sum over
/// frames of log p(z | x), each given the frames before it; a density where z is
/// continuous, so that only futures of one context compare. None without a z, or where
/// p(z | x) has no density that is known.
pub fn rollout_with_likelihood(
    forecaster: &Forecaster,
    x: &Tensor,
    futures: usize,
    how: How,
    rng: &mut Rng,
) -> Result<(Tensor, Option<Tensor>)> {
    let batch = x.dim(0)?;
    let mut likelihoods = vec![0f32; batch * futures];
    let made = go(forecaster, x, how, (futures, Some(&mut likelihoods)), rng)?;
    let known = !forecaster.is_certain() && likelihoods.iter().all(|l| !l.is_nan());
    let likelihoods = Tensor::from_vec(likelihoods, (batch, futures), x.device())?;
    Ok((made, known.then_some(likelihoods)))
}

/// [`rollout`] of which only the frames at `times` are kept, each another one, the
/// first after the context being 1: (B, N, times, C, H, W).
pub fn rollout_at(
    forecaster: &Forecaster,
    x: &Tensor,
    futures: usize,
    times: &[usize],
    temperature: f64,
    rng: &mut Rng,
) -> Result<Tensor> {
    let how = How {
        times,
        temperature,
        watch: None,
        remainder: None,
    };
    rollout_as(forecaster, x, futures, how, rng)
}

/// Is shown frames as they are made, so that not all need to be kept: of which future,
/// at which time, the first after the context being 1, and the frame's values. Those of
/// one future come in order, of several from several threads.
pub type Watch<'a> = dyn Fn(usize, usize, &[f32]) + Sync + 'a;

/// What is asked of futures.
#[derive(Clone, Copy)]
pub struct How<'a> {
    /// The frames that are kept, each another one, the first after the context being 1.
    pub times: &'a [usize],
    /// Of the prior.
    pub temperature: f64,
    /// Is shown every frame up to the last of these, where there is one context.
    pub watch: Option<&'a Watch<'a>>,
    /// Is shown the variance of each value about the frames that are kept, of what they leave
    /// unexplained, where that is learned and there is one context.
    pub remainder: Option<&'a Watch<'a>>,
}

/// [`rollout`] as it is asked for: (B, N, times, C, H, W).
pub fn rollout_as(
    forecaster: &Forecaster,
    x: &Tensor,
    futures: usize,
    how: How,
    rng: &mut Rng,
) -> Result<Tensor> {
    debug_assert!((how.watch.is_none() && how.remainder.is_none()) || x.dim(0)? == 1);
    go(forecaster, x, how, (futures, None), rng)
}

/// The futures at some times; how likely each was is added to `likelihoods`.
fn go(
    forecaster: &Forecaster,
    x: &Tensor,
    how: How,
    (futures, likelihoods): (usize, Option<&mut [f32]>),
    rng: &mut Rng,
) -> Result<Tensor> {
    let times = how.times;
    let (batch, time, ..) = x.dims5()?;
    let network = forecaster.network();
    let context = network.config().context.min(time);
    let (channels, height, width) = (x.dim(2)?, x.dim(3)?, x.dim(4)?);
    let film = times.len() * channels * height * width;
    let mut values = vec![0f32; batch * futures * film];
    // Of equal size, and whatever the threads, so that futures are too.
    let some = futures.div_ceil(futures.div_ceil(AT_ONCE).max(1)).max(1);
    let mut likelihoods = likelihoods.map(|all| all.chunks_mut(futures.max(1)));
    let mut jobs = Vec::new();
    for (row, films) in values.chunks_exact_mut((futures * film).max(1)).enumerate() {
        let tokens_at = |time: usize| {
            let frame = x.narrow(0, row, 1)?.narrow(1, time, 1)?.squeeze(1)?;
            network.tokens(&frame)
        };
        let past: Vec<Tensor> = (time - context..time)
            .map(tokens_at)
            .collect::<Result<_>>()?;
        let films = films.chunks_mut((some * film).max(1));
        let mut likely = likelihoods
            .as_mut()
            .and_then(|all| Some(all.next()?.chunks_mut(some)));
        jobs.extend(films.enumerate().map(|(group, films)| {
            let likely = likely.as_mut().and_then(Iterator::next);
            (past.clone(), (films, group * some), likely, rng.branch())
        }));
    }
    // One after another on each thread: whoever waits within a job would begin
    // yet another, and all would be held at once.
    let threads = match x.device() {
        Device::Cpu => rayon::current_num_threads(),
        _ => 1,
    };
    for together in jobs.chunks_mut(threads) {
        together.par_iter_mut().with_max_len(1).try_for_each(
            |(past, (films, first), likely, rng)| {
                let made = (&mut **films, film, likely.as_deref_mut());
                go_on(forecaster, past, made, (how, *first), rng)
            },
        )?;
    }
    let shape = vec![batch, futures, times.len(), channels, height, width];
    Ok(Tensor::from_vec(values, shape, x.device())?)
}

/// Fills `films`, each of `film` numbers and the first the future `first`, with what
/// follows on one `past`, and adds to `likely` how likely each was.
fn go_on(
    forecaster: &Forecaster,
    past: &[Tensor],
    (films, film, mut likely): (&mut [f32], usize, Option<&mut [f32]>),
    (how, first): (How, usize),
    rng: &mut Rng,
) -> Result<()> {
    let How {
        times,
        temperature,
        watch,
        remainder,
    } = how;
    let network = forecaster.network();
    let mut noise = Noise::new(rng.branch(), forecaster.persistence());
    let count = films.len() / film.max(1);
    let size = film / times.len().max(1);
    // h(x) of the true past is the same for all futures.
    let mut observed = network.observe_tokens(past)?.repeat(count)?;
    let repeated = past.iter().map(|tokens| repeat_each(tokens, count));
    let mut past: Vec<Tensor> = repeated.collect::<Result<_>>()?;
    let last = times.iter().copied().max().unwrap_or(0);
    for step in 0..last {
        let drawn = forecaster.next(&observed, temperature, &mut noise)?;
        if let (Some(likely), false) = (&mut likely, forecaster.is_certain()) {
            let unknown = || vec![f32::NAN; count];
            let surprise = forecaster.surprise(&observed, &drawn)?;
            let surprise = surprise.map(|s| s.to_vec1()).transpose()?;
            let pairs = likely.iter_mut().zip(surprise.unwrap_or_else(unknown));
            pairs.for_each(|(likely, surprise)| *likely -= surprise);
        }
        let at = times.iter().position(|&time| time == step + 1);
        if at.is_some() || watch.is_some() {
            let made = network
                .frames(&drawn.tokens)?
                .flatten_from(1)?
                .to_vec2::<f32>()?;
            let films = films.par_chunks_exact_mut(film.max(1)).zip(&made);
            films.enumerate().for_each(|(index, (film, frame))| {
                if let Some(at) = at {
                    film[at * size..(at + 1) * size].copy_from_slice(frame);
                }
                if let Some(watch) = watch {
                    watch(first + index, step + 1, frame);
                }
            });
        }
        if let (Some(watch), Some(noise), true) = (remainder, forecaster.remainder(), at.is_some())
        {
            let deviation = network.frames(&noise.deviation(&observed)?)?;
            let variance = deviation.sqr()?.flatten_from(1)?.to_vec2::<f32>()?;
            for (index, frame) in variance.iter().enumerate() {
                watch(first + index, step + 1, frame);
            }
        }
        past.remove(0);
        past.push(drawn.tokens);
        if step + 1 < last {
            observed = network.observe_drawn(&past, &observed, drawn.z.as_ref())?;
        }
    }
    Ok(())
}
