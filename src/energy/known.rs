//! Densities on the plane of which everything is known, to hold samplers against.

use super::Field;
use crate::error::{Error, Result};
use crate::rng::Rng;
use candle_core::Tensor;
use std::f64::consts::TAU;

/// A Gaussian on the plane: E(y) = −log N(y; mean, covariance), so that ∫exp(−E) = 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bell {
    /// Its mean.
    pub mean: [f64; 2],
    /// Its covariance.
    pub covariance: [[f64; 2]; 2],
}

impl Bell {
    /// # Errors
    /// A matrix that is no covariance.
    pub fn new(mean: [f64; 2], covariance: [[f64; 2]; 2]) -> Result<Self> {
        let bell = Self { mean, covariance };
        let [[a, b], [c, _]] = covariance;
        match a > 0.0 && b == c && bell.determinant() > 0.0 {
            true => Ok(bell),
            false => Err(Error::input(
                "a Gaussian's covariance",
                format!("it is {covariance:?}"),
                "give a symmetric matrix whose eigenvalues are above 0",
            )),
        }
    }

    fn determinant(&self) -> f64 {
        let [[a, b], [c, d]] = self.covariance;
        a * d - b * c
    }

    /// The inverse covariance.
    pub fn precision(&self) -> [[f64; 2]; 2] {
        let [[a, b], [c, d]] = self.covariance;
        let determinant = self.determinant();
        [
            [d / determinant, -b / determinant],
            [-c / determinant, a / determinant],
        ]
    }

    /// −log N(y).
    pub fn cost(&self, y: [f64; 2]) -> f64 {
        let [[a, b], [_, d]] = self.precision();
        let [u, v] = [y[0] - self.mean[0], y[1] - self.mean[1]];
        0.5 * (a * u * u + 2.0 * b * u * v + d * v * v) + 0.5 * self.determinant().ln() + TAU.ln()
    }

    /// A draw.
    pub fn draw(&self, rng: &mut Rng) -> [f64; 2] {
        let [[a, b], [_, d]] = self.covariance;
        let (u, v) = (rng.normal(), rng.normal());
        let first = a.sqrt();
        let across = b / first;
        let second = (d - across * across).sqrt();
        [
            self.mean[0] + first * u,
            self.mean[1] + across * u + second * v,
        ]
    }
}

impl Field for Bell {
    fn energy(&self, y: &Tensor) -> Result<Tensor> {
        let [[a, b], [_, d]] = self.precision();
        let u = (y.narrow(1, 0, 1)?.squeeze(1)? - self.mean[0])?;
        let v = (y.narrow(1, 1, 1)?.squeeze(1)? - self.mean[1])?;
        let square = ((u.sqr()? * (0.5 * a))? + (v.sqr()? * (0.5 * d))?)?;
        let both = ((u * v)? * b)?;
        Ok(((square + both)? + (0.5 * self.determinant().ln() + TAU.ln()))?)
    }
}

/// Gaussians with shares that sum to 1: E(y) = −log Σ_k share_k N_k(y).
#[derive(Debug, Clone, PartialEq)]
pub struct Wells {
    /// share_k.
    pub shares: Vec<f64>,
    /// N_k.
    pub bells: Vec<Bell>,
}

impl Wells {
    /// Two round wells of variance `variance`, 2·`apart` from each other along y₁.
    ///
    /// # Errors
    /// A variance that is not above 0.
    pub fn two(apart: f64, variance: f64, first: f64) -> Result<Self> {
        let round = [[variance, 0.0], [0.0, variance]];
        Ok(Self {
            shares: vec![first, 1.0 - first],
            bells: vec![
                Bell::new([-apart, 0.0], round)?,
                Bell::new([apart, 0.0], round)?,
            ],
        })
    }

    /// A draw.
    pub fn draw(&self, rng: &mut Rng) -> [f64; 2] {
        let shares: Vec<f32> = self.shares.iter().map(|&share| share as f32).collect();
        self.bells[rng.weighted(&shares)].draw(rng)
    }

