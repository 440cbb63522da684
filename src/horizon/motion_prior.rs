//! p(z | x) without a network: kernel ridge regression from how a piece moved before, and
//! what is left over as it was found at moments that were alike.

use super::kernel_ridge::Bumps;
use super::likeness::Likeness;
use super::motion_layout::MotionLayout;
use super::piece_prior::PiecePrior;
use super::ridge::{Ridge, best_penalty, foretold, remainders};
use super::standard::{standard, standardised};
use crate::error::Result;
use std::ops::Range;

/// What a piece's z is foretold from, and z*.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionExample {
    /// What the past shows of the piece.
    pub features: Vec<f64>,
    /// z*.
    pub motion: Vec<f64>,
    /// Whether all of the piece is seen, at first and at last: what a side cuts off seems to turn and to shrink.
    pub whole: bool,
}

/// p(z | x) of a piece: m(x) + s(x)·r, with r one of the remainders of training and a little noise
/// about it (a kernel density).
#[derive(Debug, Clone, PartialEq)]
pub struct MotionPrior {
    /// Mean and deviation of each feature.
    pub(super) standard: Vec<(f64, f64)>,
    /// For each number of z, a weight of each feature and a constant: the lines of m(x).
    pub(super) weights: Vec<Vec<f64>>,
    /// What m(x) adds to these in the first numbers of z.
    pub(super) bumps: Bumps,
    /// ln s(x) = a + b·ln of how much moved before.
    pub(super) scale: (f64, f64),
    /// What the numbers are.
    pub(super) layout: MotionLayout,
    /// Remainders of training, in units of s(x) where it scales.
    pub(super) remainders: Vec<Vec<f64>>,
    /// The kernel's deviation in each number of z, in the same units.
    pub(super) width: Vec<f64>,
    /// How alike moments must be to have the same remainders.
    pub(super) likeness: Likeness,
}

/// Added to how much moved before, so that its logarithm is one where nothing did.
const LEAST_MOTION: f64 = 0.01;

