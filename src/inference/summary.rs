//! What a prior sees of the past: the network's features, narrowed place by
//! place and averaged over a coarse grid, so that it knows what is where.

use crate::error::Result;
use crate::models::{Linear, Scope};
use crate::ops;
use candle_core::Tensor;

/// Numbers kept of each place's features.
const KEPT: usize = 8;
/// Cells a side, at most; finer than the answer to «what happens next»
/// usually needs, coarse enough to generalise.
const CELLS: usize = 8;

/// Features (B, N, width) of a grid of N = rows·columns places → (B, outputs).
#[derive(Debug, Clone)]
pub struct Summary {
    narrow: Linear,
    /// (cells, N), and no bias for each cell.
    pool: Tensor,
    none: Tensor,
    mix: Linear,
}

impl Summary {
    /// Features of `width` numbers on a grid of (rows, columns).
    pub fn new(
        width: usize,
        grid: (usize, usize),
        outputs: usize,
        mut scope: Scope,
    ) -> Result<Self> {
        let cells = (grid.0.min(CELLS), grid.1.min(CELLS));
        let count = cells.0 * cells.1;
        let pool = Tensor::from_vec(
            pooling(grid, cells),
            (count, grid.0 * grid.1),
            scope.device(),
        )?;
        Ok(Self {
            none: Tensor::zeros(count, pool.dtype(), scope.device())?,
            narrow: Linear::new(width, KEPT, 1.0, scope.scope("narrow"))?,
            pool,
            mix: Linear::new(count * KEPT, outputs, 1.0, scope.scope("mix"))?,
        })
    }

    /// (B, N, width) → (B, outputs).
    pub fn forward(&self, features: &Tensor) -> Result<Tensor> {
        let places = ops::gelu(&self.narrow.forward(features)?)?;
        // By rows: a product of batches would make a copy of the pool for each.
        let cells = ops::linear(&places.transpose(1, 2)?, &self.pool, &self.none)?;
        let cells = cells.transpose(1, 2)?.contiguous()?.flatten_from(1)?;
        ops::gelu(&self.mix.forward(&cells)?)
    }
}

/// A (cells, places) matrix whose rows average over the cells of a grid.
fn pooling(grid: (usize, usize), cells: (usize, usize)) -> Vec<f32> {
    let span = |cell: usize, cells: usize, length: usize| {
        cell * length / cells..((cell + 1) * length).div_ceil(cells)
    };
    let mut matrix = vec![0f32; cells.0 * cells.1 * grid.0 * grid.1];
    for (cell, weights) in matrix.chunks_exact_mut(grid.0 * grid.1).enumerate() {
        let down = span(cell / cells.1, cells.0, grid.0);
        let across = span(cell % cells.1, cells.1, grid.1);
        let share = 1.0 / (down.len() * across.len()) as f32;
        for row in down {
            weights[row * grid.1..][across.clone()].fill(share);
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooling_averages_every_grid() {
        for grid in [(16, 16), (5, 3), (2, 7), (9, 30), (1, 1)] {
            let cells = (grid.0.min(CELLS), grid.1.min(CELLS));
            let matrix = pooling(grid, cells);
            for weights in matrix.chunks(grid.0 * grid.1) {
                assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
            for place in 0..grid.0 * grid.1 {
                let seen = matrix.iter().skip(place).step_by(grid.0 * grid.1);
                assert!(seen.sum::<f32>() > 0.0, "{grid:?}: place {place} is unseen");
            }
        }
    }
}
