//! A decoder that moves objects: ŷ(x, z) = b(x) + Σ_k S(z_k) o_k(x).
//!
//! Object o_k is the part of the last frame x_T under a mask m_k(x) in [0, 1], which the
//! network guesses and then refines by what has moved along with the object so far; b is
//! what no mask takes, Π_k (1 − m_k) x_T, and stays. z_k is a one-hot that says by how
//! many pixels down and right the object moves as a whole, S. Objects are added, so two
//! strokes that cross are two strokes, which a mixture of shifted copies cannot show.
//! But for white, which nothing exceeds, ŷ is linear in z: the squared error of every pair
//! of moves is known from products of shifted pictures; the best of them are looked at as
//! they are shown, and the least is z*. (Parts that move apart: Finn,
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

/// How much is left of what is brighter than white.
const LEAK: f64 = 0.3;
/// How many of the best moves are looked at as they are shown.
const LOOKED_AT: usize = 6;

/// Width of the look at each pixel.
const PIXEL: usize = 16;

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
    /// At what is seen of each pixel and object, where there is more than the last frame.
    look: Option<(Linear, Linear)>,
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
        // The last frame, those before, the least of these of the object and of others, and
        // the first guess.
        let seen = config.context + 3;
        Ok(Self {
            features: Linear::new(config.backbone.width, hidden, 1.0, scope.scope("features"))?,
            masks: Linear::new(hidden, masks, 1.0, scope.scope("masks"))?,
            look: (config.context > 1)
                .then(|| -> Result<(Linear, Linear)> {
                    Ok((
                        Linear::new(seen, PIXEL, 1.0, scope.scope("look"))?,
                        Linear::new(PIXEL, 1, 0.0, scope.scope("more"))?,
                    ))
                })
                .transpose()?,
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
        let logits = self.frame(&self.masks.forward(&hidden)?, self.count)?;
        // A first guess tells how objects have moved; what has moved along with one belongs
        // to it.
        let guessed = under(&candle_nn::ops::sigmoid(&logits.detach())?, last)?;
        let trace = self.trace.of(&frames, &guessed)?;
        let masks = candle_nn::ops::sigmoid(&self.refined(&frames, &trace, &logits)?)?;
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

    /// Logits of masks (B, K, H, W) after a look at each pixel: was it there when the past
    /// is moved along with the object, and when it is moved along with another?
    fn refined(&self, frames: &[Tensor], trace: &[Tensor], logits: &Tensor) -> Result<Tensor> {
        let (Some(last), Some((look, more))) = (frames.last(), &self.look) else {
            return Ok(logits.clone());
        };
        let (batch, _, height, width) = last.dims4()?;
        let each = (batch, self.count, height, width);
        // In [0, 1], the channels' mean.
        let grey = |frames: &Tensor| Ok::<_, Error>((frames.mean(2)? * self.shape.change)?);
        let mut seen = vec![
            grey(&last.unsqueeze(1)?)?
                .broadcast_as(each)?
                .contiguous()?,
        ];
        let mut along: Option<Tensor> = None;
        for (lag, before) in frames.iter().rev().skip(1).enumerate() {
            let mut moved = before.unsqueeze(1)?.repeat((1, self.count, 1, 1, 1))?;
            for led in trace[..=lag].iter().rev() {
                moved = self.trace.moved(&moved, led)?;
            }
            let moved = grey(&moved)?;
            along = Some(match along {
                Some(least) => least.minimum(&moved)?,
                None => moved.clone(),
            });
            seen.push(moved);
        }
        if let Some(along) = along {
            // The most that any other object accounts for.
            let others = (0..self.count).map(|object| -> Result<Tensor> {
                let mut most = along.narrow(1, object, 1)?.zeros_like()?;
                for other in (0..self.count).filter(|other| *other != object) {
                    most = most.maximum(&along.narrow(1, other, 1)?)?;
                }
                Ok(most)
            });
            seen.push(Tensor::cat(&others.collect::<Result<Vec<_>>>()?, 1)?);
            seen.push(along);
        }
        let seen: Vec<Tensor> = seen
            .iter()
            .map(|t| t.unsqueeze(4))
            .collect::<candle_core::Result<_>>()?;
        let seen = Tensor::cat(&seen, 4)?;
        let seen = Tensor::cat(&[&seen, &(logits.unsqueeze(4)? * 0.1)?], 4)?;
        let more = more.forward(&look.forward_gelu(&seen)?)?.squeeze(4)?;
        Ok((logits + more)?)
    }

    /// ŷ(x, z), (B, N, pixels), of z (B, K·D).
    pub(super) fn decode(&self, layers: &Layers, z: &Tensor) -> Result<Tensor> {
        let z = z.reshape((z.dim(0)?, self.count, ops::shifts(self.reach)))?;
        let moved = ops::shifted_sum(&layers.objects, &z, self.reach)?;
        let frame = self.shown(&(moved + &layers.background)?)?;
        Ok(ops::patchify(&frame, self.patch)?.flatten(1, 2)?)
    }

    /// Where objects meet, hardly brighter than white. Of what is brighter, [`LEAK`] is
    /// left: with nothing left there would be no gradient where all is in both objects, and
    /// they would never part.
    fn shown(&self, frame: &Tensor) -> Result<Tensor> {
        let white = 1.0 / self.shape.change;
        let within = ops::clamp(frame, f32::MIN, white as f32)?;
        Ok(((within * (1.0 - LEAK))? + (frame * LEAK)?)?)
    }

    /// ‖y − ŷ(x, z)‖² as c − 2 qᵀz + zᵀG z: c (B,), q (B, K·D), G (B, K·D, K·D). It is that
    /// of light that adds up without limit, which is at least the error of what is shown;
    /// of one or two objects the moves that are best so have the error of what is shown.
    /// Nothing of it is tracked.
    pub(super) fn squared_error(&self, layers: &Layers, y: &Tensor) -> Result<InZ> {
        let y = self.frame(&y.detach(), self.shape.channels)?;
        let frozen = layers.map(|t| Ok(t.detach()))?;
        let rest = (&y - &frozen.background)?;
        let constant = rest.sqr()?.sum((1, 2, 3))?;
        let slope = ops::shifted_products(&frozen.objects, &rest, self.reach)?.flatten_from(1)?;
        let curvature = ops::shifted_gram(&frozen.objects, self.reach)?;
        let curvature = match self.count {
            1 | 2 => self.looked_at(&frozen, &y, (&constant, &slope, curvature))?,
            _ => curvature,
        };
        Ok((constant, slope, curvature))
    }

    /// G that gives the best [`LOOKED_AT`] moves of each sample the error of what they
    /// show. Of one object its own number stands for a move, of two that which they share:
    /// neither has a part in any other.
    fn looked_at(
        &self,
        layers: &Layers,
        y: &Tensor,
        (constant, slope, curvature): (&Tensor, &Tensor, Tensor),
    ) -> Result<Tensor> {
        let size = ops::shifts(self.reach);
        let side = self.count * size;
        let constants = constant.to_vec1::<f32>()?;
        let slopes = slope.to_vec2::<f32>()?;
        let mut grams = curvature.flatten_from(1)?.to_vec2::<f32>()?;
        // Moves (first, second) of each sample, best first; of one object, the first alone.
        let second = |first: usize| match self.count {
            1 => vec![first],
            _ => (size..side).collect(),
        };
        let error = |gram: &[f32], slope: &[f32], (a, b): (usize, usize)| {
            let own = |a: usize| gram[a * side + a] - 2.0 * slope[a];
            match a == b {
                true => own(a),
                false => own(a) + own(b) + 2.0 * gram[a * side + b],
            }
        };
        let mut looked = Vec::new();
        for (gram, slope) in grams.iter().zip(&slopes) {
            let pairs = (0..size).flat_map(|a| second(a).into_iter().map(move |b| (a, b)));
            let mut all: Vec<_> = pairs.map(|pair| (error(gram, slope, pair), pair)).collect();
            let most = LOOKED_AT.min(all.len());
            if most < all.len() {
                all.select_nth_unstable_by(most, |a, b| a.0.total_cmp(&b.0));
            }
            all.truncate(most);
            looked.push(all);
        }
        let most = looked.first().map_or(0, Vec::len);
        let mut z = vec![0f32; looked.len() * most * side];
        let moves = looked.iter().flatten().map(|(_, pair)| *pair);
        for (row, (a, b)) in z.chunks_exact_mut(side).zip(moves) {
            (row[a], row[b]) = (1.0, 1.0);
        }
        let z = Tensor::from_vec(z, (looked.len() * most, self.count, size), y.device())?;
        let repeated = |t: &Tensor| super::next_frame::repeat_each(t, most);
        let objects = repeated(&layers.objects)?;
        let moved = ops::shifted_sum(&objects, &z.to_dtype(objects.dtype())?, self.reach)?;
        let shown = self.shown(&(moved + repeated(&layers.background)?)?)?;
        let errors = (shown - repeated(y)?)?.sqr()?.sum((1, 2, 3))?;
        let errors = errors.to_vec1::<f32>()?;
        let samples = looked.iter().zip(errors.chunks(most.max(1)));
        for (sample, (looked, errors)) in samples.enumerate() {
            for ((linear, (a, b)), shown) in looked.iter().zip(errors) {
                let less = shown - constants[sample] - linear;
                let gram = &mut grams[sample];
                match a == b {
                    true => gram[a * side + a] += less,
                    false => {
                        gram[a * side + b] += 0.5 * less;
                        gram[b * side + a] += 0.5 * less;
                    }
                }
            }
        }
        let grams: Vec<f32> = grams.into_iter().flatten().collect();
        Ok(Tensor::from_vec(
            grams,
            curvature.dims(),
            curvature.device(),
        )?)
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
