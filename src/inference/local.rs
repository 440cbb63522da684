//! p(z | x) where each part of the frame has a z of its own.

use super::noise::Noise;
use super::prior::Prior;
use crate::error::Result;
use crate::models::Cells;
use crate::rng::Rng;
use candle_core::Tensor;

/// One prior for all parts: each part's z given the features of its places, which see
/// beyond it. Given x, parts are independent.
pub struct Local {
    cells: Cells,
    prior: Box<dyn Prior>,
}

impl Local {
    /// `prior` is over the z of one part.
    pub fn new(cells: Cells, prior: Box<dyn Prior>) -> Self {
        Self { cells, prior }
    }

    /// (B, parts·d) → (B·parts, d).
    fn parts(&self, z: &Tensor) -> Result<Tensor> {
        let (batch, width) = z.dims2()?;
        let count = self.cells.count();
        Ok(z.reshape((batch * count, width / count))?)
    }

    /// (B·parts,) → the sums of each example, (B,).
    fn sum(&self, parts: &Tensor) -> Result<Tensor> {
        let count = self.cells.count();
        Ok(parts.reshape((parts.dim(0)? / count, count))?.sum(1)?)
    }
}

impl Prior for Local {
    fn loss(&self, context: &Tensor, z: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let (context, z) = (self.cells.split(context)?, self.parts(z)?);
        self.sum(&self.prior.loss(&context, &z, rng)?)
    }

    fn surprise(&self, context: &Tensor, z: &Tensor) -> Result<Option<Tensor>> {
        let (context, z) = (self.cells.split(context)?, self.parts(z)?);
        let surprise = self.prior.surprise(&context, &z)?;
        surprise.map(|parts| self.sum(&parts)).transpose()
    }

    fn sample(&self, context: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor> {
        let context = self.cells.split(context)?;
        let z = self.prior.sample(&context, temperature, noise)?;
        let (parts, width) = z.dims2()?;
        let count = self.cells.count();
        Ok(z.reshape((parts / count, count * width))?)
    }
}
