//! The denoising autoencoder (strategy C3): r(y + noise) → y. It learns which way the
//! data lie, r(y) − y, and its energy E(y) = ½‖y − r(y)‖² grows as a square off them
//! (Vincent et al. 2008; Alain & Bengio 2014: r(y) − y ≈ σ²·∇log p(y)).

use super::desk::Desk;
use super::film::Film;
use super::learner::{Learner, unwatched};
use super::sets::{Set, batch, pairs, square, tensor};
use crate::energy::{Field, Perceptron, Plane};
use crate::error::Result;
use crate::outputs::figure::{Figure, INK, ORANGE, Panel};
use crate::rng::{Rng, Seed};
use candle_core::{Device, Tensor};

/// r.
#[derive(Debug, Clone)]
pub struct Denoiser {
    network: Perceptron,
}

impl Denoiser {
    /// Learns from data (N, 2) in `steps` steps: the mean of ½‖y − r(y + noise)‖² down,
    /// `noise` the standard deviation in units of y. `watch` is as [`Learner::train`] has it.
    ///
    /// # Errors
    /// Training that diverges.
    pub fn fit(
        data: &Tensor,
        noise: f64,
        steps: usize,
        seed: Seed,
        rng: &mut Rng,
        watch: impl FnMut(usize, &Self) -> Result<()>,
    ) -> Result<Learner<Self>> {
        let mut learner = Learner::new(seed, |scope| {
            let network = Perceptron::new(&[2, 96, 96, 2], 3.0, scope)?;
            Ok(Self { network })
        })?;
        learner.train(steps, 5e-3, watch, |learner| {
            let y = batch(data, 256, rng)?;
            let noisy = (&y + (rng.normal_tensor(y.shape(), y.device())? * noise)?)?;
            let off = (learner.network.network.forward(&noisy)? - y)?;
            Ok((off.sqr()?.sum(1)? * 0.5)?.mean_all()?)
        })?;
        Ok(learner)
    }

    /// r(y) − y of each point: which way, and how far, the data lie.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn arrows(&self, points: &[[f64; 2]]) -> Result<Vec<[f64; 2]>> {
        let y = tensor(points)?;
        pairs(&(self.network.forward(&y)? - y)?)
    }
}

/// E(y) = ½‖y − r(y)‖².
impl Field for Denoiser {
    fn energy(&self, y: &Tensor) -> Result<Tensor> {
        let off = (self.network.forward(y)? - y)?;
        Ok((off.sqr()?.sum(1)? * 0.5)?)
    }
}

/// The noise of the figure.
const NOISE: f64 = 0.1;
const STEPS: usize = 2000;

/// The angle in degrees, in [0, 180], between two directions.
fn angle(a: [f64; 2], b: [f64; 2]) -> f64 {
    let cross = a[0] * b[1] - a[1] * b[0];
    let dot = a[0] * b[0] + a[1] * b[1];
    cross.atan2(dot).abs().to_degrees()
}

/// The median of the angles between a denoiser's arrows and the ways to the nearest data
/// point, at `points`.
fn median_angle(denoiser: &Denoiser, points: &[[f64; 2]], data: &[[f64; 2]]) -> Result<f64> {
    let nearest = |y: &[f64; 2]| {
        let closer = |a: &&[f64; 2], b: &&[f64; 2]| square(**a, *y).total_cmp(&square(**b, *y));
        data.iter().min_by(closer).copied().unwrap_or_default()
    };
    let arrows = denoiser.arrows(points)?;
    let mut angles: Vec<f64> = (points.iter().zip(arrows))
        .map(|(y, arrow)| {
            let data = nearest(y);
            angle(arrow, [data[0] - y[0], data[1] - y[1]])
        })
        .collect();
    angles.sort_by(f64::total_cmp);
    Ok(angles[angles.len() / 2])
}

