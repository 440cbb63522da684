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

    /// C(y, ŷ(x, z)) = (κ/2)·‖y − ŷ(x, z)‖²: the energy without R(z).
    pub fn cost(&self, z: &[f64]) -> f64 {
        0.5 * self.precision * self.squared_error(z)
    }
}
