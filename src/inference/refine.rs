//! Amortised inference, refined: an encoder of the residual guesses z, a few
//! gradient steps on E improve the guess.

use super::closed_form::around;
use super::{Inference, Inferred};
use crate::energy::{Bowl, Quadratic};
use crate::error::Result;
use crate::latent::Gaussian;
use crate::models::{Linear, Scope};
use crate::ops;
use crate::rng::Rng;
use candle_core::{Device, Tensor};

/// What is left of the slope's square where steps end.
const ROUNDING: f64 = 1e-20;

/// z₀ = encoder(residual as the decoder sees it), then `steps` steps along conjugate
/// gradients (Hestenes & Stiefel 1952), in coordinates scaled by the curvature's
/// diagonal. The energy is known as a function of z: no step runs the decoder.
#[derive(Debug, Clone)]
pub struct Refine {
    latent: Gaussian,
    steps: usize,
    hidden: Linear,
    guess: Linear,
    device: Device,
}

impl Refine {
    /// The encoder's weights come from `scope`.
    pub fn new(latent: Gaussian, steps: usize, mut scope: Scope) -> Result<Self> {
        let d = latent.dimension;
        Ok(Self {
            latent,
            steps,
            device: scope.device().clone(),
            hidden: Linear::new(d, 128, 1.0, scope.scope("hidden"))?,
            guess: Linear::new(128, d, 0.1, scope.scope("guess"))?,
        })
    }

    /// z₀ (B, d) from κq/(1 + κ diag G): the residual's part along each
    /// direction of z, as if the directions did not overlap.
    fn encode(&self, energy: &Quadratic) -> Result<Tensor> {
        let d = self.latent.dimension;
        let seen: Vec<f32> = energy
            .bowls()
            .iter()
            .flat_map(|bowl| {
                let scale = diagonal(bowl);
                bowl.slope
                    .iter()
                    .zip(scale)
                    .map(|(q, scale)| (bowl.precision * q / scale) as f32)
                    .collect::<Vec<_>>()
            })
            .collect();
        let seen = Tensor::from_vec(seen, (energy.bowls().len(), d), &self.device)?;
        self.guess
            .forward_add(&ops::gelu(&self.hidden.forward(&seen)?)?, &seen)
    }

    fn descend(&self, bowl: &Bowl, z: &mut [f64]) {
        let scale = diagonal(bowl);
        let times = |v: &[f64]| -> Vec<f64> {
            let bent = bowl.bend(v).into_iter().zip(v);
            bent.map(|(bent, own)| own + bowl.precision * bent)
                .collect()
        };
        let (mut onward, mut before, mut first) = (vec![0.0; z.len()], f64::INFINITY, 0.0f64);
        for _ in 0..self.steps {
            let gradient: Vec<f64> = times(z)
                .iter()
                .zip(&bowl.slope)
                .map(|(along, q)| along - bowl.precision * q)
                .collect();
            let scaled: Vec<f64> = gradient.iter().zip(&scale).map(|(g, s)| g / s).collect();
            let fall: f64 = gradient.iter().zip(&scaled).map(|(g, v)| g * v).sum();
            // Nothing left but rounding.
            first = first.max(fall);
            if fall <= ROUNDING * first {
                return;
            }
            // As much of the last direction as keeps what it gained.
            for (onward, scaled) in onward.iter_mut().zip(&scaled) {
                *onward = scaled + fall / before * *onward;
            }
            before = fall;
            let bend: f64 = times(&onward).iter().zip(&onward).map(|(a, v)| a * v).sum();
            if bend <= 0.0 {
                return;
            }
            for (z, onward) in z.iter_mut().zip(&onward) {
                *z -= fall / bend * onward;
            }
        }
    }
}

/// 1 + κ diag G.
fn diagonal(bowl: &Bowl) -> Vec<f64> {
    let d = bowl.dimension();
    (0..d)
        .map(|i| 1.0 + bowl.precision * bowl.curvature[i * d + i])
        .collect()
}

