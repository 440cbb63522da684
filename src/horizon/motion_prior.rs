//! p(z | x) without a network: ridge regression from how a piece moved before, and
//! what is left over as it was found.

use crate::energy::Bowl;
use crate::error::Result;
use crate::inference::Factor;
use crate::rng::Rng;

/// What a piece's z is foretold from, and z*.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionExample {
    /// What the past shows of the piece.
    pub features: Vec<f64>,
    /// z*.
    pub motion: Vec<f64>,
}

/// p(z | x) of a piece: m(x) + s(x)·r, with r one of the remainders of training and a little noise
/// about it (a kernel density).
#[derive(Debug, Clone, PartialEq)]
pub struct MotionPrior {
    /// Mean and deviation of each feature.
    pub(super) standard: Vec<(f64, f64)>,
    /// For each number of z, a weight of each feature and a constant.
    pub(super) weights: Vec<Vec<f64>>,
    /// ln s(x) = a + b·ln of how much moved before.
    pub(super) scale: (f64, f64),
    /// Remainders of training, in units of s(x).
    pub(super) remainders: Vec<Vec<f64>>,
    /// The kernel's deviation in each number of z, in units of s(x).
    pub(super) width: Vec<f64>,
}

/// Added to how much moved before, so that its logarithm is one where nothing did.
const LEAST_MOTION: f64 = 0.01;
/// A penalty of 0 leaves a matrix that may have no inverse.
const LEAST_RIDGE: f64 = 1e-9;