/// R² of E ≈ a + bd + cd² at distances |d| ≤ `reach` off the curve, both sides, each E the
/// mean along the curve; and these (d, E).
fn quadratic(denoiser: &Denoiser, set: Set, reach: f64) -> Result<(f64, Vec<[f64; 2]>)> {
    let mut profile = Vec::new();
    for index in 0..=24 {
        let d = reach * (f64::from(index) / 12.0 - 1.0);
        // Off the curve at a right angle, its ends left out.
        let off: Vec<[f64; 2]> = (0..200)
            .map(|i| {
                let t = 0.05 + 0.9 * f64::from(i) / 199.0;
                let [here, ahead] = [set.place(t), set.place(t + 1e-4)];
                let [u, v] = [ahead[0] - here[0], ahead[1] - here[1]];
                let length = u.hypot(v);
                [here[0] - d * v / length, here[1] + d * u / length]
            })
            .collect();
        let energies = denoiser.energy(&tensor(&off)?)?.to_vec1::<f32>()?;
        let mean = energies.iter().map(|&e| f64::from(e)).sum::<f64>() / 200.0;
        profile.push([d, mean]);
    }
    // Least squares of E on d, d² and a constant: the distances lie evenly on both sides,
    // so that the three do not explain each other.
    let count = profile.len() as f64;
    let mean = |f: &dyn Fn(&[f64; 2]) -> f64| profile.iter().map(f).sum::<f64>() / count;
    let (square, energy) = (mean(&|p| p[0] * p[0]), mean(&|p| p[1]));
    let explained = |f: &dyn Fn(f64) -> f64| {
        let both = mean(&|p| f(p[0]) * (p[1] - energy));
        both * both / mean(&|p| f(p[0]).powi(2))
    };
    let all = mean(&|p| (p[1] - energy).powi(2));
    let fit = (explained(&|d| d) + explained(&|d| d * d - square)) / all;
    Ok((fit, profile))
}

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let mut rng = desk.rng("denoising");
    let points = Set::Spiral.curve(1000);
    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let map = |title: &str, denoiser: &Denoiser, points: &[[f64; 2]]| -> Result<Panel> {
        let energies = plane.energies(denoiser, &Device::Cpu)?;
        let some: Vec<_> = points.iter().copied().step_by(5).collect();
        Ok(Panel::plane(title, 1.4)
            .map(plane, energies.into_iter().map(|e| e.min(0.015)).collect())
            .points(&some, ORANGE, 1))
    };
    let mut film = Film::new("step", STEPS);
    let watch =
        |step: usize, denoiser: &Denoiser| film.take(step, |title| map(title, denoiser, &points));
    let data = tensor(&points)?;
    let learner = Denoiser::fit(&data, NOISE, STEPS, desk.seed, &mut rng, watch)?;
    let denoiser = &learner.frozen;
    let oval = Set::Ellipse.curve(1000);
    let data = tensor(&oval)?;
    let of_oval = Denoiser::fit(&data, NOISE, STEPS, desk.seed, &mut rng, unwatched)?;
    let near: Vec<[f64; 2]> = (points.iter())
        .map(|y| y.map(|v| v + NOISE * rng.normal()))
        .collect();
    let median = median_angle(denoiser, &near, &points)?;
    let (fit, _) = quadratic(denoiser, Set::Spiral, NOISE)?;
    let (far, profile) = quadratic(denoiser, Set::Spiral, 2.0 * NOISE)?;
    desk.table(
        &["", "found", "asked"],
        &[
            vec![
                "median angle to the nearest data point".into(),
                format!("{median:.1}°"),
                "≤ 25°".into(),
            ],
            vec![
                "R² of E as a quadratic, within the noise".into(),
                format!("{fit:.3}"),
                "≥ 0.9".into(),
            ],
            vec![
                "within twice the noise".into(),
                format!("{far:.3}"),
                String::new(),
            ],
        ],
    );
    let some: Vec<_> = points.iter().copied().step_by(5).collect();
    let grid = Plane {
        reach: 1.4,
        side: 18,
    }
    .points();
    let arrows: Vec<_> = (grid.iter().copied().zip(denoiser.arrows(&grid)?))
        .map(|(y, arrow)| (y, arrow.map(|v| 0.5 * v)))
        .collect();
    desk.figure(&Figure::new(
        3,
        vec![
            Panel::plane("r(y) - y, half length", 1.4)
                .points(&some, ORANGE, 1)
                .arrows(arrows, INK),
            map("E(y) = |y - r(y)|^2 / 2", denoiser, &points)?,
            Panel::chart("off the manifold", ["distance", "E"]).curve(profile, ORANGE, ""),
            map("E(y), ellipse", &of_oval.frozen, &oval)?,
        ],
    ))?;
    desk.film(&film)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_points_home_and_the_energy_is_a_square() {
        let mut rng = Seed(1).stream("test", 0);
        let points = Set::Spiral.curve(1000);
        let data = tensor(&points).unwrap();
        let denoiser = Denoiser::fit(&data, NOISE, 1500, Seed(1), &mut rng, unwatched).unwrap();
        let near: Vec<[f64; 2]> = (points.iter())
            .map(|y| y.map(|v| v + NOISE * rng.normal()))
            .collect();
        let median = median_angle(&denoiser.frozen, &near, &points).unwrap();
        assert!(median < 25.0, "{median}");
        let (fit, _) = quadratic(&denoiser.frozen, Set::Spiral, NOISE).unwrap();
        assert!(fit > 0.9, "{fit}");
    }

    #[test]
    fn angles_are_angles() {
        assert!((angle([1.0, 0.0], [0.0, 2.0]) - 90.0).abs() < 1e-9);
        assert!((angle([1.0, 0.0], [-1.0, 0.0]) - 180.0).abs() < 1e-9);
        assert!(angle([1.0, 1.0], [3.0, 3.0]).abs() < 1e-9);
    }
}
