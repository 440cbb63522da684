//! Principal components (strategy A1): E(y, z) = (κ/2)·‖y − m − Wz‖² + R(z), W a narrow
//! matrix. As κ → ∞, F(y) = min_z E is the squared distance to a line; with R(z) = ½‖z‖²
//! and F at temperature 1 it is the density of probabilistic PCA (Tipping & Bishop 1999).

use super::desk::Desk;
use super::sets::Set;
use crate::energy::{Bowl, Plane, Quadratic};
use crate::error::{Error, Result};
use crate::inference::{ClosedForm, Inference as _, Inferred};
use crate::latent::Gaussian;
use crate::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use crate::rng::Seed;

/// So high a precision that R(z) weighs nothing.
const SHARP: f64 = 1e9;

/// A line through the plane's points, and how wide they lie along it and across.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Components {
    /// The mean of the points.
    pub mean: [f64; 2],
    /// The line's direction, of length 1.
    pub axis: [f64; 2],
    /// The variance along it and across, of N points over N − 1.
    pub variances: [f64; 2],
}

/// E of each point as a function of one z.
fn field(points: &[[f64; 2]], mean: [f64; 2], column: [f64; 2], precision: f64) -> Quadratic {
    let product = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
    let bowl = |y: &[f64; 2]| {
        let off = [y[0] - mean[0], y[1] - mean[1]];
        Bowl {
            precision,
            constant: product(off, off),
            slope: vec![product(column, off)],
            curvature: vec![product(column, column)],
        }
    };
    Quadratic::from_bowls(points.iter().map(bowl).collect())
}

/// z of each point, in closed form.
fn infer(field: &Quadratic) -> Result<Inferred> {
    let latent = Gaussian { dimension: 1 };
    let mut rng = Seed(0).stream("lecture/pca", 0);
    ClosedForm { latent }.infer(field, 1.0, &mut rng)
}

impl Components {
    /// By coordinate descent: z in closed form, W by least squares, in turn (Roweis 1998).
    /// It needs no covariance matrix and no eigenvalues.
    ///
    /// # Errors
    /// Fewer than three points, or all in one place.
    pub fn fit(points: &[[f64; 2]]) -> Result<Self> {
        let count = points.len() as f64;
        let mean = [0, 1].map(|a| points.iter().map(|y| y[a]).sum::<f64>() / count);
        let mut column = [1.0, 0.5];
        for _ in 0..500 {
            let inferred = infer(&field(points, mean, column, SHARP))?;
            let pairs = || inferred.best.iter().zip(points);
            let square: f64 = inferred.best.iter().map(|z| z[0] * z[0]).sum();
            column =
                [0, 1].map(|a| pairs().map(|(z, y)| z[0] * (y[a] - mean[a])).sum::<f64>() / square);
        }
        let length = column[0].hypot(column[1]);
        if points.len() < 3 || !length.is_finite() || length == 0.0 {
            return Err(Error::input(
                "principal components",
                format!("{} points have no direction", points.len()),
                "give at least three that are not all in one place",
            ));
        }
        let axis = column.map(|v| v / length);
        let variances = [axis, [-axis[1], axis[0]]].map(|u| {
            let along = |y: &[f64; 2]| u[0] * (y[0] - mean[0]) + u[1] * (y[1] - mean[1]);
            points.iter().map(|y| along(y).powi(2)).sum::<f64>() / (count - 1.0)
        });
        Ok(Self {
            mean,
            axis,
            variances,
        })
    }

    /// F_∞: half the squared distance to the line, of each point.
    ///
    /// # Errors
    /// A point that is not finite.
    pub fn least(&self, points: &[[f64; 2]]) -> Result<Vec<f64>> {
        let found = infer(&field(points, self.mean, self.axis, SHARP))?;
        Ok(found.energy.iter().map(|energy| energy / SHARP).collect())
    }

