//! Ridge regression of many numbers on a few, with a penalty that other parts of the film choose.

use crate::energy::Bowl;
use crate::error::Result;
use crate::inference::Factor;

/// A penalty of 0 leaves a matrix that may have no inverse.
const LEAST_PENALTY: f64 = 1e-9;
/// Penalties that are tried, in examples, and parts of the film by which one is chosen.
const PENALTIES: [f64; 5] = [1.0, 10.0, 100.0, 1e3, 1e4];
const FOLDS: usize = 5;

/// The penalty with the least error on parts of the film that it was not fitted to. Each number of z counts alike.
pub fn best_penalty(rows: &[Vec<f64>], targets: &[&[f64]]) -> Result<f64> {
    let count = rows.len();
    let size = targets.first().map_or(0, |target| target.len());
    let mean = |at: usize| targets.iter().map(|t| t[at]).sum::<f64>() / count as f64;
    let means: Vec<f64> = (0..size).map(mean).collect();
    let variance = |at: usize| {
        targets
            .iter()
            .map(|t| (t[at] - means[at]).powi(2))
            .sum::<f64>()
    };
    let variances: Vec<f64> = (0..size).map(|at| variance(at).max(1e-12)).collect();
    let mut best = (f64::INFINITY, PENALTIES[1]);
    if count < 2 * FOLDS {
        return Ok(best.1);
    }
    for penalty in PENALTIES {
        let squares = |row: Vec<f64>| -> f64 {
            let each = row.iter().zip(&variances);
            each.map(|(off, variance)| off * off / variance).sum()
        };
        let left = remainders(rows, targets, penalty)?;
        let error: f64 = left.into_iter().map(squares).sum();
        if error < best.0 {
            best = (error, penalty);
        }
    }
    Ok(best.1)
}

/// The part of the film, one of [`FOLDS`], in which a row lies.
pub fn fold(index: usize, count: usize) -> usize {
    index * FOLDS / count.max(1)
}

/// How many parts of the film take turns, of so many rows: 1 where there are hardly any.
pub fn folds(count: usize) -> usize {
    if count < 2 * FOLDS { 1 } else { FOLDS }
}

/// What a fit leaves of each row's targets. No row is foretold by a fit to its own part of the film: a fit's own
/// remainders are too small. (By a fit to all where there are hardly any rows.)
///
/// # Errors
/// Numbers that are not finite.
pub fn remainders(rows: &[Vec<f64>], targets: &[&[f64]], penalty: f64) -> Result<Vec<Vec<f64>>> {
    let count = rows.len();
    let parts = folds(count);
    let mut left = Vec::with_capacity(count);
    for part in 0..parts {
        let (held, others): (Vec<usize>, Vec<usize>) =
            (0..count).partition(|&index| parts == 1 || fold(index, count) == part);
        let fitted = if parts == 1 { &held } else { &others };
        let some: Vec<Vec<f64>> = fitted.iter().map(|&index| rows[index].clone()).collect();
        let wanted: Vec<&[f64]> = fitted.iter().map(|&index| targets[index]).collect();
        let weights = Ridge::new(&some, penalty)?.weights(&some, &wanted);
        for index in held {
            let each = weights.iter().zip(targets[index]);
            left.push(each.map(|(w, t)| t - foretold(w, &rows[index])).collect());
        }
    }
    Ok(left)
}

/// A row times weights, the last of which is a constant.
pub fn foretold(weights: &[f64], row: &[f64]) -> f64 {
    let products = weights.iter().zip(row).map(|(w, x)| w * x);
    products.sum::<f64>() + weights[row.len()]
}

/// Ridge regression on some rows.
pub struct Ridge {
    means: Vec<f64>,
    bowl: Bowl,
    factor: Factor,
}

