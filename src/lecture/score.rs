//! Score matching (strategy A4): make ∇E the data's own slope, with no partition
//! function: small at the data, and bent upwards there.
//!
//! Sliced (Song et al. 2019), for random v: ½(vᵀ∇E)² − vᵀ∇²E v, a second derivative.
//! Denoising (Vincent 2011): at y + σn, ∇E should be n/σ.

use super::desk::Desk;
use super::film::Film;
use super::learner::{Learner, unwatched};
use super::likelihood::{exact_model, log_likelihood, model_points, network, panel};
use super::sets::{Set, batch, pairs, tensor};
use crate::energy::{Field as _, ScalarNetwork};
use crate::error::Result;
use crate::outputs::figure::{Figure, INK, ORANGE, Panel};
use crate::rng::{Rng, Seed};
use candle_core::Tensor;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Matching {
    /// Along random directions of length √d on average.
    Sliced,
    /// Off by noise of this standard deviation, in units of y.
    Denoising(f64),
}

impl Matching {
    /// The loss of each point of a batch y (B, d), (B,).
    ///
    /// # Errors
    /// What candle refuses.
    pub fn loss(self, network: &ScalarNetwork, y: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let noise = rng.normal_tensor(y.shape(), y.device())?;
        match self {
            Self::Sliced => {
                let along = network.along(y, &noise)?;
                Ok(((along.slope.sqr()? * 0.5)? - along.curvature)?)
            }
            Self::Denoising(width) => {
                let slope = network.gradient(&(y + (&noise * width)?)?)?;
                // Times σ², so that its size does not depend on σ.
                let off = ((slope * width)? - noise)?;
                Ok((off.sqr()?.sum(1)? * 0.5)?)
            }
        }
    }

    /// Lowers the loss on data (N, 2) in `steps` steps; `watch` is as
    /// [`Learner::train`] has it.
    ///
    /// # Errors
    /// Training that diverges.
    pub fn fit(
        self,
        learner: &mut Learner<ScalarNetwork>,
        data: &Tensor,
        steps: usize,
        rng: &mut Rng,
        watch: impl FnMut(usize, &ScalarNetwork) -> Result<()>,
    ) -> Result<()> {
        // A constant moves no slope.
        learner.mark_optional("layer2.bias")?;
        learner.train(steps, 1e-2, watch, |learner| {
            let y = batch(data, 512, rng)?;
            Ok(self.loss(&learner.network, &y, rng)?.mean_all()?)
        })
    }
}

/// How alike two energies' slopes are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Alike {
    /// The cosine between them as fields: Σ a·b / √(Σ‖a‖² Σ‖b‖²). Steep places count most.
    pub field: f64,
    /// The mean of the cosines at each point. On the ridge slopes are next to 0, and point to
    /// one side or the other for next to nothing.
    pub pointwise: f64,
}

/// How alike slopes at the same points are.
pub fn alike(a: &[[f64; 2]], b: &[[f64; 2]]) -> Alike {
    let dot = |a: [f64; 2], b: [f64; 2]| a[0] * b[0] + a[1] * b[1];
    let cosine = |ab: f64, aa: f64, bb: f64| ab / (aa * bb).sqrt().max(f64::MIN_POSITIVE);
    let (mut all, mut pointwise) = ([0.0; 3], 0.0);
    for (&a, &b) in a.iter().zip(b) {
        let each = [dot(a, b), dot(a, a), dot(b, b)];
        all = std::array::from_fn(|i| all[i] + each[i]);
        pointwise += cosine(each[0], each[1], each[2]);
    }
    Alike {
        field: cosine(all[0], all[1], all[2]),
        pointwise: pointwise / a.len() as f64,
    }
}

/// ∇E at points (N, 2).
fn slopes(network: &ScalarNetwork, points: &Tensor) -> Result<Vec<[f64; 2]>> {
    pairs(&network.slope(points)?.1)
}

