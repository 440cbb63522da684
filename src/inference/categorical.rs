//! A categorical p(z | x) over residual codes: stage after stage, each given
//! the entries chosen before it.

use super::choices;
use super::noise::Noise;
use super::prior::Prior;
use super::summary::Summary;
use crate::error::Result;
use crate::latent::{Codes, Latent};
use crate::models::{Linear, Scope};
use candle_core::Tensor;

/// Π_m p(k_m | x, k_1 … k_{m−1}), one small network a stage.
#[derive(Debug, Clone)]
pub struct Categorical {
    latent: Codes,
    summary: Summary,
    stages: Vec<Linear>,
}

impl Categorical {
    /// Given `summary` of `width` numbers.
    pub fn new(summary: Summary, width: usize, latent: Codes, mut scope: Scope) -> Result<Self> {
        Ok(Self {
            latent,
            summary,
            stages: (0..latent.stages())
                .map(|stage| {
                    let seen = width + stage * latent.size();
                    let scope = scope.scope(&format!("stage{stage}"));
                    Linear::new(seen, latent.size(), 0.1, scope)
                })
                .collect::<Result<_>>()?,
        })
    }

    /// Logits of stage m given the one-hots of the stages before: (B, K).
    fn logits(&self, hidden: &Tensor, before: &Tensor, stage: usize) -> Result<Tensor> {
        let seen = Tensor::cat(&[hidden, before], 1)?;
        self.stages[stage].forward(&seen)
    }
}

impl Prior for Categorical {
    fn surprise(&self, context: &Tensor, z: &Tensor) -> Result<Option<Tensor>> {
        let (size, one) = (self.latent.size(), Codes::new(1, self.latent.size())?);
        let hidden = self.summary.forward(context)?;
        let mut surprise: Option<Tensor> = None;
        for stage in 0..self.stages.len() {
            let before = z.narrow(1, 0, stage * size)?;
            let logits = self.logits(&hidden, &before, stage)?;
            let own = z.narrow(1, stage * size, size)?;
            let here = choices::cost(one, &logits, &own)?.squeeze(1)?;
            surprise = Some(match surprise {
                Some(sum) => (sum + here)?,
                None => here,
            });
        }
        Ok(surprise)
    }

    fn sample(&self, context: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor> {
        let hidden = self.summary.forward(context)?;
        let none = (context.dim(0)?, 0);
        let mut z = Tensor::zeros(none, context.dtype(), context.device())?;
        for stage in 0..self.stages.len() {
            let logits = self.logits(&hidden, &z, stage)?;
            z = Tensor::cat(&[&z, &choices::draw(&logits, temperature, noise)?], 1)?;
        }
        debug_assert_eq!(z.dim(1)?, self.latent.dimension());
        Ok(z)
    }

    fn persists(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source, Weights};
    use crate::rng::{Rng, Seed};
    use candle_core::Device;

    #[test]
    fn stages_are_learned_jointly() {
        let device = Device::Cpu;
        let latent = Codes::new(2, 3).unwrap();
        let mut weights = Weights::new(Seed(1), &device);
        let mut root = weights.root();
        let summary = Summary::new(2, (1, 1), 64, root.scope("summary")).unwrap();
        let prior = Categorical::new(summary, 64, latent, root).unwrap();
        let config = crate::ops::AdamWConfig::default();
        let mut adam = crate::ops::AdamW::new(weights.pairs().to_vec(), config).unwrap();
        let mut rng = Seed(3).stream("test", 0);
        // Truth: only the codes (0, 0) and (2, 1), 1:3.
        let draw = |rng: &mut Rng| if rng.uniform() < 0.25 { 0 } else { 2 + 3 };
        for _ in 0..400 {
            let context = rng.normal_tensor((128, 1, 2), &device).unwrap();
            let z: Vec<f32> = (0..128)
                .flat_map(|_| latent.vector(draw(&mut rng)))
                .map(|v| v as f32)
                .collect();
            let z = Tensor::from_vec(z, (128, 6), &device).unwrap();
            let loss = prior
                .surprise(&context, &z)
                .unwrap()
                .unwrap()
                .mean_all()
                .unwrap();
            let gradients = loss.backward().unwrap();
            for (name, var) in weights.pairs() {
                assert!(gradients.get(var).is_some(), "{name} has no gradient");
            }
            adam.step(&gradients, 0.003, None).unwrap();
        }
        let context = rng.normal_tensor((1000, 1, 2), &device).unwrap();
        let z = prior
            .sample(&context, 1.0, &mut Noise::fresh(&mut rng))
            .unwrap();
        let rows = z.to_vec2::<f32>().unwrap();
        let count = |code: [usize; 2]| rows.iter().filter(|r| latent.read(r) == code).count();
        assert!((170..330).contains(&count([0, 0])), "{}", count([0, 0]));
        assert!((660..830).contains(&count([2, 1])), "{}", count([2, 1]));
    }
}
