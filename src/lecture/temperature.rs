//! F_β(y) = −β⁻¹ log ∫ exp(−βE(y, z)) dz, and its limit β → ∞, min_z E(y, z).
//!
//! Of a z with finitely many values it is a sum; where the decoder is linear and R(z) is
//! ½‖z‖², a Gaussian's volume; else it is sampled.

use super::desk::Desk;
use super::kmeans::KMeans;
use super::sets::Set;
use crate::energy::{Field, Plane};
use crate::error::Result;
use crate::outputs::figure::{Figure, GREEN, ORANGE, Panel};
use crate::rng::Rng;
use crate::sampling::{Annealed, Estimate, Hamiltonian};
use candle_core::Tensor;

/// E(y, z) = (κ/2)·‖y − g(z)‖² + ½z², g a bent decoder: a curve that z goes along. The
/// ellipse where z's middle half is once around it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bent {
    /// κ.
    pub precision: f64,
    /// Radians of the ellipse for 1 of z.
    pub speed: f64,
}

impl Bent {
    /// E of one pair.
    pub fn cost(&self, y: [f64; 2], z: f64) -> f64 {
        let (sin, cos) = (self.speed * z).sin_cos();
        let square = (y[0] - cos).powi(2) + (y[1] - 0.5 * sin).powi(2);
        0.5 * self.precision * square + 0.5 * z * z
    }

    /// E(y, ·) times β, a field of z (B, 1).
    pub fn field(self, y: [f64; 2], beta: f64) -> impl Field {
        move |z: &Tensor| -> Result<Tensor> {
            let angle = (z.squeeze(1)? * self.speed)?;
            let first = (angle.cos()? - y[0])?.sqr()?;
            let second = ((angle.sin()? * 0.5)? - y[1])?.sqr()?;
            let square = ((first + second)? * (0.5 * self.precision))?;
            Ok(((square + (z.squeeze(1)?.sqr()? * 0.5)?)? * beta)?)
        }
    }

    /// F_β(y) by the midpoint rule over z in [−8, 8].
    pub fn exact(&self, y: [f64; 2], beta: f64) -> f64 {
        let count = 4000;
        let width = 16.0 / f64::from(count);
        let costs: Vec<f64> = (0..count)
            .map(|i| self.cost(y, -8.0 + (f64::from(i) + 0.5) * width))
            .collect();
        let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
        let sum: f64 = costs
            .iter()
            .map(|cost| (-beta * (cost - least)).exp())
            .sum();
        least - (sum * width).ln() / beta
    }

    /// F_β(y) by annealed importance sampling, with Hamiltonian steps; β times the
    /// estimate's error is that of log ∫.
    ///
    /// # Errors
    /// Those of the sampler.
    pub fn sampled(
        &self,
        y: [f64; 2],
        beta: f64,
        annealed: Annealed,
        rng: &mut Rng,
    ) -> Result<Estimate> {
        let sampler = Hamiltonian {
            // The curve is wide 1/√(βκ), and z's unit is `speed` of it.
            size: 0.8 / (beta * self.precision).sqrt().max(1.0) / self.speed,
            leaps: 5,
        };
        let field = self.field(y, beta);
        let found = annealed.estimate((&sampler, &field), 1, rng)?;
        Ok(Estimate {
            log_partition: -found.log_partition / beta,
            error: found.error / beta,
        })
    }
}

/// The temperatures of the figure.
const BETAS: [f64; 4] = [0.3, 1.0, 4.0, 30.0];

/// Of the wells: κ.
const PRECISION: f64 = 1.0 / 0.05;

