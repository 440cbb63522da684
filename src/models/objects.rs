//! A decoder that moves objects: ŷ(x, z) = b(x) + Σ_k S(z_k) o_k(x).
//!
//! Objects are found by inference, not by a network: o_k(x) and the ways that they came
//! are what explains the frames of the past with the least energy
//!
//! E(x, o, p) = Σ_t ‖x_t − min(white, Σ_k S(−p_kt) o_k)‖²,
//!
//! the ways p by a [search](track::Search) over what is lit, then o by
//! [descent](parts::parted). So digits that lie on each other in every frame are told apart
//! by how they move. What is light is an object, on black, and light adds up. b is what of the last
//! frame no object explains, and stays. z_k is a one-hot that says by how many pixels down
//! and right the object moves as a whole, S. ŷ is linear in z but for light beyond white: the
//! squared error of every pair of moves is known from products of shifted pictures, and the
//! least is found exactly. (Sprites and their ways as what explains a film: Jojic & Frey 2001, "Learning
//! flexible sprites in video layers".)

mod guess;
mod parts;
mod past;
mod track;

use super::decoder::{InZ, no_past};
use super::next_frame::{FrameShape, NextFrameConfig};
use crate::error::{Error, Result};
use crate::ops;
use candle_core::{DType, Device, Tensor};
use past::Past;
use std::f64::consts::PI;

/// Numbers that say where an object is: how much of the frame it is, its middle, how
/// far it spreads, the latter two down and right.
const PLACE: usize = 5;

/// Waves of the middle, down and right, from one over the frame to one over a pixel: where an
/// object meets a wall is a matter of less than a pixel.
fn waves(shape: FrameShape) -> u32 {
    let side = shape.height.max(shape.width).max(1);
    side.next_power_of_two().ilog2() + 1
}

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
    count: usize,
    reach: usize,
    context: usize,
    patch: usize,
    shape: FrameShape,
    /// 1, y, x, y², x² of each pixel, (H·W, 5), y and x in [−1, 1].
    places: Tensor,
}

/// How many numbers a prior sees of an object.
pub(super) fn sights(config: &NextFrameConfig, shape: FrameShape) -> usize {
    past::ways(config.context, config.reach) + PLACE + 4 * waves(shape) as usize
}

impl Objects {
    /// # Errors
    /// No object, or a z of another size than a one-hot for each.
    pub(super) fn new(
        config: &NextFrameConfig,
        shape: FrameShape,
        latent: usize,
        device: &Device,
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
        Ok(Self {
            count,
            reach: config.reach,
            context: config.context,
            patch: config.patch,
            shape,
            places: Tensor::from_vec(places, (height * width, PLACE), device)?,
        })
    }

    /// Of the past's frames as patches, at least as many as the context, the last one last.
    pub(super) fn look(&self, past: &[Tensor]) -> Result<Layers> {
        let frames: Vec<Tensor> = past
            .iter()
            .map(|tokens| self.frame(&tokens.detach(), self.shape.channels))
            .collect::<Result<_>>()?;
        let last = frames.last().ok_or_else(no_past)?;
        let past = Past::read(&frames, self.shape.change)?;
        let (objects, came) = past.parted(self.count, self.context, self.reach)?;
        let together = objects.sum(1)?;
        let background = (last - together)?.relu()?;
        let sights = self.sights(&came, &objects)?;
        Ok(Layers {
            objects,
            background,
            sights,
        })
    }

