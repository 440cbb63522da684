//! A decoder that moves objects: ŷ(x, z) = b(x) + Σ_k S(z_k) o_k(x).
//!
//! Object o_k is the part of the last frame x_T under a mask m_k(x) in [0, 1]; b is
//! what no mask takes, Π_k (1 − m_k) x_T, and stays. z_k is a one-hot that says by how
//! many pixels down and right the object moves as a whole, S. Objects are added, so two
//! strokes that cross are two strokes, which a mixture of shifted copies cannot show.
//! ŷ is linear in z: the squared error of every pair of moves is known from products of
//! shifted pictures, and the least is found exactly. (Parts that move apart: Finn,
//! Goodfellow and Levine 2016; Hsieh et al. 2018, "Learning to decompose and
//! disentangle representations for video prediction".)

mod trace;

use super::decoder::{InZ, no_past};
use super::layers::Linear;
use super::next_frame::{FrameShape, NextFrameConfig};
use super::weights::Scope;
use crate::error::{Error, Result};
use crate::ops;
use candle_core::Tensor;
use trace::Trace;

/// Numbers that say where an object is: how much of the frame it is, its middle, how
/// far it spreads, the latter two down and right.
const PLACE: usize = 5;

/// What the past shows of the objects, once for all z.
#[derive(Debug, Clone)]
pub(super) struct Layers {
    /// o, (B, K, C, H, W) in units of σ.
    objects: Tensor,
    /// b, (B, C, H, W) in units of σ.
    background: Tensor,
    /// What a prior sees of each object, (B, K, F), untracked.
    pub(super) sights: Tensor,
}

impl Layers {
    /// The same after `f` on each tensor.
    pub(super) fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            objects: f(&self.objects)?,
            background: f(&self.background)?,
            sights: f(&self.sights)?,
        })
    }
}

/// See the module's head.
#[derive(Debug, Clone)]
pub(super) struct Objects {
    features: Linear,
    masks: Linear,
    count: usize,
    reach: usize,
    patch: usize,
    shape: FrameShape,
    trace: Trace,
    /// 1, y, x, y², x² of each pixel, (H·W, 5), y and x in [−1, 1].
    places: Tensor,
}

/// What of a frame (B, C, H, W) is under each mask (B, K, H, W): (B, K, C, H, W).
fn under(masks: &Tensor, frame: &Tensor) -> Result<Tensor> {
    Ok(masks.unsqueeze(2)?.broadcast_mul(&frame.unsqueeze(1)?)?)
}

/// How many numbers a prior sees of an object.
pub(super) fn sights(config: &NextFrameConfig) -> usize {
    ops::shifts(config.reach) * config.context.saturating_sub(1) + PLACE + config.backbone.width
}

impl Objects {
    /// # Errors
    /// No object, or a z of another size than a one-hot for each.
    pub(super) fn new(
        config: &NextFrameConfig,
        shape: FrameShape,
        latent: usize,
        mut scope: Scope,
    ) -> Result<Self> {
        let (count, shifts) = (config.objects, ops::shifts(config.reach));
        if count == 0 || latent != count * shifts {
            return Err(Error::input(
                "model.objects",
                format!(
                    "{count} objects that move by up to {} pixels have z of {} numbers, and \
                     the latent has {latent}",
                    config.reach,
                    count * shifts
                ),
                format!(
                    "set latent.family = \"codes\", latent.stages = model.objects and \
                     latent.size = {shifts}, (2·model.reach + 1)²"
                ),
            ));
        }
        let FrameShape { height, width, .. } = shape;
        let along = |index: usize, length: usize| 2.0 * (index as f32 + 0.5) / length as f32 - 1.0;
        let mut places = Vec::with_capacity(PLACE * height * width);
        for row in 0..height {
            for column in 0..width {
                let (y, x) = (along(row, height), along(column, width));
                places.extend([1.0, y, x, y * y, x * x]);
            }
        }
        let (hidden, patch) = (config.hidden, config.patch);
        let masks = patch * patch * count;
        Ok(Self {
            features: Linear::new(config.backbone.width, hidden, 1.0, scope.scope("features"))?,
            masks: Linear::new(hidden, masks, 1.0, scope.scope("masks"))?,
            count,
            reach: config.reach,
            patch,
            shape,
            trace: Trace::new(config.reach, scope.device())?,
            places: Tensor::from_vec(places, (height * width, PLACE), scope.device())?,
        })
    }