    /// The mean.
    pub fn mean(&self) -> [f64; 2] {
        let pairs = || self.shares.iter().zip(&self.bells);
        [0, 1].map(|axis| pairs().map(|(share, bell)| share * bell.mean[axis]).sum())
    }

    /// The covariance.
    pub fn covariance(&self) -> [[f64; 2]; 2] {
        let mean = self.mean();
        let pairs = || self.shares.iter().zip(&self.bells);
        [0, 1].map(|a| {
            [0, 1].map(|b| {
                let of = |bell: &Bell| {
                    bell.covariance[a][b] + (bell.mean[a] - mean[a]) * (bell.mean[b] - mean[b])
                };
                pairs().map(|(share, bell)| share * of(bell)).sum()
            })
        })
    }
}

impl Field for Wells {
    fn energy(&self, y: &Tensor) -> Result<Tensor> {
        let of = |(share, bell): (&f64, &Bell)| -> Result<Tensor> {
            Ok((bell.energy(y)?.neg()? + share.ln())?)
        };
        let logs: Vec<Tensor> = (self.shares.iter().zip(&self.bells))
            .map(of)
            .collect::<Result<_>>()?;
        Ok(Tensor::stack(&logs, 1)?.log_sum_exp(1)?.neg()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn energies_are_scipys() {
        // from scipy.stats import multivariate_normal as n
        // a = n([0.3, -0.2], [[0.2, 0.1], [0.1, 0.3]]); print(-a.logpdf([1.0, 0.5]))
        // b = n([-1, 0], [[0.2, 0], [0, 0.2]]); c = n([1, 0], [[0.2, 0], [0, 0.2]])
        // import numpy as np; y = [0.4, 0.3]; print(-np.log(0.3 * b.pdf(y) + 0.7 * c.pdf(y)))
        let bell = Bell::new([0.3, -0.2], [[0.2, 0.1], [0.1, 0.3]]).unwrap();
        let wells = Wells::two(1.0, 0.2, 0.3).unwrap();
        let at = |field: &dyn Field, y: [f32; 2]| {
            let y = Tensor::new(&[y], &Device::Cpu).unwrap();
            f64::from(field.energy(&y).unwrap().to_vec1::<f32>().unwrap()[0])
        };
        assert!((at(&bell, [1.0, 0.5]) - 1.810_010_93).abs() < 1e-5);
        assert!((bell.cost([1.0, 0.5]) - 1.810_010_93).abs() < 1e-7);
        assert!((at(&wells, [0.4, 0.3]) - 1.702_295_19).abs() < 1e-5);
    }

    #[test]
    fn draws_have_the_moments_that_are_known() {
        let wells = Wells {
            shares: vec![0.3, 0.7],
            bells: vec![
                Bell::new([-1.0, 0.0], [[0.2, 0.1], [0.1, 0.3]]).unwrap(),
                Bell::new([1.0, 0.5], [[0.1, 0.0], [0.0, 0.1]]).unwrap(),
            ],
        };
        let mut rng = Seed(1).stream("test", 0);
        let draws: Vec<_> = (0..40_000).map(|_| wells.draw(&mut rng)).collect();
        let mean = |f: &dyn Fn(&[f64; 2]) -> f64| draws.iter().map(f).sum::<f64>() / 40_000.0;
        let [m, v] = wells.mean();
        assert!((mean(&|y| y[0]) - m).abs() < 0.02 && (mean(&|y| y[1]) - v).abs() < 0.02);
        let [[a, b], [_, d]] = wells.covariance();
        assert!((mean(&|y| (y[0] - m).powi(2)) - a).abs() < 0.03);
        assert!((mean(&|y| (y[0] - m) * (y[1] - v)) - b).abs() < 0.02);
        assert!((mean(&|y| (y[1] - v).powi(2)) - d).abs() < 0.02);
    }

    #[test]
    fn what_is_no_covariance_is_refused() {
        assert!(Bell::new([0.0; 2], [[1.0, 2.0], [2.0, 1.0]]).is_err());
        assert!(Bell::new([0.0; 2], [[1.0, 0.1], [0.2, 1.0]]).is_err());
    }
}
