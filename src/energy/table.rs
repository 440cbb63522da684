//! The energy of a z that has finitely many values: all of them.

use crate::error::{Error, Result};

/// E(x, y, z) for each of K values of z, one row a sample: its least is F_∞, its
/// softmin F_β, and its shares are p(z | x, y). What R(z) costs is in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    rows: Vec<Vec<f64>>,
}

impl Table {
    /// From rows of K numbers each.
    ///
    /// # Errors
    /// A sample of which no z has a finite energy.
    pub fn new(rows: Vec<Vec<f64>>) -> Result<Self> {
        let lost = |row: &Vec<f64>| {
            row.iter().any(|energy| energy.is_nan()) || !row.iter().any(|energy| energy.is_finite())
        };
        match rows.iter().any(lost) {
            true => Err(Error::NotFinite {
                what: "the energy of every code".to_owned(),
            }),
            false => Ok(Self { rows }),
        }
    }

    /// E, one row a sample.
    pub fn rows(&self) -> &[Vec<f64>] {
        &self.rows
    }

    /// argmin_z E of each sample, as its number in 0..K.
    pub fn best(&self) -> Vec<usize> {
        let best = |row: &Vec<f64>| {
            let entries = row.iter().enumerate();
            let least = entries.min_by(|a, b| a.1.total_cmp(b.1));
            least.map_or(0, |(index, _)| index)
        };
        self.rows.iter().map(best).collect()
    }

    /// F_∞ = min_z E of each sample.
    pub fn least(&self) -> Vec<f64> {
        self.rows.iter().map(|row| least(row)).collect()
    }

    /// F_β = −β⁻¹ log Σ_z exp(−βE) of each sample, β > 0.
    pub fn free_energy(&self, beta: f64) -> Vec<f64> {
        let softmin = |row: &Vec<f64>| {
            let least = least(row);
            let sum: f64 = row.iter().map(|e| (-beta * (e - least)).exp()).sum();
            least - sum.ln() / beta
        };
        self.rows.iter().map(softmin).collect()
    }

    /// p(z | x, y) = exp(−β(E − F_β)) of each sample and z: rows that sum to 1.
    pub fn shares(&self, beta: f64) -> Vec<Vec<f64>> {
        let pairs = self.rows.iter().zip(self.free_energy(beta));
        pairs
            .map(|(row, free)| row.iter().map(|e| (-beta * (e - free)).exp()).collect())
            .collect()
    }
}

fn least(row: &[f64]) -> f64 {
    row.iter().copied().fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_energies_are_scipys() {
        // import numpy as np; from scipy.special import logsumexp
        // e = np.array([[0.3, 1.2, -0.5], [800.0, 801.0, 805.0]])
        // for b in (0.5, 2.0): print(-logsumexp(-b * e, axis=1) / b)
        let table = Table::new(vec![vec![0.3, 1.2, -0.5], vec![800.0, 801.0, 805.0]]).unwrap();
        for (beta, expected) in [
            (0.5, [-1.981_716_361, 798.952_181_888]),
            (2.0, [-0.605_644_699, 799.936_516_001]),
        ] {
            for (found, expected) in table.free_energy(beta).iter().zip(expected) {
                assert!((found - expected).abs() < 1e-7, "{found} {expected}");
            }
        }
        assert_eq!(table.least(), [-0.5, 800.0]);
        assert_eq!(table.best(), [2, 0]);
    }

    #[test]
    fn shares_sum_to_one_and_f_falls_to_its_limit_from_below() {
        let table = Table::new(vec![vec![0.3, 1.2, -0.5]]).unwrap();
        for beta in [0.1, 1.0, 30.0] {
            let sum: f64 = table.shares(beta)[0].iter().sum();
            assert!((sum - 1.0).abs() < 1e-12);
        }
        let free = |beta| table.free_energy(beta)[0];
        assert!(free(1.0) < free(10.0) && free(10.0) < -0.5 && -0.5 - free(100.0) < 1e-12);
    }

    #[test]
    fn an_energy_without_a_finite_entry_is_refused() {
        assert!(Table::new(vec![vec![1.0, f64::INFINITY]]).is_ok());
        assert!(Table::new(vec![vec![1.0, f64::NAN]]).is_err());
        assert!(Table::new(vec![vec![f64::INFINITY; 2]]).is_err());
    }
}
