//! Frames with a border wide enough for every shift, made once for all that is
//! read from them.

use super::super::check::{alike, fused, shape, wrong_shape};
use super::super::kernel::{Parts, filled, tensor};
use super::super::patches::unpatchify;
use super::moved::Moved;
use super::{Patches, shifts, slices};
use crate::error::{Error, Result};
use candle_core::Tensor;
use rayon::prelude::*;

/// S frames of each example, from which shifted copies are read.
#[derive(Debug, Clone)]
pub struct Scene {
    along: Patches,
    /// The longest shift of each source.
    reaches: Vec<usize>,
    /// (B, S, height, stride) with a border of the longest reach: a row is its
    /// pixels with their channels, then what a vector may read past them.
    frames: Tensor,
}

impl Scene {
    /// Of S ≥ 1 frames as patches (B, N, p·p·C), each with its longest shift in
    /// pixels, down and across. Nothing of them is tracked. Fails on other shapes and on a dtype that is not a float or not the same
    /// for all.
    pub fn new(sources: &[(&Tensor, usize)], along: Patches) -> Result<Self> {
        let name = "scene";
        along.check(name)?;
        let Some(&(first, _)) = sources.first() else {
            return Err(Error::input(name, "0 sources", "give at least one"));
        };
        let &[batch, _, _] = first.dims() else {
            return Err(wrong_shape(name, "sources", first, "(B, N, p·p·C)"));
        };
        for &(source, _) in sources {
            alike(name, &[("sources", first), ("sources", source)])?;
            let expected = [batch, along.places(), along.pixels()];
            shape(name, "sources", source, &expected)?;
        }
        let reaches: Vec<usize> = sources.iter().map(|&(_, reach)| reach).collect();
        let sources = (sources.iter()).map(|(source, _)| source.detach().contiguous());
        let sources: Vec<Tensor> = sources.collect::<candle_core::Result<_>>()?;
        let moved = Moved::new(along, &reaches);
        let frames = match fused(first) {
            true => bordered(&sources, &moved, batch)?,
            false => composed(&sources, &moved)?,
        };
        Ok(Self {
            along,
            reaches,
            frames,
        })
    }

    /// The same after `f` on the frames, which may change how many examples
    /// there are and where they are, but no frame. Fails where frames come back
    /// in another shape.
    pub fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let frames = f(&self.frames)?;
        let of_one = &self.frames.dims()[1..];
        if frames.dims().get(1..) != Some(of_one) {
            let expected = format!("(B, ..) with {of_one:?} for each example");
            return Err(wrong_shape("scene", "mapped frames", &frames, expected));
        }
        Ok(Self {
            along: self.along,
            reaches: self.reaches.clone(),
            frames,
        })
    }

    /// How its frames are cut.
    pub fn along(&self) -> Patches {
        self.along
    }

    pub(super) fn frames(&self) -> &Tensor {
        &self.frames
    }

    pub(super) fn moved(&self) -> Moved {
        Moved::new(self.along, &self.reaches)
    }

    /// Refuses logits of another shape.
    pub(super) fn check(&self, name: &str, logits: &Tensor) -> Result<()> {
        alike(name, &[("scene", &self.frames), ("logits", logits)])?;
        let count: usize = self.reaches.iter().map(|&reach| shifts(reach)).sum();
        let expected = [self.frames.dims()[0], self.along.places(), count];
        shape(name, "logits", logits, &expected)
    }

    /// All shifted copies, (B, N, p·p·C, K).
    pub(super) fn copies(&self) -> Result<Tensor> {
        let Patches {
            grid: (rows, columns),
            patch,
            channels,
        } = self.along;
        let batch = self.frames.dim(0)?;
        let border = self.moved().border;
        let mut copies = Vec::new();
        for (source, reach) in self.reaches.iter().enumerate() {
            let frame = self.frames.narrow(1, source, 1)?.squeeze(1)?;
            for down in border - reach..=border + reach {
                let lines = frame.narrow(1, down, rows * patch)?;
                for right in border - reach..=border + reach {
                    let from = right * channels;
                    let copy = lines.narrow(2, from, columns * patch * channels)?;
                    let copy = copy
                        .contiguous()?
                        .reshape((batch, rows, patch, columns, patch * channels))?
                        .transpose(2, 3)?
                        .contiguous()?;
                    copies.push(copy.reshape((batch, rows * columns, self.along.pixels(), 1))?);
                }
            }
        }
        Ok(Tensor::cat(&copies, 3)?)
    }
}

fn bordered(sources: &[Tensor], moved: &Moved, batch: usize) -> Result<Tensor> {
    let size = sources.len() * moved.plane;
    let frames = slices(sources, |sources| {
        let write = |out: Parts| {
            (0..batch).into_par_iter().for_each(|index| {
                // SAFETY: each example has its own part.
                let out = unsafe { out.part(index * size, size) };
                moved.frames(sources, index, out);
            });
        };
        filled(batch * size, write)
    })?;
    let height = moved.plane / moved.stride;
    Ok(tensor(
        frames,
        (batch, sources.len(), height, moved.stride),
    )?)
}

fn composed(sources: &[Tensor], moved: &Moved) -> Result<Tensor> {
    let (along, reach) = (moved.along, moved.border);
    let (rows, columns) = along.grid;
    let mut frames = Vec::new();
    for source in sources {
        let batch = source.dim(0)?;
        let grid = source.reshape((batch, rows, columns, along.pixels()))?;
        let frame = unpatchify(&grid, along.patch, along.channels)?;
        let frame = extend(&extend(&frame, 2, reach)?, 3, reach)?;
        let (_, channels, height, width) = frame.dims4()?;
        let frame = frame.permute((0, 2, 3, 1))?.contiguous()?;
        let frame = frame.reshape((batch, height, width * channels))?;
        let slack = moved.stride - width * channels;
        let none = Tensor::zeros((batch, height, slack), frame.dtype(), frame.device())?;
        let frame = Tensor::cat(&[frame, none], 2)?;
        frames.push(frame.unsqueeze(1)?);
    }
    Ok(Tensor::cat(&frames, 1)?)
}

/// The first and the last of `dim` repeated `reach` times before and after.
fn extend(x: &Tensor, dim: usize, reach: usize) -> Result<Tensor> {
    let (first, last) = (x.narrow(dim, 0, 1)?, x.narrow(dim, x.dim(dim)? - 1, 1)?);
    let mut parts = vec![first; reach];
    parts.push(x.clone());
    parts.resize(2 * reach + 1, last);
    Ok(Tensor::cat(&parts, dim)?)
}