impl MotionPrior {
    /// From `examples`, at least one, in the order of the film.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn learn(examples: &[MotionExample], layout: MotionLayout) -> Result<Self> {
        let (scaled, marks) = (layout.scaled, layout.marks);
        let count = examples.len() as f64;
        let features: Vec<&[f64]> = examples.iter().map(|e| &e.features[..]).collect();
        let standard = standard(&features);
        let rows: Vec<Vec<f64>> = examples
            .iter()
            .map(|e| standardised(&standard, &e.features))
            .collect();
        let size = examples.first().map_or(0, |e| e.motion.len());
        // How far all is from going on as before.
        let offs: Vec<Vec<f64>> = (examples.iter())
            .map(|e| {
                let on = layout.going_on(&e.features, size);
                e.motion.iter().zip(on).map(|(z, on)| z - on).collect()
            })
            .collect();
        let (curve, mut left) = layout.curve(examples, &rows, &offs)?;
        let mut weights = curve.lines;
        let large = large(examples, marks);
        let [shape, turned] = fit(&rows, &offs, (&large, scaled..size))?;
        weights.extend(shape);
        for &(number, feature) in &layout.carried {
            let (mean, deviation) = standard[feature];
            let weights = &mut weights[number];
            weights[feature] += deviation;
            weights[rows[0].len()] += mean;
        }
        let turned = keep_usual(turned);
        for (index, left) in left.iter_mut().enumerate() {
            // A small piece may turn in any way, so it takes what a large one did.
            left.extend(&turned[index * turned.len() / examples.len()]);
        }
        let mut prior = Self {
            standard,
            weights,
            bumps: curve.bumps,
            scale: (0.0, 0.0),
            layout,
            remainders: Vec::new(),
            width: vec![0.0; size],
            likeness: Likeness::none(marks),
        };
        // Each number of z counts alike in how far off an example is.
        let deviation: Vec<f64> = (0..size)
            .map(|at| {
                let sum: f64 = left.iter().map(|r| r[at].powi(2)).sum();
                (sum / count).sqrt().max(1e-6)
            })
            .collect();
        let off = |r: &Vec<f64>| -> f64 {
            let each = r.iter().zip(&deviation).take(scaled);
            let mean = each.map(|(r, d)| (r / d).powi(2)).sum::<f64>() / scaled.max(1) as f64;
            0.5 * (mean + 1e-4).ln()
        };
        let moved: Vec<Vec<f64>> = (examples.iter())
            .map(|e| vec![motion_before(&e.features)])
            .collect();
        let offs: Vec<f64> = left.iter().map(off).collect();
        let offs: Vec<&[f64]> = offs.iter().map(std::slice::from_ref).collect();
        let line = Ridge::new(&moved, 1.0)?.weights(&moved, &offs);
        prior.scale = (line[0][1], line[0][0]);
        prior.remainders = (left.into_iter().zip(examples))
            .map(|(r, e)| {
                let s = prior.scale_of(&e.features);
                let each = r.into_iter().enumerate();
                each.map(|(at, r)| if at < scaled { r / s } else { r })
                    .collect()
            })
            .collect();
        // Silverman's rule, for draws that are no copies.
        let narrow = 0.5 * count.powf(-1.0 / (size as f64 + 4.0));
        prior.width = (0..size)
            .map(|at| {
                let sum: f64 = prior.remainders.iter().map(|r| r[at].powi(2)).sum();
                narrow * (sum / count).sqrt()
            })
            .collect();
        let moments = examples.iter().map(|e| prior.moment(&e.features)).collect();
        prior.likeness = Likeness::learn(moments, &prior.remainders, marks);
        Ok(prior)
    }

    /// What tells whether two moments are alike: how much moved, and the last features.
    fn moment(&self, features: &[f64]) -> Vec<f64> {
        let standard = standardised(&self.standard, features);
        let mut moment = vec![motion_before(features)];
        moment.extend(&standard[standard.len() - self.likeness.marks..]);
        moment
    }

    /// How many pieces it was learned from.
    pub fn count(&self) -> usize {
        self.remainders.len()
    }

    /// Makes futures differ `factor` times as much.
    pub fn widen(&mut self, factor: f64) {
        self.scale.0 += factor.ln();
    }

    /// m(x), the expected z.
    pub fn mean(&self, features: &[f64]) -> Vec<f64> {
        self.mean_of(&standardised(&self.standard, features))
    }

    /// s(x), how far z usually is from it.
    pub fn scale_of(&self, features: &[f64]) -> f64 {
        (self.scale.0 + self.scale.1 * motion_before(features)).exp()
    }

    /// p(z | x) of a piece with these features.
    pub fn given(&self, features: &[f64]) -> PiecePrior<'_> {
        let moment = self.moment(features);
        PiecePrior::new(
            self,
            self.mean(features),
            self.scale_of(features),
            self.likeness.log_weights(&moment, self.remainders.len()),
        )
    }

    fn mean_of(&self, row: &[f64]) -> Vec<f64> {
        let mut mean: Vec<f64> = self.weights.iter().map(|w| foretold(w, row)).collect();
        if !self.bumps.centres.is_empty() {
            self.bumps.add(&self.layout.row(row), &mut mean);
        }
        mean
    }
}

/// Weights for some numbers of z, fitted to some examples, and what these leave of the examples.
fn fit(
    rows: &[Vec<f64>],
    motions: &[Vec<f64>],
    (some, numbers): (&[usize], Range<usize>),
) -> Result<[Vec<Vec<f64>>; 2]> {
    let rows: Vec<Vec<f64>> = some.iter().map(|&index| rows[index].clone()).collect();
    let targets = some.iter().map(|&index| &motions[index][numbers.clone()]);
    let targets: Vec<&[f64]> = targets.collect();
    let penalty = best_penalty(&rows, &targets)?;
    let weights = Ridge::new(&rows, penalty)?.weights(&rows, &targets);
    Ok([weights, remainders(&rows, &targets, penalty)?])
}

/// The large pieces of those that are whole, by the last feature, ln of the radius: how a small one turns makes no difference to
/// its energy. The larger half where few are large; all, where nothing tells their size.
fn large(examples: &[MotionExample], marks: usize) -> Vec<usize> {
    let size = |e: &MotionExample| match marks {
        0 => 0.0,
        _ => e.features.last().copied().unwrap_or(0.0),
    };
    let any = examples.iter().filter(|e| e.whole).count() < ENOUGH;
    let mut sizes: Vec<f64> = (examples.iter().filter(|e| any || e.whole))
        .map(size)
        .collect();
    sizes.sort_unstable_by(f64::total_cmp);
    let enough = sizes.iter().rev().nth(ENOUGH).copied().unwrap_or(f64::MIN);
    let half = sizes.get(sizes.len() / 2).copied().unwrap_or(0.0);
    let least = if enough >= LARGE.ln() {
        LARGE.ln()
    } else {
        half
    };
    let is_large = |index: &usize| {
        let example = &examples[*index];
        (any || example.whole) && size(example) >= least
    };
    (0..examples.len()).filter(is_large).collect()
}

