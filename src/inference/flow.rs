//! A flow as p(z | x): noise carried to z along a field that a small network gives
//! (Lipman et al. 2023, "Flow matching for generative modeling").

use super::noise::Noise;
use super::prior::Prior;
use super::summary::Summary;
use crate::error::Result;
use crate::models::{Linear, Scope};
use crate::ops;
use crate::rng::Rng;
use candle_core::{D, Tensor};

/// Steps from noise to z.
const STEPS: usize = 8;
/// Numbers by which the network knows how far it is.
const CLOCK: usize = 4;
const HIDDEN: usize = 256;

/// z₁ of dz/dt = v(z, t, x), z₀ standard normal. v is trained to be the mean of z − z₀
/// at (1 − t)·z₀ + t·z, over noise z₀ and times t.
#[derive(Debug, Clone)]
pub struct Flow {
    dimension: usize,
    summary: Summary,
    first: Linear,
    second: Linear,
    field: Linear,
}

impl Flow {
    /// z of `dimension` numbers, given `summary` of `width` numbers.
    pub fn new(summary: Summary, width: usize, dimension: usize, mut scope: Scope) -> Result<Self> {
        let inputs = dimension + CLOCK + width;
        Ok(Self {
            dimension,
            summary,
            first: Linear::new(inputs, HIDDEN, 1.0, scope.scope("first"))?,
            second: Linear::new(HIDDEN, HIDDEN, 1.0, scope.scope("second"))?,
            field: Linear::new(HIDDEN, dimension, 0.0, scope.scope("field"))?,
        })
    }

    /// v at z (B, d) and times t (B, 1), of the summary (B, width): (B, d).
    fn velocity(&self, z: &Tensor, t: &Tensor, summary: &Tensor) -> Result<Tensor> {
        let turn = (t * std::f64::consts::PI)?;
        let clock = [t.clone(), t.sqr()?, turn.sin()?, turn.cos()?];
        let [a, b, c, d] = &clock;
        let seen = Tensor::cat(&[z, a, b, c, d, summary], 1)?;
        let hidden = self.first.forward_gelu(&seen)?;
        let hidden = ops::gelu(&self.second.forward_add(&hidden, &hidden)?)?;
        self.field.forward(&hidden)
    }
}

impl Prior for Flow {
    /// ½ ‖v − (z − z₀)‖²: no likelihood, but it falls as the flow learns.
    fn loss(&self, context: &Tensor, z: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let (batch, device) = (context.dim(0)?, context.device());
        let start = rng.normal_tensor((batch, self.dimension), device)?;
        let t = rng.uniform_tensor(0.0, 1.0, (batch, 1), device)?;
        let way = (z - &start)?;
        let at = (&start + way.broadcast_mul(&t)?)?;
        let summary = self.summary.forward(context)?;
        let off = (self.velocity(&at, &t, &summary)? - way)?;
        Ok((off.sqr()?.sum(D::Minus1)? * 0.5)?)
    }

    /// Would take the divergence of the field along the way.
    fn surprise(&self, _context: &Tensor, _z: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// The temperature scales the noise at the start.
    fn sample(&self, context: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor> {
        let (batch, device) = (context.dim(0)?, context.device());
        let summary = self.summary.forward(context)?;
        let mut z = (noise.normals((batch, self.dimension), device)? * temperature)?;
        let step = 1.0 / STEPS as f64;
        for index in 0..STEPS {
            let at = |share: f64| -> Result<Tensor> {
                let t = ((index as f64 + share) * step) as f32;
                Ok(Tensor::full(t, (batch, 1), device)?)
            };
            // Midpoint steps: two looks at the field, an error of second order.
            let half = (&z + (self.velocity(&z, &at(0.0)?, &summary)? * (0.5 * step))?)?;
            z = (z + (self.velocity(&half, &at(0.5)?, &summary)? * step)?)?;
        }
        Ok(z)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn every_weight_gets_a_gradient_and_two_modes_are_learned() {
        let device = Device::Cpu;
        let mut weights = Weights::new(Seed(1), &device);
        let mut root = weights.root();
        let summary = Summary::new(2, (1, 1), 16, root.scope("summary")).unwrap();
        let flow = Flow::new(summary, 16, 2, root).unwrap();
        let config = crate::ops::AdamWConfig::default();
        let mut adam = crate::ops::AdamW::new(weights.pairs().to_vec(), config).unwrap();
        let mut rng = Seed(3).stream("test", 0);
        // (±1, ±1), the sign minus in 3 of 10.
        for step in 0..600 {
            let context = rng.normal_tensor((64, 1, 2), &device).unwrap();
            let z: Vec<f32> = (0..64)
                .flat_map(|_| {
                    let side = if rng.uniform() < 0.3 { -1.0 } else { 1.0 };
                    [0, 1].map(|_| side + 0.1 * rng.normal() as f32)
                })
                .collect();
            let z = Tensor::from_vec(z, (64, 2), &device).unwrap();
            let loss = flow
                .loss(&context, &z, &mut rng)
                .unwrap()
                .mean_all()
                .unwrap();
            let gradients = loss.backward().unwrap();
            for (name, var) in weights.pairs() {
                assert!(gradients.get(var).is_some(), "{name} has no gradient");
            }
            adam.step(&gradients, if step < 400 { 3e-3 } else { 1e-3 }, None)
                .unwrap();
        }
        let context = rng.normal_tensor((2000, 1, 2), &device).unwrap();
        let z = flow
            .sample(&context, 1.0, &mut Noise::fresh(&mut rng))
            .unwrap();
        let rows = z.to_vec2::<f32>().unwrap();
        let near = |row: &Vec<f32>, side: f32| row.iter().all(|z| (z - side).abs() < 0.5);
        let count = |side: f32| rows.iter().filter(|row| near(row, side)).count();
        let (minus, plus) = (count(-1.0), count(1.0));
        assert!((430..770).contains(&minus), "{minus} {plus}");
        assert!(minus + plus > 1700, "{minus} {plus}");
        assert!(flow.surprise(&context, &z).unwrap().is_none());
    }
}
