//! Maximum likelihood: push down on the data, up everywhere else (strategy C1; where the
//! places are sampled, C2, see `sampled`).
//!
//! −log p(y) = E(y) + log ∫exp(−E), whose gradient is ∂E(y) − ⟨∂E⟩. On the plane ⟨∂E⟩ is
//! a sum over cells (C1): the exact answer that the sampled ones (C2) are held against.

use super::desk::Desk;
use super::learner::Learner;
use super::sets::{Set, batch, tensor};
use crate::energy::{Plane, ScalarNetwork};
use crate::error::Result;
use crate::interrupt;
use crate::outputs::figure::{Figure, ORANGE, Panel};
use crate::rng::{Rng, Seed};
use crate::sampling::{Contrast, Quadrature};
use candle_core::{Device, Tensor};

/// Where the energy is integrated while it learns.
pub(super) const PLANE: Plane = Plane {
    reach: 1.7,
    side: 64,
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

/// Lowers E on the data and raises it where `contrast` says; `watch` sees each step's
/// number before it is made.
///
/// # Errors
/// A sampler or an energy that diverges, with the step.
pub fn fit(
    learner: &mut Learner<ScalarNetwork>,
    data: &Tensor,
    contrast: &mut dyn Contrast,
    how: Fit,
    rng: &mut Rng,
    mut watch: impl FnMut(usize, &ScalarNetwork) -> Result<()>,
) -> Result<()> {
    use crate::energy::Field as _;
    for step in 0..how.steps {
        interrupt::check()?;
        watch(step, &learner.frozen)?;
        let y = batch(data, how.batch, rng)?;
        let push = contrast.push(&learner.frozen, &y, rng)?;
        let down = learner.network.energy(&y)?.mean_all()?;
        let loss = (down - push.mean(&learner.network)?)?;
        let left = 1.0 - step as f64 / how.steps as f64;
        learner.step(&loss, how.rate * left)?;
    }
    learner.settle()
}

/// The mean of log p(y) over points (N, 2), in nats, p's integral by quadrature.
///
/// # Errors
/// An energy that is not finite.
pub fn log_likelihood(network: &ScalarNetwork, points: &Tensor) -> Result<f64> {
    use crate::energy::Field as _;
    let energies = FINE.energies(network, &Device::Cpu)?;
    let mean = network.energy(points)?.mean_all()?.to_scalar::<f32>()?;
    Ok(-f64::from(mean) - FINE.log_partition(&energies))
}

pub(super) const C1: Fit = Fit {
    steps: 800,
    batch: 256,
    rate: 1e-2,
};

/// The points that [`spiral_model`] learns from.
pub fn spiral_points(seed: Seed) -> Vec<[f64; 2]> {
    let mut rng = seed.stream("lecture/spiral model", 0);
    Set::Spiral.draw(20_000, &mut rng)
}

/// An energy of the spiral, learned exactly.
///
/// # Errors
/// Those of [`fit`].
pub fn spiral_model(seed: Seed) -> Result<Learner<ScalarNetwork>> {
    let mut rng = seed.stream("lecture/spiral model", 1);
    let data = tensor(&spiral_points(seed))?;
    let mut learner = network(seed)?;
    fit(
        &mut learner,
        &data,
        &mut Quadrature(PLANE),
        C1,
        &mut rng,
        |_, _| Ok(()),
    )?;
    Ok(learner)
}

/// A map of the energy with points on it.
pub(super) fn panel(title: &str, network: &ScalarNetwork, points: &[[f64; 2]]) -> Result<Panel> {
    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let energies = plane.energies(network, &Device::Cpu)?;
    let some = &points[..points.len().min(300)];
    Ok(Panel::plane(title, 1.4)
        .map(plane, energies)
        .points(some, ORANGE, 1))
}

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let mut panels = Vec::new();
    let mut rows = Vec::new();
    let mut pictures = Vec::new();
    for (name, set) in [("spiral", Set::Spiral), ("fork", Set::Fork)] {
        let mut rng = desk.rng(&format!("likelihood/{name}"));
        let points = set.draw(4000, &mut rng);
        let held_out = tensor(&set.draw(2000, &mut rng))?;
        let mut learner = network(desk.seed)?;
        let data = tensor(&points)?;
        fit(
            &mut learner,
            &data,
            &mut Quadrature(PLANE),
            C1,
            &mut rng,
            |step, network| {
                if set == Set::Spiral && step % 40 == 0 {
                    let panel = panel(&format!("step {step}"), network, &points)?;
                    pictures.push(Figure::new(1, vec![panel]).picture()?);
                }
                Ok(())
            },
        )?;
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
    desk.table(&["", "log-likelihood (nats/point)", "held out"], &rows)?;
    desk.figure(&Figure::new(2, panels))?;
    desk.film(&pictures)
}
