//! Langevin dynamics.

use super::state::found_finite;
use super::{Sampler, State};
use crate::energy::Field;
use crate::error::Result;
use crate::rng::Rng;
use candle_core::Tensor;

/// v' = v − (ε²/2)·∇E(v) + ε·N(0, I): down the slope, with noise.
///
/// `corrected`, a step is taken or refused (MALA; Roberts & Tweedie 1996), and the chain's
/// distribution is exp(−E) whatever ε; the acceptance is best near 0.57 (Roberts &
/// Rosenthal 1998). Uncorrected, all steps are taken, and it is so only as ε → 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Langevin {
    /// ε, the standard deviation of the noise, in units of v.
    pub size: f64,
    /// Whether steps may be refused.
    pub corrected: bool,
}

impl Langevin {
    /// log q(to | from) up to a constant, (B,).
    fn log_density(&self, to: &Tensor, from: &Tensor, slope: &Tensor) -> Result<Tensor> {
        let mean = (from - (slope * (0.5 * self.size * self.size))?)?;
        let square = (to - mean)?.sqr()?.flatten_from(1)?.sum(1)?;
        Ok((square * (-0.5 / (self.size * self.size)))?)
    }
}

impl Sampler for Langevin {
    fn name(&self) -> &'static str {
        if self.corrected { "MALA" } else { "Langevin" }
    }

    fn step(&self, field: &dyn Field, state: &mut State, rng: &mut Rng) -> Result<()> {
        let noise = rng.normal_tensor(state.place.shape(), state.place.device())?;
        let down = (&state.slope * (0.5 * self.size * self.size))?;
        let place = ((&state.place - down)? + (noise * self.size)?)?;
        let (energy, slope) = field.slope(&place)?;
        found_finite((&place, &energy), self.name(), state.steps + 1, self.size)?;
        if !self.corrected {
            state.advance(place, energy, slope);
            return Ok(());
        }
        let back = self.log_density(&state.place, &place, &slope)?;
        let forth = self.log_density(&place, &state.place, &state.slope)?;
        let log_ratio = ((&state.energy - &energy)? + (back - forth)?)?;
        state.accept((place, energy, slope), &log_ratio, rng)
    }
}
