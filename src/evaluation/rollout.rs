//! Futures: one sampled frame after another.
//!
//! A model is one network or several members, trained as from several seeds, each of which draws
//! its share of the futures: what one is sure of, but others are not, is uncertain
//! (Lakshminarayanan et al. 2017, "Simple and scalable predictive uncertainty estimation using
//! deep ensembles").

use crate::error::Result;
use crate::inference::{Forecaster, Noise};
use crate::models::repeat_each;
use crate::rng::Rng;
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use std::ops::Range;

/// Samples that go through the network at once, so that memory stays bounded
/// whatever the number of futures: so many for each thread.
const AT_ONCE: usize = 32;

/// `futures` futures of `frames` frames after each context, from the `members` of a model, those
/// of the first member first: x is (B, T, C, H, W) with T at least the networks' context, of
/// which the last frames count; the result is (B, N, frames, C, H, W) in [0, 1], N = `futures`.
/// A model without a latent has one future; N of them are equal.
pub fn rollout(
    members: &[Forecaster],
    x: &Tensor,
    futures: usize,
    frames: usize,
    temperature: f64,
    rng: &mut Rng,
) -> Result<Tensor> {
    let times: Vec<usize> = (1..=frames).collect();
    rollout_at(members, x, futures, &times, temperature, rng)
}

/// [`rollout_as`], and with each future how likely its z's were, (B, N): the sum over
/// frames of log p(z | x), each given the frames before it; a density where z is
/// continuous, so that only futures of one context and one member compare. None without a z, or where
/// p(z | x) has no density that is known.
pub fn rollout_with_likelihood(
    members: &[Forecaster],
    x: &Tensor,
    futures: usize,
    how: How,
    rng: &mut Rng,
) -> Result<(Tensor, Option<Tensor>)> {
    let batch = x.dim(0)?;
    let mut likelihoods = vec![0f32; batch * futures];
    let made = go(members, x, how, (futures, Some(&mut likelihoods)), rng)?;
    let known =
        !members.iter().all(Forecaster::is_certain) && likelihoods.iter().all(|l| !l.is_nan());
    let likelihoods = Tensor::from_vec(likelihoods, (batch, futures), x.device())?;
    Ok((made, known.then_some(likelihoods)))
}

/// [`rollout`] of which only the frames at `times` are kept, each another one, the
/// first after the context being 1: (B, N, times, C, H, W).
pub fn rollout_at(
    members: &[Forecaster],
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
    rollout_as(members, x, futures, how, rng)
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
    members: &[Forecaster],
    x: &Tensor,
    futures: usize,
    how: How,
    rng: &mut Rng,
) -> Result<Tensor> {
    debug_assert!((how.watch.is_none() && how.remainder.is_none()) || x.dim(0)? == 1);
    go(members, x, how, (futures, None), rng)
}

/// Which of so many futures each of `members` draws, one after another.
pub fn shares(futures: usize, members: usize) -> impl Iterator<Item = Range<usize>> {
    (0..members).map(move |index| index * futures / members..(index + 1) * futures / members)
}

/// Films that are made together: of one context and one member.
struct Job<'a> {
    forecaster: &'a Forecaster,
    /// The context's tokens, frame after frame.
    past: Vec<Tensor>,
    /// Which futures these are.
    futures: Range<usize>,
    /// What is kept of each, one after another.
    films: &'a mut [f32],
    /// See [`rollout_with_likelihood`].
    likely: Option<&'a mut [f32]>,
    rng: Rng,
}

/// The futures at some times; how likely each was is added to `likelihoods`.
fn go(
    members: &[Forecaster],
    x: &Tensor,
    how: How,
    (futures, mut likelihoods): (usize, Option<&mut [f32]>),
    rng: &mut Rng,
) -> Result<Tensor> {
    let times = how.times;
    let (batch, time, channels, height, width) = x.dims5()?;
    let film = times.len() * channels * height * width;
    let mut values = vec![0f32; batch * futures * film];
    let mut jobs = Vec::new();
    let mut films = values.as_mut_slice();
    for row in 0..batch {
        for (forecaster, share) in members.iter().zip(shares(futures, members.len())) {
            let network = forecaster.network();
            let context = network.config().context.min(time);
            let tokens_at = |time: usize| {
                let frame = x.narrow(0, row, 1)?.narrow(1, time, 1)?.squeeze(1)?;
                network.tokens(&frame)
            };
            let past: Vec<Tensor> = (time - context..time)
                .map(tokens_at)
                .collect::<Result<_>>()?;
            // Of equal size, and whatever the threads, so that futures are too.
            let some = share
                .len()
                .div_ceil(share.len().div_ceil(AT_ONCE).max(1))
                .max(1);
            for first in share.clone().step_by(some) {
                let futures = first..share.end.min(first + some);
                let count = futures.len();
                jobs.push(Job {
                    forecaster,
                    past: past.clone(),
                    futures,
                    films: films.split_off_mut(..count * film).unwrap_or_default(),
                    likely: likelihoods
                        .as_mut()
                        .and_then(|all| all.split_off_mut(..count)),
                    rng: rng.branch(),
                });
            }
        }
    }
    // One after another on each thread: whoever waits within a job would begin
    // yet another, and all would be held at once.
    let threads = match x.device() {
        Device::Cpu => rayon::current_num_threads(),
        _ => 1,
    };
    for together in jobs.chunks_mut(threads) {
        together
            .par_iter_mut()
            .with_max_len(1)
            .try_for_each(|job| go_on(job, film, how))?;
    }
    let shape = vec![batch, futures, times.len(), channels, height, width];
    Ok(Tensor::from_vec(values, shape, x.device())?)
}

/// Fills the job's films, each of `film` numbers, with what follows on its past, and adds
/// how likely each was.
fn go_on(job: &mut Job, film: usize, how: How) -> Result<()> {
    let Job {
        forecaster,
        past,
        futures,
        films,
        likely,
        rng,
    } = job;
    let How {
        times,
        temperature,
        watch,
        remainder,
    } = how;
    let network = forecaster.network();
    let mut noise = Noise::new(rng.branch(), forecaster.persistence());
    let (first, count) = (futures.start, futures.len());
    let size = film / times.len().max(1);
    // h(x) of the true past is the same for all futures.
    let mut observed = network.observe_tokens(past)?.repeat(count)?;
    let repeated = past.iter().map(|tokens| repeat_each(tokens, count));
    let mut past: Vec<Tensor> = repeated.collect::<Result<_>>()?;
    let last = times.iter().copied().max().unwrap_or(0);
    for step in 0..last {
        let drawn = forecaster.next(&observed, temperature, &mut noise)?;
        if let (Some(likely), false) = (likely.as_deref_mut(), forecaster.is_certain()) {
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