impl MotionPrior {
    /// From `examples`, at least one. `ridge` is the penalty on the weights of standardised features, in examples.
    /// `functions` is how many numbers each way has.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn learn(examples: &[MotionExample], functions: usize, ridge: f64) -> Result<Self> {
        let count = examples.len() as f64;
        let width = examples.first().map_or(0, |e| e.features.len());
        let standard: Vec<(f64, f64)> = (0..width)
            .map(|at| {
                let values = examples.iter().map(|e| e.features[at]);
                let mean = values.clone().sum::<f64>() / count;
                let variance = values.map(|v| (v - mean).powi(2)).sum::<f64>() / count;
                (mean, variance.sqrt().max(1e-6))
            })
            .collect();
        let rows: Vec<Vec<f64>> = examples
            .iter()
            .map(|e| standardised(&standard, &e.features))
            .collect();
        let size = examples.first().map_or(0, |e| e.motion.len());
        let weights = (0..size)
            .map(|at| {
                let targets: Vec<f64> = examples.iter().map(|e| e.motion[at]).collect();
                regress(&rows, &targets, ridge)
            })
            .collect::<Result<_>>()?;
        let mut prior = Self {
            standard,
            weights,
            scale: (0.0, 0.0),
            remainders: Vec::new(),
            width: vec![0.0; size],
        };
        let mut left: Vec<Vec<f64>> = (examples.iter().zip(&rows))
            .map(|(e, row)| {
                let mean = prior.mean_of(row);
                e.motion.iter().zip(mean).map(|(z, m)| z - m).collect()
            })
            .collect();
        keep_shape(&mut left, functions);
        // Each number of z counts alike in how far off an example is.
        let deviation: Vec<f64> = (0..size)
            .map(|at| {
                let sum: f64 = left.iter().map(|r| r[at].powi(2)).sum();
                (sum / count).sqrt().max(1e-6)
            })
            .collect();
        let off = |r: &Vec<f64>| -> f64 {
            let each = r.iter().zip(&deviation);
            let mean = each.map(|(r, d)| (r / d).powi(2)).sum::<f64>() / size.max(1) as f64;
            0.5 * (mean + 1e-4).ln()
        };
        let moved: Vec<Vec<f64>> = (examples.iter())
            .map(|e| vec![motion_before(&e.features)])
            .collect();
        let offs: Vec<f64> = left.iter().map(off).collect();
        let line = regress(&moved, &offs, 1.0)?;
        prior.scale = (line[1], line[0]);
        prior.remainders = (left.into_iter().zip(examples))
            .map(|(r, e)| {
                let s = prior.scale_of(&e.features);
                r.into_iter().map(|r| r / s).collect()
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
        Ok(prior)
    }

    /// How many pieces it was learned from.
    pub fn count(&self) -> usize {
        self.remainders.len()
    }

    /// m(x), the expected z.
    pub fn mean(&self, features: &[f64]) -> Vec<f64> {
        self.mean_of(&standardised(&self.standard, features))
    }

    /// s(x), how far z usually is from it.
    pub fn scale_of(&self, features: &[f64]) -> f64 {
        (self.scale.0 + self.scale.1 * motion_before(features)).exp()
    }

    /// A draw from p(z | x); a `temperature` below 1 keeps nearer to m(x).
    pub fn sample(&self, features: &[f64], temperature: f64, rng: &mut Rng) -> Vec<f64> {
        let s = temperature * self.scale_of(features);
        let left = &self.remainders[rng.below(self.remainders.len())];
        let each = self.mean(features).into_iter().zip(left).zip(&self.width);
        each.map(|((m, r), w)| m + s * (r + w * rng.normal()))
            .collect()
    }

    fn mean_of(&self, row: &[f64]) -> Vec<f64> {
        let dot = |w: &Vec<f64>| -> f64 {
            let products = w.iter().zip(row).map(|(w, x)| w * x);
            products.sum::<f64>() + w[row.len()]
        };
        self.weights.iter().map(dot).collect()
    }
}

/// Keeps turns, growth and bends of remainders within what is usual: a piece that is hidden, or leaves the
/// frame, may turn and grow in any way without a difference to its energy.
fn keep_shape(left: &mut [Vec<f64>], functions: usize) {
    let size = left.first().map_or(0, Vec::len);
    for at in PLACES * functions..size {
        let mut sorted: Vec<f64> = left.iter().map(|r| r[at]).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let quartile = |share: f64| sorted[((sorted.len() as f64 - 1.0) * share).round() as usize];
        let (low, high) = (quartile(0.25), quartile(0.75));
        let room = USUAL * (high - low);
        for remainder in left.iter_mut() {
            remainder[at] = remainder[at].clamp(low - room, high + room);
        }
    }
}

/// Ways that say where a piece is.
const PLACES: usize = 2;
/// How many interquartile ranges beyond the quartiles are usual.
const USUAL: f64 = 1.0;

fn standardised(standard: &[(f64, f64)], features: &[f64]) -> Vec<f64> {
    let each = features.iter().zip(standard);
    each.map(|(value, (mean, deviation))| (value - mean) / deviation)
        .collect()
}

/// ln of how much a piece moved before: the first two features are its speed.
fn motion_before(features: &[f64]) -> f64 {
    (features[0].powi(2) + features[1].powi(2) + LEAST_MOTION).ln()
}

/// Ridge regression: a weight for each column of `rows` and a constant, which is not penalised.
///
/// # Errors
/// Numbers that are not finite.
fn regress(rows: &[Vec<f64>], targets: &[f64], ridge: f64) -> Result<Vec<f64>> {
    let width = rows.first().map_or(0, Vec::len);
    let count = rows.len().max(1) as f64;
    let mean_of = |at: usize| rows.iter().map(|row| row[at]).sum::<f64>() / count;
    let means: Vec<f64> = (0..width).map(mean_of).collect();
    let target = targets.iter().sum::<f64>() / count;
    let (mut slope, mut curvature) = (vec![0.0; width], vec![0.0; width * width]);
    for (row, wanted) in rows.iter().zip(targets) {
        for a in 0..width {
            let off = row[a] - means[a];
            slope[a] += off * (wanted - target);
            for b in 0..width {
                curvature[a * width + b] += off * (row[b] - means[b]);
            }
        }
    }
    // ‖Xw − t‖² + λ‖w‖² is a bowl of precision 1/λ beside ½‖w‖².
    let bowl = Bowl {
        precision: 1.0 / ridge.max(LEAST_RIDGE),
        constant: 0.0,
        slope,
        curvature,
    };
    let mut weights = Factor::new(&bowl)?.solve(&bowl);
    let at_means: f64 = weights.iter().zip(&means).map(|(w, mean)| w * mean).sum();
    weights.push(target - at_means);
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    /// z = (speed, −2 speed) and noise of a deviation of 0.1, twice that where it is fast.
    fn examples() -> Vec<MotionExample> {
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
            }
        });
        each.collect()
    }

    #[test]
    fn the_past_foretells_mean_and_spread() {
        let prior = MotionPrior::learn(&examples(), 1, 1.0).unwrap();
        let features = [1.5, 0.0, 0.3];
        let mean = prior.mean(&features);
        assert!(
            (mean[0] - 1.5).abs() < 0.05 && (mean[1] + 3.0).abs() < 0.05,
            "{mean:?}"
        );
        let mut rng = Seed(1).stream("test", 0);
        let mut spread = |speed: f64| {
            let features = [speed, 0.0, 0.0];
            let mean = prior.mean(&features);
            let squares =
                (0..2000).map(|_| (prior.sample(&features, 1.0, &mut rng)[0] - mean[0]).powi(2));
            (squares.sum::<f64>() / 2000.0).sqrt()
        };
        let (slow, fast) = (spread(0.2), spread(2.0));
        assert!((0.03..0.08).contains(&slow), "{slow}");
        assert!((0.10..0.20).contains(&fast), "{fast}");
    }

    #[test]
    fn a_temperature_of_0_draws_the_mean() {
        let prior = MotionPrior::learn(&examples(), 1, 1.0).unwrap();
        let features = [0.5, 0.0, 0.0];
        let mut rng = Seed(1).stream("test", 0);
        assert_eq!(
            prior.sample(&features, 0.0, &mut rng),
            prior.mean(&features)
        );
    }

    #[test]
    fn the_constant_is_not_penalised() {
        let rows: Vec<Vec<f64>> = (0..9).map(|at| vec![f64::from(at), 1.5]).collect();
        let targets: Vec<f64> = (0..9).map(|at| 7.0 - 2.0 * f64::from(at)).collect();
        let exact = regress(&rows, &targets, 0.0).unwrap();
        assert!(
            (exact[0] + 2.0).abs() < 1e-6 && (exact[2] - 7.0).abs() < 1e-6,
            "{exact:?}"
        );
        // Σ(x − mean)² = 60: a penalty of as much halves the weight.
        let half = regress(&rows, &targets, 60.0).unwrap();
        assert!(
            (half[0] + 1.0).abs() < 1e-9 && (half[2] - 3.0).abs() < 1e-9,
            "{half:?}"
        );
    }
}