const STEPS: usize = 2000;

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let mut rng = desk.rng("score");
    let points = model_points(Set::Spiral, desk.seed);
    let apart = Set::Spiral.draw(2000, &mut rng);
    let held_out = tensor(&apart)?;
    let data = tensor(&points)?;
    let exact = desk.exact_model(Set::Spiral)?;
    // By other weights and draws, C1 is like itself so far and no farther.
    let again = exact_model(Set::Spiral, Seed(desk.seed.0 + 1))?.frozen;
    let by_exact = slopes(&exact, &held_out)?;
    let truth: Vec<[f64; 2]> = apart.iter().map(|&y| Set::Spiral.slope(y)).collect();
    let row = |name: &str, network: &ScalarNetwork| -> Result<Vec<String>> {
        let found = slopes(network, &held_out)?;
        let [with_exact, with_truth] = [&by_exact, &truth].map(|other| alike(&found, other));
        let mut row = vec![name.to_owned()];
        for alike in [with_exact, with_truth] {
            row.push(format!("{:.3}", alike.field));
            row.push(format!("{:.3}", alike.pointwise));
        }
        row.push(format!("{:.3}", log_likelihood(network, &held_out)?));
        Ok(row)
    };
    let (mut rows, mut film) = (Vec::new(), Film::new("step", STEPS));
    let mut panels = vec![panel("quadrature (C1)", &exact, &points)?];
    for (name, matching) in [
        ("sliced", Matching::Sliced),
        ("denoising, 0.03", Matching::Denoising(0.03)),
    ] {
        let mut learner = network(desk.seed)?;
        let watch = |step: usize, network: &ScalarNetwork| match matching {
            Matching::Denoising(_) => film.take(step, |title| panel(title, network, &points)),
            Matching::Sliced => Ok(()),
        };
        matching.fit(&mut learner, &data, STEPS, &mut rng, watch)?;
        rows.push(row(name, &learner.frozen)?);
        let arrows = slopes(&learner.frozen, &tensor(&points[..150])?)?;
        let arrows = points.iter().copied().zip(arrows);
        let arrows = arrows
            .map(|(y, slope)| (y, slope.map(|v| -0.005 * v)))
            .collect();
        panels.push(panel(name, &learner.frozen, &points[..1])?);
        panels.push(
            Panel::plane(format!("-grad E at data, {name}"), 1.4)
                .points(&points[..150], ORANGE, 1)
                .arrows(arrows, INK),
        );
    }
    let ellipse = Set::Ellipse.draw(4000, &mut rng);
    let mut learner = network(desk.seed)?;
    let matching = Matching::Denoising(0.03);
    let data = tensor(&ellipse)?;
    matching.fit(&mut learner, &data, STEPS, &mut rng, unwatched)?;
    panels.push(panel("denoising, ellipse", &learner.frozen, &ellipse)?);
    rows.push(row("quadrature (C1), another seed", &again)?);
    rows.push(row("quadrature (C1)", &exact)?);
    let truth = apart.iter().map(|&y| -Set::Spiral.cost(y)).sum::<f64>();
    let mut last = vec![String::new(); 6];
    last[0] = "the density itself".to_owned();
    last[5] = format!("{:.3}", truth / apart.len() as f64);
    rows.push(last);
    desk.table(
        &[
            "held out: cosine with",
            "C1's score (asked: 0.95)",
            "by point",
            "the true score",
            "by point",
            "log-likelihood",
        ],
        &rows,
    );
    desk.figure(&Figure::new(3, panels))?;
    desk.film(&film)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Bell;

    /// Of a Gaussian the slope is known.
    #[test]
    fn both_find_a_gaussians_slope() {
        let bell = Bell::new([0.2, -0.1], [[0.2, 0.12], [0.12, 0.15]]).unwrap();
        let mut rng = Seed(1).stream("test", 0);
        let points: Vec<_> = (0..3000).map(|_| bell.draw(&mut rng)).collect();
        let data = tensor(&points).unwrap();
        let (_, truth) = bell.slope(&data).unwrap();
        for matching in [Matching::Sliced, Matching::Denoising(0.1)] {
            let mut learner = network(Seed(1)).unwrap();
            let fitted = matching.fit(&mut learner, &data, 400, &mut rng, unwatched);
            fitted.unwrap();
            let found = slopes(&learner.frozen, &data).unwrap();
            let mean = alike(&found, &pairs(&truth).unwrap()).pointwise;
            assert!(mean > 0.95, "{matching:?}: {mean}");
        }
    }

    #[test]
    fn the_spirals_own_slope_is_found() {
        let mut rng = Seed(1).stream("test", 0);
        let points = Set::Spiral.draw(20_000, &mut rng);
        let held_out = Set::Spiral.draw(1000, &mut rng);
        let mut learner = network(Seed(1)).unwrap();
        let matching = Matching::Denoising(0.03);
        let data = tensor(&points).unwrap();
        let fitted = matching.fit(&mut learner, &data, 600, &mut rng, unwatched);
        fitted.unwrap();
        let found = slopes(&learner.frozen, &tensor(&held_out).unwrap()).unwrap();
        let truth: Vec<_> = held_out.iter().map(|&y| Set::Spiral.slope(y)).collect();
        let alike = alike(&found, &truth);
        assert!(alike.field > 0.95 && alike.pointwise > 0.9, "{alike:?}");
    }

    #[test]
    fn alike_is_a_cosine() {
        let (a, b) = ([[1.0, 0.0], [0.0, 2.0]], [[3.0, 0.0], [2.0, 0.0]]);
        let found = alike(&a, &b);
        assert!((found.field - 3.0 / 65f64.sqrt()).abs() < 1e-9, "{found:?}");
        assert!((found.pointwise - 0.5).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn every_weight_but_the_constant_learns() {
        let learner = network(Seed(1)).unwrap();
        let mut rng = Seed(2).stream("test", 0);
        let y = tensor(&Set::Spiral.draw(9, &mut rng)).unwrap();
        for matching in [Matching::Sliced, Matching::Denoising(0.1)] {
            let loss = matching.loss(&learner.network, &y, &mut rng).unwrap();
            let gradients = loss.sum_all().unwrap().backward().unwrap();
            for (name, var) in learner.weights().pairs() {
                let gets = gradients.get(var).is_some();
                assert_eq!(gets, name != "layer2.bias", "{name}");
            }
        }
    }
}
