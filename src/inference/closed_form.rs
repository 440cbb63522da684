//! Exact inference where R(z) = ½‖z‖²: E is quadratic in z.

use super::{Inference, Inferred};
use crate::energy::{Bowl, Quadratic};
use crate::error::{Error, Result};
use crate::latent::{Gaussian, Latent};
use crate::rng::Rng;

/// z* = (κG + I)⁻¹ κq by a Cholesky factorisation; F_β and draws from
/// exp(−βE) in closed form too.
#[derive(Debug, Clone, Copy)]
pub struct ClosedForm {
    /// The latent.
    pub latent: Gaussian,
}

impl Inference for ClosedForm {
    fn infer(&self, energy: &Quadratic, beta: f64, rng: &mut Rng) -> Result<Inferred> {
        let mut inferred = Inferred::default();
        for bowl in energy.bowls() {
            let factor = Factor::new(bowl)?;
            let best = factor.solve(bowl);
            let sample = factor.perturb(&best, beta, rng);
            let minimum = bowl.cost(&best) + self.latent.cost(&best);
            inferred.energy.push(minimum);
            inferred.free_energy.push(minimum + factor.volume(beta));
            inferred.best.push(best);
            inferred.sample.push(sample);
        }
        Ok(inferred)
    }
}

/// L with L Lᵀ = κG + I, row after row.
pub(super) struct Factor {
    dimension: usize,
    lower: Vec<f64>,
}

impl Factor {
    pub(super) fn new(bowl: &Bowl) -> Result<Self> {
        let d = bowl.dimension();
        let mut lower = vec![0.0; d * d];
        for i in 0..d {
            for j in 0..=i {
                let identity = if i == j { 1.0 } else { 0.0 };
                let entry = bowl.precision * bowl.curvature[i * d + j] + identity;
                let dot: f64 = (0..j).map(|k| lower[i * d + k] * lower[j * d + k]).sum();
                let left = entry - dot;
                lower[i * d + j] = if i == j {
                    left.sqrt()
                } else {
                    left / lower[j * d + j]
                };
            }
            // G has eigenvalues ≥ 0, so only rounding or an energy that is
            // not finite can break the factorisation.
            if !(lower[i * d + i] > 0.0 && lower[i * d + i].is_finite()) {
                return Err(Error::NotFinite {
                    what: format!("the energy's curvature along z[{i}]"),
                });
            }
        }
        Ok(Self {
            dimension: d,
            lower,
        })
    }

    /// (κG + I)⁻¹ κq.
    fn solve(&self, bowl: &Bowl) -> Vec<f64> {
        let d = self.dimension;
        let mut z: Vec<f64> = bowl.slope.iter().map(|q| bowl.precision * q).collect();
        for i in 0..d {
            let dot: f64 = (0..i).map(|k| self.lower[i * d + k] * z[k]).sum();
            z[i] = (z[i] - dot) / self.lower[i * d + i];
        }
        self.back(&mut z);
        z
    }

    /// A draw from N(z*, (β(κG + I))⁻¹).
    pub(super) fn perturb(&self, best: &[f64], beta: f64, rng: &mut Rng) -> Vec<f64> {
        let mut noise: Vec<f64> = (0..self.dimension)
            .map(|_| rng.normal() / beta.sqrt())
            .collect();
        self.back(&mut noise);
        best.iter().zip(noise).map(|(z, noise)| z + noise).collect()
    }

    /// F_β − F_∞ = (1/2β)·(log det(κG + I) + d log(β/2π)).
    pub(super) fn volume(&self, beta: f64) -> f64 {
        let d = self.dimension;
        let log_determinant: f64 = (0..d).map(|i| 2.0 * self.lower[i * d + i].ln()).sum();
        let scale = d as f64 * (beta / std::f64::consts::TAU).ln();
        (log_determinant + scale) / (2.0 * beta)
    }

    /// Solves Lᵀ z = z in place.
    fn back(&self, z: &mut [f64]) {
        let d = self.dimension;
        for i in (0..d).rev() {
            let dot: f64 = (i + 1..d).map(|k| self.lower[k * d + i] * z[k]).sum();
            z[i] = (z[i] - dot) / self.lower[i * d + i];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use candle_core::{Device, Tensor};

    /// q = (1, −2), G = [[2, 0.5], [0.5, 1]], c = 8, κ = 3.
    fn energy() -> Quadratic {
        let device = Device::Cpu;
        Quadratic::new(
            3.0,
            &Tensor::new(&[8f32], &device).unwrap(),
            &Tensor::new(&[[1f32, -2.0]], &device).unwrap(),
            &Tensor::new(&[[[2f32, 0.5], [0.5, 1.0]]], &device).unwrap(),
        )
        .unwrap()
    }

    // numpy: A = 3*G + I; z = solve(A, 3*q); E = 1.5*(8 - 2 q@z + z@G@z) + z@z/2
    // F_1 by quadrature: -log(sum(exp(-E(z))) * 0.01**2) over [-12, 12]^2
    #[test]
    fn minimum_and_free_energy_match_numpy() {
        let inference = ClosedForm {
            latent: Gaussian { dimension: 2 },
        };
        let mut rng = Seed(0).stream("test", 0);
        let found = inference.infer(&energy(), 1.0, &mut rng).unwrap();
        let z = &found.best[0];
        // A = [[7, 1.5], [1.5, 4]], 3q = (3, −6): z = (21, −46.5)/25.75.
        assert!((z[0] - 21.0 / 25.75).abs() < 1e-9);
        assert!((z[1] + 46.5 / 25.75).abs() < 1e-9);
        // E(z*) = κc/2 − ½ (κq)ᵀz*.
        let minimum = 12.0 - 0.5 * (3.0 * 21.0 + 6.0 * 46.5) / 25.75;
        assert!((found.energy[0] - minimum).abs() < 1e-9);

        let bowl = &energy().bowls()[0].clone();
        let (step, mut mass) = (0.02, 0.0);
        for i in -600..600 {
            for j in -600..600 {
                let z = [f64::from(i) * step, f64::from(j) * step];
                let e = bowl.cost(&z) + inference.latent.cost(&z);
                mass += (-e).exp() * step * step;
            }
        }
        assert!((found.free_energy[0] + mass.ln()).abs() < 1e-3);
    }

    #[test]
    fn draws_have_the_posterior_covariance() {
        let inference = ClosedForm {
            latent: Gaussian { dimension: 2 },
        };
        let (beta, n) = (2.0, 40_000);
        let mut rng = Seed(1).stream("test", 0);
        let bowl = energy().bowls()[0].clone();
        let factor = Factor::new(&bowl).unwrap();
        let best = factor.solve(&bowl);
        let mut covariance = [0.0; 3];
        for _ in 0..n {
            let z = factor.perturb(&best, beta, &mut rng);
            let (a, b) = (z[0] - best[0], z[1] - best[1]);
            covariance[0] += a * a / f64::from(n);
            covariance[1] += a * b / f64::from(n);
            covariance[2] += b * b / f64::from(n);
        }
        // (β A)⁻¹ = [[4, −1.5], [−1.5, 7]] / (2 · 25.75).
        for (found, truth) in covariance.iter().zip([4.0, -1.5, 7.0]) {
            assert!((found - truth / 51.5).abs() < 0.004, "{covariance:?}");
        }
        assert!(inference.infer(&energy(), 1e9, &mut rng).is_ok());
    }
}
