//! Pixels moved: each patch of a frame as a mixture of shifted copies of given
//! frames (Finn, Goodfellow and Levine 2016, "Unsupervised learning for
//! physical interaction through video prediction"), and the squared error of
//! such a frame as a quadratic in what moves it.

mod blend;
mod form;
mod moved;

use super::check::{alike, shape, wrong_shape};
use super::kernel::{read, tensor};
use super::patches::{patchify, unpatchify};
use crate::error::{Error, Result};
use candle_core::{CpuStorage, CustomOp1, D, Layout, Shape, Tensor};
use form::MOST_EFFECTS;
use moved::Moved;

/// What moves, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    /// (rows, columns) of patches.
    pub grid: (usize, usize),
    /// Pixels along a patch's side.
    pub patch: usize,
    /// Channels of a pixel.
    pub channels: usize,
    /// The longest shift in pixels, down and across.
    pub reach: usize,
}

impl Transport {
    /// Shifts of one frame: (2·reach + 1)², rows first, from up left to down
    /// right. A shift (dy, dx) shows at each pixel what lies dy below and dx to
    /// the right of it; beyond the frame's edge lies the edge.
    pub fn shifts(&self) -> usize {
        (2 * self.reach + 1) * (2 * self.reach + 1)
    }

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

/// Each patch the mixture Σ_k shares_k · copy_k of shifted copies.
///
/// Sources are S ≥ 1 frames as patches (B, N, p·p·C), shares (B, N, K) with
/// K = S · [`Transport::shifts`], source after source; (B, N, p·p·C) out. The
/// sources are taken as given: no gradient goes back into them. Fails on other
/// shapes and on a dtype that is not a float or not the same for all.
pub fn transport(sources: &[Tensor], shares: &Tensor, along: Transport) -> Result<Tensor> {
    let name = "transport";
    let sources = given(name, sources, shares, along)?;
    if super::check::fused(shares) {
        let op = Mix { sources, along };
        return Ok(shares.contiguous()?.apply_op1(op)?);
    }
    composed(&sources, shares, along)
}

/// x + amount · (x − x̄), x̄ the mean of a pixel and its four neighbours: what
/// blurring takes away, added; but within the values of the 3×3 pixels around,
/// so that no value is new and nothing grows, however often it is done.
///
/// A frame as patches (B, N, p·p·C) in and out; nothing of it is tracked. Fails
/// on other shapes and on a dtype that is not a float.
pub fn sharpen(frame: &Tensor, along: Transport, amount: f64) -> Result<Tensor> {
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
    let along = Transport { reach: 1, ..along };
    if super::check::fused(&frame) {
        let values = read(&frame, |values| {
            Moved::new(along, 1).sharpen(values, batch, amount as f32)
        })?;
        return Ok(tensor(values, frame.shape())?);
    }
    composed_sharpen(&frame, along, amount)
}

/// ‖y − ŷ(z')‖² = c − 2 qᵀz' + z'ᵀG z' for each example, with ŷ linearised in
/// z' at z: what a Gauss–Newton step over z needs.
///
/// The shares are softmax(ℓ + V z' effectsᵀ), of which `shares` are the values
/// at z: z (B, d) acts on patch n through directions V_n, (B, N, R, d), and
/// effects (K, R). y (B, N, p·p·C); the rest as for [`transport`]. Out come c
/// (B,), q (B, d) and G (B, d, d). It is made for solvers that need no
/// gradient: nothing of it is tracked. Fails as [`transport`] does.
pub fn transport_form(
    sources: &[Tensor],
    shares: &Tensor,
    along: Transport,
    (effects, directions): (&Tensor, &Tensor),
    z: &Tensor,
    y: &Tensor,
) -> Result<(Tensor, Tensor, Tensor)> {
    let name = "transport_form";
    let sources = given(name, sources, shares, along)?;
    let all = [
        ("shares", shares),
        ("effects", effects),
        ("directions", directions),
        ("z", z),
        ("y", y),
    ];
    alike(name, &all)?;
    let (batch, places, count) = shares.dims3()?;
    let &[_, kinds] = effects.dims() else {
        return Err(wrong_shape(name, "effects", effects, "(K, R)"));
    };
    shape(name, "effects", effects, &[count, kinds])?;
    if kinds > MOST_EFFECTS {
        let expected = format!("(K, R) with R up to {MOST_EFFECTS}");
        return Err(wrong_shape(name, "effects", effects, expected));
    }
    let latent = match z.dims() {
        &[_, latent] if latent > 0 => latent,
        _ => return Err(wrong_shape(name, "z", z, "(B, d), d at least 1")),
    };
    shape(name, "z", z, &[batch, latent])?;
    shape(
        name,
        "directions",
        directions,
        &[batch, places, kinds, latent],
    )?;
    shape(name, "y", y, &[batch, places, along.pixels()])?;
    let given = [shares, effects, directions, z, y].map(Tensor::detach);
    if super::check::fused(shares) {
        return form(&sources, along, &given);
    }
    composed_form(&sources, along, &given)
}

/// The sources, detached, once all shapes fit.
fn given(name: &str, sources: &[Tensor], shares: &Tensor, along: Transport) -> Result<Vec<Tensor>> {
    along.check(name)?;
    let &[batch, places, count] = shares.dims() else {
        return Err(wrong_shape(name, "shares", shares, "(B, N, K)"));
    };
    if sources.is_empty() || places != along.places() {
        return Err(Error::input(
            name,
            format!(
                "{} sources, {places} places in shares, {along:?}",
                sources.len()
            ),
            "give at least one source, and shares for each place of the grid",
        ));
    }
    let expected = sources.len() * along.shifts();
    if count != expected {
        let expected = format!("({batch}, {places}, {expected})");
        return Err(wrong_shape(name, "shares", shares, expected));
    }
    for source in sources {
        alike(name, &[("shares", shares), ("sources", source)])?;
        shape(name, "sources", source, &[batch, places, along.pixels()])?;
    }
    let detached = sources.iter().map(|source| source.detach().contiguous());
    Ok(detached.collect::<candle_core::Result<_>>()?)
}

fn composed(sources: &[Tensor], shares: &Tensor, along: Transport) -> Result<Tensor> {
    let copies = copies(sources, along)?;
    Ok(copies
        .broadcast_mul(&shares.unsqueeze(2)?)?
        .sum(D::Minus1)?)
}

fn composed_form(
    sources: &[Tensor],
    along: Transport,
    [shares, effects, directions, z, y]: &[Tensor; 5],
) -> Result<(Tensor, Tensor, Tensor)> {
    let (batch, places, count) = shares.dims3()?;
    let (kinds, latent) = (effects.dim(1)?, z.dim(1)?);
    let (pixels, rows) = (along.pixels(), batch * places);
    let copies = copies(sources, along)?;
    let shares = shares.unsqueeze(2)?;
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

fn composed_sharpen(frame: &Tensor, along: Transport, amount: f64) -> Result<Tensor> {
    let copies = copies(std::slice::from_ref(frame), along)?;
    // Up, left, itself, right and down of the nine.
    let near = [1, 3, 4, 5, 7].map(|copy| copies.narrow(3, copy, 1));
    let near = near.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
    let sum = Tensor::cat(&near, 3)?.sum(D::Minus1)?;
    let sharp = frame
        .affine(1.0 + amount, 0.0)?
        .sub(&sum.affine(amount / 5.0, 0.0)?)?;
    let most = copies.max_keepdim(D::Minus1)?.squeeze(3)?;
    let least = copies
        .affine(-1.0, 0.0)?
        .max_keepdim(D::Minus1)?
        .squeeze(3)?;
    Ok(sharp.minimum(&most)?.maximum(&least.affine(-1.0, 0.0)?)?)
}

/// All shifted copies, (B, N, p·p·C, K).
fn copies(sources: &[Tensor], along: Transport) -> Result<Tensor> {
    let (rows, columns) = along.grid;
    let (height, width) = (rows * along.patch, columns * along.patch);
    let mut copies = Vec::new();
    for source in sources {
        let batch = source.dim(0)?;
        let grid = source.reshape((batch, rows, columns, along.pixels()))?;
        let frame = unpatchify(&grid, along.patch, along.channels)?;
        let frame = extend(&extend(&frame, 2, along.reach)?, 3, along.reach)?;
        for down in 0..=2 * along.reach {
            let rows = frame.narrow(2, down, height)?;
            for right in 0..=2 * along.reach {
                let copy = rows.narrow(3, right, width)?.contiguous()?;
                let copy = patchify(&copy, along.patch)?;
                copies.push(copy.reshape((batch, along.places(), along.pixels(), 1))?);
            }
        }
    }
    Ok(Tensor::cat(&copies, 3)?)
}

/// The first and the last of `dim` repeated `reach` times before and after.
fn extend(x: &Tensor, dim: usize, reach: usize) -> Result<Tensor> {
    let (first, last) = (x.narrow(dim, 0, 1)?, x.narrow(dim, x.dim(dim)? - 1, 1)?);
    let mut parts = vec![first; reach];
    parts.push(x.clone());
    parts.resize(2 * reach + 1, last);
    Ok(Tensor::cat(&parts, dim)?)
}

struct Mix {
    sources: Vec<Tensor>,
    along: Transport,
}

impl CustomOp1 for Mix {
    fn name(&self) -> &'static str {
        "transport"
    }

    fn cpu_fwd(
        &self,
        shares: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let shares = super::kernel::values(shares, layout)?;
        let batch = layout.dims()[0];
        let moved = Moved::new(self.along, self.sources.len());
        let y = slices(&self.sources, |sources| moved.mix(sources, shares, batch))?;
        let dims = (batch, self.along.places(), self.along.pixels());
        Ok((CpuStorage::F32(y), dims.into()))
    }

    fn bwd(&self, shares: &Tensor, _y: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let moved = Moved::new(self.along, self.sources.len());
        let batch = shares.dim(0)?;
        let gradient = slices(&self.sources, |sources| {
            read(g, |g| moved.overlaps(sources, g, batch))
        })??;
        Ok(Some(tensor(gradient, shares.shape())?))
    }
}

fn form(
    sources: &[Tensor],
    along: Transport,
    given: &[Tensor; 5],
) -> Result<(Tensor, Tensor, Tensor)> {
    let (batch, latent) = given[3].dims2()?;
    let moved = Moved::new(along, sources.len());
    let given: Vec<Tensor> = given
        .iter()
        .map(Tensor::contiguous)
        .collect::<candle_core::Result<_>>()?;
    let (constant, slope, curvature) = slices(sources, |sources| {
        slices(&given, |given| moved.form(sources, given, (batch, latent)))
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
