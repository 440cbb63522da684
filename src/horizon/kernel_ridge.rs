//! Kernel ridge regression of many numbers on a few: a line, and a bump about each example.
//!
//! Saunders, Gammerman & Vovk 1998, "Ridge regression learning algorithm in dual variables".

use super::ridge::{fold, folds, foretold};
use crate::energy::Bowl;
use crate::error::Result;
use crate::inference::Factor;
use rayon::prelude::*;

/// Bandwidths that are tried, in deviations of a row.
const BANDWIDTHS: [f64; 3] = [0.5, 1.0, 2.0];
/// Penalties that are tried.
const PENALTIES: [f64; 6] = [0.3, 1.0, 3.0, 10.0, 30.0, 100.0];
/// Shares of the line in the kernel that are tried.
const LINES: [f64; 2] = [0.1, 1.0];
/// Examples by which these are chosen, and examples that have a bump, at most.
const ASKED: usize = 400;
const CENTRES: usize = 1000;

/// A bump about each of some examples.
#[derive(Debug, Clone, PartialEq)]
pub struct Bumps {
    /// The deviation of a bump.
    pub bandwidth: f64,
    /// The examples' rows.
    pub centres: Vec<Vec<f64>>,
    /// Of each bump, how high it is in each number.
    pub heights: Vec<Vec<f64>>,
}

/// A fit: k(x, x') = exp(−‖x − x'‖²/2b²) + l·x·x'.
#[derive(Debug, Clone, PartialEq)]
pub struct KernelRidge {
    /// The kernel's first part.
    pub bumps: Bumps,
    /// The second: for each number a weight of each column and a constant, which is not penalised.
    pub lines: Vec<Vec<f64>>,
}

/// b, λ and l.
#[derive(Debug, Clone, Copy)]
struct Kernel {
    bandwidth: f64,
    penalty: f64,
    line: f64,
}

/// What is taken where too few examples can choose.
const USUAL: Kernel = Kernel {
    bandwidth: 1.0,
    penalty: 10.0,
    line: 0.1,
};

impl Bumps {
    /// None.
    pub fn none() -> Self {
        Self {
            bandwidth: 1.0,
            centres: Vec::new(),
            heights: Vec::new(),
        }
    }

    /// Adds what the bumps say of a row to the first of `numbers`.
    pub fn add(&self, row: &[f64], numbers: &mut [f64]) {
        for (centre, heights) in self.centres.iter().zip(&self.heights) {
            let near = near(row, centre, self.bandwidth);
            for (number, height) in numbers.iter_mut().zip(heights) {
                *number += near * height;
            }
        }
    }
}

impl KernelRidge {
    /// Of rows in the order of the film, and what is left of each row's targets by a fit to the other parts of the film.
    /// These choose bandwidth, penalty and share of the line: by the mean absolute remainder, with a weight for each row.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn learn(
        rows: &[Vec<f64>],
        targets: &[&[f64]],
        weights: &[f64],
    ) -> Result<(Self, Vec<Vec<f64>>)> {
        let count = rows.len();
        let asked: Vec<usize> = (0..count).step_by(count.div_ceil(ASKED).max(1)).collect();
        let some: Vec<Vec<f64>> = asked.iter().map(|&index| rows[index].clone()).collect();
        let wanted: Vec<&[f64]> = asked.iter().map(|&index| targets[index]).collect();
        let all = BANDWIDTHS.into_iter().flat_map(|bandwidth| {
            PENALTIES.into_iter().flat_map(move |penalty| {
                LINES.into_iter().map(move |line| Kernel {
                    bandwidth,
                    penalty,
                    line,
                })
            })
        });
        let all: Vec<Kernel> = all.filter(|_| folds(count) > 1).collect();
        let errors: Vec<f64> = (all.par_iter())
            .map(|kernel| {
                let left = kernel.remainders(&some, &wanted)?;
                let weights = asked.iter().map(|&index| weights[index]);
                Ok(error(&left, weights.collect()))
            })
            .collect::<Result<_>>()?;
        let best = all
            .into_iter()
            .zip(errors)
            .min_by(|a, b| a.1.total_cmp(&b.1));
        let kernel = best.map_or(USUAL, |(kernel, _)| kernel);
        let left = kernel.remainders(rows, targets)?;
        Ok((kernel.fit(rows, targets)?, left))
    }

    /// What it says of a row.
    pub fn at(&self, row: &[f64]) -> Vec<f64> {
        let mut numbers: Vec<f64> = self.lines.iter().map(|line| foretold(line, row)).collect();
        self.bumps.add(row, &mut numbers);
        numbers
    }
}

