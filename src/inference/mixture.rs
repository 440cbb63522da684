//! A mixture of Gaussians as p(z | x), its weights, means and widths given by
//! a small network (Bishop 1994, "Mixture density networks").

use super::noise::Noise;
use super::prior::{Prior, sharpened};
use super::summary::Summary;
use crate::error::Result;
use crate::models::{Linear, Scope};
use candle_core::{D, Tensor};

/// Widths are exp(2·tanh(·) − 0.5), between 0.08 and 4.5: narrower than the
/// noise that inference leaves on z would only learn the training z's by heart.
const WIDTH: (f64, f64) = (2.0, -0.5);

/// Σ_k π_k(x) N(z; μ_k(x), diag σ_k(x)²).
#[derive(Debug, Clone)]
pub struct Mixture {
    components: usize,
    dimension: usize,
    summary: Summary,
    weights: Linear,
    means: Linear,
    widths: Linear,
}

/// Log weights (B, K), means (B, K, d), log widths (B, K, d).
struct Parameters {
    weights: Tensor,
    means: Tensor,
    widths: Tensor,
}

impl Mixture {
    /// z of `dimension` numbers, given `summary` of `hidden` numbers.
    pub fn new(
        summary: Summary,
        hidden: usize,
        dimension: usize,
        components: usize,
        mut scope: Scope,
    ) -> Result<Self> {
        Ok(Self {
            components,
            dimension,
            summary,
            weights: Linear::new(hidden, components, 0.1, scope.scope("weights"))?,
            // The components must start apart, or they stay one.
            means: Linear::new(hidden, components * dimension, 1.0, scope.scope("means"))?,
            widths: Linear::new(hidden, components * dimension, 0.1, scope.scope("widths"))?,
        })
    }

    fn parameters(&self, context: &Tensor) -> Result<Parameters> {
        let batch = context.dim(0)?;
        let shape = (batch, self.components, self.dimension);
        let hidden = self.summary.forward(context)?;
        let logits = self.weights.forward(&hidden)?;
        let total = logits.log_sum_exp(D::Minus1)?.unsqueeze(1)?;
        Ok(Parameters {
            weights: logits.broadcast_sub(&total)?,
            means: self.means.forward(&hidden)?.reshape(shape)?,
            widths: self
                .widths
                .forward(&hidden)?
                .reshape(shape)?
                .tanh()?
                .affine(WIDTH.0, WIDTH.1)?,
        })
    }
}

impl Prior for Mixture {
    fn surprise(&self, context: &Tensor, z: &Tensor) -> Result<Option<Tensor>> {
        let p = self.parameters(context)?;
        let distance = z.unsqueeze(1)?.broadcast_sub(&p.means)? * p.widths.neg()?.exp()?;
        let square = (distance?.sqr()? + (&p.widths * 2.0)?)?.sum(D::Minus1)?;
        let constant = 0.5 * self.dimension as f64 * std::f64::consts::TAU.ln();
        let log_density = (p.weights + square.affine(-0.5, -constant)?)?;
        Ok(Some(log_density.log_sum_exp(D::Minus1)?.neg()?))
    }

    fn sample(&self, context: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor> {
        let p = self.parameters(context)?;
        let (batch, device) = (context.dim(0)?, context.device());
        let mut chosen = vec![0f32; batch * self.components];
        let weights = p.weights.to_vec2::<f32>()?;
        let weights: Vec<_> = (weights.iter())
            .map(|logits| sharpened(logits, temperature))
            .collect();
        let rows = chosen.chunks_exact_mut(self.components);
        for (row, choice) in rows.zip(noise.choose(&weights)) {
            row[choice] = 1.0;
        }
        let chosen = Tensor::from_vec(chosen, (batch, self.components, 1), device)?;
        let noise = noise.normals((batch, self.dimension), device)?;
        let of_chosen = |t: Tensor| t.broadcast_mul(&chosen)?.sum(1);
        let widths = of_chosen(p.widths.exp()?)?;
        Ok((of_chosen(p.means)? + ((noise * temperature)? * widths)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    fn mixture(weights: &mut Weights, width: usize, dimension: usize) -> Mixture {
        let mut root = weights.root();
        let summary = Summary::new(width, (1, 1), 64, root.scope("summary")).unwrap();
        Mixture::new(summary, 64, dimension, 4, root).unwrap()
    }

    #[test]
    fn surprise_is_the_density_of_the_mixture() {
        let device = Device::Cpu;
        let mut weights = Weights::new(Seed(1), &device);
        let mixture = mixture(&mut weights, 3, 2);
        let mut rng = Seed(2).stream("test", 0);
        let context = rng.normal_tensor((1, 1, 3), &device).unwrap();
        let (step, mut mass) = (0.1f64, 0.0);
        let grid: Vec<f64> = (-150..150).map(|i| f64::from(i) * step).collect();
        for &a in &grid {
            let z: Vec<f32> = grid.iter().flat_map(|&b| [a as f32, b as f32]).collect();
            let z = Tensor::from_vec(z, (grid.len(), 2), &device).unwrap();
            let rows = context.repeat((grid.len(), 1, 1)).unwrap();
            for s in mixture
                .surprise(&rows, &z)
                .unwrap()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
            {
                mass += f64::from(-s).exp() * step * step;
            }
        }
        assert!((mass - 1.0).abs() < 0.01, "{mass}");
    }

    #[test]
    fn every_weight_gets_a_gradient_and_two_modes_are_learned() {
        let device = Device::Cpu;
        let mut weights = Weights::new(Seed(1), &device);
        let mixture = mixture(&mut weights, 2, 1);
        let config = crate::ops::AdamWConfig::default();
        let mut adam = crate::ops::AdamW::new(weights.pairs().to_vec(), config).unwrap();
        let mut rng = Seed(3).stream("test", 0);
        for _ in 0..300 {
            let context = rng.normal_tensor((64, 1, 2), &device).unwrap();
            let z: Vec<f32> = (0..64)
                .map(|_| if rng.uniform() < 0.3 { -1.0 } else { 1.0 } + 0.1 * rng.normal() as f32)
                .collect();
            let z = Tensor::from_vec(z, (64, 1), &device).unwrap();
            let loss = mixture
                .surprise(&context, &z)
                .unwrap()
                .unwrap()
                .mean_all()
                .unwrap();
            let gradients = loss.backward().unwrap();
            for (name, var) in weights.pairs() {
                assert!(gradients.get(var).is_some(), "{name} has no gradient");
            }
            adam.step(&gradients, 0.01, None).unwrap();
        }
        let context = rng.normal_tensor((2000, 1, 2), &device).unwrap();
        let z = mixture
            .sample(&context, 1.0, &mut Noise::fresh(&mut rng))
            .unwrap();
        let z = z.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let near = |centre: f32| z.iter().filter(|z| (*z - centre).abs() < 0.4).count();
        assert!((500..700).contains(&near(-1.0)), "{}", near(-1.0));
        assert!((1300..1500).contains(&near(1.0)), "{}", near(1.0));
    }
}
