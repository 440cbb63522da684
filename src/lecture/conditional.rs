//! F(x, y): the road that forks. x is where we are along it, y where across; from x = −0.2
//! on there are two answers. A network E(x, y) is learned by maximum likelihood of y given
//! x, log ∫exp(−E(x, y)) dy by quadrature over the line of y's, and beside it least squares.

use super::desk::Desk;
use super::film::Film;
use super::learner::{Learner, unwatched};
use super::sets::{Set, batch};
use crate::energy::{Energy, Field as _, Perceptron, Plane, ScalarNetwork};
use crate::error::Result;
use crate::outputs::figure::{Figure, GREEN, ORANGE, Panel, VIOLET};
use crate::rng::{Rng, Seed};
use crate::sampling::{Hamiltonian, walk};
use candle_core::{Device, Tensor};

/// E(x, y) of x (B, 1) and y (B, 1).
#[derive(Debug, Clone)]
pub struct Road {
    network: ScalarNetwork,
}

impl Energy for Road {
    fn energy(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        self.network.energy(&Tensor::cat(&[x, y], 1)?)
    }
}

/// y's of the line over which is integrated.
const LINE: usize = 48;
const REACH: f64 = 1.5;

impl Road {
    /// −log p(y | x) of each pair, (B,).
    ///
    /// # Errors
    /// What candle refuses.
    pub fn cost(&self, x: &Tensor, y: &Tensor) -> Result<Tensor> {
        let count = x.dim(0)?;
        let width = 2.0 * REACH / LINE as f64;
        let line: Vec<f32> = (0..LINE)
            .map(|index| (-REACH + (index as f64 + 0.5) * width) as f32)
            .collect();
        let line = Tensor::from_vec(line, (1, LINE), x.device())?;
        let of = |t: &Tensor| -> Result<Tensor> {
            let wide = t.broadcast_as((count, LINE))?.contiguous()?;
            Ok(wide.reshape((count * LINE, 1))?)
        };
        let energies = self.energy(&of(x)?, &of(&line)?)?.reshape((count, LINE))?;
        let log = (energies.neg()?.log_sum_exp(1)? + width.ln())?;
        Ok((self.energy(x, y)? + log)?)
    }

    /// Learns from pairs (N, 2); `watch` is as [`Learner::train`] has it.
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
        let mut learner = Learner::new(seed, |scope| {
            let network = ScalarNetwork::new(2, 48, 1.0, scope)?;
            Ok(Self { network })
        })?;
        // A constant is in E and in the integral: it moves nothing.
        learner.mark_optional("layer2.bias")?;
        learner.train(steps, 1e-2, watch, |learner| {
            let pairs = batch(data, 128, rng)?;
            let (x, y) = (pairs.narrow(1, 0, 1)?, pairs.narrow(1, 1, 1)?);
            Ok(learner.network.cost(&x, &y)?.mean_all()?)
        })?;
        Ok(learner)
    }

    /// `count` draws of y given x, by HMC over y with x held.
    ///
    /// # Errors
    /// A sampler that diverges.
    pub fn draw(&self, x: f64, count: usize, rng: &mut Rng) -> Result<Vec<f64>> {
        let x = Tensor::full(x as f32, (count, 1), &Device::Cpu)?;
        let start = rng.uniform_tensor(-1.0, 1.0, (count, 1), &Device::Cpu)?;
        let sampler = Hamiltonian {
            size: 0.06,
            leaps: 8,
        };
        let field = self.held(&x);
        let walked = walk((&sampler, &field), &start, 60, rng, |_| Ok(()))?;
        let draws = walked.place.flatten_all()?.to_vec1::<f32>()?;
        Ok(draws.into_iter().map(f64::from).collect())
    }
}

/// ŷ(x) by least squares.
fn least_squares(data: &Tensor, seed: Seed, rng: &mut Rng) -> Result<Learner<Perceptron>> {
    let mut learner = Learner::new(seed, |scope| Perceptron::new(&[1, 48, 48, 1], 3.0, scope))?;
    learner.train(STEPS, 5e-3, unwatched, |learner| {
        let pairs = batch(data, 128, rng)?;
        let off = (pairs.narrow(1, 1, 1)? - learner.network.forward(&pairs.narrow(1, 0, 1)?)?)?;
        Ok(off.sqr()?.mean_all()?)
    })?;
    Ok(learner)
}

