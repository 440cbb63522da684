//! The squared-error energy of a decoder linear in z, as a function of z.
//!
//! E(x, y, z) = (κ/2)·‖y − ŷ(x, z)‖² + R(z)
//!            = (κ/2)·(c − 2 qᵀz + zᵀG z) + R(z),
//!
//! summed over pixels, in units of the frame change σ. With κ = 1/s², s² the
//! variance of what no z explains, exp(−E) is the joint density of y and z up
//! to a constant, so κ carries no weight to be tuned by hand.

use crate::error::Result;
use candle_core::Tensor;

/// The energies of a batch as functions of z, without R(z).
#[derive(Debug, Clone)]
pub struct Quadratic {
    bowls: Vec<Bowl>,
}

/// One sample's (κ/2)·(c − 2 qᵀz + zᵀG z).
#[derive(Debug, Clone)]
pub struct Bowl {
    /// κ.
    pub precision: f64,
    /// c = ‖y − ŷ(x, 0)‖².
    pub constant: f64,
    /// q, d numbers.
    pub slope: Vec<f64>,
    /// G, d×d, symmetric and positive semi-definite, row after row.
    pub curvature: Vec<f64>,
}

impl Quadratic {
    /// From c (B,), q (B, d), G (B, d, d) on any device.
    pub fn new(
        precision: f64,
        constant: &Tensor,
        slope: &Tensor,
        curvature: &Tensor,
    ) -> Result<Self> {
        let constant = constant.to_vec1::<f32>()?;
        let slope = slope.to_vec2::<f32>()?;
        let curvature = curvature.flatten_from(1)?.to_vec2::<f32>()?;
        let wide = |row: Vec<f32>| row.into_iter().map(f64::from).collect::<Vec<f64>>();
        let bowls = constant
            .into_iter()
            .zip(slope)
            .zip(curvature)
            .map(|((constant, slope), curvature)| Bowl {
                precision,
                constant: f64::from(constant),
                slope: wide(slope),
                curvature: wide(curvature),
            })
            .collect();
        Ok(Self::from_bowls(bowls))
    }

    /// From functions that are already known.
    pub fn from_bowls(bowls: Vec<Bowl>) -> Self {
        Self { bowls }
    }

    /// Functions of z = (a, b) of these functions of a, which touch the energy
    /// at `at`, and of b, which are the energy's where a = `at`.
    pub fn beside(self, at: &[Vec<f64>], of_b: &Self) -> Self {
        let pairs = self.bowls.into_iter().zip(&of_b.bowls).zip(at);
        Self::from_bowls(pairs.map(|((a, b), at)| a.beside(at, b)).collect())
    }

    /// One function a sample.
    pub fn bowls(&self) -> &[Bowl] {
        &self.bowls
    }
}

impl Bowl {
    /// d.
    pub fn dimension(&self) -> usize {
        self.slope.len()
    }

    /// G z.
    pub fn bend(&self, z: &[f64]) -> Vec<f64> {
        let rows = self.curvature.chunks_exact(z.len().max(1));
        rows.map(|row| row.iter().zip(z).map(|(g, z)| g * z).sum())
            .collect()
    }

    /// ‖y − ŷ(x, z)‖², never below 0 by rounding.
    pub fn squared_error(&self, z: &[f64]) -> f64 {
        let linear: f64 = self.slope.iter().zip(z).map(|(q, z)| q * z).sum();
        let square: f64 = self.bend(z).iter().zip(z).map(|(bent, z)| bent * z).sum();
        let error = self.constant - 2.0 * linear + square;
        // (Not `max`, which would make 0 of a NaN.)
        if error < 0.0 { 0.0 } else { error }
    }

    /// The bowl of the same curvature that has the same value at z, and with
    /// R(z) = ½‖z‖² its least there.
    pub fn touching(self, z: &[f64]) -> Self {
        let error = self.squared_error(z);
        let bent = self.bend(z);
        let slope = bent
            .iter()
            .zip(z)
            .map(|(bent, z)| bent + z / self.precision);
        let slope: Vec<f64> = slope.collect();
        let linear: f64 = slope.iter().zip(z).map(|(q, z)| q * z).sum();
        let square: f64 = bent.iter().zip(z).map(|(bent, z)| bent * z).sum();
        Self {
            constant: error + 2.0 * linear - square,
            slope,
            ..self
        }
    }

    /// See [`Quadratic::beside`].
    fn beside(self, at: &[f64], b: &Self) -> Self {
        let d = self.dimension() + b.dimension();
        let mut curvature = vec![0.0; d * d];
        let rows = curvature.chunks_exact_mut(d.max(1));
        let (first, second) = (self.dimension(), b.dimension());
        for (index, row) in rows.enumerate() {
            match index.checked_sub(first) {
                None => row[..first].copy_from_slice(&self.curvature[index * first..][..first]),
                Some(index) => {
                    row[first..].copy_from_slice(&b.curvature[index * second..][..second]);
                }
            }
        }
        // Where a = `at`, what a adds is 0.
        let own = Self {
            constant: 0.0,
            ..self
        };
        let linear: f64 = own.slope.iter().zip(at).map(|(q, a)| q * a).sum();
        let square: f64 = own.bend(at).iter().zip(at).map(|(bent, a)| bent * a).sum();
        let mut slope = own.slope;
        slope.extend(&b.slope);
        Self {
            precision: b.precision,
            constant: b.constant + 2.0 * linear - square,
            slope,
            curvature,
        }
    }

    /// C(y, ŷ(x, z)) = (κ/2)·‖y − ŷ(x, z)‖²: the energy without R(z).
    pub fn cost(&self, z: &[f64]) -> f64 {
        0.5 * self.precision * self.squared_error(z)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a function of two numbers, κ = 2.
    fn bowl(constant: f64, slope: [f64; 2], [a, b, c]: [f64; 3]) -> Bowl {
        Bowl {
            precision: 2.0,
            constant,
            slope: slope.into(),
            curvature: vec![a, b, b, c],
        }
    }

    #[test]
    fn beside_one_another_they_touch_the_energy_and_have_their_own_minima() {
        let at = vec![0.7, -0.4];
        // As the search for a leaves it: least at `at` together with R(a).
        let of_a = bowl(5.0, [1.0, -0.5], [2.0, 0.5, 1.0]).touching(&at);
        let of_b = bowl(3.0, [0.8, 0.3], [1.5, -0.2, 0.7]);
        let field = Quadratic::from_bowls(vec![of_a]);
        let field = field.beside(
            std::slice::from_ref(&at),
            &Quadratic::from_bowls(vec![of_b.clone()]),
        );
        let both = &field.bowls()[0];
        let total = |a: &[f64], b: &[f64]| {
            let z = [a, b].concat();
            both.cost(&z) + 0.5 * z.iter().map(|z| z * z).sum::<f64>()
        };
        for b in [[0.0, 0.0], [1.0, -2.0], [0.3, 0.9]] {
            let value = both.squared_error(&[&at[..], &b].concat());
            assert!((value - of_b.squared_error(&b)).abs() < 1e-12);
            // Whatever b is, a is best at `at`.
            for step in [[1e-2, 0.0], [-1e-2, 0.0], [0.0, 1e-2], [0.0, -1e-2]] {
                let beside = [at[0] + step[0], at[1] + step[1]];
                assert!(total(&beside, &b) > total(&at, &b));
            }
        }
    }
}