    /// Of the past's frames as patches, the last one last, and the backbone's features.
    pub(super) fn look(&self, past: &[Tensor], features: &Tensor) -> Result<Layers> {
        let channels = self.shape.channels;
        let frames: Vec<Tensor> = past
            .iter()
            .map(|tokens| self.frame(&tokens.detach(), channels))
            .collect::<Result<_>>()?;
        let last = frames.last().ok_or_else(no_past)?;
        let hidden = self.features.forward_gelu(features)?;
        let masks = self.frame(&self.masks.forward(&hidden)?, self.count)?;
        let masks = candle_nn::ops::sigmoid(&masks)?;
        let objects = under(&masks, last)?;
        let mut rest = last.clone();
        for object in 0..self.count {
            let others = masks.narrow(1, object, 1)?.affine(-1.0, 1.0)?;
            rest = rest.broadcast_mul(&others)?;
        }
        let sights = self.sights(&frames, &objects.detach(), &features.detach())?;
        Ok(Layers {
            objects,
            background: rest,
            sights,
        })
    }

    /// ŷ(x, z), (B, N, pixels), of z (B, K·D).
    pub(super) fn decode(&self, layers: &Layers, z: &Tensor) -> Result<Tensor> {
        let z = z.reshape((z.dim(0)?, self.count, ops::shifts(self.reach)))?;
        let moved = ops::shifted_sum(&layers.objects, &z, self.reach)?;
        let frame = (moved + &layers.background)?;
        Ok(ops::patchify(&frame, self.patch)?.flatten(1, 2)?)
    }

    /// ‖y − ŷ(x, z)‖² = c − 2 qᵀz + zᵀG z: c (B,), q (B, K·D), G (B, K·D, K·D). Nothing
    /// of it is tracked.
    pub(super) fn squared_error(&self, layers: &Layers, y: &Tensor) -> Result<InZ> {
        let y = self.frame(&y.detach(), self.shape.channels)?;
        let rest = (y - layers.background.detach())?;
        let constant = rest.sqr()?.sum((1, 2, 3))?;
        let slope = ops::shifted_products(&layers.objects, &rest, self.reach)?.flatten_from(1)?;
        let curvature = ops::shifted_gram(&layers.objects, self.reach)?;
        Ok((constant, slope, curvature))
    }

    /// Patches (B, N, p·p·channels) as a picture.
    fn frame(&self, tokens: &Tensor, channels: usize) -> Result<Tensor> {
        let (rows, columns) = (
            self.shape.height / self.patch,
            self.shape.width / self.patch,
        );
        let (batch, _, pixels) = tokens.dims3()?;
        let grid = tokens.reshape((batch, rows, columns, pixels))?;
        ops::unpatchify(&grid, self.patch, channels)
    }

    /// What tells how each object will move, (B, K, F): its trace, where it is, the
    /// features under it.
    fn sights(&self, frames: &[Tensor], objects: &Tensor, features: &Tensor) -> Result<Tensor> {
        let (batch, count, channels, height, width) = objects.dims5()?;
        let mut seen = self.trace.of(frames, objects)?;
        let flat = objects.reshape((batch * count, channels, height, width))?;
        // Per pixel of the frame, in [0, 1].
        let mass = flat.sum(1)?.reshape((batch * count, height * width))?;
        let mass = (mass * (self.shape.change / channels as f64))?;
        let moments = mass.matmul(&self.places)?;
        let whole = moments.narrow(1, 0, 1)?;
        let middle = moments.narrow(1, 1, 2)?.broadcast_div(&(&whole + 1e-3)?)?;
        let square = moments.narrow(1, 3, 2)?.broadcast_div(&(&whole + 1e-3)?)?;
        let spread = (square - middle.sqr()?)?;
        let share = (&whole * (1.0 / (height * width) as f64))?.sqrt()?;
        let place = Tensor::cat(&[share, middle, spread], 1)?;
        seen.push(place.reshape((batch, count, PLACE))?);
        // Features, each as much as the object is there.
        let (patch, places) = (self.patch, features.dim(1)?);
        let parts = mass.reshape((batch, count, height, width))?;
        let parts = ops::patchify(&parts, patch)?.reshape((batch, places, patch * patch, count))?;
        let parts = parts.sum(2)?.transpose(1, 2)?;
        let parts = parts.broadcast_div(&(whole.reshape((batch, count, 1))? + 1e-3)?)?;
        seen.push(parts.contiguous()?.matmul(&features.contiguous()?)?);
        Ok(Tensor::cat(&seen, 2)?)
    }
}

#[cfg(test)]
mod tests;
