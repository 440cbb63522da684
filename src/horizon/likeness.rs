//! Which moments of training are like another one.

use super::ridge::fold;
use super::standard::{standard, standardised};

/// Bandwidths that are tried, in deviations of each mark.
const BANDWIDTHS: [f64; 4] = [f64::INFINITY, 2.0, 1.0, 0.5];
/// Moments by which one is chosen, at most.
const ASKED: usize = 300;
/// A kernel's deviation in Silverman's units.
const KERNEL: f64 = 0.7;

/// Marks of each moment of training, and how near another's must be to count.
#[derive(Debug, Clone, PartialEq)]
pub struct Likeness {
    /// How many of the last features count.
    pub marks: usize,
    /// Of each moment, in deviations.
    pub moments: Vec<Vec<f64>>,
    /// The mean and deviation of each mark.
    pub standard: Vec<(f64, f64)>,
    /// The deviation of the kernel: infinite where all moments are alike.
    pub bandwidth: f64,
}

impl Likeness {
    /// All moments are alike.
    pub fn none(marks: usize) -> Self {
        Self {
            marks,
            moments: Vec::new(),
            standard: Vec::new(),
            bandwidth: f64::INFINITY,
        }
    }

    /// Of `moments` in the order of the film, with the bandwidth by which other parts of the film foretell the density of
    /// these remainders best (Hall, Racine & Li 2004, "Cross-validation and the estimation of conditional probability densities").
    pub fn learn(mut moments: Vec<Vec<f64>>, remainders: &[Vec<f64>], marks: usize) -> Self {
        let rows: Vec<&[f64]> = moments.iter().map(Vec::as_slice).collect();
        let standard = standard(&rows);
        for moment in &mut moments {
            *moment = standardised(&standard, moment);
        }
        let mut found = Self {
            marks,
            moments,
            standard,
            bandwidth: f64::INFINITY,
        };
        found.bandwidth = found.best(&distances(remainders));
        found
    }

    /// ln of how likely each of `count` moments is beside `moment`, the likeliest 0; none where all are alike.
    pub(super) fn log_weights(&self, moment: &[f64], count: usize) -> Option<Vec<f64>> {
        if self.bandwidth.is_infinite() || self.moments.len() != count {
            return None;
        }
        let moment = standardised(&self.standard, moment);
        let mut logs = self.logs(&moment, self.bandwidth);
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        logs.iter_mut().for_each(|log| *log -= most);
        Some(logs)
    }

    /// ln of each moment's weight beside `moment`.
    fn logs(&self, moment: &[f64], bandwidth: f64) -> Vec<f64> {
        let of = |other: &Vec<f64>| -> f64 {
            let squares = other.iter().zip(moment).map(|(a, b)| (a - b).powi(2));
            -0.5 * squares.sum::<f64>() / bandwidth.powi(2)
        };
        self.moments.iter().map(of).collect()
    }

    /// The bandwidth of the highest likelihood; `distance` gives the squared distance of two remainders, in deviations.
    fn best(&self, distance: &impl Fn(usize, usize) -> f64) -> f64 {
        let count = self.moments.len();
        let asked: Vec<usize> = (0..count).step_by(count.div_ceil(ASKED).max(1)).collect();
        let mut best = (f64::NEG_INFINITY, f64::INFINITY);
        if count < 20 {
            return best.1;
        }
        for bandwidth in BANDWIDTHS {
            let of = |&index: &usize| -> f64 {
                let logs = self.logs(&self.moments[index], bandwidth);
                let (mut with, mut all) = (Vec::new(), Vec::new());
                for (other, log) in logs.into_iter().enumerate() {
                    if fold(other, count) != fold(index, count) {
                        with.push(log - 0.5 * distance(index, other));
                        all.push(log);
                    }
                }
                log_sum(&with) - log_sum(&all)
            };
            let likelihood: f64 = asked.iter().map(of).sum();
            if likelihood > best.0 {
                best = (likelihood, bandwidth);
            }
        }
        best.1
    }
}

/// The squared distance of two rows, in deviations of the kernel.
fn distances(rows: &[Vec<f64>]) -> impl Fn(usize, usize) -> f64 + '_ {
    let count = rows.len() as f64;
    let size = rows.first().map_or(0, Vec::len);
    let kernel = KERNEL * count.powf(-1.0 / (size as f64 + 4.0));
    let deviations: Vec<f64> = (0..size)
        .map(|at| {
            let sum: f64 = rows.iter().map(|row| row[at].powi(2)).sum();
            kernel * (sum / count).sqrt().max(1e-6)
        })
        .collect();
    move |one, other| {
        let pairs = rows[one].iter().zip(&rows[other]).zip(&deviations);
        pairs.map(|((a, b), d)| ((a - b) / d).powi(2)).sum()
    }
}

pub(super) fn log_sum(logs: &[f64]) -> f64 {
    let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if most == f64::NEG_INFINITY {
        return most;
    }
    most + logs.iter().map(|log| (log - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    /// Remainders of a deviation of 1, or of 0.05 where the mark is below 0, if it tells.
    fn drawn(tells: bool) -> (Likeness, Vec<Vec<f64>>) {
        let mut rng = Seed(0).stream("test", 0);
        let (mut moments, mut remainders) = (Vec::new(), Vec::new());
        for _ in 0..200 {
            let mark = rng.normal();
            let calm = if tells { mark < 0.0 } else { rng.below(2) == 0 };
            let scale = if calm { 0.05 } else { 1.0 };
            moments.push(vec![mark]);
            remainders.push(vec![scale * rng.normal(), scale * rng.normal()]);
        }
        (Likeness::learn(moments, &remainders, 0), remainders)
    }

    #[test]
    fn calm_moments_have_calm_remainders() {
        let (likeness, remainders) = drawn(true);
        assert!(likeness.bandwidth <= 1.0, "{}", likeness.bandwidth);
        let spread = |mark: f64| {
            let logs = likeness.log_weights(&[mark], remainders.len()).unwrap();
            let weights: Vec<f64> = logs.iter().map(|log| log.exp()).collect();
            let each = weights.iter().zip(&remainders);
            let squares: f64 = each.map(|(weight, r)| weight * r[0].powi(2)).sum();
            (squares / weights.iter().sum::<f64>()).sqrt()
        };
        let (calm, lively) = (spread(-1.0), spread(1.0));
        assert!(calm < 0.5 * lively, "{calm} {lively}");
    }

    #[test]
    fn marks_that_tell_nothing_are_not_asked() {
        assert!(drawn(false).0.bandwidth >= 2.0);
    }
}
