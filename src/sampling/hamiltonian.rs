//! Hamiltonian Monte Carlo.

use super::state::found_finite;
use super::{Sampler, State};
use crate::energy::Field;
use crate::error::Result;
use crate::rng::Rng;
use candle_core::Tensor;

/// A ball on the landscape E, kicked at random and followed for a while by leapfrog
/// steps, then taken or refused by how well its total energy was kept (Duane et al.
/// 1987; Neal 2011). Best at an acceptance of 0.65 (Beskos et al. 2013) or a little more.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hamiltonian {
    /// A leapfrog step's length in time; each trajectory's is up to a fifth shorter or
    /// longer, so that none returns to where it began again and again.
    pub size: f64,
    /// Leapfrog steps of a trajectory.
    pub leaps: usize,
}

/// ½‖p‖², (B,).
fn kinetic(p: &Tensor) -> Result<Tensor> {
    Ok((p.sqr()?.flatten_from(1)?.sum(1)? * 0.5)?)
}

impl Sampler for Hamiltonian {
    fn name(&self) -> &'static str {
        "HMC"
    }

    fn step(&self, field: &dyn Field, state: &mut State, rng: &mut Rng) -> Result<()> {
        let size = self.size * (0.8 + 0.4 * rng.uniform());
        let kick = rng.normal_tensor(state.place.shape(), state.place.device())?;
        let (mut place, mut momentum) = (state.place.clone(), kick.clone());
        let (mut energy, mut slope) = (state.energy.clone(), state.slope.clone());
        for _ in 0..self.leaps {
            momentum = (momentum - (&slope * (0.5 * size))?)?;
            place = (place + (&momentum * size)?)?;
            (energy, slope) = field.slope(&place)?;
            momentum = (momentum - (&slope * (0.5 * size))?)?;
        }
        found_finite((&place, &energy), self.name(), state.steps + 1, self.size)?;
        let kept = (kinetic(&kick)? - kinetic(&momentum)?)?;
        let log_ratio = ((&state.energy - &energy)? + kept)?;
        state.accept((place, energy, slope), &log_ratio, rng)
    }
}
