//! Pixels moved: each patch of a frame as a mixture of shifted copies of given
//! frames (Finn, Goodfellow and Levine 2016, "Unsupervised learning for
//! physical interaction through video prediction").

mod blend;
mod mix;
mod moved;
mod scene;
mod shares;

use super::check::{alike, shape, wrong_shape};
use super::kernel::{read, tensor, values};
use super::softmax;
use crate::error::{Error, Result};
use candle_core::{CpuStorage, CustomOp1, D, Layout, Shape, Tensor};
use moved::Moved;
pub use scene::Scene;

/// Frames cut into patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patches {
    /// (rows, columns) of patches.
    pub grid: (usize, usize),
    /// Pixels along a patch's side.
    pub patch: usize,
    /// Channels of a pixel.
    pub channels: usize,
}

/// How many shifts of up to `reach` pixels down and across there are,
/// (2·reach + 1)²: rows first, from up left to down right. A shift (dy, dx)
/// shows at each pixel what lies dy below and dx to the right of it; beyond the
/// frame's edge lies the edge.
pub fn shifts(reach: usize) -> usize {
    (2 * reach + 1) * (2 * reach + 1)
}

impl Patches {
    /// Refuses frames without pixels.
    fn check(&self, name: &str) -> Result<()> {
        if self.places() > 0 && self.pixels() > 0 {
            return Ok(());
        }
        Err(Error::input(
            name,
            format!("frames without pixels: {self:?}"),
            "give a grid of at least one patch, of at least one pixel and channel",
        ))
    }

    /// Patches of a frame.
    fn places(&self) -> usize {
        self.grid.0 * self.grid.1
    }

    /// Numbers of a patch.
    fn pixels(&self) -> usize {
        self.patch * self.patch * self.channels
    }
}

/// Each patch the mixture Σ_k share_k · copy_k of shifted copies, with shares
/// softmax(logits).
///
/// logits (B, N, K), source after source of the scene, of each all [`shifts`]
/// within its reach; (B, N, p·p·C) out. The scene is taken as given: no gradient
/// goes back into it. Fails on other shapes and on a dtype that is not the scene's.
pub fn transport(scene: &Scene, logits: &Tensor) -> Result<Tensor> {
    scene.check("transport", logits)?;
    if super::check::fused(logits) {
        let op = Mix {
            moved: scene.moved(),
            scene: scene.clone(),
        };
        return Ok(logits.contiguous()?.apply_op1(op)?);
    }
    composed(scene, logits)
}

/// x + amount · (x − x̄), x̄ the mean of a pixel and its four neighbours: what
/// blurring takes away, added; but within the values of the 3×3 pixels around,
/// so that no value is new and nothing grows, however often it is done.
///
/// A frame as patches (B, N, p·p·C) in and out; nothing of it is tracked. Fails
/// on other shapes and on a dtype that is not a float.
pub fn sharpen(frame: &Tensor, along: Patches, amount: f64) -> Result<Tensor> {
    let name = "sharpen";
    alike(name, &[("frame", frame)])?;
    along.check(name)?;
    let &[batch, _, _] = frame.dims() else {
        return Err(wrong_shape(name, "frame", frame, "(B, N, p·p·C)"));
    };
    shape(
        name,
        "frame",
        frame,
        &[batch, along.places(), along.pixels()],
    )?;
    let frame = frame.detach().contiguous()?;
    let scene = Scene::new(&[(&frame, 1)], along)?;
    if super::check::fused(&frame) {
        let values = read(scene.frames(), |frames| {
            scene.moved().sharpen(frames, batch, amount as f32)
        })?;
        return Ok(tensor(values, frame.shape())?);
    }
    composed_sharpen(&frame, &scene, amount)
}

/// A frame within the least and the most of a scene's copies, pixel by pixel, and
/// `room` (in the units of the frames) beyond them: with none, as a mixture of the
/// copies is.
///
/// Patches (B, N, p·p·C) in and out; nothing of it is tracked. Fails on another
/// shape and on a dtype that is not the scene's.
pub fn within(scene: &Scene, frame: &Tensor, room: f64) -> Result<Tensor> {
    let name = "within";
    alike(name, &[("scene", scene.frames()), ("frame", frame)])?;
    let along = scene.along();
    let batch = scene.frames().dim(0)?;
    shape(
        name,
        "frame",
        frame,
        &[batch, along.places(), along.pixels()],
    )?;
    let frame = frame.detach().contiguous()?;
    if super::check::fused(&frame) {
        let values = read(scene.frames(), |frames| {
            read(&frame, |values| {
                (scene.moved()).within(frames, values, room as f32, batch)
            })
        })??;
        return Ok(tensor(values, frame.shape())?);
    }
    composed_within(scene, &frame, room)
}

fn composed(scene: &Scene, logits: &Tensor) -> Result<Tensor> {
    let shares = softmax::composed(logits)?;
    let copies = scene.copies()?;
    Ok(copies
        .broadcast_mul(&shares.unsqueeze(2)?)?
        .sum(D::Minus1)?)
}

fn composed_within(scene: &Scene, frame: &Tensor, room: f64) -> Result<Tensor> {
    let copies = scene.copies()?;
    let most = copies
        .max_keepdim(D::Minus1)?
        .squeeze(3)?
        .affine(1.0, room)?;
    let least = copies
        .affine(-1.0, 0.0)?
        .max_keepdim(D::Minus1)?
        .squeeze(3)?;
    Ok(frame.minimum(&most)?.maximum(&least.affine(-1.0, -room)?)?)
}

fn composed_sharpen(frame: &Tensor, scene: &Scene, amount: f64) -> Result<Tensor> {
    let copies = scene.copies()?;
    // Up, left, itself, right and down of the nine.
    let near = [1, 3, 4, 5, 7].map(|copy| copies.narrow(3, copy, 1));
    let near = near.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
    let sum = Tensor::cat(&near, 3)?.sum(D::Minus1)?;
    let sharp = frame
        .affine(1.0 + amount, 0.0)?
        .sub(&sum.affine(amount / 5.0, 0.0)?)?;
    composed_within(scene, &sharp, 0.0)
}

struct Mix {
    scene: Scene,
    moved: Moved,
}

impl CustomOp1 for Mix {
    fn name(&self) -> &'static str {
        "transport"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (logits, batch) = (values(logits, layout)?, layout.dims()[0]);
        let y = read(self.scene.frames(), |frames| {
            self.moved.mix(frames, logits, batch)
        })?;
        let along = self.scene.along();
        let dims = (batch, along.places(), along.pixels());
        Ok((CpuStorage::F32(y), dims.into()))
    }

    fn bwd(&self, logits: &Tensor, _y: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let given = [self.scene.frames(), logits, &g.contiguous()?].map(Tensor::clone);
        let made = slices(&given, |given| match given {
            &[frames, logits, g] => self.moved.mix_backward(frames, logits, g),
            _ => Vec::new(),
        })?;
        tensor(made, logits.shape()).map(Some)
    }
}

/// Hands the values of contiguous f32 tensors on the CPU to `f`.
fn slices<R>(tensors: &[Tensor], f: impl FnOnce(&[&[f32]]) -> R) -> candle_core::Result<R> {
    let locked: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
    let values = locked.iter().map(|(storage, layout)| match &**storage {
        candle_core::Storage::Cpu(storage) => super::kernel::values(storage, layout),
        _ => candle_core::bail!("a fused kernel needs tensors on the CPU"),
    });
    let values: Vec<&[f32]> = values.collect::<candle_core::Result<_>>()?;
    Ok(f(&values))
}

#[cfg(test)]
mod tests;