/// Keeps remainders within what is usual: a piece that is hidden, or leaves the frame, may turn and grow in any way without
/// a difference to its energy.
fn keep_usual(mut left: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    for at in 0..left.first().map_or(0, Vec::len) {
        let mut sorted: Vec<f64> = left.iter().map(|r| r[at]).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let quartile = |share: f64| sorted[((sorted.len() as f64 - 1.0) * share).round() as usize];
        let (low, high) = (quartile(0.25), quartile(0.75));
        let room = USUAL * (high - low);
        for remainder in &mut left {
            remainder[at] = remainder[at].clamp(low - room, high + room);
        }
    }
    left
}

/// A piece of this radius shows how it turns, in pixels; and how many of them are not few.
const LARGE: f64 = 3.5;
const ENOUGH: usize = 30;
/// How many interquartile ranges beyond the quartiles are usual.
const USUAL: f64 = 1.0;

/// ln of how much a piece moved before: the first two features are its speed.
fn motion_before(features: &[f64]) -> f64 {
    (features[0].powi(2) + features[1].powi(2) + LEAST_MOTION).ln()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::rng::Seed;

    /// z = (speed, −2 speed) and noise of a deviation of 0.1, twice that where it is fast.
    pub fn examples() -> Vec<MotionExample> {
        let mut rng = Seed(0).stream("test", 0);
        let each = (0..400).map(|_| {
            let speed = rng.normal();
            let noise = 0.1 * (0.01 + speed * speed).powf(0.25);
            MotionExample {
                features: vec![speed, 0.0, rng.normal()],
                motion: vec![
                    speed + noise * rng.normal(),
                    -2.0 * speed + noise * rng.normal(),
                ],
                whole: true,
            }
        });
        each.collect()
    }

    pub fn layout(scaled: usize) -> MotionLayout {
        MotionLayout {
            scaled,
            marks: 0,
            carried: vec![(0, 0)],
        }
    }

    #[test]
    fn the_past_foretells_mean_and_spread() {
        let prior = MotionPrior::learn(&examples(), layout(2)).unwrap();
        let features = [1.5, 0.0, 0.3];
        let mean = prior.mean(&features);
        assert!(
            (mean[0] - 1.5).abs() < 0.05 && (mean[1] + 3.0).abs() < 0.05,
            "{mean:?}"
        );
        let mut rng = Seed(1).stream("test", 0);
        let mut spread = |speed: f64| {
            let features = [speed, 0.0, 0.0];
            let given = prior.given(&features);
            let squares =
                (0..2000).map(|_| (given.sample(1.0, &mut rng)[0] - given.mean[0]).powi(2));
            (squares.sum::<f64>() / 2000.0).sqrt()
        };
        let (slow, fast) = (spread(0.2), spread(2.0));
        assert!((0.03..0.08).contains(&slow), "{slow}");
        assert!((0.10..0.20).contains(&fast), "{fast}");
    }

    #[test]
    fn the_mean_is_a_curve_where_the_film_is() {
        let mut rng = Seed(3).stream("test", 0);
        let curve = |speed: f64| speed + (2.0 * speed).sin();
        // Of five features the first says all; the third counts half in how alike moments are.
        let each = (0..300).map(|_| {
            let features: Vec<f64> = (0..5).map(|_| rng.normal()).collect();
            let z = curve(features[0]) + 0.3 * features[2] + 0.05 * rng.normal();
            MotionExample {
                features,
                motion: vec![z],
                whole: true,
            }
        });
        let examples: Vec<MotionExample> = each.collect();
        let about = MotionLayout {
            marks: 2,
            ..layout(1)
        };
        let prior = MotionPrior::learn(&examples, about).unwrap();
        let mut off = [0.0; 2];
        for at in 0..21 {
            let speed = 0.1 * f64::from(at) - 1.0;
            let mean = prior.mean(&[speed, 0.0, 0.5, 0.0, 0.0])[0];
            off[0] += (mean - curve(speed) - 0.15).powi(2);
            // How far off going on as before would be.
            off[1] += (speed - curve(speed)).powi(2);
        }
        assert!(off[0] < 0.2 * off[1], "{off:?}");
    }
}
