//! Exact inference where R(z) = ½‖z‖²: E is quadratic in z.

use super::{Inference, Inferred};
use crate::energy::{Bowl, Quadratic};
use crate::error::{Error, Result};
use crate::latent::{Gaussian, Latent};
use crate::rng::Rng;
use rayon::prelude::*;

/// z* = (κG + I)⁻¹ κq by a Cholesky factorisation; F_β and draws from
/// exp(−βE) in closed form too.
#[derive(Debug, Clone, Copy)]
pub struct ClosedForm {
    /// The latent.
    pub latent: Gaussian,
}

impl Inference for ClosedForm {
    fn infer(&self, energy: &Quadratic, beta: f64, rng: &mut Rng) -> Result<Inferred> {
        around(energy, &self.latent, (beta, rng), |bowl, factor| {
            factor.solve(bowl)
        })
    }
}

/// z* as `find` finds it for each sample, and around it what is exact where R(z) =
/// ½‖z‖² and Laplace's approximation elsewhere: a draw from N(z*, (β(κG + I))⁻¹) and
/// F_β of that Gaussian's volume.
///
/// # Errors
/// An energy at z* that is not finite.
pub(super) fn around(
    energy: &Quadratic,
    latent: &impl Latent,
    (beta, rng): (f64, &mut Rng),
    find: impl Fn(&Bowl, &Factor) -> Vec<f64> + Sync,
) -> Result<Inferred> {
    // Draws one after the other, from one source; the rest side by side.
    let noise = (energy.bowls().iter()).map(|bowl| noise(bowl.dimension(), beta, rng));
    let noise: Vec<Vec<f64>> = noise.collect();
    let solve = |(bowl, noise): (&Bowl, Vec<f64>)| -> Result<_> {
        let factor = Factor::new(bowl)?;
        let best = find(bowl, &factor);
        let minimum = bowl.cost(&best) + latent.cost(&best);
        if !minimum.is_finite() {
            return Err(Error::NotFinite {
                what: "the energy at its minimum".to_owned(),
            });
        }
        let free = minimum + factor.volume(beta);
        Ok((factor.perturb(&best, noise), best, minimum, free))
    };
    let pairs = energy.bowls().par_iter().zip(noise);
    let solved: Vec<_> = pairs.map(solve).collect::<Result<_>>()?;
    let mut inferred = Inferred::default();
    for (sample, best, minimum, free) in solved {
        inferred.sample.push(sample);
        inferred.best.push(best);
        inferred.energy.push(minimum);
        inferred.free_energy.push(free);
    }
    Ok(inferred)
}

/// L with L Lᵀ = κG + I, row after row.
pub(crate) struct Factor {
    dimension: usize,
    lower: Vec<f64>,
}

impl Factor {
    /// G has eigenvalues ≥ 0, but comes in f32: where rounding leaves one below
    /// 0, a little more is added to the diagonal.
    pub(crate) fn new(bowl: &Bowl) -> Result<Self> {
        let d = bowl.dimension();
        let mean = bowl.curvature.iter().step_by(d + 1).sum::<f64>() / d.max(1) as f64;
        let mut bad = 0;
        for share in [0.0, 1e-6, 1e-4] {
            match Self::with(bowl, 1.0 + share * bowl.precision * mean) {
                Ok(factor) => return Ok(factor),
                Err(index) => bad = index,
            }
        }
        Err(Error::NotFinite {
            what: format!("the energy's curvature along z[{bad}]"),
        })
    }

    /// L of κG + `diagonal` I, or the first z whose curvature is not above 0.
    fn with(bowl: &Bowl, diagonal: f64) -> std::result::Result<Self, usize> {
        let d = bowl.dimension();
        let mut lower = vec![0.0; d * d];
        for i in 0..d {
            let (above, row) = lower.split_at_mut(i * d);
            let row = &mut row[..d];
            for j in 0..i {
                let entry = bowl.precision * bowl.curvature[i * d + j];
                let other = &above[j * d..(j + 1) * d];
                row[j] = (entry - dot(&row[..j], &other[..j])) / other[j];
            }
            let entry = bowl.precision * bowl.curvature[i * d + i] + diagonal;
            row[i] = (entry - dot(&row[..i], &row[..i])).sqrt();
            if !(row[i] > 0.0 && row[i].is_finite()) {
                return Err(i);
            }
        }
        Ok(Self {
            dimension: d,
            lower,
        })
    }

    /// (κG + I)⁻¹ κq.
    pub(crate) fn solve(&self, bowl: &Bowl) -> Vec<f64> {
        let d = self.dimension;
        let mut z: Vec<f64> = bowl.slope.iter().map(|q| bowl.precision * q).collect();
        for i in 0..d {
            let row = &self.lower[i * d..(i + 1) * d];
            z[i] = (z[i] - dot(&row[..i], &z[..i])) / row[i];
        }
        self.back(&mut z);
        z
    }

    /// A draw from N(z*, (β(κG + I))⁻¹), given [`noise`].
    pub(crate) fn perturb(&self, best: &[f64], mut noise: Vec<f64>) -> Vec<f64> {
        self.back(&mut noise);
        best.iter().zip(noise).map(|(z, noise)| z + noise).collect()
    }

    /// F_β − F_∞ = (1/2β)·(log det(κG + I) + d log(β/2π)).
    pub(crate) fn volume(&self, beta: f64) -> f64 {
        let d = self.dimension;
        let log_determinant: f64 = (0..d).map(|i| 2.0 * self.lower[i * d + i].ln()).sum();
        let scale = d as f64 * (beta / std::f64::consts::TAU).ln();
        (log_determinant + scale) / (2.0 * beta)
    }

    /// Solves Lᵀ z = z in place.
    fn back(&self, z: &mut [f64]) {
        let d = self.dimension;
        for i in (0..d).rev() {
            let row = &self.lower[i * d..(i + 1) * d];
            let (before, rest) = z.split_at_mut(i);
            rest[0] /= row[i];
            for (z, l) in before.iter_mut().zip(row) {
                *z -= l * rest[0];
            }
        }
    }
}

/// Normals of variance 1/β.
fn noise(dimension: usize, beta: f64, rng: &mut Rng) -> Vec<f64> {
    (0..dimension).map(|_| rng.normal() / beta.sqrt()).collect()
}

/// Σ a·b in lanes, so that it becomes vector code.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0f64; 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest = a.remainder().iter().zip(b.remainder());
    for (a, b) in a.zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane += a * b;
        }
    }
    lanes.iter().sum::<f64>() + rest.map(|(a, b)| a * b).sum::<f64>()
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
            let z = factor.perturb(&best, noise(best.len(), beta, &mut rng));
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
