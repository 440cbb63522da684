//! The least energy near a start, on any field.

use super::Field;
use crate::error::{Error, Result};
use candle_core::{DType, Tensor};

/// Gradient descent of each sample on its own, with a step that grows while the energy
/// falls and is halved where it would rise: argmin_v E near where it begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descent {
    /// Steps.
    pub steps: usize,
    /// The first step: v moves by this times the slope.
    pub size: f64,
}

impl Descent {
    /// Where each v (B, d) ends, and E there (B,): nowhere higher than where it began.
    ///
    /// # Errors
    /// An energy at the start that is not finite.
    pub fn descend(&self, field: &dyn Field, start: &Tensor) -> Result<(Tensor, Tensor)> {
        let mut place = start.detach();
        let (mut energy, mut slope) = field.slope(&place)?;
        if !energy.sum_all()?.to_scalar::<f32>()?.is_finite() {
            return Err(Error::NotFinite {
                what: "the energy where a descent begins".to_owned(),
            });
        }
        let mut size = Tensor::full(self.size as f32, energy.shape(), energy.device())?;
        for _ in 0..self.steps {
            let step = slope.broadcast_mul(&size.unsqueeze(1)?)?;
            let (next, next_energy, next_slope) = {
                let next = (&place - step)?;
                let (energy, slope) = field.slope(&next)?;
                (next, energy, slope)
            };
            let lower = next_energy.le(&energy)?;
            let wide = lower.unsqueeze(1)?.broadcast_as(place.shape())?;
            place = wide.where_cond(&next, &place)?;
            slope = wide.where_cond(&next_slope, &slope)?;
            energy = lower.where_cond(&next_energy, &energy)?;
            // × 1.2 after a step that was taken, × 0.5 after one that was not.
            let factor = (lower.to_dtype(DType::F32)? * 0.7)?.affine(1.0, 0.5)?;
            size = (size * factor)?;
        }
        Ok((place, energy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::{Bell, Wells};
    use candle_core::Device;

    #[test]
    fn each_sample_finds_the_minimum_near_it() {
        let descent = Descent {
            steps: 200,
            size: 0.5,
        };
        let bell = Bell::new([0.3, -0.2], [[1.0, 0.9], [0.9, 1.0]]).unwrap();
        let start = Tensor::new(&[[3f32, 2.0], [-1.0, -4.0]], &Device::Cpu).unwrap();
        let (place, _) = descent.descend(&bell, &start).unwrap();
        for place in place.to_vec2::<f32>().unwrap() {
            assert!((place[0] - 0.3).abs() < 1e-2 && (place[1] + 0.2).abs() < 1e-2);
        }
        let wells = Wells::two(1.5, 0.1, 0.5).unwrap();
        let (place, energy) = descent.descend(&wells, &start).unwrap();
        let place = place.to_vec2::<f32>().unwrap();
        assert!((place[0][0] - 1.5).abs() < 1e-2 && (place[1][0] + 1.5).abs() < 1e-2);
        let before = wells.energy(&start).unwrap().to_vec1::<f32>().unwrap();
        let after = energy.to_vec1::<f32>().unwrap();
        assert!(
            after
                .iter()
                .zip(before)
                .all(|(after, before)| *after < before)
        );
    }

    #[test]
    fn a_start_without_an_energy_is_refused() {
        let bell = Bell::new([0.0; 2], [[1.0, 0.0], [0.0, 1.0]]).unwrap();
        let start = Tensor::new(&[[f32::NAN, 0.0]], &Device::Cpu).unwrap();
        let descent = Descent {
            steps: 1,
            size: 0.1,
        };
        assert!(descent.descend(&bell, &start).is_err());
    }
}