impl Ridge {
    /// On `rows`, with a penalty in examples.
    ///
    /// # Errors
    /// Numbers that are not finite.
    pub fn new(rows: &[Vec<f64>], penalty: f64) -> Result<Self> {
        let width = rows.first().map_or(0, Vec::len);
        let count = rows.len().max(1) as f64;
        let mean_of = |at: usize| rows.iter().map(|row| row[at]).sum::<f64>() / count;
        let means: Vec<f64> = (0..width).map(mean_of).collect();
        let mut curvature = vec![0.0; width * width];
        for row in rows {
            let off: Vec<f64> = row.iter().zip(&means).map(|(x, mean)| x - mean).collect();
            for (one, line) in off.iter().zip(curvature.chunks_exact_mut(width.max(1))) {
                line.iter_mut()
                    .zip(&off)
                    .for_each(|(sum, other)| *sum += one * other);
            }
        }
        // ‖Xw − t‖² + λ‖w‖² is a bowl of precision 1/λ beside ½‖w‖².
        let bowl = Bowl {
            precision: 1.0 / penalty.max(LEAST_PENALTY),
            constant: 0.0,
            slope: vec![0.0; width],
            curvature,
        };
        let factor = Factor::new(&bowl)?;
        Ok(Self {
            means,
            bowl,
            factor,
        })
    }

    /// For each number of the targets a weight of each column and a constant, which is not penalised.
    pub fn weights(mut self, rows: &[Vec<f64>], targets: &[&[f64]]) -> Vec<Vec<f64>> {
        let count = rows.len().max(1) as f64;
        let size = targets.first().map_or(0, |target| target.len());
        let of_number = |at: usize| {
            let mean = targets.iter().map(|target| target[at]).sum::<f64>() / count;
            self.bowl.slope.fill(0.0);
            for (row, target) in rows.iter().zip(targets) {
                let off = target[at] - mean;
                let columns = row.iter().zip(&self.means);
                for (slope, (x, mean)) in self.bowl.slope.iter_mut().zip(columns) {
                    *slope += (x - mean) * off;
                }
            }
            let mut weights = self.factor.solve(&self.bowl);
            let at_means: f64 = weights.iter().zip(&self.means).map(|(w, m)| w * m).sum();
            weights.push(mean - at_means);
            weights
        };
        (0..size).map(of_number).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn the_constant_is_not_penalised() {
        let rows: Vec<Vec<f64>> = (0..9).map(|at| vec![f64::from(at), 1.5]).collect();
        let targets: Vec<f64> = (0..9).map(|at| 7.0 - 2.0 * f64::from(at)).collect();
        let targets: Vec<&[f64]> = targets.iter().map(std::slice::from_ref).collect();
        let fit = |penalty: f64| Ridge::new(&rows, penalty).unwrap().weights(&rows, &targets);
        let exact = &fit(0.0)[0];
        assert!(
            (exact[0] + 2.0).abs() < 1e-6 && (exact[2] - 7.0).abs() < 1e-6,
            "{exact:?}"
        );
        // Σ(x − mean)² = 60: a penalty of as much halves the weight.
        let half = &fit(60.0)[0];
        assert!(
            (half[0] + 1.0).abs() < 1e-9 && (half[2] - 3.0).abs() < 1e-9,
            "{half:?}"
        );
    }

    #[test]
    fn what_foretells_nothing_is_penalised_most() {
        let mut rng = Seed(2).stream("test", 0);
        let rows: Vec<Vec<f64>> = (0..60)
            .map(|_| (0..12).map(|_| rng.normal()).collect())
            .collect();
        let noise: Vec<f64> = (0..60).map(|_| rng.normal()).collect();
        let noise: Vec<&[f64]> = noise.iter().map(std::slice::from_ref).collect();
        assert!(best_penalty(&rows, &noise).unwrap() >= 1e3);
        let line: Vec<f64> = rows.iter().map(|row| row[3] - row[5]).collect();
        let line: Vec<&[f64]> = line.iter().map(std::slice::from_ref).collect();
        assert_eq!(best_penalty(&rows, &line).unwrap(), 1.0);
    }

    #[test]
    fn remainders_are_as_large_as_those_of_new_rows() {
        let mut rng = Seed(3).stream("test", 0);
        let rows: Vec<Vec<f64>> = (0..50)
            .map(|_| (0..20).map(|_| rng.normal()).collect())
            .collect();
        let noise: Vec<f64> = (0..50).map(|_| rng.normal()).collect();
        let noise: Vec<&[f64]> = noise.iter().map(std::slice::from_ref).collect();
        let left = remainders(&rows, &noise, 1.0).unwrap();
        let sum: f64 = left.iter().map(|r| r[0] * r[0]).sum();
        // A fit of 20 weights to its own 50 rows leaves about 30.
        assert!((60.0..160.0).contains(&sum), "{sum}");
    }
}