const STEPS: usize = 600;

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 1.2,
        side: 100,
    };
    let mut rng = desk.rng("conditional");
    let points = Set::Fork.draw(4000, &mut rng);
    let data = super::sets::tensor(&points)?;
    let grid = plane.tensor(&Device::Cpu)?;
    let map = |title: &str, road: &Road| -> Result<Panel> {
        let costs = road.cost(&grid.narrow(1, 0, 1)?, &grid.narrow(1, 1, 1)?)?;
        let costs = costs.to_vec1::<f32>()?.into_iter().map(f64::from).collect();
        Ok(Panel::plane(title, 1.2)
            .axes(["x", "y"])
            .map(plane, costs)
            .points(&points[..300], ORANGE, 1))
    };
    let mut film = Film::new("step", STEPS);
    let learner = Road::fit(&data, STEPS, desk.seed, &mut rng, |step, road| {
        film.take(step, |title| map(title, road))
    })?;
    let road = &learner.frozen;
    let mean = least_squares(&data, desk.seed, &mut rng)?;

    let axis: Vec<f32> = plane.axis().iter().map(|&x| x as f32).collect();
    let column = Tensor::from_vec(axis, (plane.side, 1), &Device::Cpu)?;
    let line = mean
        .frozen
        .forward(&column)?
        .flatten_all()?
        .to_vec1::<f32>()?;
    let line = plane.axis().into_iter().zip(line);
    let line: Vec<[f64; 2]> = line.map(|(x, y)| [x, f64::from(y)]).collect();

    let mut drawn = Vec::new();
    let mut rows = Vec::new();
    for x in [-0.6, 0.2, 0.5, 0.8] {
        let draws = road.draw(x, 200, &mut rng)?;
        let up = draws.iter().filter(|y| **y > 0.0).count();
        let rise = 0.7 * f64::max(x + 0.2, 0.0);
        let near = |y: &&f64| (y.abs() - rise).abs() < 0.15 || (rise == 0.0 && y.abs() < 0.15);
        let of_mean = mean
            .frozen
            .forward(&Tensor::new(&[[x as f32]], &Device::Cpu)?)?;
        rows.push(vec![
            format!("{x}"),
            format!("±{rise:.2}"),
            format!("{:.0}% up", up as f64 / 2.0),
            format!("{:.0}%", draws.iter().filter(near).count() as f64 / 2.0),
            format!("{:+.2}", of_mean.to_vec2::<f32>()?[0][0]),
        ]);
        drawn.extend(draws.into_iter().map(|y| [x, y]));
    }
    desk.table(
        &[
            "x",
            "the road",
            "200 draws of y",
            "within 0.15 of the road",
            "least squares",
        ],
        &rows,
    );
    desk.figure(&Figure::new(
        2,
        vec![
            map("-log p(y | x); least squares", road)?.curve(line, VIOLET, ""),
            Panel::plane("draws of y by HMC, x held", 1.2)
                .axes(["x", "y"])
                .points(&points[..600], GREEN, 1)
                .points(&drawn, ORANGE, 2),
        ],
    ))?;
    desk.film(&film)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_answers_are_drawn_where_there_are_two() {
        let mut rng = Seed(1).stream("test", 0);
        let data = super::super::sets::tensor(&Set::Fork.draw(2000, &mut rng)).unwrap();
        let learner = Road::fit(&data, 300, Seed(1), &mut rng, unwatched).unwrap();
        let draws = learner.frozen.draw(0.6, 200, &mut rng).unwrap();
        let up = draws.iter().filter(|y| (*y - 0.56).abs() < 0.2).count();
        let down = draws.iter().filter(|y| (*y + 0.56).abs() < 0.2).count();
        assert!(up + down > 160 && up > 40 && down > 40, "{up} {down}");
        let cost = learner
            .network
            .cost(
                &data.narrow(1, 0, 1).unwrap(),
                &data.narrow(1, 1, 1).unwrap(),
            )
            .unwrap();
        learner.every_weight_learns(&cost);
    }
}
