//! p(z | x) of one piece whose past is known.

use super::likeness::log_sum;
use super::motion_prior::MotionPrior;
use crate::rng::Rng;
use std::f64::consts::TAU;

/// p(z | x) of one piece: what does not depend on z is worked out once, for all futures.
#[derive(Debug, Clone, PartialEq)]
pub struct PiecePrior<'a> {
    prior: &'a MotionPrior,
    /// m(x), the expected z.
    pub mean: Vec<f64>,
    /// s(x), how far z usually is from it.
    scale: f64,
    /// How likely each remainder is, the likeliest 1; none where all are alike.
    weights: Option<Vec<f32>>,
    /// The logarithms of these.
    logs: Option<Vec<f64>>,
}

/// The least deviation of a kernel: where z never varied its density has no bound.
const NARROWEST: f64 = 1e-6;

impl<'a> PiecePrior<'a> {
    /// From m(x), s(x) and ln of how likely each remainder is.
    pub(super) fn new(
        prior: &'a MotionPrior,
        mean: Vec<f64>,
        scale: f64,
        logs: Option<Vec<f64>>,
    ) -> Self {
        let weights = (logs.as_ref()).map(|logs| logs.iter().map(|log| log.exp() as f32).collect());
        Self {
            prior,
            mean,
            scale,
            weights,
            logs,
        }
    }

    /// A draw; a `temperature` below 1 keeps nearer to m(x), and 0 draws that.
    pub fn sample(&self, temperature: f64, rng: &mut Rng) -> Vec<f64> {
        let MotionPrior {
            remainders, width, ..
        } = self.prior;
        let chosen = match &self.weights {
            Some(weights) => rng.weighted(weights),
            None => rng.below(remainders.len()),
        };
        let each = self.mean.iter().zip(&remainders[chosen]).zip(width);
        let each = each
            .enumerate()
            .map(|(at, ((m, r), w))| m + temperature * self.scale_at(at) * (r + w * rng.normal()));
        each.collect()
    }

    /// ln p(z | x) at temperature 1, in nats.
    pub fn log_density(&self, motion: &[f64]) -> f64 {
        let MotionPrior {
            remainders, width, ..
        } = self.prior;
        let off: Vec<f64> = (self.mean.iter().zip(motion).enumerate())
            .map(|(at, (m, z))| (z - m) / self.scale_at(at))
            .collect();
        let widths: Vec<f64> = width.iter().map(|w| w.max(NARROWEST)).collect();
        let kernels = remainders.iter().enumerate().map(|(index, left)| {
            let each = off.iter().zip(left).zip(&widths);
            let squares = each.map(|((off, left), w)| ((off - left) / w).powi(2));
            self.log_weight(index) - 0.5 * squares.sum::<f64>()
        });
        let kernels: Vec<f64> = kernels.collect();
        let all: Vec<f64> = (0..remainders.len()).map(|i| self.log_weight(i)).collect();
        let normal = |(at, w): (usize, &f64)| (self.scale_at(at) * w).ln() + 0.5 * TAU.ln();
        let volume: f64 = widths.iter().enumerate().map(normal).sum();
        log_sum(&kernels) - log_sum(&all) - volume
    }

    fn log_weight(&self, index: usize) -> f64 {
        self.logs.as_ref().map_or(0.0, |logs| logs[index])
    }

    /// The unit of the remainders in a number of z.
    fn scale_at(&self, at: usize) -> f64 {
        if at < self.prior.layout.scaled {
            self.scale
        } else {
            1.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::motion_prior::tests::{examples, layout};
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn the_density_is_that_of_the_draws() {
        let prior = MotionPrior::learn(&examples(), layout(1)).unwrap();
        let given = prior.given(&[1.0, 0.0, 0.0]);
        // By importance sampling from a broad normal distribution its integral is 1.
        let mut rng = Seed(2).stream("test", 0);
        const BROAD: f64 = 0.4;
        const COUNT: usize = 20_000;
        let ratios = (0..COUNT).map(|_| {
            let normal = [rng.normal(), rng.normal()];
            let z: Vec<f64> = (0..2)
                .map(|at| given.mean[at] + BROAD * normal[at])
                .collect();
            let log = -0.5 * (normal[0].powi(2) + normal[1].powi(2));
            let log = log - (BROAD.powi(2) * TAU).ln();
            (given.log_density(&z) - log).exp()
        });
        let integral = ratios.sum::<f64>() / COUNT as f64;
        assert!((integral - 1.0).abs() < 0.05, "{integral}");
        // Draws are likelier than what lies elsewhere.
        let drawn = given.sample(1.0, &mut rng);
        let far: Vec<f64> = drawn.iter().map(|z| z + 2.0).collect();
        let [drawn, far] = [drawn, far].map(|z| given.log_density(&z));
        assert!(drawn > far + 10.0 && far.is_finite(), "{drawn} {far}");
    }

    #[test]
    fn a_temperature_of_0_draws_the_mean() {
        let prior = MotionPrior::learn(&examples(), layout(2)).unwrap();
        let given = prior.given(&[0.5, 0.0, 0.0]);
        let mut rng = Seed(1).stream("test", 0);
        assert_eq!(given.sample(0.0, &mut rng), given.mean);
    }
}
