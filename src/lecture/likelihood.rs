//! Maximum likelihood: push down on the data, up everywhere else (strategy C1; where the
//! places are sampled, C2, see `sampled`).
//!
//! −log p(y) = E(y) + log ∫exp(−E), whose gradient is ∂E(y) − ⟨∂E⟩. On the plane ⟨∂E⟩ is
//! a sum over cells (C1): the exact answer that the sampled ones (C2) are held against.

use super::desk::Desk;
use super::film::Film;
use super::learner::{Learner, unwatched};
use super::sets::{Set, batch, tensor};
use crate::energy::{Field, Plane, ScalarNetwork};
use crate::error::Result;
use crate::outputs::figure::{Figure, ORANGE, Panel};
use crate::rng::{Rng, Seed};
use crate::sampling::{Contrast, Quadrature};
use candle_core::{Device, Tensor};

/// Where the energy is integrated while it learns.
pub(super) const PLANE: Plane = Plane {
    reach: 1.7,
    side: 48,
};
/// Where it is integrated to be judged.
const FINE: Plane = Plane {
    reach: 2.5,
    side: 200,
};

/// How long, and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Steps.
    pub steps: usize,
    /// Points a step.
    pub batch: usize,
    /// The learning rate at first; it falls to 0 along a line.
    pub rate: f64,
}

/// A network for the plane.
///
/// # Errors
/// Nothing that a user could cause.
pub fn network(seed: Seed) -> Result<Learner<ScalarNetwork>> {
    Learner::new(seed, |scope| ScalarNetwork::new(2, 64, 1.0, scope))
}

/// Lowers E on the data and raises it where `contrast` says; `watch` is as
/// [`Learner::train`] has it.
///
/// # Errors
/// A sampler or an energy that diverges, with the step.
pub fn fit(
    learner: &mut Learner<ScalarNetwork>,
    data: &Tensor,
    contrast: &mut dyn Contrast,
    how: Fit,
    rng: &mut Rng,
    watch: impl FnMut(usize, &ScalarNetwork) -> Result<()>,
) -> Result<()> {
    learner.train(how.steps, how.rate, watch, |learner| {
        let y = batch(data, how.batch, rng)?;
        let push = contrast.push(&learner.frozen, &y, rng)?;
        let down = learner.network.energy(&y)?.mean_all()?;
        Ok((down - push.mean(&learner.network)?)?)
    })
}

/// The mean of log p(y) over points (N, 2), in nats, p's integral by quadrature.
///
/// # Errors
/// An energy that is not finite.
pub fn log_likelihood(network: &ScalarNetwork, points: &Tensor) -> Result<f64> {
    let energies = FINE.energies(network, &Device::Cpu)?;
    let mean = network.energy(points)?.mean_all()?.to_scalar::<f32>()?;
    Ok(-f64::from(mean) - FINE.log_partition(&energies))
}

pub(super) const C1: Fit = Fit {
    steps: 1500,
    batch: 1024,
    rate: 1e-2,
};

/// The points that [`exact_model`] learns from.
pub fn model_points(set: Set, seed: Seed) -> Vec<[f64; 2]> {
    let mut rng = seed.stream(&format!("lecture/{} model", set.name()), 0);
    set.draw(100_000, &mut rng)
}

/// An energy of a set, learned exactly.
///
/// # Errors
/// Those of [`fit`].
pub fn exact_model(set: Set, seed: Seed) -> Result<Learner<ScalarNetwork>> {
    let mut rng = seed.stream(&format!("lecture/{} model", set.name()), 1);
    let data = tensor(&model_points(set, seed))?;
    let mut learner = network(seed)?;
    let mut exact = Quadrature(PLANE);
    fit(&mut learner, &data, &mut exact, C1, &mut rng, unwatched)?;
    Ok(learner)
}

/// A map of an energy over [−1.4, 1.4]², dark where it is low, with the first 300 points on
/// it.
///
/// # Errors
/// An energy that is not a number.
pub fn panel(title: &str, field: &dyn Field, points: &[[f64; 2]]) -> Result<Panel> {
    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let energies = plane.energies(field, &Device::Cpu)?;
    let some = &points[..points.len().min(300)];
    Ok(Panel::plane(title, 1.4)
        .map(plane, energies)
        .points(some, ORANGE, 1))
}

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    let mut film = Film::new("step", C1.steps);
    for (name, set) in [("spiral", Set::Spiral), ("fork", Set::Fork)] {
        let mut rng = desk.rng(&format!("likelihood/{name}"));
        let points = set.draw(4000, &mut rng);
        let held_out = tensor(&set.draw(2000, &mut rng))?;
        let mut learner = network(desk.seed)?;
        let data = tensor(&points)?;
        let watch = |step: usize, network: &ScalarNetwork| match set {
            Set::Spiral => film.take(step, |title| panel(title, network, &points)),
            _ => Ok(()),
        };
        let mut exact = Quadrature(PLANE);
        fit(&mut learner, &data, &mut exact, C1, &mut rng, watch)?;
        rows.push(vec![
            name.to_owned(),
            format!("{:.3}", log_likelihood(&learner.frozen, &data)?),
            format!("{:.3}", log_likelihood(&learner.frozen, &held_out)?),
        ]);
        panels.push(panel(
            &format!("E(y) by quadrature, {name}"),
            &learner.frozen,
            &points,
        )?);
    }
    desk.table(&["", "log-likelihood (nats/point)", "held out"], &rows);
    desk.figure(&Figure::new(2, panels))?;
    desk.film(&film)
}
