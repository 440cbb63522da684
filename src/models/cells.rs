//! A grid of places in equal parts, each with a z of its own.

use crate::error::{Error, Result};
use candle_core::Tensor;

/// `side` × `side` parts of a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cells {
    grid: (usize, usize),
    side: usize,
}

impl Cells {
    /// Of a grid of (rows, columns) places.
    ///
    /// # Errors
    /// No part, or sides that are no whole number of places.
    pub fn new(grid: (usize, usize), side: usize) -> Result<Self> {
        let fits = |length: usize| side > 0 && length.is_multiple_of(side);
        match fits(grid.0) && fits(grid.1) {
            true => Ok(Self { grid, side }),
            false => Err(Error::input(
                "model.cells",
                format!(
                    "{side} a side do not part a grid of {}×{} patches evenly",
                    grid.0, grid.1
                ),
                "use 1, 2, 4 or 8",
            )),
        }
    }

    /// How many parts a side.
    pub fn side(self) -> usize {
        self.side
    }

    /// How many parts.
    pub fn count(self) -> usize {
        self.side * self.side
    }

    /// (rows, columns) of each.
    pub fn part(self) -> (usize, usize) {
        (self.grid.0 / self.side, self.grid.1 / self.side)
    }

    /// (B, N, W) → (B·count, N/count, W): each part as an example.
    pub fn split(self, x: &Tensor) -> Result<Tensor> {
        if self.side == 1 {
            return Ok(x.clone());
        }
        let (batch, places, width) = x.dims3()?;
        let (rows, columns) = self.part();
        let shape = [batch * self.side, rows, self.side, columns * width];
        let parts = x.reshape(&shape[..])?.transpose(1, 2)?.contiguous()?;
        Ok(parts.reshape((batch * self.count(), places / self.count(), width))?)
    }

    /// The inverse of [`Self::split`].
    pub fn join(self, parts: &Tensor) -> Result<Tensor> {
        if self.side == 1 {
            return Ok(parts.clone());
        }
        let (examples, places, width) = parts.dims3()?;
        let (rows, columns) = self.part();
        let batch = examples / self.count();
        let shape = [batch * self.side, self.side, rows, columns * width];
        let x = parts.reshape(&shape[..])?.transpose(1, 2)?.contiguous()?;
        Ok(x.reshape((batch, places * self.count(), width))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn parts_are_taken_and_put_back() {
        let cells = Cells::new((4, 6), 2).unwrap();
        assert_eq!((cells.count(), cells.part()), (4, (2, 3)));
        let x = Tensor::arange(0f32, 2.0 * 24.0 * 2.0, &Device::Cpu).unwrap();
        let x = x.reshape((2, 24, 2)).unwrap();
        let parts = cells.split(&x).unwrap();
        assert_eq!(parts.dims(), [8, 6, 2]);
        // The second example's part below left: rows 2, 3 and columns 0 to 2.
        let part = parts.get(6).unwrap().to_vec2::<f32>().unwrap();
        let x_rows = x.get(1).unwrap().to_vec2::<f32>().unwrap();
        let expected: Vec<Vec<f32>> = [12, 13, 14, 18, 19, 20].map(|i| x_rows[i].clone()).into();
        assert_eq!(part, expected);
        let back = cells.join(&parts).unwrap();
        assert_eq!(
            back.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            x.flatten_all().unwrap().to_vec1::<f32>().unwrap()
        );
        assert!(Cells::new((4, 6), 4).is_err() && Cells::new((4, 6), 0).is_err());
    }
}
