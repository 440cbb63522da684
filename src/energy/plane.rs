//! Integrals over the plane, where nothing has to be sampled.

use super::Field;
use crate::error::{Error, Result};
use candle_core::{Device, Tensor};

/// Points looked at in one go.
const CHUNK: usize = 8192;

/// The square [−reach, reach]² in side × side cells, each known by its middle.
///
/// A sum over the cells times their area is the integral (the midpoint rule), for a
/// smooth function that is small at the border correct to far more digits than the
/// cells are narrow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plane {
    /// How far the square goes from 0.
    pub reach: f64,
    /// Cells in a row.
    pub side: usize,
}

impl Plane {
    /// How wide a cell is.
    pub fn width(&self) -> f64 {
        2.0 * self.reach / self.side as f64
    }

    /// The middles of cells along one axis.
    pub fn axis(&self) -> Vec<f64> {
        let middle = |index| -self.reach + (index as f64 + 0.5) * self.width();
        (0..self.side).map(middle).collect()
    }

    /// The middle of each cell, (y₁, y₂): the lowest row first, each from left to right.
    pub fn points(&self) -> Vec<[f64; 2]> {
        let axis = self.axis();
        let row = |y2: &f64| axis.iter().map(|&y1| [y1, *y2]).collect::<Vec<_>>();
        axis.iter().flat_map(row).collect()
    }

    /// [`Self::points`] as a tensor (side², 2), f32.
    pub fn tensor(&self, device: &Device) -> Result<Tensor> {
        let flat: Vec<f32> = (self.points().iter().flatten())
            .map(|&v| v as f32)
            .collect();
        Ok(Tensor::from_vec(flat, (self.side * self.side, 2), device)?)
    }

    /// E at each cell's middle, side² numbers.
    ///
    /// # Errors
    /// An energy that is not a number.
    pub fn energies(&self, field: &dyn Field, device: &Device) -> Result<Vec<f64>> {
        let points = self.tensor(device)?;
        let count = self.side * self.side;
        let mut energies = Vec::with_capacity(count);
        for start in (0..count).step_by(CHUNK) {
            let some = points.narrow(0, start, CHUNK.min(count - start))?;
            let found = field.energy(&some)?.to_vec1::<f32>()?;
            energies.extend(found.into_iter().map(f64::from));
        }
        match energies.iter().any(|energy| energy.is_nan()) {
            true => Err(Error::NotFinite {
                what: "the energy on the plane".to_owned(),
            }),
            false => Ok(energies),
        }
    }

    /// log ∫ exp(−E) over the square, of energies at the cells' middles.
    pub fn log_partition(&self, energies: &[f64]) -> f64 {
        let least = energies.iter().copied().fold(f64::INFINITY, f64::min);
        let sum: f64 = energies.iter().map(|energy| (least - energy).exp()).sum();
        sum.ln() - least + 2.0 * self.width().ln()
    }

    /// exp(−E) / Σ exp(−E) of each cell.
    pub fn shares(&self, energies: &[f64]) -> Vec<f64> {
        let log = self.log_partition(energies) - 2.0 * self.width().ln();
        energies
            .iter()
            .map(|energy| (-energy - log).exp())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Bell;

    #[test]
    fn a_gaussians_partition_function_and_moments_are_known() {
        let bell = Bell::new([0.3, -0.2], [[0.2, 0.1], [0.1, 0.3]]).unwrap();
        let plane = Plane {
            reach: 4.0,
            side: 128,
        };
        let energies = plane.energies(&bell, &Device::Cpu).unwrap();
        // Bell's energy is −log p: its integral is 1.
        assert!(plane.log_partition(&energies).abs() < 1e-5);
        let shares = plane.shares(&energies);
        let mean = |f: &dyn Fn([f64; 2]) -> f64| -> f64 {
            let pairs = plane.points().into_iter().zip(&shares);
            pairs.map(|(point, share)| share * f(point)).sum()
        };
        assert!((mean(&|y| y[0]) - 0.3).abs() < 1e-5);
        assert!((mean(&|y| (y[0] - 0.3) * (y[1] + 0.2)) - 0.1).abs() < 1e-5);
        assert!((mean(&|_| 1.0) - 1.0).abs() < 1e-9);
    }
}
