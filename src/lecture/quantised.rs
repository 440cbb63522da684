//! Vector quantisation (strategy A2; van den Oord et al. 2017): the encoder's guess snaps
//! to the nearest of K codes, so z says log₂ K bits and no more. F(y) = min_k ½κ‖y −
//! g(code_k)‖², a table.

use super::desk::Desk;
use super::film::Film;
use super::learner::Learner;
use super::sets::{Set, batch, pairs, square, tensor};
use crate::energy::{Perceptron, Plane, Table};
use crate::error::Result;
use crate::models::{Init, Scope};
use crate::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use crate::rng::{Rng, Seed};
use candle_core::Tensor;

/// An encoder, K codes of two numbers, a decoder.
#[derive(Debug, Clone)]
pub struct Quantised {
    encoder: Perceptron,
    decoder: Perceptron,
    codes: Tensor,
}

impl Quantised {
    fn new(count: usize, mut scope: Scope) -> Result<Self> {
        Ok(Self {
            encoder: Perceptron::new(&[2, 64, 2], 2.0, scope.scope("encoder"))?,
            decoder: Perceptron::new(&[2, 64, 2], 2.0, scope.scope("decoder"))?,
            codes: scope.get("codes", (count, 2), Init::Normal { std: 0.3 })?,
        })
    }

    /// The nearest code of each guess (B, 2): its number, (B,).
    fn nearest(&self, guess: &Tensor) -> Result<Tensor> {
        let apart = guess
            .unsqueeze(1)?
            .broadcast_sub(&self.codes.unsqueeze(0)?)?;
        Ok(apart.sqr()?.sum(2)?.argmin(1)?)
    }

    /// The loss of each y (B, 2), (B,): the error of the decoded code, whose gradient goes
    /// to the encoder as if nothing had snapped; the code to the guess; and, a quarter as
    /// strong, the guess to the code.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn loss(&self, y: &Tensor) -> Result<Tensor> {
        let guess = self.encoder.forward(y)?;
        let code = self
            .codes
            .index_select(&self.nearest(&guess.detach())?, 0)?;
        let snapped = (&guess + (&code - &guess)?.detach())?;
        let error = (y - self.decoder.forward(&snapped)?)?.sqr()?.sum(1)?;
        let to_guess = (&code - guess.detach())?.sqr()?.sum(1)?;
        let to_code = (guess - code.detach())?.sqr()?.sum(1)?;
        Ok(((error + to_guess)? + (to_code * 0.25)?)?)
    }

    /// Learns from data (N, 2); codes that no point took in 100 steps move to a point's
    /// guess. `watch` is as [`Learner::train`] has it.
    ///
    /// # Errors
    /// Training that diverges.
    pub fn fit(
        data: &Tensor,
        count: usize,
        steps: usize,
        seed: Seed,
        rng: &mut Rng,
        watch: impl FnMut(usize, &Self) -> Result<()>,
    ) -> Result<Learner<Self>> {
        let mut learner = Learner::new(seed, |scope| Self::new(count, scope))?;
        let mut taken = vec![false; count];
        let (mut made, mut before) = (0, None);
        learner.train(steps, 5e-3, watch, |learner| {
            if let Some(before) = &before {
                let guess = learner.frozen.encoder.forward(before)?;
                for code in learner.frozen.nearest(&guess)?.to_vec1::<u32>()? {
                    taken[code as usize] = true;
                }
                if made % 100 == 0 && 2 * made <= steps {
                    let codes = learner.frozen.revived(&taken, &guess, rng)?;
                    learner.set("codes", &codes)?;
                    taken.fill(false);
                }
            }
            let y = batch(data, 256, rng)?;
            let loss = learner.network.loss(&y)?.mean_all()?;
            (made, before) = (made + 1, Some(y));
            Ok(loss)
        })?;
        Ok(learner)
    }

    /// The codes, those not taken moved to one of the guesses (B, 2).
    fn revived(&self, taken: &[bool], guesses: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let guesses = guesses.to_vec2::<f32>()?;
        let mut codes = self.codes.to_vec2::<f32>()?;
        for (code, taken) in codes.iter_mut().zip(taken) {
            if !taken {
                code.clone_from(&guesses[rng.below(guesses.len())]);
            }
        }
        let shape = self.codes.shape();
        Ok(Tensor::from_vec(
            codes.concat(),
            shape,
            self.codes.device(),
        )?)
    }

    /// g of each code.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn decoded(&self) -> Result<Vec<[f64; 2]>> {
        pairs(&self.decoder.forward(&self.codes)?.detach())
    }

    /// ½‖y − g(code)‖² of each point and code.
    ///
    /// # Errors
    /// A point that is not finite.
    pub fn energies(&self, points: &[[f64; 2]]) -> Result<Table> {
        let decoded = self.decoded()?;
        let row = |y: &[f64; 2]| decoded.iter().map(|g| 0.5 * square(*y, *g)).collect();
        Table::new(points.iter().map(row).collect())
    }
}

/// Codes of the figure.
const CODES: usize = 24;
const STEPS: usize = 1500;

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let map = |title: &str, network: &Quantised, points: &[[f64; 2]]| -> Result<Panel> {
        Ok(Panel::plane(title, 1.4)
            .map(plane, network.energies(&plane.points())?.least())
            .points(&points[..300], ORANGE, 1)
            .points(&network.decoded()?, VIOLET, 3))
    };
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    let mut film = Film::new("step", STEPS);
    for (name, set) in [("spiral", Set::Spiral), ("ellipse", Set::Ellipse)] {
        let mut rng = desk.rng(&format!("vq/{name}"));
        let points = set.draw(2000, &mut rng);
        let data = tensor(&points)?;
        let watch = |step: usize, network: &Quantised| match set {
            Set::Spiral => film.take(step, |title| map(title, network, &points)),
            _ => Ok(()),
        };
        let learner = Quantised::fit(&data, CODES, STEPS, desk.seed, &mut rng, watch)?;
        let table = learner.frozen.energies(&points)?;
        let mut used = [false; CODES];
        table.best().into_iter().for_each(|code| used[code] = true);
        rows.push(vec![
            name.to_owned(),
            format!("{:.5}", table.least().iter().sum::<f64>() / 2000.0),
            format!("{} of {CODES}", used.iter().filter(|used| **used).count()),
        ]);
        let title = format!("VQ: F(y), {name}");
        panels.push(map(&title, &learner.frozen, &points)?);
    }
    desk.table(&["", "mean F on the data", "codes used"], &rows);
    desk.figure(&Figure::new(2, panels))?;
    desk.film(&film)
}

#[cfg(test)]
mod tests {
    use super::super::unwatched;
    use super::*;

    #[test]
    fn codes_explain_an_ellipse_and_every_weight_learns() {
        let mut rng = Seed(1).stream("test", 0);
        let points = Set::Ellipse.draw(500, &mut rng);
        let data = tensor(&points).unwrap();
        let learner = Quantised::fit(&data, 8, 400, Seed(1), &mut rng, unwatched).unwrap();
        let energy = learner.frozen.energies(&points).unwrap().least();
        let energy = energy.iter().sum::<f64>() / 500.0;
        // Without codes ½·0.63; with eight wells by K-means about 0.02.
        assert!(energy < 0.06, "{energy}");
        let loss = learner.network.loss(&data).unwrap().sum_all().unwrap();
        learner.every_weight_learns(&loss);
    }
}
