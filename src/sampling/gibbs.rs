//! Gibbs sampling where a conditional can be tabulated.

use super::state::found_finite;
use super::{Sampler, State};
use crate::energy::Field;
use crate::error::Result;
use crate::rng::Rng;
use candle_core::Tensor;

/// Draws one number of v after the other from what the others leave of it,
/// p(vᵢ | the rest) ∝ exp(−E) along that line (Geman & Geman 1984).
///
/// The line is looked at in `points` places of [−reach, reach], and between two the
/// density is a straight line ("griddy" Gibbs, Ritter & Tanner 1992): exact as the
/// places get dense, and never refused. v lies within reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gibbs {
    /// How far from 0 a number of v may be.
    pub reach: f64,
    /// Places on the line, at least 2.
    pub points: usize,
}

impl Gibbs {
    fn place(&self, index: usize) -> f64 {
        -self.reach + 2.0 * self.reach * index as f64 / (self.points - 1) as f64
    }

    /// A draw from the density that is exp(−E) at the places and straight between them.
    fn draw(&self, energies: &[f32], rng: &mut Rng) -> f64 {
        let least = energies.iter().copied().fold(f32::INFINITY, f32::min);
        let heights: Vec<f64> = energies
            .iter()
            .map(|energy| f64::from(least - energy).exp())
            .collect();
        let areas: Vec<f32> = heights
            .windows(2)
            .map(|pair| (0.5 * (pair[0] + pair[1])) as f32)
            .collect();
        let cell = rng.weighted(&areas);
        // Within a cell, area a of its share: a = h₀ t + ½ (h₁ − h₀) t².
        let (low, high) = (heights[cell], heights[cell + 1]);
        let area = rng.uniform() * 0.5 * (low + high);
        let root = (low * low + 2.0 * (high - low) * area).max(0.0).sqrt();
        let t = 2.0 * area / (low + root).max(f64::MIN_POSITIVE);
        self.place(cell) + t.min(1.0) * 2.0 * self.reach / (self.points - 1) as f64
    }
}

impl Sampler for Gibbs {
    fn name(&self) -> &'static str {
        "Gibbs"
    }

    fn step(&self, field: &dyn Field, state: &mut State, rng: &mut Rng) -> Result<()> {
        let (count, d) = state.place.dims2()?;
        let device = state.place.device().clone();
        let mut place = state.place.to_vec2::<f32>()?;
        for axis in 0..d {
            let mut lines = Vec::with_capacity(count * self.points * d);
            for row in &place {
                for index in 0..self.points {
                    let start = lines.len();
                    lines.extend_from_slice(row);
                    lines[start + axis] = self.place(index) as f32;
                }
            }
            let lines = Tensor::from_vec(lines, (count * self.points, d), &device)?;
            let energies = field.energy(&lines)?.detach();
            found_finite((&lines, &energies), self.name(), state.steps + 1, 0.0)?;
            let energies = energies.to_vec1::<f32>()?;
            for (row, line) in place.iter_mut().zip(energies.chunks(self.points)) {
                row[axis] = self.draw(line, rng) as f32;
            }
        }
        let flat: Vec<f32> = place.into_iter().flatten().collect();
        let place = Tensor::from_vec(flat, (count, d), &device)?;
        // Its own next step needs no slope; the energy is what messages and figures show.
        let energy = field.energy(&place)?.detach();
        let slope = state.slope.clone();
        state.advance(place, energy, slope);
        Ok(())
    }
}
