//! p(z | x): which z to expect before y is seen.

use super::noise::Noise;
use crate::error::{Error, Result};
use crate::rng::Rng;
use candle_core::Tensor;

/// A distribution over z given what the network sees of the past.
pub trait Prior: Send + Sync {
    /// −log p(z | x) for each sample, (B,), where it can be told. `context` is (B, N,
    /// width), the network's features of N places, and `z` (B, d).
    fn surprise(&self, context: &Tensor, z: &Tensor) -> Result<Option<Tensor>>;

    /// What trains the prior, for each sample, (B,): its surprise, where it does not say
    /// otherwise; `rng` draws what that needs.
    ///
    /// # Errors
    /// None of the two.
    fn loss(&self, context: &Tensor, z: &Tensor, _rng: &mut Rng) -> Result<Tensor> {
        self.surprise(context, z)?.ok_or_else(|| {
            Error::input(
                "the prior",
                "it has neither a density nor a loss of its own",
                "give it one of the two",
            )
        })
    }

    /// One z for each row of `context`: (B, d). `temperature` 1 draws from
    /// p(z | x), below 1 closer to its modes, 0 takes the likeliest. Where z is
    /// continuous, its gradient goes back into the prior (the choice of a mode
    /// is taken as it is).
    fn sample(&self, context: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor>;

    /// Whether draws are made of normal noise, which can persist from frame to frame
    /// ([`Noise`]).
    fn persists(&self) -> bool {
        true
    }
}

/// `logits` as weights to draw from, at a temperature; 0 leaves the largest.
pub(super) fn sharpened(logits: &[f32], temperature: f64) -> Vec<f32> {
    let top = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    logits
        .iter()
        .map(|&logit| match temperature {
            t if t > 0.0 => (f64::from(logit - top) / t).exp() as f32,
            _ => f32::from(u8::from(logit >= top)),
        })
        .collect()
}
