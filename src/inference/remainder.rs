//! What futures leave unexplained, as noise whose size the past tells.
//!
//! exp(−βE) with E(x, y, z) = ‖y − ŷ(x, z)‖² is a normal distribution of y about
//! ŷ(x, z): what comes is drawn from ∫ p(z | x) p(y | x, z) dz, and the frames of a future,
//! ŷ(x, z), are the middles of what may come. Where they differ by less than their mean is
//! off, by camera noise or by what z did not learn to paint, the variance that lacks is
//! 1/2β of p(y | x, z). It is counted as weather forecasts count the errors of the
//! observations that their ensembles are held against (Saetra et al. 2004, "Effects of
//! observation errors on the statistics for ensemble spread and reliability"). It is told,
//! and not drawn into frames, where noise of pixels would be seen as grain.

use crate::error::Result;
use crate::models::{Linear, NextFrame, Observed, Scope};
use candle_core::Tensor;

/// The least variance, in units of σ²: what comes on it cannot blow up the loss.
const LEAST: f64 = 1e-3;

/// v(x), the variance of each value of y that the spread of futures lacks.
#[derive(Debug, Clone)]
pub struct Remainder {
    /// log v of a patch from its features.
    logarithm: Linear,
}

impl Remainder {
    /// For the patches of `network`; v is 1 everywhere before training.
    pub fn new(network: &NextFrame, scope: Scope) -> Result<Self> {
        let (config, channels) = (network.config(), network.shape().channels);
        let pixels = config.patch * config.patch * channels;
        Ok(Self {
            logarithm: Linear::new(config.backbone.width, pixels, 0.0, scope)?,
        })
    }

    /// √v(x), in tokens: (B, N, p·p·C).
    pub fn deviation(&self, observed: &Observed) -> Result<Tensor> {
        Ok(self.variance(observed)?.sqrt()?)
    }

    fn variance(&self, observed: &Observed) -> Result<Tensor> {
        let logarithm = self.logarithm.forward(&observed.features.detach())?;
        Ok((logarithm.exp()? + LEAST)?)
    }

    /// What trains it, of each value of y and two futures a and b of the same past, in
    /// tokens: v − t log v with t = (y − a)(y − b) − ½(a − b)². Over independent futures
    /// t has the mean of (y − E a)² − Var a, what squared error has beyond spread, and the
    /// loss is least where v is that, or a thousandth of σ² (Gneiting 2011, "Making and evaluating
    /// point forecasts", on functions consistent for the mean; unlike −log of the normal
    /// density it grows no faster than t where v is small). No gradient goes back into the
    /// network or the prior.
    pub fn loss(&self, observed: &Observed, [a, b]: [&Tensor; 2], y: &Tensor) -> Result<Tensor> {
        let (a, b, y) = (a.detach(), b.detach(), y.detach());
        let apart = ((&a - &b)?.sqr()? * 0.5)?;
        let lacking = (((&y - a)? * (y - b)?)? - apart)?;
        let variance = self.variance(observed)?;
        Ok((&variance - (lacking * variance.log()?)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{BackboneConfig, FrameShape, NextFrameConfig, Source as _, Weights};
    use crate::ops::{AdamW, AdamWConfig};
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn every_weight_gets_a_gradient_and_the_variance_is_learned_of_each_past() {
        let shape = FrameShape {
            channels: 1,
            height: 8,
            width: 8,
            change: 0.2,
        };
        let config = NextFrameConfig {
            context: 1,
            hidden: 8,
            backbone: BackboneConfig {
                width: 8,
                depth: 0,
                ..BackboneConfig::default()
            },
            ..NextFrameConfig::default()
        };
        let mut fixed = Weights::new(Seed(1), &Device::Cpu);
        let network = NextFrame::new(&config, shape, 2, fixed.root()).unwrap();
        let mut weights = Weights::new(Seed(2), &Device::Cpu);
        let remainder = Remainder::new(&network, weights.root()).unwrap();
        let mut rng = Seed(3).stream("test", 0);
        // Half of the pasts are bright. Futures spread by 0.5, what comes on the dark ones by
        // 0.4, on the bright ones by 1.3, so that only there anything lacks.
        let came = |row: usize| if row < 32 { 0.4 } else { 1.3f32 };
        let truth = |row: usize| if row < 32 { 0.0 } else { 1.2f32 };
        let x: Vec<f32> = (0..64 * 64)
            .map(|i| if i / 64 < 32 { 0.2 } else { 0.8 })
            .collect();
        let x = Tensor::from_vec(x, (64, 1, 1, 8, 8), &Device::Cpu).unwrap();
        let observed = network.observe(&x).unwrap();
        let mut adam = AdamW::new(weights.pairs().to_vec(), AdamWConfig::default()).unwrap();
        for step in 0..400 {
            let mut draw = |of: &dyn Fn(usize) -> f32| {
                let values = (0..64 * 64).map(|i| of(i / 64) * rng.normal() as f32);
                Tensor::from_vec(values.collect(), (64, 4, 16), &Device::Cpu).unwrap()
            };
            let (a, b, y) = (draw(&|_| 0.5), draw(&|_| 0.5), draw(&came));
            let loss = remainder.loss(&observed, [&a, &b], &y).unwrap();
            let loss = loss.mean_all().unwrap();
            let gradients = loss.backward().unwrap();
            for (name, var) in weights.pairs() {
                assert!(gradients.get(var).is_some(), "{name} has no gradient");
            }
            for (name, var) in fixed.pairs() {
                assert!(gradients.get(var).is_none(), "{name} has a gradient");
            }
            let rate = if step < 300 { 0.02 } else { 0.002 };
            adam.step(&gradients, rate, None).unwrap();
        }
        let found = remainder.deviation(&observed).unwrap();
        let found = found.mean((1, 2)).unwrap().to_vec1::<f32>().unwrap();
        for (row, found) in found.into_iter().enumerate() {
            assert!((found - truth(row)).abs() < 0.1, "{row}: {found}");
        }
    }
}
