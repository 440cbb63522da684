//! The variational autoencoder (strategy A2; Kingma & Welling 2014): z is drawn around the
//! encoder's guess, and what the guess may say is limited by KL(q(z | y) ‖ N(0, 1)). Its
//! loss is an upper bound of F₁(y) = −log ∫exp(−E(y, z)) dz, and of one number of z both
//! can be looked at.

use super::curve::Line;
use super::desk::Desk;
use super::film::Film;
use super::learner::Learner;
use super::sets::{Set, batch, tensor};
use crate::energy::{Perceptron, Plane};
use crate::error::Result;
use crate::models::Scope;
use crate::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use crate::rng::{Rng, Seed};
use candle_core::Tensor;
use std::f64::consts::TAU;

/// κ = 1/s², s twice the width of the data around their curve: a narrower valley is hardly
/// found from where the weights begin.
const PRECISION: f64 = 100.0;

/// q(z | y) and g(z).
#[derive(Debug, Clone)]
pub struct Variational {
    encoder: Perceptron,
    /// g, of z (B, 1): (B, 2).
    pub decoder: Perceptron,
}

impl Variational {
    fn new(mut scope: Scope) -> Result<Self> {
        Ok(Self {
            encoder: Perceptron::new(&[2, 64, 64, 2], 3.0, scope.scope("encoder"))?,
            decoder: Perceptron::new(&[1, 64, 64, 2], 2.0, scope.scope("decoder"))?,
        })
    }

    /// The bound of −log p(y) of each y (B, 2), at one draw of z from `noise` (B, 1): (B,),
    /// in nats.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn bound(&self, y: &Tensor, noise: &Tensor) -> Result<Tensor> {
        let guess = self.encoder.forward(y)?;
        let (mean, log_variance) = (guess.narrow(1, 0, 1)?, guess.narrow(1, 1, 1)?);
        let z = (&mean + ((&log_variance * 0.5)?.exp()? * noise)?)?;
        let square = (y - self.decoder.forward(&z)?)?.sqr()?.sum(1)?;
        let cost = ((square * (0.5 * PRECISION))? + (TAU / PRECISION).ln())?;
        // KL of two Gaussians: ½(mean² + variance − 1 − log variance).
        let apart = ((mean.sqr()? + log_variance.exp()?)? - log_variance)?;
        Ok((cost + ((apart - 1.0)? * 0.5)?.squeeze(1)?)?)
    }

    /// Learns from data (N, 2) in `steps` steps; `watch` is as [`Learner::train`] has it.
    ///
    /// # Errors
    /// Training that diverges.
    pub fn fit(
        data: &Tensor,
        steps: usize,
        seed: Seed,
        rng: &mut Rng,
        watch: impl FnMut(usize, &Self) -> Result<()>,
    ) -> Result<Learner<Self>> {
        let mut learner = Learner::new(seed, Self::new)?;
        learner.train(steps, 5e-3, watch, |learner| {
            let y = batch(data, 256, rng)?;
            let noise = rng.normal_tensor((256, 1), y.device())?;
            Ok(learner.network.bound(&y, &noise)?.mean_all()?)
        })?;
        Ok(learner)
    }

    /// −log p(y) of each point, by the sum over z's line.
    ///
    /// # Errors
    /// A point that is not finite.
    pub fn exact(&self, points: &[[f64; 2]]) -> Result<Vec<f64>> {
        let line = Line {
            reach: 5.0,
            count: 2000,
        };
        let cost = |z: f64| 0.5 * z * z + 0.5 * TAU.ln() + (TAU / PRECISION).ln();
        let table = line.table(&self.decoder, points, PRECISION, cost)?;
        Ok(table.free_energy(1.0))
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

const STEPS: usize = 2500;

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 1.4,
        side: 60,
    };
    let line = Line {
        reach: 2.5,
        count: 400,
    };
    let map = |title: &str, network: &Variational, points: &[[f64; 2]]| -> Result<Panel> {
        Ok(Panel::plane(title, 1.4)
            .map(plane, network.exact(&plane.points())?)
            .points(&points[..300], ORANGE, 1)
            .curve(line.decoded(&network.decoder)?, VIOLET, ""))
    };
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    let mut film = Film::new("step", STEPS);
    for (name, set) in [("spiral", Set::Spiral), ("ellipse", Set::Ellipse)] {
        let mut rng = desk.rng(&format!("vae/{name}"));
        let points = set.draw(2000, &mut rng);
        let data = tensor(&points)?;
        let watch = |step: usize, network: &Variational| match set {
            Set::Spiral => film.take(step, |title| map(title, network, &points)),
            _ => Ok(()),
        };
        let learner = Variational::fit(&data, STEPS, desk.seed, &mut rng, watch)?;
        let noise = rng.normal_tensor((2000, 1), data.device())?;
        let bound = learner
            .frozen
            .bound(&data, &noise)?
            .mean_all()?
            .to_scalar::<f32>()?;
        let exact = mean(&learner.frozen.exact(&points[..500])?);
        rows.push(vec![
            name.to_owned(),
            format!("{bound:.3}"),
            format!("{exact:.3}"),
        ]);
        let title = format!("VAE: F(y), {name}");
        panels.push(map(&title, &learner.frozen, &points)?);
    }
    desk.table(
        &["", "bound of -log p(y)", "-log p(y), exact over z"],
        &rows,
    );
    desk.figure(&Figure::new(2, panels))?;
    desk.film(&film)
}

#[cfg(test)]
mod tests {
    use super::super::unwatched;
    use super::*;

    #[test]
    fn the_bound_lies_above_and_every_weight_learns() {
        let mut rng = Seed(1).stream("test", 0);
        let points = Set::Ellipse.draw(400, &mut rng);
        let data = tensor(&points).unwrap();
        let learner = Variational::fit(&data, 100, Seed(1), &mut rng, unwatched).unwrap();
        let noise = rng.normal_tensor((400, 1), data.device()).unwrap();
        let bound = learner.network.bound(&data, &noise).unwrap();
        learner.every_weight_learns(&bound);
        let bound = bound.mean_all().unwrap().to_scalar::<f32>().unwrap();
        let exact = mean(&learner.frozen.exact(&points).unwrap());
        assert!(f64::from(bound) > exact, "{bound} {exact}");
    }
}