impl Inference for Refine {
    fn infer_from(
        &self,
        energy: &Quadratic,
        starts: &[Option<Vec<f64>>],
        beta: f64,
        rng: &mut Rng,
    ) -> Result<Inferred> {
        let guess = self.encode(energy)?.detach().to_vec2::<f32>()?;
        around(energy, &self.latent, (beta, rng), |index, bowl, _| {
            let guess = guess[index].iter().copied().map(f64::from);
            let start = starts.get(index).cloned().flatten();
            let mut best = start.unwrap_or_else(|| guess.collect());
            self.descend(bowl, &mut best);
            best
        })
    }

    /// The encoder learns to guess what refinement found.
    fn loss(&self, energy: &Quadratic, inferred: &Inferred) -> Result<Option<Tensor>> {
        let target = inferred.best_tensor(&self.device)?;
        let error = ops::squared_error(&self.encode(energy)?, &target)?;
        Ok(Some(error.mean_all()?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::ClosedForm;
    use super::*;
    use crate::models::{Source, Weights};
    use crate::rng::Seed;

    fn bowl(rng: &mut Rng, d: usize) -> Bowl {
        let factor: Vec<f64> = (0..d * d).map(|_| rng.normal()).collect();
        let curvature = (0..d * d)
            .map(|ij| {
                let (i, j) = (ij / d, ij % d);
                (0..d).map(|k| factor[i * d + k] * factor[j * d + k]).sum()
            })
            .collect();
        let slope: Vec<f64> = (0..d).map(|_| rng.normal()).collect();
        Bowl {
            precision: 1.5,
            constant: 100.0,
            slope,
            curvature,
        }
    }

    #[test]
    fn many_steps_reach_the_exact_minimum_and_each_step_descends() {
        let mut rng = Seed(4).stream("test", 0);
        let latent = Gaussian { dimension: 5 };
        let energy = Quadratic::from_bowls((0..8).map(|_| bowl(&mut rng, 5)).collect());
        let exact = ClosedForm { latent };
        let exact = exact.infer(&energy, 1.0, &mut rng).unwrap().energy;
        let mut previous = vec![f64::INFINITY; 8];
        for steps in [0, 1, 2, 5, 200] {
            let mut weights = Weights::new(Seed(1), &Device::Cpu);
            let refine = Refine::new(latent, steps, weights.root()).unwrap();
            let found = refine.infer(&energy, 1.0, &mut rng).unwrap().energy;
            for (sample, energy) in found.iter().enumerate() {
                assert!(*energy <= previous[sample] + 1e-9);
                assert!(*energy >= exact[sample] - 1e-6);
            }
            previous = found;
        }
        for (found, exact) in previous.iter().zip(exact) {
            assert!((found - exact).abs() < 1e-4 * exact.abs().max(1.0));
        }
    }

    #[test]
    fn the_encoder_learns() {
        let mut rng = Seed(4).stream("test", 0);
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let refine = Refine::new(Gaussian { dimension: 3 }, 2, weights.root()).unwrap();
        let energy = Quadratic::from_bowls((0..4).map(|_| bowl(&mut rng, 3)).collect());
        let found = refine.infer(&energy, 1.0, &mut rng).unwrap();
        let config = crate::ops::AdamWConfig::default();
        let mut adam = crate::ops::AdamW::new(weights.pairs().to_vec(), config).unwrap();
        let mut losses = Vec::new();
        for _ in 0..200 {
            let loss = refine.loss(&energy, &found).unwrap().unwrap();
            let gradients = loss.backward().unwrap();
            for (name, var) in weights.pairs() {
                assert!(gradients.get(var).is_some(), "{name} has no gradient");
            }
            losses.push(loss.to_scalar::<f32>().unwrap());
            adam.step(&gradients, 0.01, None).unwrap();
        }
        assert!(
            losses[199] < 0.1 * losses[0],
            "{} {}",
            losses[0],
            losses[199]
        );
    }
}
