//! How objects have moved so far.

use super::no_past;
use crate::error::Result;
use crate::ops;
use candle_core::{Device, Tensor};

/// How much likelier a move is that fits in full than one that does not at all, as a
/// logit: a stroke that is a pixel off fits to about three quarters.
const CONTRAST: f64 = 30.0;

/// Looks for moves, as wholes, of up to `reach` pixels each way.
#[derive(Debug, Clone)]
pub(super) struct Trace {
    reach: usize,
    /// Each shift's opposite, (D,).
    reversed: Tensor,
}

impl Trace {
    pub(super) fn new(reach: usize, device: &Device) -> Result<Self> {
        let shifts = ops::shifts(reach);
        let reversed: Vec<u32> = (0..shifts as u32).rev().collect();
        Ok(Self {
            reach,
            reversed: Tensor::from_vec(reversed, shifts, device)?,
        })
    }

    /// How likely each move is to have led to each object (B, K, C, H, W) from the frame
    /// before, and so on from frame to frame backwards from the likeliest: (B, K, D) for
    /// each frame before the last, the latest first. Moves are numbered as z's are.
    pub(super) fn of(&self, frames: &[Tensor], objects: &Tensor) -> Result<Vec<Tensor>> {
        let (batch, count, ..) = objects.dims5()?;
        // Of the frame before, x', at each shift: Σ o (x_T − x')² of Σ o x_T².
        let last = frames.last().ok_or_else(no_past)?.unsqueeze(1)?;
        let bright = objects.broadcast_mul(&last)?;
        let size = bright
            .broadcast_mul(&last)?
            .sum((2, 3, 4))?
            .affine(1.0, 1.0)?;
        let size = size.reshape((batch, count, 1))?;
        let mut tracked = Tensor::cat(&[&(&bright * 2.0)?, &objects.affine(-1.0, 0.0)?], 2)?;
        let mut trace = Vec::new();
        for before in frames.iter().rev().skip(1) {
            let before = Tensor::cat(&[before, &before.sqr()?], 1)?;
            let fits = ops::shifted_products(&tracked, &before, self.reach)?;
            let fits = (fits.broadcast_div(&size)? * CONTRAST)?;
            tracked = self.moved(&tracked, &fits)?;
            trace.push(ops::softmax(&fits.index_select(&self.reversed, 2)?)?);
        }
        Ok(trace)
    }

    /// Each picture (B, K, C, H, W) moved as is likeliest of all moves (B, K, D).
    pub(super) fn moved(&self, objects: &Tensor, fits: &Tensor) -> Result<Tensor> {
        let (batch, count, channels, height, width) = objects.dims5()?;
        let best = fits.argmax(2)?.flatten_all()?.to_vec1::<u32>()?;
        let shifts = ops::shifts(self.reach);
        let mut one_hot = vec![0f32; best.len() * shifts];
        for (row, &best) in one_hot.chunks_exact_mut(shifts).zip(&best) {
            row[best as usize] = 1.0;
        }
        let device = objects.device();
        let one_hot = Tensor::from_vec(one_hot, (batch * count, 1, shifts), device)?;
        let each = objects.reshape((batch * count, 1, channels, height, width))?;
        let moved = ops::shifted_sum(&each, &one_hot.to_dtype(each.dtype())?, self.reach)?;
        Ok(moved.reshape((batch, count, channels, height, width))?)
    }
}