impl Kernel {
    /// What a fit to the other parts of the film leaves of each row's targets.
    fn remainders(self, rows: &[Vec<f64>], targets: &[&[f64]]) -> Result<Vec<Vec<f64>>> {
        let (count, parts) = (rows.len(), folds(rows.len()));
        let of_part = |part: usize| -> Result<Vec<Vec<f64>>> {
            let (held, others): (Vec<usize>, Vec<usize>) =
                (0..count).partition(|&index| parts == 1 || fold(index, count) == part);
            let fitted = if parts == 1 { &held } else { &others };
            let some: Vec<Vec<f64>> = fitted.iter().map(|&index| rows[index].clone()).collect();
            let wanted: Vec<&[f64]> = fitted.iter().map(|&index| targets[index]).collect();
            let fit = self.fit(&some, &wanted)?;
            let left = |&index: &usize| -> Vec<f64> {
                let said = fit.at(&rows[index]);
                targets[index]
                    .iter()
                    .zip(said)
                    .map(|(t, m)| t - m)
                    .collect()
            };
            Ok(held.iter().map(left).collect())
        };
        let parts: Vec<_> = (0..parts)
            .into_par_iter()
            .map(of_part)
            .collect::<Result<_>>()?;
        Ok(parts.concat())
    }

    /// (K + λI)⁻¹ (T − c), on [`CENTRES`] of the rows at most.
    fn fit(self, rows: &[Vec<f64>], targets: &[&[f64]]) -> Result<KernelRidge> {
        let step = rows.len().div_ceil(CENTRES).max(1);
        let centres: Vec<Vec<f64>> = rows.iter().step_by(step).cloned().collect();
        let targets: Vec<&[f64]> = targets.iter().step_by(step).copied().collect();
        let count = centres.len();
        let (size, width) = (
            targets.first().map_or(0, |target| target.len()),
            centres.first().map_or(0, Vec::len),
        );
        let mut curvature = Vec::with_capacity(count * count);
        for one in &centres {
            curvature.extend(
                centres.iter().map(|other| {
                    near(one, other, self.bandwidth) + self.line * product(one, other)
                }),
            );
        }
        // (K + λI) a = t is the least of a bowl of precision 1/λ.
        let mut bowl = Bowl {
            precision: 1.0 / self.penalty,
            constant: 0.0,
            slope: vec![0.0; count],
            curvature,
        };
        let factor = Factor::new(&bowl)?;
        let (mut heights, mut lines) = (vec![vec![0.0; size]; count], Vec::with_capacity(size));
        for at in 0..size {
            let mean = targets.iter().map(|t| t[at]).sum::<f64>() / count.max(1) as f64;
            bowl.slope = targets.iter().map(|target| target[at] - mean).collect();
            let solved = factor.solve(&bowl);
            let mut line = vec![0.0; width];
            for ((heights, centre), height) in heights.iter_mut().zip(&centres).zip(solved) {
                heights[at] = height;
                for (slope, x) in line.iter_mut().zip(centre) {
                    *slope += self.line * height * x;
                }
            }
            line.push(mean);
            lines.push(line);
        }
        Ok(KernelRidge {
            bumps: Bumps {
                bandwidth: self.bandwidth,
                centres,
                heights,
            },
            lines,
        })
    }
}

