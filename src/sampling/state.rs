//! Where chains are.

use super::Sampler;
use crate::energy::Field;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::rng::Rng;
use candle_core::{DType, Tensor};

/// Chains side by side: where each is, and what is known there.
#[derive(Debug, Clone)]
pub struct State {
    /// v, (B, d), f32.
    pub place: Tensor,
    /// E there, (B,).
    pub energy: Tensor,
    /// ∂E/∂v, (B, d), there where the sampler walks along slopes; others leave it as it
    /// was, so chains do not go from one sampler to another but by [`Self::new`].
    pub(super) slope: Tensor,
    /// Steps taken.
    pub steps: usize,
    /// The mean share of proposals that were taken, summed over steps.
    taken: f64,
}

impl State {
    /// Chains at `place` (B, d).
    ///
    /// # Errors
    /// An energy there that is not finite.
    pub fn new(field: &dyn Field, place: &Tensor) -> Result<Self> {
        let place = place.detach();
        let (energy, slope) = field.slope(&place)?;
        let state = Self {
            place,
            energy,
            slope,
            steps: 0,
            taken: 0.0,
        };
        state.check("the start of the chains", 0.0)?;
        Ok(state)
    }

    /// The share of proposals that were taken, in [0, 1].
    pub fn acceptance(&self) -> f64 {
        self.taken / self.steps.max(1) as f64
    }

    /// Moves all chains, with nothing refused.
    pub(super) fn advance(&mut self, place: Tensor, energy: Tensor, slope: Tensor) {
        (self.place, self.energy, self.slope) = (place.detach(), energy, slope);
        self.steps += 1;
        self.taken += 1.0;
    }

    /// Moves each chain to its proposal with probability min(1, exp(log_ratio)), and
    /// leaves it where it is otherwise (Metropolis et al. 1953, Hastings 1970): what
    /// makes exp(−E) the chain's distribution whatever the proposals are.
    pub(super) fn accept(
        &mut self,
        proposal: (Tensor, Tensor, Tensor),
        log_ratio: &Tensor,
        rng: &mut Rng,
    ) -> Result<()> {
        let (place, energy, slope) = proposal;
        let uniform = rng.uniform_tensor(0.0, 1.0, log_ratio.shape(), log_ratio.device())?;
        // (A ratio that is not a number compares as false: refused.)
        let yes = uniform.log()?.lt(log_ratio)?;
        let wide = yes.unsqueeze(1)?.broadcast_as(self.place.shape())?;
        self.place = wide.where_cond(&place, &self.place)?.detach();
        self.slope = wide.where_cond(&slope, &self.slope)?.detach();
        self.energy = yes.where_cond(&energy, &self.energy)?.detach();
        self.steps += 1;
        let share = yes.to_dtype(DType::F32)?.mean_all()?.to_scalar::<f32>()?;
        self.taken += f64::from(share);
        Ok(())
    }

    /// # Errors
    /// A chain whose place or energy is not a number, with the step after which it was.
    pub(super) fn check(&self, name: &str, size: f64) -> Result<()> {
        found_finite((&self.place, &self.energy), name, self.steps, size)
    }
}

/// Refuses places and energies that are not finite, as the outcome of a step.
pub(super) fn found_finite(
    (place, energy): (&Tensor, &Tensor),
    name: &str,
    step: usize,
    size: f64,
) -> Result<()> {
    let sum = place.abs()?.sum_all()?.to_scalar::<f32>()?;
    let energy = energy.abs()?.sum_all()?.to_scalar::<f32>()?;
    if sum.is_finite() && energy.is_finite() {
        return Ok(());
    }
    let what = match sum.is_finite() {
        true => "the energy",
        false => "a chain's place",
    };
    Err(Error::input(
        name,
        format!("diverged at step {step}: {what} is not finite (its step size is {size})"),
        "use a smaller step size, or begin nearer to where the energy is low",
    ))
}

/// `steps` steps of the chains at `place` (B, d); `watch` sees the state after each.
///
/// # Errors
/// Those of the sampler; what `watch` fails with.
pub fn walk(
    (sampler, field): (&dyn Sampler, &dyn Field),
    place: &Tensor,
    steps: usize,
    rng: &mut Rng,
    mut watch: impl FnMut(&State) -> Result<()>,
) -> Result<State> {
    let mut state = State::new(field, place)?;
    for _ in 0..steps {
        interrupt::check()?;
        sampler.step(field, &mut state, rng)?;
        watch(&state)?;
    }
    Ok(state)
}

/// How many independent draws a mean over these chains is worth: the variance of the
/// numbers over the variance of the mean, which the chains, independent of each other,
/// show. One row a chain, all of the same length; 0 of fewer than two chains.
pub fn effective_size(chains: &[Vec<f64>]) -> f64 {
    let count = chains.len() as f64;
    if count < 2.0 {
        return 0.0;
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let means: Vec<f64> = chains.iter().map(|chain| mean(chain)).collect();
    let all = mean(&means);
    let of_mean = means.iter().map(|m| (m - all).powi(2)).sum::<f64>() / (count - 1.0) / count;
    let squares = chains.iter().flatten().map(|v| (v - all).powi(2));
    let numbers = chains.iter().map(Vec::len).sum::<usize>().max(1) as f64;
    let variance = squares.sum::<f64>() / numbers;
    variance / of_mean.max(f64::MIN_POSITIVE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn independent_draws_count_in_full_and_repeated_ones_once() {
        let mut rng = Seed(1).stream("test", 0);
        let fresh: Vec<Vec<f64>> = (0..500)
            .map(|_| (0..20).map(|_| rng.normal()).collect())
            .collect();
        let size = effective_size(&fresh);
        // 500 chains know a variance to 1 part in √250.
        assert!((size / 10_000.0 - 1.0).abs() < 0.25, "{size}");
        let stuck: Vec<Vec<f64>> = fresh.iter().map(|chain| vec![chain[0]; 20]).collect();
        let size = effective_size(&stuck);
        assert!((size / 500.0 - 1.0).abs() < 0.05, "{size}");
        assert_eq!(effective_size(&fresh[..1]), 0.0);
    }
}
