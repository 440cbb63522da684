//! Pixels moved: each patch of a frame as a mixture of shifted copies of given
//! frames (Finn, Goodfellow and Levine 2016, "Unsupervised learning for
//! physical interaction through video prediction"), and the squared error of
//! such a frame as a quadratic in what moves it.

mod blend;
mod form;
mod mix;
mod moved;
mod scene;
mod shares;

use super::check::{alike, shape, wrong_shape};
use super::kernel::{Parts, read, tensor, unwritten, values};
use super::softmax;
use crate::error::{Error, Result};
use candle_core::{CpuStorage, CustomOp2, D, Layout, Shape, Tensor};
use mix::Given;
use moved::Moved;
pub use scene::Scene;
use shares::Effects;

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
/// softmax(logits + tilts · effectsᵀ).
///
/// logits (B, N, K), source after source of the scene, of each all [`shifts`]
/// within its reach; tilts (B, N, R) and effects (K, R) with R from 1 to 16;
/// (B, N, p·p·C) out. Scene and effects are taken as given: no gradient goes
/// back into them. Fails on other shapes and on a dtype that is not the scene's.
pub fn transport(
    scene: &Scene,
    logits: &Tensor,
    tilts: &Tensor,
    effects: &Tensor,
) -> Result<Tensor> {
    let name = "transport";
    let kinds = scene.check(name, logits, effects)?;
    alike(name, &[("logits", logits), ("tilts", tilts)])?;
    let (batch, places, _) = logits.dims3()?;
    shape(name, "tilts", tilts, &[batch, places, kinds])?;
    let effects = effects.detach();
    if super::check::fused(logits) {
        let moved = scene.moved();
        let op = Mix {
            effects: read(&effects, |effects| Effects::new(&moved, effects, kinds))?,
            scene: scene.clone(),
            moved,
        };
        return Ok(logits.contiguous()?.apply_op2(&tilts.contiguous()?, op)?);
    }
    composed(scene, logits, tilts, &effects)
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

/// ‖y − ŷ(z')‖² = c − 2 qᵀz' + z'ᵀG z' for each example, with ŷ linearised in
/// z' at z: what a Gauss–Newton step over z needs.
///
/// ŷ is as [`transport`] makes it of logits, effects and tilts V z', where z'
/// acts on patch n through directions V_n, (B, N, R, d). z is (B, d) and y
/// (B, N, p·p·C). Out come c (B,), q (B, d) and G (B, d, d). It is made for
/// solvers that need no gradient: nothing of it is tracked. Fails as
/// [`transport`] does.
pub fn transport_form(
    scene: &Scene,
    logits: &Tensor,
    (effects, directions): (&Tensor, &Tensor),
    z: &Tensor,
    y: &Tensor,
) -> Result<(Tensor, Tensor, Tensor)> {
    let name = "transport_form";
    let kinds = scene.check(name, logits, effects)?;
    let all = [
        ("logits", logits),
        ("directions", directions),
        ("z", z),
        ("y", y),
    ];
    alike(name, &all)?;
    let (batch, places, _) = logits.dims3()?;
    let latent = match z.dims() {
        &[_, latent] if latent > 0 => latent,
        _ => return Err(wrong_shape(name, "z", z, "(B, d), d at least 1")),
    };
    shape(name, "z", z, &[batch, latent])?;
    let expected = [batch, places, kinds, latent];
    shape(name, "directions", directions, &expected)?;
    shape(name, "y", y, &[batch, places, scene.along().pixels()])?;
    let given = [logits, directions, z, y].map(Tensor::detach);
    let effects = effects.detach();
    if super::check::fused(logits) {
        return form(scene, &given, &effects);
    }
    composed_form(scene, &given, &effects)
}

fn composed(scene: &Scene, logits: &Tensor, tilts: &Tensor, effects: &Tensor) -> Result<Tensor> {
    let shares = composed_shares(logits, tilts, effects)?;
    let copies = scene.copies()?;
    Ok(copies
        .broadcast_mul(&shares.unsqueeze(2)?)?
        .sum(D::Minus1)?)
}

fn composed_shares(logits: &Tensor, tilts: &Tensor, effects: &Tensor) -> Result<Tensor> {
    let (batch, places, count) = logits.dims3()?;
    let kinds = effects.dim(1)?;
    let tilts = tilts.contiguous()?.reshape((batch * places, kinds))?;
    let tilted = tilts.matmul(&effects.t()?.contiguous()?)?;
    softmax::composed(&logits.add(&tilted.reshape((batch, places, count))?)?)
}

fn composed_form(
    scene: &Scene,
    [logits, directions, z, y]: &[Tensor; 4],
    effects: &Tensor,
) -> Result<(Tensor, Tensor, Tensor)> {
    let (batch, places, count) = logits.dims3()?;
    let (kinds, latent) = (effects.dim(1)?, z.dim(1)?);
    let (pixels, rows) = (y.dim(2)?, batch * places);
    let copies = scene.copies()?;
    let tilts = directions
        .reshape((batch, places * kinds, latent))?
        .matmul(&z.unsqueeze(2)?)?
        .reshape((batch, places, kinds))?;
    let shares = composed_shares(logits, &tilts, effects)?.unsqueeze(2)?;
    let made = copies.broadcast_mul(&shares)?.sum_keepdim(D::Minus1)?;
    // ∂ŷ/∂logit_k = share_k (copy_k − ŷ).
    let slopes = copies.broadcast_sub(&made)?.broadcast_mul(&shares)?;
    let slopes = slopes
        .reshape((rows * pixels, count))?
        .matmul(&effects.contiguous()?)?
        .reshape((rows, pixels, kinds))?
        .matmul(&directions.reshape((rows, kinds, latent))?)?
        .reshape((batch, places * pixels, latent))?;
    let left = y.sub(&made.squeeze(3)?)?;
    let left = left.reshape((batch, places * pixels, 1))?;
    let left = left.add(&slopes.matmul(&z.unsqueeze(2)?)?)?;
    let turned = slopes.t()?.contiguous()?;
    let constant = left.sqr()?.sum((1, 2))?;
    let slope = turned.matmul(&left)?.squeeze(2)?;
    Ok((constant, slope, turned.matmul(&slopes)?))
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
    effects: Effects,
}

impl CustomOp2 for Mix {
    fn name(&self) -> &'static str {
        "transport"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        layout: &Layout,
        tilts: &CpuStorage,
        tilts_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let given = Given {
            logits: values(logits, layout)?,
            tilts: values(tilts, tilts_layout)?,
        };
        let batch = layout.dims()[0];
        let y = read(self.scene.frames(), |frames| {
            self.moved.mix(frames, given, &self.effects, batch)
        })?;
        let along = self.scene.along();
        let dims = (batch, along.places(), along.pixels());
        Ok((CpuStorage::F32(y), dims.into()))
    }

    fn bwd(
        &self,
        logits: &Tensor,
        tilts: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let given = [self.scene.frames(), logits, tilts, &g.contiguous()?].map(Tensor::clone);
        let room = |t: &Tensor| unwritten(if t.track_op() { t.elem_count() } else { 0 });
        let (mut to_logits, mut to_tilts): (Vec<f32>, Vec<f32>) = (room(logits), room(tilts));
        let place = |t: &Tensor, to: &mut Vec<f32>| t.track_op().then(|| Parts::of(to));
        let places = (place(logits, &mut to_logits), place(tilts, &mut to_tilts));
        slices(&given, |given| {
            if let &[frames, logits, tilts, g] = given {
                let given = Given { logits, tilts };
                let (moved, effects) = (&self.moved, &self.effects);
                moved.mix_backward(frames, given, effects, g, places);
            }
        })?;
        let written = |t: &Tensor, to| t.track_op().then(|| tensor(to, t.shape())).transpose();
        Ok((written(logits, to_logits)?, written(tilts, to_tilts)?))
    }
}

fn form(scene: &Scene, given: &[Tensor; 4], effects: &Tensor) -> Result<(Tensor, Tensor, Tensor)> {
    let (batch, latent) = given[2].dims2()?;
    let (moved, kinds) = (scene.moved(), effects.dim(1)?);
    let effects = read(effects, |effects| Effects::new(&moved, effects, kinds))?;
    let given: Vec<Tensor> = given
        .iter()
        .map(Tensor::contiguous)
        .collect::<candle_core::Result<_>>()?;
    let (constant, slope, curvature) = read(scene.frames(), |frames| {
        slices(&given, |given| {
            moved.form(frames, given, &effects, (batch, latent))
        })
    })??;
    Ok((
        tensor(constant, batch)?,
        tensor(slope, (batch, latent))?,
        tensor(curvature, (batch, latent, latent))?,
    ))
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
