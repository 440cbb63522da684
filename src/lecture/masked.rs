//! The masked autoencoder in the plane (strategy C3, as BERT): each coordinate is one of
//! so many bins, one is hidden, and the other says which bins it may be in. Cross-entropy
//! over a table of bins keeps two answers apart, where least squares would average them.
//!
//! E(y) = −log p(y₂ | y₁) − log p(y₁ | y₂), up to the bins' width: the pseudo-likelihood
//! (Besag 1975).

use super::desk::Desk;
use super::film::Film;
use super::learner::Learner;
use super::sets::{Set, batch, tensor};
use crate::energy::{Perceptron, Plane};
use crate::error::Result;
use crate::ops::cross_entropy;
use crate::outputs::figure::{Figure, GREEN, ORANGE, Panel, VIOLET};
use crate::rng::{Rng, Seed};
use candle_core::{Device, Tensor};

/// The bins lie in [−REACH, REACH].
const REACH: f64 = 1.4;
/// Bins of a coordinate.
const BINS: usize = 40;

/// Which bins a hidden coordinate may be in: (its neighbour, which one is hidden) → logits.
#[derive(Debug, Clone)]
pub struct Masked {
    network: Perceptron,
}

/// The bin of a coordinate.
fn bin(v: f64) -> usize {
    let place = (v + REACH) / (2.0 * REACH) * BINS as f64;
    (place.max(0.0) as usize).min(BINS - 1)
}

/// What the network sees: the neighbour, and 1 where the first coordinate is hidden, −1
/// where the second is. (B, 2).
fn seen(points: &[[f64; 2]], hidden: usize) -> Result<Tensor> {
    let side = 1.0 - 2.0 * hidden as f64;
    let rows: Vec<[f64; 2]> = points.iter().map(|y| [y[1 - hidden], side]).collect();
    tensor(&rows)
}

impl Masked {
    /// −log p of the bin of the hidden coordinate of each point, (B,).
    ///
    /// # Errors
    /// What candle refuses.
    pub fn cost(&self, points: &[[f64; 2]], hidden: usize) -> Result<Tensor> {
        let bins: Vec<u32> = points.iter().map(|y| bin(y[hidden]) as u32).collect();
        let bins = Tensor::from_vec(bins, points.len(), &Device::Cpu)?;
        cross_entropy(&self.network.forward(&seen(points, hidden)?)?, &bins)
    }

    /// E of each point.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn energies(&self, points: &[[f64; 2]]) -> Result<Vec<f64>> {
        let sum = (self.cost(points, 0)? + self.cost(points, 1)?)?;
        Ok(sum.to_vec1::<f32>()?.into_iter().map(f64::from).collect())
    }

    /// Learns from points in `steps` steps; `watch` is as [`Learner::train`] has it.
    ///
    /// # Errors
    /// Training that diverges.
    pub fn fit(
        points: &[[f64; 2]],
        steps: usize,
        seed: Seed,
        rng: &mut Rng,
        watch: impl FnMut(usize, &Self) -> Result<()>,
    ) -> Result<Learner<Self>> {
        let mut learner = Learner::new(seed, |scope| {
            Ok(Self {
                network: Perceptron::new(&[2, 96, 96, BINS], 3.0, scope)?,
            })
        })?;
        let data = tensor(points)?;
        learner.train(steps, 5e-3, watch, |learner| {
            let y = super::sets::pairs(&batch(&data, 256, rng)?)?;
            let cost = (learner.network.cost(&y, 0)? + learner.network.cost(&y, 1)?)?;
            Ok(cost.mean_all()?)
        })?;
        Ok(learner)
    }
}

const STEPS: usize = 1000;

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: REACH,
        side: 2 * BINS,
    };
    let map = |title: &str, network: &Masked, points: &[[f64; 2]]| -> Result<Panel> {
        Ok(Panel::plane(title, REACH)
            .map(plane, network.energies(&plane.points())?)
            .points(&points[..300], ORANGE, 1))
    };
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    let mut film = Film::new("step", STEPS);
    for (name, set) in [("spiral", Set::Spiral), ("fork", Set::Fork)] {
        let mut rng = desk.rng(&format!("masked/{name}"));
        let points = set.draw(4000, &mut rng);
        let held_out = set.draw(2000, &mut rng);
        let watch = |step: usize, network: &Masked| match set {
            Set::Spiral => film.take(step, |title| map(title, network, &points)),
            _ => Ok(()),
        };
        let learner = Masked::fit(&points, STEPS, desk.seed, &mut rng, watch)?;
        let cost = |hidden: usize| -> Result<f64> {
            let cost = learner.frozen.cost(&held_out, hidden)?.mean_all()?;
            Ok(f64::from(cost.to_scalar::<f32>()?))
        };
        rows.push(vec![
            name.to_owned(),
            format!("{:.2}", cost(0)?),
            format!("{:.2}", cost(1)?),
            format!("{:.2}", (BINS as f64).ln()),
        ]);
        let title = format!("masked: E(y), {name}");
        panels.push(map(&title, &learner.frozen, &points)?);
        if set == Set::Fork {
            let logits = learner.frozen.network.forward(&seen(&[[0.6, 0.0]], 1)?)?;
            let shares = candle_nn::ops::softmax(&logits, 1)?.to_vec2::<f32>()?;
            let place = |index: usize| -REACH + (index as f64 + 0.5) * 2.0 * REACH / BINS as f64;
            let mean: f64 = (shares[0].iter().enumerate())
                .map(|(index, share)| f64::from(*share) * place(index))
                .sum();
            let most = shares[0].iter().copied().fold(0.0f32, f32::max);
            let profile = shares[0].iter().enumerate();
            let profile = profile.map(|(index, share)| [place(index), f64::from(*share)]);
            panels.push(
                Panel::chart("fork: p(y2 | y1 = 0.6)", ["y2", "p"])
                    .curve(profile.collect(), GREEN, "by bins")
                    .curve(
                        vec![[mean, 0.0], [mean, f64::from(most)]],
                        VIOLET,
                        "least squares",
                    ),
            );
        }
    }
    desk.table(
        &["", "-log p(y1 | y2)", "-log p(y2 | y1)", "of even bins"],
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
    fn bins_cover_the_line() {
        assert_eq!(
            (bin(-2.0), bin(-REACH), bin(0.0), bin(9.0)),
            (0, 0, BINS / 2, BINS - 1)
        );
    }

    #[test]
    fn two_answers_stay_two() {
        let mut rng = Seed(1).stream("test", 0);
        let points = Set::Fork.draw(2000, &mut rng);
        let learner = Masked::fit(&points, 300, Seed(1), &mut rng, unwatched).unwrap();
        let cost = |y2: f64| {
            let cost = learner.frozen.cost(&[[0.7, y2]], 1).unwrap();
            cost.to_vec1::<f32>().unwrap()[0]
        };
        // The branches are at ±0.63, their mean at 0.
        let (up, down, between) = (cost(0.63), cost(-0.63), cost(0.0));
        assert!(
            up < between - 2.0 && down < between - 2.0,
            "{up} {down} {between}"
        );
        let loss = learner
            .network
            .cost(&points[..9], 0)
            .unwrap()
            .sum_all()
            .unwrap();
        learner.every_weight_learns(&loss);
    }
}