    /// F₁ of each point, with z under a standard normal and noise as wide as the points lie
    /// across the line: −log p(y).
    ///
    /// # Errors
    /// A point that is not finite.
    pub fn free_energy(&self, points: &[[f64; 2]]) -> Result<Vec<f64>> {
        let [along, across] = self.variances;
        let scale = (along - across).max(0.0).sqrt();
        let column = self.axis.map(|u| scale * u);
        let found = infer(&field(points, self.mean, column, 1.0 / across))?;
        // What makes exp(−E) the joint density: √2π for z, 2π·variance for y.
        let constant = 0.5 * std::f64::consts::TAU.ln() + (std::f64::consts::TAU * across).ln();
        Ok(found
            .free_energy
            .iter()
            .map(|free| free + constant)
            .collect())
    }
}

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 1.4,
        side: 120,
    };
    let mut panels = Vec::new();
    let mut rows = Vec::new();
    for (name, set) in [("ellipse", Set::Ellipse), ("spiral", Set::Spiral)] {
        let points = set.draw(1000, &mut desk.rng(&format!("pca/{name}")));
        let found = Components::fit(&points)?;
        let likelihood = -found.free_energy(&points)?.iter().sum::<f64>() / 1000.0;
        let [along, across] = found.variances;
        rows.push(vec![
            name.to_owned(),
            format!("({:.3}, {:.3})", found.axis[0], found.axis[1]),
            format!("{along:.4}"),
            format!("{across:.4}"),
            format!("{likelihood:.3}"),
        ]);
        let ends = [-1.8, 1.8].map(|t| [0, 1].map(|a| found.mean[a] + t * found.axis[a]));
        let inside = |y: &[f64; 2]| y.iter().all(|v| v.abs() < 1.4);
        let line: Vec<_> = (0..200)
            .map(|i| {
                let t = f64::from(i) / 199.0;
                [0, 1].map(|a| ends[0][a] + t * (ends[1][a] - ends[0][a]))
            })
            .filter(inside)
            .collect();
        panels.push(
            Panel::plane(format!("F(y): distance to a line, {name}"), 1.4)
                .map(plane, found.least(&plane.points())?)
                .points(&points[..300], ORANGE, 1)
                .curve(line, VIOLET, ""),
        );
        if set == Set::Ellipse {
            panels.push(
                Panel::plane("F at temperature 1, ellipse", 1.4)
                    .map(plane, found.free_energy(&plane.points())?)
                    .points(&points[..300], ORANGE, 1),
            );
        }
    }
    desk.table(
        &[
            "",
            "axis",
            "variance along",
            "across",
            "log-likelihood (nats/point)",
        ],
        &rows,
    );
    desk.figure(&Figure::new(3, panels))
}

#[cfg(test)]
mod tests {
    use super::super::kmeans::tests::points;
    use super::*;

    #[test]
    fn axis_variance_and_likelihood_are_scikit_learns() {
        // With y as in the test of K-means:
        // z = y * [1, 0.5] @ np.array([[np.cos(0.4), np.sin(0.4)], [-np.sin(0.4), np.cos(0.4)]])
        // p = PCA(1).fit(z)
        // print(p.components_, p.explained_variance_, p.noise_variance_, p.score(z), p.mean_)
        let (sin, cos) = 0.4f64.sin_cos();
        let turned = |y: &[f64; 2]| {
            let [u, v] = [y[0], 0.5 * y[1]];
            [u * cos - v * sin, u * sin + v * cos]
        };
        let points: Vec<_> = points().iter().map(turned).collect();
        let found = Components::fit(&points).unwrap();
        let sign = found.axis[0].signum();
        let free = found.free_energy(&points).unwrap();
        for (found, expected) in [
            (sign * found.axis[0], 0.95110309),
            (sign * found.axis[1], 0.30887361),
            (found.variances[0], 0.20797688),
            (found.variances[1], 0.05654915),
            (found.mean[0], 0.12683675),
            (-free.iter().sum::<f64>() / 200.0, -0.61139038),
        ] {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn the_least_is_half_the_squared_distance() {
        let line = Components {
            mean: [1.0, 0.0],
            axis: [0.6, 0.8],
            variances: [1.0, 0.1],
        };
        let found = line.least(&[[1.0 + 0.6 - 0.8, 0.8 + 0.6]]).unwrap();
        assert!((found[0] - 0.5).abs() < 1e-6, "{found:?}");
        assert!(Components::fit(&[[1.0, 1.0]; 5]).is_err());
    }
}
