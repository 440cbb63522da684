//! Langevin dynamics.

use super::state::found_finite;
use super::{Sampler, State};
use crate::energy::Field;
use crate::error::Result;
use crate::rng::Rng;
use candle_core::Tensor;

/// v' = v − d + ε·√T·N(0, I), d = (ε²/2)·∇E(v): down the slope, with noise. At a
/// temperature T of 1 its distribution is exp(−E), at others exp(−E/T).
///
/// `corrected`, a step is taken or refused (MALA; Roberts & Tweedie 1996), and the chain's
/// distribution is that whatever ε; the acceptance is best near 0.57 (Roberts &
/// Rosenthal 1998). Uncorrected, all steps are taken, and it is so only as ε → 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Langevin {
    /// ε, the standard deviation of the noise at a temperature of 1, in units of v.
    pub size: f64,
    /// T, 0 or more; 0 leaves descent.
    pub temperature: f64,
    /// The most that d may move a single number (as in MALTA; Roberts & Tweedie 1996), if
    /// any.
    pub bound: Option<f64>,
    /// Whether steps may be refused.
    pub corrected: bool,
}

impl Langevin {
    /// MALA, at a temperature of 1.
    pub fn corrected(size: f64) -> Self {
        Self {
            corrected: true,
            ..Self::uncorrected(size)
        }
    }

    /// All steps are taken, at a temperature of 1.
    pub fn uncorrected(size: f64) -> Self {
        Self {
            size,
            temperature: 1.0,
            bound: None,
            corrected: false,
        }
    }

    /// Where a step from `place` leads, ∇E there being `slope`, before anything is refused.
    pub fn proposal(&self, place: &Tensor, slope: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let mean = self.mean(place, slope)?;
        if self.temperature == 0.0 {
            return Ok(mean);
        }
        let noise = rng.normal_tensor(place.shape(), place.device())?;
        Ok((mean + (noise * (self.size * self.temperature.sqrt()))?)?)
    }

    fn mean(&self, place: &Tensor, slope: &Tensor) -> Result<Tensor> {
        let down = (slope * (0.5 * self.size * self.size))?;
        Ok(match self.bound {
            Some(most) => (place - down.clamp(-most, most)?)?,
            None => (place - down)?,
        })
    }

    /// log q(to | from) up to a constant, (B,).
    fn log_density(&self, to: &Tensor, from: &Tensor, slope: &Tensor) -> Result<Tensor> {
        let off = (to - self.mean(from, slope)?)?;
        let square = off.sqr()?.flatten_from(1)?.sum(1)?;
        Ok((square * (-0.5 / (self.size * self.size * self.temperature)))?)
    }
}

impl Sampler for Langevin {
    fn name(&self) -> &'static str {
        if self.corrected { "MALA" } else { "Langevin" }
    }

    fn step(&self, field: &dyn Field, state: &mut State, rng: &mut Rng) -> Result<()> {
        let place = self.proposal(&state.place, &state.slope, rng)?;
        let (energy, slope) = field.slope(&place)?;
        found_finite((&place, &energy), self.name(), state.steps + 1, self.size)?;
        if !self.corrected || self.temperature == 0.0 {
            state.advance(place, energy, slope);
            return Ok(());
        }
        let back = self.log_density(&state.place, &place, &slope)?;
        let forth = self.log_density(&place, &state.place, &state.slope)?;
        let fall = ((&state.energy - &energy)? / self.temperature)?;
        let log_ratio = (fall + (back - forth)?)?;
        state.accept((place, energy, slope), &log_ratio, rng)
    }
}
