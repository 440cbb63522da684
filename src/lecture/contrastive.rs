//! Noise-contrastive estimation (strategy C2): tell data from noise of a known density q
//! by E alone (Gutmann & Hyvärinen 2010). The classifier's log-odds are −E(y) − c − log
//! q(y), and where it is right, exp(−E − c) is the data's density: c is learned too.

use super::desk::Desk;
use super::film::Film;
use super::learner::Learner;
use super::likelihood::{log_likelihood, model_points, panel};
use super::sets::{Set, batch, tensor};
use crate::energy::{Field as _, ScalarNetwork};
use crate::error::Result;
use crate::models::Init;
use crate::outputs::figure::{Figure, ORANGE, Panel};
use crate::rng::{Rng, Seed};
use candle_core::Tensor;

/// An energy and its log partition function, both learned.
#[derive(Debug, Clone)]
pub struct Normalised {
    /// E.
    pub energy: ScalarNetwork,
    /// c, the estimate of log ∫exp(−E): ().
    pub log_partition: Tensor,
}

/// log(1 + exp(a)), without overflow.
fn softplus(a: &Tensor) -> Result<Tensor> {
    Ok((a.relu()? + (a.abs()?.neg()?.exp()? + 1.0)?.log()?)?)
}

/// The noise: N(0, `width`²) in each coordinate, `count` draws a step for 256 data points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// The standard deviation, in units of y.
    pub width: f64,
    /// Draws a step.
    pub count: usize,
}

impl Noise {
    /// log q of each point (B, 2), (B,).
    fn log_density(&self, y: &Tensor) -> Result<Tensor> {
        let square = (y.sqr()?.sum(1)? * (-0.5 / (self.width * self.width)))?;
        Ok((square - (std::f64::consts::TAU * self.width * self.width).ln())?)
    }

    /// −log of the probability of naming data data and noise noise: (B,) of data, (N,) of
    /// noise.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn loss(
        &self,
        network: &Normalised,
        data: &Tensor,
        noise: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let ratio = (self.count as f64 / data.dim(0)? as f64).ln();
        let odds = |y: &Tensor| -> Result<Tensor> {
            let log = network
                .energy
                .energy(y)?
                .broadcast_add(&network.log_partition)?;
            Ok(((log.neg()? - self.log_density(y)?)? - ratio)?)
        };
        Ok((softplus(&odds(data)?.neg()?)?, softplus(&odds(noise)?)?))
    }

    /// Learns from data (N, 2) in `steps` steps; `watch` is as [`Learner::train`] has it.
    ///
    /// # Errors
    /// Training that diverges.
    pub fn fit(
        &self,
        data: &Tensor,
        steps: usize,
        seed: Seed,
        rng: &mut Rng,
        mut watch: impl FnMut(usize, &ScalarNetwork) -> Result<()>,
    ) -> Result<Learner<Normalised>> {
        let mut learner = Learner::new(seed, |mut scope| {
            Ok(Normalised {
                energy: ScalarNetwork::new(2, 64, 1.0, scope.scope("energy"))?,
                log_partition: scope.get("log_partition", (), Init::Zeros)?,
            })
        })?;
        let watch = |step: usize, network: &Normalised| watch(step, &network.energy);
        learner.train(steps, 1e-2, watch, |learner| {
            let y = batch(data, 256, rng)?;
            let noise = (rng.normal_tensor((self.count, 2), y.device())? * self.width)?;
            let (of_data, of_noise) = self.loss(&learner.network, &y, &noise)?;
            Ok(((of_data.sum_all()? + of_noise.sum_all()?)? / 256.0)?)
        })?;
        Ok(learner)
    }
}

const STEPS: usize = 1500;

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let mut rng = desk.rng("nce");
    let noise = Noise {
        width: 0.7,
        count: 1024,
    };
    let drawn: Vec<[f64; 2]> = (0..600)
        .map(|_| [noise.width * rng.normal(), noise.width * rng.normal()])
        .collect();
    let mut panels = vec![Panel::plane("the noise", 1.4).points(&drawn, ORANGE, 1)];
    let (mut rows, mut film) = (Vec::new(), Film::new("step", STEPS));
    for (name, set) in [("spiral", Set::Spiral), ("ellipse", Set::Ellipse)] {
        let points = match set {
            Set::Spiral => model_points(set, desk.seed),
            _ => set.draw(4000, &mut rng),
        };
        let held_out = tensor(&set.draw(2000, &mut rng))?;
        let data = tensor(&points)?;
        let watch = |step: usize, network: &ScalarNetwork| match set {
            Set::Spiral => film.take(step, |title| panel(title, network, &points)),
            _ => Ok(()),
        };
        let learner = noise.fit(&data, STEPS, desk.seed, &mut rng, watch)?;
        let energy = &learner.frozen.energy;
        let found = log_likelihood(energy, &held_out)?;
        let mean = energy.energy(&held_out)?.mean_all()?.to_scalar::<f32>()?;
        let learned = learner.frozen.log_partition.to_scalar::<f32>()?;
        let exact = log_likelihood(&desk.exact_model(set)?, &held_out)?;
        rows.push(vec![
            name.to_owned(),
            format!("{found:.3}"),
            format!("{exact:.3}"),
            format!("{learned:.3}"),
            format!("{:.3}", -f64::from(mean) - found),
        ]);
        panels.push(panel(&format!("E(y), {name}"), energy, &points)?);
    }
    desk.table(
        &[
            "noise contrast",
            "log-likelihood held out",
            "C1's",
            "log partition, learned",
            "by quadrature",
        ],
        &rows,
    );
    desk.figure(&Figure::new(3, panels))?;
    desk.film(&film)
}

#[cfg(test)]
mod tests {
    use super::super::unwatched;
    use super::*;

    #[test]
    fn it_finds_the_density_and_its_partition_function() {
        let mut rng = Seed(1).stream("test", 0);
        let data = tensor(&Set::Ellipse.draw(2000, &mut rng)).unwrap();
        let noise = Noise {
            width: 0.8,
            count: 512,
        };
        let learner = noise.fit(&data, 400, Seed(1), &mut rng, unwatched).unwrap();
        let network = &learner.frozen;
        let likelihood = log_likelihood(&network.energy, &data).unwrap();
        let mean = network.energy.energy(&data).unwrap().mean_all().unwrap();
        let truth = -f64::from(mean.to_scalar::<f32>().unwrap()) - likelihood;
        let found = f64::from(network.log_partition.to_scalar::<f32>().unwrap());
        assert!((found - truth).abs() < 0.3, "{found} {truth}");
        // The noise's own is −1.9; that of a Gaussian of the data's moments −1.5.
        assert!(likelihood > -0.8, "{likelihood}");
    }

    #[test]
    fn every_variable_gets_a_gradient() {
        let mut rng = Seed(1).stream("test", 0);
        let data = tensor(&Set::Ellipse.draw(20, &mut rng)).unwrap();
        let noise = Noise {
            width: 0.8,
            count: 20,
        };
        let learner = noise.fit(&data, 1, Seed(1), &mut rng, unwatched).unwrap();
        let (a, b) = noise.loss(&learner.network, &data, &data).unwrap();
        let loss = (a.sum_all().unwrap() + (b.sum_all().unwrap() * 0.3).unwrap()).unwrap();
        learner.every_weight_learns(&loss);
    }
}