/// The mean of ln of each number's mean absolute remainder.
fn error(left: &[Vec<f64>], weights: Vec<f64>) -> f64 {
    let size = left.first().map_or(0, Vec::len);
    let total: f64 = weights.iter().sum();
    let of_number = |at: usize| {
        let each = left.iter().zip(&weights);
        let sum: f64 = each.map(|(left, weight)| weight * left[at].abs()).sum();
        (sum / total.max(f64::MIN_POSITIVE)).max(1e-9).ln()
    };
    (0..size).map(of_number).sum::<f64>() / size.max(1) as f64
}

fn near(one: &[f64], other: &[f64], bandwidth: f64) -> f64 {
    let squares = one.iter().zip(other).map(|(a, b)| (a - b).powi(2));
    (-0.5 * squares.sum::<f64>() / bandwidth.powi(2)).exp()
}

fn product(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Rng, Seed};

    fn rows(count: usize, rng: &mut Rng) -> Vec<Vec<f64>> {
        (0..count)
            .map(|_| vec![rng.normal(), rng.normal()])
            .collect()
    }

    fn learned(curve: impl Fn(&[f64]) -> f64, noise: f64) -> (KernelRidge, Vec<Vec<f64>>) {
        let mut rng = Seed(0).stream("test", 0);
        let rows = rows(300, &mut rng);
        let targets: Vec<[f64; 1]> = rows
            .iter()
            .map(|row| [curve(row) + noise * rng.normal()])
            .collect();
        let targets: Vec<&[f64]> = targets.iter().map(|target| &target[..]).collect();
        KernelRidge::learn(&rows, &targets, &[1.0; 300]).unwrap()
    }

    fn off(fit: &KernelRidge, curve: impl Fn(&[f64]) -> f64) -> f64 {
        let rows = rows(200, &mut Seed(1).stream("test", 0));
        let squares = rows.iter().map(|row| (fit.at(row)[0] - curve(row)).powi(2));
        (squares.sum::<f64>() / 200.0).sqrt()
    }

    #[test]
    fn a_curve_is_found() {
        let curve = |row: &[f64]| (2.0 * row[0]).sin() * row[1];
        let (fit, left) = learned(curve, 0.05);
        // No line says anything of it: its own deviation is about 0.7.
        assert!(off(&fit, curve) < 0.3, "{}", off(&fit, curve));
        // Remainders are those of rows that were not fitted to.
        let sum: f64 = left.iter().map(|r| r[0] * r[0]).sum();
        let deviation = (sum / 300.0).sqrt();
        assert!((0.1..0.35).contains(&deviation), "{deviation}");
    }

    #[test]
    fn a_line_goes_on_where_no_example_is() {
        let line = |row: &[f64]| 3.0 * row[0] - row[1] + 2.0;
        let (fit, _) = learned(line, 0.1);
        assert!(off(&fit, line) < 0.1, "{}", off(&fit, line));
        let far = fit.at(&[4.0, 0.0])[0];
        assert!((far - 14.0).abs() < 1.5, "{far}");
    }

    #[test]
    fn noise_is_not_followed() {
        let (fit, _) = learned(|_| 0.0, 1.0);
        assert!(off(&fit, |_| 0.0) < 0.25, "{}", off(&fit, |_| 0.0));
    }

    #[test]
    fn the_equations_are_those_of_kernel_ridge() {
        let mut rng = Seed(2).stream("test", 0);
        let rows = rows(12, &mut rng);
        let targets: Vec<[f64; 1]> = rows.iter().map(|_| [rng.normal()]).collect();
        let targets: Vec<&[f64]> = targets.iter().map(|target| &target[..]).collect();
        let kernel = Kernel {
            bandwidth: 0.7,
            penalty: 0.5,
            line: 0.2,
        };
        let fit = kernel.fit(&rows, &targets).unwrap();
        // t − m(x) = λa at each example.
        for ((row, target), heights) in rows.iter().zip(targets).zip(&fit.bumps.heights) {
            let left = target[0] - fit.at(row)[0];
            assert!((left - 0.5 * heights[0]).abs() < 1e-9, "{left} {heights:?}");
        }
    }
}
