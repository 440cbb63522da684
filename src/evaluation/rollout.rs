//! Futures: one sampled frame after another.

use crate::error::Result;
use crate::inference::Forecaster;
use crate::models::repeat_each;
use crate::rng::Rng;
use candle_core::Tensor;
use rayon::prelude::*;

/// Samples that go through the network at once, so that memory stays bounded
/// whatever the number of futures.
const AT_ONCE: usize = 64;

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
    let (batch, time, ..) = x.dims5()?;
    let network = forecaster.network();
    let context = network.config().context.min(time);
    let (channels, height, width) = (x.dim(2)?, x.dim(3)?, x.dim(4)?);
    let size = channels * height * width;
    let kept = times.len();
    let last = times.iter().copied().max().unwrap_or(0);
    let mut values = vec![0f32; batch * futures * kept * size];
    for row in 0..batch {
        let tokens_at = |time: usize| {
            let frame = x.narrow(0, row, 1)?.narrow(1, time, 1)?.squeeze(1)?;
            network.tokens(&frame)
        };
        let past: Vec<Tensor> = (time - context..time)
            .map(tokens_at)
            .collect::<Result<_>>()?;
        // h(x) of the true past is the same for all futures.
        let first = network.observe_tokens(&past)?;
        let mut left = futures;
        while left > 0 {
            let count = left.min(AT_ONCE);
            let sample = row * futures + futures - left;
            left -= count;
            let mut observed = first.repeat(count)?;
            let repeated = past.iter().map(|tokens| repeat_each(tokens, count));
            let mut past: Vec<Tensor> = repeated.collect::<Result<_>>()?;
            for step in 0..last {
                if step > 0 {
                    observed = network.observe_tokens(&past)?;
                }
                let next = forecaster.sample_tokens(&observed, temperature, rng)?;
                if let Some(at) = times.iter().position(|&time| time == step + 1) {
                    let made = network.frames(&next)?.flatten_from(1)?.to_vec2::<f32>()?;
                    let films = values[sample * kept * size..].par_chunks_exact_mut(kept * size);
                    films.zip(&made).for_each(|(film, frame)| {
                        film[at * size..(at + 1) * size].copy_from_slice(frame);
                    });
                }
                past.remove(0);
                past.push(next);
            }
        }
    }
    let shape = vec![batch, futures, kept, channels, height, width];
    Ok(Tensor::from_vec(values, shape, x.device())?)
}
