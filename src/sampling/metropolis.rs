//! Random-walk Metropolis.

use super::state::found_finite;
use super::{Sampler, State};
use crate::energy::Field;
use crate::error::Result;
use crate::rng::Rng;

/// v' = v + size·N(0, I), taken with probability min(1, exp(E(v) − E(v'))) (Metropolis
/// et al. 1953). Best at an acceptance of 0.23 in many dimensions, 0.35 in two (Gelman,
/// Roberts & Gilks 1996).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metropolis {
    /// The standard deviation of a step, in units of v.
    pub size: f64,
}

impl Sampler for Metropolis {
    fn name(&self) -> &'static str {
        "Metropolis-Hastings"
    }

    fn step(&self, field: &dyn Field, state: &mut State, rng: &mut Rng) -> Result<()> {
        let noise = rng.normal_tensor(state.place.shape(), state.place.device())?;
        let place = (&state.place + (noise * self.size)?)?;
        // No slope is needed: the old one stands in.
        let energy = field.energy(&place)?.detach();
        found_finite((&place, &energy), self.name(), state.steps + 1, self.size)?;
        let log_ratio = (&state.energy - &energy)?;
        let slope = state.slope.clone();
        state.accept((place, energy, slope), &log_ratio, rng)
    }
}
