//! p(z | x) over residual codes by masked prediction.

use super::choices;
use super::noise::Noise;
use super::prior::Prior;
use super::summary::Summary;
use crate::error::Result;
use crate::latent::{Codes, Latent};
use crate::models::{Linear, Scope};
use crate::rng::Rng;
use candle_core::Tensor;

/// Width of the hidden layer.
const HIDDEN: usize = 256;

/// One network says the code of every stage given those of any others: in training some
/// stages are masked at random and it tells what they are (BERT's task, on codes). A z
/// is drawn stage after stage, coarse first, and log p(z | x) is that of this order;
/// since all orders were learned, any stages can be given (Uria et al. 2014, "A deep and
/// tractable density estimator"; Chang et al. 2022, MaskGIT).
#[derive(Debug, Clone)]
pub struct Masked {
    latent: Codes,
    summary: Summary,
    hidden: Linear,
    logits: Linear,
}

impl Masked {
    /// Given `summary` of `width` numbers.
    pub fn new(summary: Summary, width: usize, latent: Codes, mut scope: Scope) -> Result<Self> {
        let (stages, codes) = (latent.stages(), latent.dimension());
        Ok(Self {
            latent,
            summary,
            hidden: Linear::new(width + codes + stages, HIDDEN, 1.0, scope.scope("hidden"))?,
            logits: Linear::new(HIDDEN, codes, 0.1, scope.scope("logits"))?,
        })
    }

    /// Logits (B, M·K) of all stages given z (B, M·K) where `known` (B, M) is 1.
    fn logits(&self, summary: &Tensor, z: &Tensor, known: &[f32]) -> Result<Tensor> {
        let (batch, codes) = z.dims2()?;
        let (stages, size) = (self.latent.stages(), self.latent.size());
        let known = Tensor::from_slice(known, (batch, stages, 1), z.device())?;
        let known = known.to_dtype(z.dtype())?;
        let shown = z.reshape((batch, stages, size))?.broadcast_mul(&known)?;
        let shown = shown.reshape((batch, codes))?;
        let seen = Tensor::cat(&[summary, &shown, &known.squeeze(2)?], 1)?;
        self.logits.forward(&self.hidden.forward_gelu(&seen)?)
    }

    /// −log p of each stage's code, (B, M).
    fn cost(&self, logits: &Tensor, z: &Tensor) -> Result<Tensor> {
        let rows = z.dim(0)? * self.latent.stages();
        let logits = logits.reshape((rows, self.latent.size()))?;
        choices::cost(self.latent, &logits, z)
    }

    /// Which stages come before `stage`, for each sample.
    fn before(&self, batch: usize, stage: usize) -> Vec<f32> {
        let row = (0..self.latent.stages()).map(|other| f32::from(u8::from(other < stage)));
        row.collect::<Vec<_>>().repeat(batch)
    }
}

impl Prior for Masked {
    fn surprise(&self, context: &Tensor, z: &Tensor) -> Result<Option<Tensor>> {
        let summary = self.summary.forward(context)?;
        let mut sum: Option<Tensor> = None;
        for stage in 0..self.latent.stages() {
            let known = self.before(z.dim(0)?, stage);
            let costs = self.cost(&self.logits(&summary, z, &known)?, z)?;
            let here = costs.narrow(1, stage, 1)?.squeeze(1)?;
            sum = Some(match sum {
                Some(sum) => (sum + here)?,
                None => here,
            });
        }
        Ok(sum)
    }

    /// An unbiased estimate of −log p(z | x), the mean over all orders: of stages masked
    /// in a random number m of M, M ÷ m times what those cost.
    fn loss(&self, context: &Tensor, z: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let (batch, stages) = (z.dim(0)?, self.latent.stages());
        let (known, weights) = choices::masked((batch, stages), rng);
        let summary = self.summary.forward(context)?;
        let costs = self.cost(&self.logits(&summary, z, &known)?, z)?;
        let weights = Tensor::from_vec(weights, (batch, stages), z.device())?;
        Ok((costs * weights.to_dtype(z.dtype())?)?.sum(1)?)
    }