    /// What is known after the frame of `layers` and z (B, K·D), one-hots: objects look as
    /// they did. Found anew in frames of a future, those that lie on each other would be
    /// taken for others than they are.
    pub(super) fn follow(&self, layers: &Layers, z: &Tensor) -> Result<Layers> {
        let (batch, count, channels, height, width) = layers.objects.dims5()?;
        let (all, size) = (batch * count, ops::shifts(self.reach));
        let z = z.detach().reshape((all, 1, size))?;
        // Each by itself.
        let alone = (layers.objects.detach()).reshape((all, 1, channels, height, width))?;
        let moved = ops::shifted_sum(&alone, &z, self.reach)?;
        let objects = moved.reshape((batch, count, channels, height, width))?;
        let numbers = past::ways(self.context, self.reach);
        let came = layers.sights.narrow(2, 0, numbers)?.flatten(0, 1)?;
        let went = z.squeeze(1)?.argmax(1)?.to_vec1::<u32>()?;
        let rows = came.to_dtype(DType::F32)?.to_vec2::<f32>()?;
        let ways = rows.iter().zip(went);
        let ways: Vec<f32> = ways
            .flat_map(|(row, went)| past::went_on(row, went as usize, self.context, self.reach))
            .collect();
        let came = Tensor::from_vec(ways, (batch, count, numbers), z.device())?;
        let sights = self.sights(&came.to_dtype(objects.dtype())?, &objects)?;
        Ok(Layers {
            objects,
            background: layers.background.detach(),
            sights,
        })
    }

    /// ŷ(x, z), (B, N, pixels), of z (B, K·D); light is cut at white.
    pub(super) fn decode(&self, layers: &Layers, z: &Tensor) -> Result<Tensor> {
        let frame = self.added(layers, z)?.minimum(self.white())?;
        Ok(ops::patchify(&frame, self.patch)?.flatten(1, 2)?)
    }

    /// b + Σ_k S(z_k) o_k, (B, C, H, W).
    fn added(&self, layers: &Layers, z: &Tensor) -> Result<Tensor> {
        let z = z.reshape((z.dim(0)?, self.count, ops::shifts(self.reach)))?;
        Ok((ops::shifted_sum(&layers.objects, &z, self.reach)? + &layers.background)?)
    }

    /// In units of σ.
    fn white(&self) -> f64 {
        1.0 / self.shape.change
    }

    /// ‖y − ŷ(x, z)‖² = c − 2 qᵀz + zᵀG z: c (B,), q (B, K·D), G (B, K·D, K·D). Nothing
    /// of it is tracked.
    ///
    /// Where y is white, how much light is beyond it nobody sees. It is taken to be what the z of
    /// the least error adds there, so that the error is exact at that z, and no less than
    /// the exact one at others.
    pub(super) fn squared_error(&self, layers: &Layers, y: &Tensor) -> Result<InZ> {
        let y = self.frame(&y.detach(), self.shape.channels)?;
        let layers = layers.map(|t| Ok(t.detach()))?;
        let curvature = ops::shifted_gram(&layers.objects, self.reach)?;
        let terms = |y: &Tensor| -> Result<(Tensor, Tensor)> {
            let rest = (y - &layers.background)?;
            let slope = ops::shifted_products(&layers.objects, &rest, self.reach)?;
            Ok((rest.sqr()?.sum((1, 2, 3))?, slope.flatten_from(1)?))
        };
        let (_, slope) = terms(&y)?;
        let best = guess::least((&slope, &curvature), self.count)?;
        let added = self.added(&layers, &best)?;
        // White to within rounding.
        let white = y.ge(self.white() * (1.0 - 1e-5))?;
        let (constant, slope) = terms(&white.where_cond(&added.maximum(&y)?, &y)?)?;
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

    /// What tells how each object will move, (B, K, F): how it came and where it is.
    fn sights(&self, came: &Tensor, objects: &Tensor) -> Result<Tensor> {
        let (batch, count, channels, height, width) = objects.dims5()?;
        let mut seen = vec![came.clone()];
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
        let mut place = vec![share, middle.clone(), spread];
        let waves = waves(self.shape);
        for wave in 0..waves {
            let angle = (&middle * (PI * f64::from(1u32 << wave)))?;
            place.extend([angle.sin()?, angle.cos()?]);
        }
        let place = Tensor::cat(&place, 1)?;
        seen.push(place.reshape((batch, count, PLACE + 4 * waves as usize))?);
        Ok(Tensor::cat(&seen, 2)?)
    }
}

#[cfg(test)]
mod tests;