/// How far F_β lies below F_∞ on points, on average: (log₁₀ β, log₁₀ of it).
fn gap(means: &KMeans, points: &[[f64; 2]]) -> Result<Vec<[f64; 2]>> {
    let table = means.energies(points, PRECISION)?;
    let least = table.least();
    let at = |index: i32| {
        let beta = 10f64.powf(-1.0 + f64::from(index) / 8.0);
        let pairs = least.iter().zip(table.free_energy(beta));
        let gap = pairs.map(|(least, free)| least - free).sum::<f64>() / points.len() as f64;
        [beta.log10(), gap.log10()]
    };
    Ok((0..24).map(at).collect())
}

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 1.4,
        side: 90,
    };
    let mut panels = Vec::new();
    let mut chart = Panel::chart("the limit", ["log10 of beta", "log10 of min E - F"]);
    let mut rng = desk.rng("temperature");
    for (set, betas, colour) in [
        (Set::Spiral, &BETAS[..], ORANGE),
        (Set::Ellipse, &BETAS[1..3], GREEN),
    ] {
        let points = set.draw(1000, &mut rng);
        let mut means = KMeans::start(&points, 20, &mut rng)?;
        for _ in 0..20 {
            means.alternate(&points)?;
        }
        let table = means.energies(&plane.points(), PRECISION)?;
        let map = |title: String, free: Vec<f64>| {
            let panel = Panel::plane(title, 1.4).map(plane, free);
            panel.points(&means.centres, ORANGE, 2)
        };
        for &beta in betas {
            let title = format!("F at beta {beta}, {}", set.name());
            panels.push(map(title, table.free_energy(beta)));
        }
        panels.push(map(format!("min over z, {}", set.name()), table.least()));
        chart = chart.curve(gap(&means, &points)?, colour, set.name());
    }
    panels.insert(BETAS.len() + 1, chart);

    let bent = Bent {
        precision: 25.0,
        speed: 2.0,
    };
    let annealed = Annealed {
        particles: 20_000,
        stages: 120,
        start: 1.0,
    };
    let mut rows = Vec::new();
    for beta in [0.5, 1.0, 4.0] {
        let y = [0.3, 0.6];
        let sampled = bent.sampled(y, beta, annealed, &mut rng)?;
        let exact = bent.exact(y, beta);
        rows.push(vec![
            format!("{beta}"),
            format!("{exact:.4}"),
            format!("{:.4} ± {:.4}", sampled.log_partition, sampled.error),
        ]);
    }
    desk.table(
        &[
            "beta",
            "F by quadrature over z",
            "F by annealed importance sampling",
        ],
        &rows,
    );
    desk.figure(&Figure::new(3, panels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Bowl, Quadratic};
    use crate::inference::{ClosedForm, Inference as _};
    use crate::latent::Gaussian;
    use crate::rng::Seed;

    /// −β⁻¹ log of a midpoint sum over [−12, 12].
    fn quadrature(beta: f64, cost: impl Fn(f64) -> f64) -> f64 {
        let (count, reach) = (20_000, 12.0);
        let width = 2.0 * reach / f64::from(count);
        let sum: f64 = (0..count)
            .map(|i| (-beta * cost(-reach + (f64::from(i) + 0.5) * width)).exp() * width)
            .sum();
        -sum.ln() / beta
    }

    #[test]
    fn of_a_linear_decoder_it_is_the_quadratures() {
        let bowl = Bowl {
            precision: 3.0,
            constant: 1.3,
            slope: vec![0.7],
            curvature: vec![0.9],
        };
        let closed = ClosedForm {
            latent: Gaussian { dimension: 1 },
        };
        let mut rng = Seed(1).stream("test", 0);
        let energy = Quadratic::from_bowls(vec![bowl.clone()]);
        for beta in [0.3, 1.0, 10.0, 100.0] {
            let found = closed.infer(&energy, beta, &mut rng).unwrap();
            let truth = quadrature(beta, |z| bowl.cost(&[z]) + 0.5 * z * z);
            assert!((found.free_energy[0] - truth).abs() < 1e-6);
        }
    }

    #[test]
    fn of_finitely_many_z_it_is_the_sum() {
        let means = KMeans {
            centres: vec![[0.1, 0.2], [1.0, -0.3], [-0.5, 0.4]],
        };
        let y = [0.3, 0.1];
        let table = means.energies(&[y], 4.0).unwrap();
        for beta in [0.3, 1.0, 10.0] {
            let sum: f64 = (means.centres.iter())
                .map(|c| (-beta * 2.0 * ((y[0] - c[0]).powi(2) + (y[1] - c[1]).powi(2))).exp())
                .sum();
            assert!((table.free_energy(beta)[0] + sum.ln() / beta).abs() < 1e-9);
        }
    }

    #[test]
    fn sampled_it_is_within_a_hundredth_of_the_quadratures() {
        let bent = Bent {
            precision: 25.0,
            speed: 2.0,
        };
        let annealed = Annealed {
            particles: 8000,
            stages: 100,
            start: 1.0,
        };
        let mut rng = Seed(2).stream("test", 0);
        for (y, beta) in [([0.3, 0.6], 1.0), ([0.9, 0.1], 1.0), ([0.3, 0.6], 4.0)] {
            let found = bent.sampled(y, beta, annealed, &mut rng).unwrap();
            let truth = bent.exact(y, beta);
            let apart = (found.log_partition - truth).abs();
            assert!(found.error < 0.01, "{found:?}");
            assert!(
                apart < 0.01 && apart < 4.0 * found.error,
                "{found:?} {truth}"
            );
        }
    }

    #[test]
    fn it_rises_to_the_minimum_as_beta_grows() {
        let bent = Bent {
            precision: 25.0,
            speed: 2.0,
        };
        let y = [0.3, 0.6];
        let least = (0..16_000)
            .map(|i| bent.cost(y, -8.0 + 0.001 * f64::from(i)))
            .fold(f64::INFINITY, f64::min);
        assert!((bent.exact(y, 300.0) - least).abs() < 0.02);
    }
}
