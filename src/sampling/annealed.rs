//! ∫exp(−E) by annealed importance sampling.

use super::{Sampler, State};
use crate::energy::Field;
use crate::error::Result;
use crate::interrupt;
use crate::rng::Rng;
use candle_core::{Device, Tensor};

/// Walks particles from a Gaussian of width `start` to exp(−E) through densities in
/// between, E_t = (1 − t)·‖v‖²/2start² + t·E, and counts what each step is worth
/// (Neal 2001): exp of the weights is, on average, the integral's ratio exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Annealed {
    /// Particles.
    pub particles: usize,
    /// Densities in between; t grows as a square, slowly where little is known.
    pub stages: usize,
    /// The standard deviation of the Gaussian at the start.
    pub start: f64,
}

/// What annealing found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// log ∫exp(−E).
    pub log_partition: f64,
    /// The standard error of that.
    pub error: f64,
}

impl Annealed {
    /// log ∫exp(−E(v)) dv over d dimensions, moved between stages by one step of `sampler`.
    ///
    /// # Errors
    /// Those of the sampler.
    pub fn estimate(
        &self,
        (sampler, field): (&dyn Sampler, &dyn Field),
        d: usize,
        rng: &mut Rng,
    ) -> Result<Estimate> {
        let device = Device::Cpu;
        let precision = 1.0 / (self.start * self.start);
        let base = |v: &Tensor| -> Result<Tensor> {
            Ok((v.sqr()?.flatten_from(1)?.sum(1)? * (0.5 * precision))?)
        };
        let mut place = (rng.normal_tensor((self.particles, d), &device)? * self.start)?;
        let mut weights = vec![0.0; self.particles];
        let mut before = 0.0;
        for stage in 1..=self.stages {
            interrupt::check()?;
            let t = (stage as f64 / self.stages as f64).powi(2);
            let apart = (base(&place)? - field.energy(&place)?)?.detach();
            for (weight, apart) in weights.iter_mut().zip(apart.to_vec1::<f32>()?) {
                *weight += (t - before) * f64::from(apart);
            }
            before = t;
            let between = |v: &Tensor| -> Result<Tensor> {
                Ok(((base(v)? * (1.0 - t))? + (field.energy(v)? * t)?)?)
            };
            let mut state = State::new(&between, &place)?;
            // For messages: chains do not begin anew.
            state.steps = stage - 1;
            sampler.step(&between, &mut state, rng)?;
            place = state.place;
        }
        let most = weights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let ratios: Vec<f64> = weights.iter().map(|w| (w - most).exp()).collect();
        let count = self.particles as f64;
        let mean = ratios.iter().sum::<f64>() / count;
        let variance = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / count;
        let log_base = 0.5 * d as f64 * (std::f64::consts::TAU / precision).ln();
        Ok(Estimate {
            log_partition: log_base + most + mean.ln(),
            error: (variance / count).sqrt() / mean,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Bell, Wells};
    use crate::rng::Seed;
    use crate::sampling::{Hamiltonian, Langevin};

    #[test]
    fn it_says_at_which_step_it_diverged() {
        // Nothing is known beyond 2, where the particles come in time.
        let cliff = |v: &Tensor| Ok(v.sqr()?.affine(-1.0, 4.0)?.log()?.sum(1)?);
        let annealed = Annealed {
            particles: 20,
            stages: 60,
            start: 0.2,
        };
        let walk = Langevin::uncorrected(0.5);
        let mut rng = Seed(3).stream("test", 0);
        let found = annealed.estimate((&walk, &cliff), 1, &mut rng);
        let said = found.unwrap_err().to_string();
        let (_, step) = said.split_once("diverged at step ").unwrap();
        let step: usize = step.split(':').next().unwrap().parse().unwrap();
        assert!((2..=60).contains(&step), "{said}");
    }

    #[test]
    fn integrals_that_are_known_are_met() {
        let bell = Bell::new([0.5, -0.2], [[0.5, 0.2], [0.2, 0.3]]).unwrap();
        let wells = Wells::two(1.2, 0.16, 0.3).unwrap();
        let annealed = Annealed {
            particles: 2000,
            stages: 60,
            start: 1.5,
        };
        let mut rng = Seed(3).stream("test", 0);
        let hmc = Hamiltonian {
            size: 0.3,
            leaps: 4,
        };
        let mala = Langevin::corrected(0.5);
        // Both energies are −log of a density.
        for (sampler, field) in [
            (&hmc as &dyn Sampler, &bell as &dyn Field),
            (&mala, &bell),
            (&hmc, &wells),
        ] {
            let found = annealed.estimate((sampler, field), 2, &mut rng).unwrap();
            assert!(found.error < 0.05, "{found:?}");
            assert!(found.log_partition.abs() < 4.0 * found.error, "{found:?}");
        }
    }
}
