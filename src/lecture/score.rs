//! Score matching (strategy A4): make ∇E the data's own slope, with no partition
//! function: small at the data, and bent upwards there.
//!
//! Sliced (Song et al. 2019), for random v: ½(vᵀ∇E)² − vᵀ∇²E v, a second derivative.
//! Denoising (Vincent 2011): at y + σn, ∇E should be n/σ.

use super::desk::Desk;
use super::film::Film;
use super::learner::{Learner, unwatched};
use super::likelihood::{log_likelihood, model_points, network, panel};
use super::sets::{Set, batch, pairs, tensor};
use crate::energy::{Field as _, ScalarNetwork};
use crate::error::Result;
use crate::outputs::figure::{Figure, INK, ORANGE, Panel};
use crate::rng::Rng;
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
        learner.train(steps, 5e-3, watch, |learner| {
            let y = batch(data, 256, rng)?;
            Ok(self.loss(&learner.network, &y, rng)?.mean_all()?)
        })
    }
}

/// The cosine between two energies' slopes at points (N, 2), as fields: Σ a·b / √(Σ‖a‖²
/// Σ‖b‖²). (A mean of one cosine a point would be ruled by those on the ridge, whose slopes
/// are next to 0 and point anywhere.)
///
/// # Errors
/// What candle refuses.
pub fn cosine(a: &ScalarNetwork, b: &ScalarNetwork, points: &Tensor) -> Result<f64> {
    let ((_, a), (_, b)) = (a.slope(points)?, b.slope(points)?);
    let sum = |a: &Tensor, b: &Tensor| -> Result<f64> {
        Ok(f64::from((a * b)?.sum_all()?.to_scalar::<f32>()?))
    };
    Ok(sum(&a, &b)? / (sum(&a, &a)? * sum(&b, &b)?).sqrt())
}

const STEPS: usize = 2000;

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let mut rng = desk.rng("score");
    let points = model_points(Set::Spiral, desk.seed);
    let held_out = tensor(&Set::Spiral.draw(2000, &mut rng))?;
    let data = tensor(&points)?;
    let exact = desk.exact_model(Set::Spiral)?;
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
        rows.push(vec![
            name.to_owned(),
            format!("{:.3}", cosine(&learner.frozen, &exact, &held_out)?),
            format!("{:.3}", log_likelihood(&learner.frozen, &held_out)?),
        ]);
        let (_, slope) = learner.frozen.slope(&tensor(&points[..150])?)?;
        let arrows = points.iter().copied().zip(pairs(&slope)?);
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
    let reference = log_likelihood(&exact, &held_out)?;
    rows.push(vec![
        "quadrature (C1)".into(),
        "1".into(),
        format!("{reference:.3}"),
    ]);
    desk.table(
        &[
            "score matching",
            "cosine with C1's score, held out (asked: 0.95)",
            "log-likelihood held out",
        ],
        &rows,
    )?;
    desk.figure(&Figure::new(3, panels))?;
    desk.film(&film)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Bell;
    use crate::rng::Seed;

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
            let (_, slope) = learner.frozen.slope(&data).unwrap();
            let pairs = pairs(&slope)
                .unwrap()
                .into_iter()
                .zip(pairs(&truth).unwrap());
            let cosines: Vec<f64> = pairs
                .map(|(a, b)| (a[0] * b[0] + a[1] * b[1]) / (a[0].hypot(a[1]) * b[0].hypot(b[1])))
                .collect();
            let mean = cosines.iter().sum::<f64>() / cosines.len() as f64;
            assert!(mean > 0.95, "{matching:?}: {mean}");
        }
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
