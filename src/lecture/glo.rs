//! Generative latent optimisation (strategy A2; Bojanowski et al. 2018): a z for each
//! point, moved together with the decoder. E(y, z) = (κ/2)·‖y − g(z)‖² + ½λz².

use super::components::Components;
use super::curve::Line;
use super::desk::Desk;
use super::film::Film;
use super::learner::Learner;
use super::sets::{Set, tensor};
use crate::energy::{Descent, Perceptron, Plane};
use crate::error::Result;
use crate::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use crate::rng::{Rng, Seed};
use candle_core::{Device, Tensor};

/// κ of [`fit`]: the variance that no z explains is 1/κ.
pub const PRECISION: f64 = 100.0;

/// Learns g from points, their z's beginning along the first principal axis; `watch` is as
/// [`Learner::train`] has it.
///
/// # Errors
/// Training that diverges.
pub fn fit(
    points: &[[f64; 2]],
    weight: f64,
    steps: usize,
    seed: Seed,
    rng: &mut Rng,
    watch: impl FnMut(usize, &Perceptron) -> Result<()>,
) -> Result<Learner<Perceptron>> {
    let mut learner = Learner::new(seed, |scope| Perceptron::new(&[1, 64, 64, 2], 2.0, scope))?;
    let y = tensor(points)?;
    let first = Components::fit(points)?;
    let start: Vec<f32> = (points.iter())
        .map(|y| {
            let along = (0..2).map(|a| (y[a] - first.mean[a]) * first.axis[a]);
            (along.sum::<f64>() / first.variances[0].sqrt() + 0.1 * rng.normal()) as f32
        })
        .collect();
    let mut z = Tensor::from_vec(start, (points.len(), 1), &Device::Cpu)?;
    // A few steps down E on the frozen decoder, then one of the decoder.
    let descent = Descent {
        steps: 3,
        size: 0.5 / PRECISION,
    };
    learner.train(steps, 1e-2, watch, |learner| {
        let field = |z: &Tensor| energy(&learner.frozen, &y, z, weight);
        (z, _) = descent.descend(&field, &z)?;
        Ok(energy(&learner.network, &y, &z, weight)?.mean_all()?)
    })?;
    Ok(learner)
}

/// E(y, z), (B,), of y (B, 2) and z (B, 1).
fn energy(decoder: &Perceptron, y: &Tensor, z: &Tensor, weight: f64) -> Result<Tensor> {
    let square = (y - decoder.forward(z)?)?.sqr()?.sum(1)?;
    let cost = (z.sqr()?.sum(1)? * (0.5 * weight))?;
    Ok(((square * (0.5 * PRECISION))? + cost)?)
}

const STEPS: usize = 800;
/// λ of the figure.
const WEIGHT: f64 = 0.1;

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 1.4,
        side: 80,
    };
    let line = Line {
        reach: 4.0,
        count: 400,
    };
    let cost = |z: f64| 0.5 * WEIGHT * z * z;
    let map = |title: &str, decoder: &Perceptron, points: &[[f64; 2]]| -> Result<Panel> {
        let table = line.table(decoder, &plane.points(), PRECISION, cost)?;
        Ok(Panel::plane(title, 1.4)
            .map(plane, table.least())
            .points(&points[..300], ORANGE, 1)
            .curve(line.decoded(decoder)?, VIOLET, ""))
    };
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    let mut film = Film::new("step", STEPS);
    for (name, set) in [("spiral", Set::Spiral), ("ellipse", Set::Ellipse)] {
        let mut rng = desk.rng(&format!("glo/{name}"));
        let points = set.draw(500, &mut rng);
        let watch = |step: usize, decoder: &Perceptron| match set {
            Set::Spiral => film.take(step, |title| map(title, decoder, &points)),
            _ => Ok(()),
        };
        let learner = fit(&points, WEIGHT, STEPS, desk.seed, &mut rng, watch)?;
        let least = line
            .table(&learner.frozen, &points, PRECISION, cost)?
            .least();
        rows.push(vec![
            name.to_owned(),
            format!(
                "{:.3}",
                least.iter().sum::<f64>() / 500.0 + (8.0f64 / 399.0).ln()
            ),
        ]);
        let title = format!("GLO: F(y), {name}");
        panels.push(map(&title, &learner.frozen, &points)?);
    }
    desk.table(&["", "mean F on the data (1 is the noise)"], &rows);
    desk.figure(&Figure::new(2, panels))?;
    desk.film(&film)
}

#[cfg(test)]
mod tests {
    use super::super::unwatched;
    use super::*;
    use crate::energy::Field as _;

    #[test]
    fn z_explains_most_of_an_ellipse() {
        let mut rng = Seed(1).stream("test", 0);
        let points = Set::Ellipse.draw(200, &mut rng);
        let learner = fit(&points, 0.1, 400, Seed(1), &mut rng, unwatched).unwrap();
        let line = Line {
            reach: 4.0,
            count: 400,
        };
        let table = line.table(&learner.frozen, &points, 2.0, |_| 0.0).unwrap();
        let width = (8.0f64 / 399.0).ln();
        let error = table.least().iter().map(|e| e + width).sum::<f64>() / 200.0;
        // The points' own variance is 0.63; that off the ellipse 0.005.
        assert!(error < 0.1, "{error}");
    }

    #[test]
    fn the_energys_slope_in_z_is_a_finite_difference() {
        let mut rng = Seed(2).stream("test", 0);
        let points = Set::Ellipse.draw(20, &mut rng);
        let learner = fit(&points, 0.1, 1, Seed(1), &mut rng, unwatched).unwrap();
        let y = tensor(&[[0.3, 0.1]]).unwrap();
        let field = |z: &Tensor| energy(&learner.frozen, &y, z, 0.1);
        let at = |z: f32| {
            let z = Tensor::new(&[[z]], &Device::Cpu).unwrap();
            let (energy, slope) = field.slope(&z).unwrap();
            let slope = slope.to_vec2::<f32>().unwrap()[0][0];
            (energy.to_vec1::<f32>().unwrap()[0], slope)
        };
        let slope = (at(0.41).0 - at(0.39).0) / 0.02;
        let found = at(0.4).1;
        assert!(
            (slope - found).abs() < 0.02 * found.abs().max(1.0),
            "{slope} {found}"
        );
    }
}
