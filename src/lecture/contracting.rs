//! The contracting autoencoder (strategy A3; Rifai et al. 2011, Alain & Bengio 2014): F(y)
//! = ½‖y − r(y)‖², r = g∘e, with r as constant in y as the data allow, by a cost on
//! ‖∂r/∂y‖². Along the data r must follow y; across them, and where there are none, it
//! stays where it is, and F rises.

use super::desk::Desk;
use super::film::Film;
use super::learner::Learner;
use super::sets::{Set, batch, tensor};
use crate::energy::{Field, Perceptron, Plane};
use crate::error::Result;
use crate::models::Scope;
use crate::outputs::figure::{Figure, ORANGE, Panel};
use crate::rng::{Rng, Seed};
use candle_core::{Device, Tensor};

/// e, of as many numbers as it likes, and g.
#[derive(Debug, Clone)]
pub struct Contracting {
    encoder: Perceptron,
    decoder: Perceptron,
}

/// Numbers of z: more than y has, so that nothing but the cost limits them.
const WIDE: usize = 16;

impl Contracting {
    fn new(mut scope: Scope) -> Result<Self> {
        Ok(Self {
            encoder: Perceptron::new(&[2, 64, WIDE], 2.0, scope.scope("encoder"))?,
            decoder: Perceptron::new(&[WIDE, 64, 2], 1.4, scope.scope("decoder"))?,
        })
    }

    /// r(y) of each y (B, 2).
    fn rebuilt(&self, y: &Tensor) -> Result<Tensor> {
        self.decoder.forward(&self.encoder.forward(y)?)
    }

    /// ‖∂r/∂y‖² of each y (B, 2), (B,), differentiable in the weights. (Of r and not of e
    /// alone, which could be made flat by making g steep.)
    ///
    /// # Errors
    /// What candle refuses.
    pub fn contraction(&self, y: &Tensor) -> Result<Tensor> {
        let z = self.encoder.forward(y)?;
        let columns = self.encoder.jacobian(y)?;
        let of = |column: &Tensor| -> Result<Tensor> {
            Ok(self.decoder.along(&z, column)?.first.sqr()?.sum(1)?)
        };
        Ok((of(&columns[0])? + of(&columns[1])?)?)
    }

    /// ½‖y − r(y)‖² of each y (B, 2), (B,).
    ///
    /// # Errors
    /// What candle refuses.
    pub fn error(&self, y: &Tensor) -> Result<Tensor> {
        let off = (y - self.rebuilt(y)?)?;
        Ok((off.sqr()?.sum(1)? * 0.5)?)
    }

    /// Learns from data (N, 2): error + weight·‖∂r/∂y‖²; `watch` is as [`Learner::train`]
    /// has it.
    ///
    /// # Errors
    /// Training that diverges.
    pub fn fit(
        data: &Tensor,
        weight: f64,
        steps: usize,
        seed: Seed,
        rng: &mut Rng,
        watch: impl FnMut(usize, &Self) -> Result<()>,
    ) -> Result<Learner<Self>> {
        let mut learner = Learner::new(seed, Self::new)?;
        learner.train(steps, 5e-3, watch, |learner| {
            let y = batch(data, 256, rng)?;
            let mut loss = learner.network.error(&y)?;
            if weight > 0.0 {
                loss = (loss + (learner.network.contraction(&y)? * weight)?)?;
            }
            Ok(loss.mean_all()?)
        })?;
        Ok(learner)
    }
}

impl Field for Contracting {
    fn energy(&self, y: &Tensor) -> Result<Tensor> {
        self.error(y)
    }
}

const STEPS: usize = 1500;

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let map = |title: &str, network: &Contracting, points: &[[f64; 2]]| -> Result<Panel> {
        let energies = plane.energies(network, &Device::Cpu)?;
        Ok(Panel::plane(title, 1.4)
            .map(plane, energies.into_iter().map(|e| e.min(0.03)).collect())
            .points(&points[..300], ORANGE, 1))
    };
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    let mut film = Film::new("step", STEPS);
    for (name, set, weight) in [
        ("spiral, free", Set::Spiral, 0.0),
        ("spiral, contracting", Set::Spiral, 3e-3),
        ("ellipse, contracting", Set::Ellipse, 5e-3),
    ] {
        let mut rng = desk.rng(&format!("contracting/{name}"));
        let points = set.draw(3000, &mut rng);
        let data = tensor(&points)?;
        let watch = |step: usize, network: &Contracting| match set {
            Set::Spiral if weight > 0.0 => film.take(step, |title| map(title, network, &points)),
            _ => Ok(()),
        };
        let learner = Contracting::fit(&data, weight, STEPS, desk.seed, &mut rng, watch)?;
        let mean = |y: &Tensor| -> Result<f64> {
            Ok(f64::from(
                learner.frozen.error(y)?.mean_all()?.to_scalar::<f32>()?,
            ))
        };
        let wide = rng.uniform_tensor(-1.2, 1.2, (2000, 2), &Device::Cpu)?;
        let (on, off) = (mean(&data)?, mean(&wide)?);
        rows.push(vec![
            name.to_owned(),
            format!("{on:.5}"),
            format!("{off:.5}"),
            format!("{:.0}", off / on),
        ]);
        panels.push(map(name, &learner.frozen, &points)?);
    }
    desk.table(&["", "F on the data", "anywhere", "ratio"], &rows);
    desk.figure(&Figure::new(3, panels))?;
    desk.film(&film)
}

#[cfg(test)]
mod tests {
    use super::super::unwatched;
    use super::*;

    #[test]
    fn the_contraction_is_a_finite_difference_and_every_weight_learns() {
        let mut rng = Seed(1).stream("test", 0);
        let data = tensor(&Set::Ellipse.draw(50, &mut rng)).unwrap();
        let learner = Contracting::fit(&data, 1e-3, 20, Seed(1), &mut rng, unwatched).unwrap();
        let network = &learner.network;
        let y = data.narrow(0, 0, 1).unwrap();
        let found = network.contraction(&y).unwrap().to_vec1::<f32>().unwrap()[0];
        let mut truth = 0.0;
        for step in [[0.005f32, 0.0], [0.0, 0.005]] {
            let step = Tensor::new(&[step], &Device::Cpu).unwrap();
            let ahead = network.rebuilt(&(&y + &step).unwrap()).unwrap();
            let behind = network.rebuilt(&(&y - &step).unwrap()).unwrap();
            let slope = ((ahead - behind).unwrap() * 100.0).unwrap();
            let square = slope.sqr().unwrap().sum_all().unwrap();
            truth += square.to_scalar::<f32>().unwrap();
        }
        assert!((found / truth - 1.0).abs() < 0.02, "{found} {truth}");
        let loss = (network.error(&data).unwrap() + network.contraction(&data).unwrap()).unwrap();
        learner.every_weight_learns(&loss);
    }
}
