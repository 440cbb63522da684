//! Decoders of one number: E(y, z) = (κ/2)·‖y − g(z)‖² + R(z), z ∈ ℝ, g a perceptron.
//!
//! So few numbers of z can be looked at one by one: F is exact, min or softmin over a
//! table, whatever z was inferred with in training. Shared by GLO and the variational
//! autoencoder.

use super::sets::pairs;
use crate::energy::{Perceptron, Table};
use crate::error::Result;
use candle_core::{Device, Tensor};

/// z at `count` even places of [−reach, reach].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// How far z goes from 0.
    pub reach: f64,
    /// Places.
    pub count: usize,
}

impl Line {
    /// z of each place.
    pub fn places(&self) -> Vec<f64> {
        let last = (self.count - 1) as f64;
        (0..self.count)
            .map(|index| self.reach * (2.0 * index as f64 / last - 1.0))
            .collect()
    }

    /// g(z) of each place.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn decoded(&self, decoder: &Perceptron) -> Result<Vec<[f64; 2]>> {
        let z: Vec<f32> = self.places().iter().map(|&z| z as f32).collect();
        pairs(&decoder.forward(&Tensor::from_vec(z, (self.count, 1), &Device::Cpu)?)?)
    }

    /// E(y, z) of every place and point, with `cost` R(z), and such that the softmin at
    /// β = 1 approaches −log ∫exp(−E) dz: each place costs −log of the distance to the next.
    ///
    /// # Errors
    /// A point that is not finite.
    pub fn table(
        &self,
        decoder: &Perceptron,
        points: &[[f64; 2]],
        precision: f64,
        cost: impl Fn(f64) -> f64,
    ) -> Result<Table> {
        let width = 2.0 * self.reach / (self.count - 1) as f64;
        let costs: Vec<f64> = (self.places().into_iter())
            .map(|z| cost(z) - width.ln())
            .collect();
        let decoded = self.decoded(decoder)?;
        let row = |y: &[f64; 2]| {
            let pairs = decoded.iter().zip(&costs);
            pairs
                .map(|(place, cost)| 0.5 * precision * super::sets::square(*y, *place) + cost)
                .collect()
        };
        Table::new(points.iter().map(row).collect())
    }
}