    fn sample(&self, context: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor> {
        let (batch, size) = (context.dim(0)?, self.latent.size());
        let summary = self.summary.forward(context)?;
        let mut z = Vec::new();
        for stage in 0..self.latent.stages() {
            let later = (batch, self.latent.dimension() - stage * size);
            let later = Tensor::zeros(later, context.dtype(), context.device())?;
            let shown = Tensor::cat(&[&z[..], &[later]].concat(), 1)?;
            let logits = self.logits(&summary, &shown, &self.before(batch, stage))?;
            let here = logits.narrow(1, stage * size, size)?.contiguous()?;
            z.push(choices::draw(&here, temperature, noise)?);
        }
        Ok(Tensor::cat(&z, 1)?)
    }

    fn persists(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn stages_are_told_from_any_others() {
        let device = Device::Cpu;
        let latent = Codes::new(2, 3).unwrap();
        let mut weights = Weights::new(Seed(1), &device);
        let mut root = weights.root();
        let summary = Summary::new(2, (1, 1), 64, root.scope("summary")).unwrap();
        let prior = Masked::new(summary, 64, latent, root).unwrap();
        let config = crate::ops::AdamWConfig::default();
        let mut adam = crate::ops::AdamW::new(weights.pairs().to_vec(), config).unwrap();
        let mut rng = Seed(3).stream("test", 0);
        // Truth: only the codes (0, 0) and (2, 1), 1:3, a mean of 0.562 nats.
        let draw = |rng: &mut Rng| if rng.uniform() < 0.25 { 0 } else { 2 + 3 };
        let some = |rng: &mut Rng, count: usize| {
            let context = rng.normal_tensor((count, 1, 2), &device).unwrap();
            let z = (0..count).flat_map(|_| latent.vector(draw(rng)));
            let z: Vec<f32> = z.map(|v| v as f32).collect();
            (context, Tensor::from_vec(z, (count, 6), &device).unwrap())
        };
        for _ in 0..400 {
            let (context, z) = some(&mut rng, 128);
            let loss = prior.loss(&context, &z, &mut rng).unwrap();
            let gradients = loss.mean_all().unwrap().backward().unwrap();
            for (name, var) in weights.pairs() {
                assert!(gradients.get(var).is_some(), "{name} has no gradient");
            }
            adam.step(&gradients, 0.003, None).unwrap();
        }
        let (context, z) = some(&mut rng, 1000);
        let mean = |t: Tensor| f64::from(t.mean_all().unwrap().to_scalar::<f32>().unwrap());
        let surprise = mean(prior.surprise(&context, &z).unwrap().unwrap());
        assert!((surprise - 0.562).abs() < 0.08, "{surprise}");
        let loss = mean(prior.loss(&context, &z, &mut rng).unwrap());
        assert!((loss - surprise).abs() < 0.1, "{loss} {surprise}");
        let drawn = prior
            .sample(&context, 1.0, &mut Noise::fresh(&mut rng))
            .unwrap();
        let rows = drawn.to_vec2::<f32>().unwrap();
        let count = |code: [usize; 2]| rows.iter().filter(|r| latent.read(r) == code).count();
        assert!((170..330).contains(&count([0, 0])), "{}", count([0, 0]));
        assert!((660..830).contains(&count([2, 1])), "{}", count([2, 1]));
        // What the second stage is tells the first.
        let known = [0.0, 1.0];
        let z = Tensor::new(&[[0f32, 0.0, 0.0, 1.0, 0.0, 0.0]], &device).unwrap();
        let summary = prior
            .summary
            .forward(&context.narrow(0, 0, 1).unwrap())
            .unwrap();
        let logits = prior
            .logits(&summary, &z, &known)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        assert!(logits[0][0] > logits[0][2] + 2.0, "{logits:?}");
    }
}
