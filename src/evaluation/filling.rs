//! Hidden parts of a film, filled in from the rest in several ways.
//!
//! A next-frame model says which z fits what is seen of a frame, and ŷ(x, z) shows what
//! is not: any part from the rest. Each filling goes through the film frame by frame. Of
//! a frame that is seen in part, several z are drawn from p(z | x), and one is kept with
//! probability ∝ exp(−β E(x, y, z)), E of the seen pixels alone; the hidden ones are
//! taken from its ŷ. Seen frames after hidden ones weigh whole fillings in the same way,
//! so that what is filled in leads to what comes: a particle filter (Gordon, Salmond and
//! Smith 1993) whose model is an energy. Pixels' errors are not independent, so that
//! β = 1 would count the same evidence many times over: β is lowered until some share of
//! the draws still matters.

mod whole;

use super::rollout::shares;
use crate::error::{Error, Result};
use crate::inference::{Forecaster, Noise};
use crate::interrupt;
use crate::models::{NextFrame, Observed, repeat_each};
use crate::ops;
use crate::rng::Rng;
use candle_core::Tensor;
pub use whole::fill_whole;

/// Draws of z that matter at least, where one is kept.
const MATTER: f64 = 2.0;

/// Which values of a film's frames are hidden.
#[derive(Debug, Clone)]
pub struct Mask {
    /// Of each frame (C·H·W), true where hidden; none where all of it is seen.
    frames: Vec<Option<Vec<bool>>>,
    shape: (usize, usize, usize),
}

/// A part of a film: rows, columns and frames, each from the first to before the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Down from the top.
    pub rows: std::ops::Range<usize>,
    /// Right from the left side.
    pub columns: std::ops::Range<usize>,
    /// Of the film.
    pub frames: std::ops::Range<usize>,
}

impl Mask {
    /// Nothing is hidden of `frames` frames of `shape` (C, H, W).
    pub fn none(frames: usize, shape: (usize, usize, usize)) -> Self {
        Self {
            frames: vec![None; frames],
            shape,
        }
    }

    /// Hides what of `block` lies in the film.
    pub fn hide(&mut self, block: &Block) {
        let (channels, height, width) = self.shape;
        let end = block.frames.end.min(self.frames.len());
        for frame in self
            .frames
            .get_mut(block.frames.start..end)
            .unwrap_or(&mut [])
        {
            let hidden = frame.get_or_insert_with(|| vec![false; channels * height * width]);
            for channel in 0..channels {
                for row in block.rows.start..block.rows.end.min(height) {
                    let first = (channel * height + row) * width;
                    let columns = block.columns.start..block.columns.end.min(width);
                    columns.for_each(|column| hidden[first + column] = true);
                }
            }
        }
    }

    /// What is hidden of a frame, if anything.
    pub fn of(&self, frame: usize) -> Option<&[bool]> {
        self.frames.get(frame)?.as_deref()
    }

    /// 1 where a frame is hidden, else 0, as `network` takes frames apart: (N, …) as `like`.
    fn tokens(&self, frame: usize, network: &NextFrame, like: &Tensor) -> Result<Tensor> {
        let Some(hidden) = self.of(frame) else {
            return Ok(like.zeros_like()?);
        };
        let hidden: Vec<f32> = hidden.iter().map(|&h| f32::from(u8::from(h))).collect();
        let (channels, height, width) = self.shape;
        let picture = Tensor::from_vec(hidden, (1, channels, height, width), like.device())?;
        let patches = ops::patchify(&picture, network.config().patch)?.flatten(1, 2)?;
        Ok(patches.broadcast_as(like.dims())?.contiguous()?)
    }

    /// The first and the last frame of which something is hidden.
    pub fn span(&self) -> Option<(usize, usize)> {
        let hidden = |frame: &Option<Vec<bool>>| frame.is_some();
        Some((
            self.frames.iter().position(hidden)?,
            self.frames.iter().rposition(hidden)?,
        ))
    }
}

impl Mask {
    /// The first and the last hidden frame of a `film` (T, C, H, W), T where all is seen.
    ///
    /// # Errors
    /// A mask of another film; frames that are hidden before it has shown `context`.
    fn check(&self, film: &Tensor, context: usize) -> Result<(usize, usize)> {
        let (frames, channels, height, width) = film.dims4()?;
        if self.frames.len() != frames || self.shape != (channels, height, width) {
            return Err(Error::input(
                "the mask",
                format!(
                    "it is of {} frames of {:?}, the film of {frames} of {:?}",
                    self.frames.len(),
                    self.shape,
                    (channels, height, width)
                ),
                "make it of the film's size",
            ));
        }
        let (first, last) = self.span().unwrap_or((frames, frames));
        if first < context {
            return Err(Error::input(
                "the mask",
                format!("frame {first} is hidden, and the model looks at {context} frames before"),
                "hide later frames",
            ));
        }
        Ok((first, last))
    }
}

/// How it is filled.
#[derive(Debug, Clone, Copy)]
pub struct How {
    /// Fillings; a model without a z makes the same each time.
    pub fillings: usize,
    /// z's drawn for each filling and frame, of which one is kept.
    pub tries: usize,
    /// Of the prior.
    pub temperature: f64,
}

/// Films (N, T, C, H, W) in [0, 1] that are `film` (T, C, H, W) where it is seen, of which each
/// of the `members` of a model fills its share. Values of `film` that `mask` hides are not looked
/// at.
///
/// # Errors
/// A film that is hidden before it has shown as many frames as the model looks at; a mask
/// of another film.
pub fn fill(
    members: &[Forecaster],
    film: &Tensor,
    mask: &Mask,
    how: How,
    rng: &mut Rng,
) -> Result<Tensor> {
    let shares = shares(how.fillings, members.len());
    let some = members.iter().zip(shares.map(|share| share.len()));
    let films: Vec<Tensor> = some
        .filter(|&(_, fillings)| fillings > 0)
        .map(|(member, fillings)| fill_by(member, film, mask, How { fillings, ..how }, rng))
        .collect::<Result<_>>()?;
    Ok(Tensor::cat(&films, 0)?)
}

/// [`fill`] by one.
fn fill_by(
    forecaster: &Forecaster,
    film: &Tensor,
    mask: &Mask,
    how: How,
    rng: &mut Rng,
) -> Result<Tensor> {
    let network = forecaster.network();
    let context = network.config().context;
    let frames = film.dim(0)?;
    let (first, last) = mask.check(film, context)?;
    // Evidence from as far as the model sees.
    let end = frames.min(last.saturating_add(context + 1));
    let count = match forecaster.is_certain() {
        true => 1,
        false => how.fillings,
    };
    let mut filled = Vec::with_capacity(frames);
    for frame in 0..frames {
        let tokens = network.tokens(&film.narrow(0, frame, 1)?)?;
        filled.push(repeat_each(&tokens, count)?);
    }
    let mut noise = Noise::new(rng.branch(), forecaster.persistence());
    for frame in first..end {
        interrupt::check()?;
        let observed = network.observe_tokens(&filled[frame - context..frame])?;
        let truth = filled[frame].clone();
        let hidden = mask.tokens(frame, network, &truth)?;
        let seen = hidden.affine(-1.0, 1.0)?;
        // Of a frame that is all hidden, any draw fits.
        let tries = match mask.of(frame) {
            Some(hidden) if hidden.iter().all(|&hidden| hidden) => 1,
            _ if forecaster.is_certain() => 1,
            _ => how.tries.max(1),
        };
        let drawn = (how.temperature, tries);
        let draws = draw(forecaster, &observed, (&truth, &seen), drawn, &mut noise)?;
        if mask.of(frame).is_some() {
            let chosen: Vec<usize> = (0..count)
                .map(|row| choose(&draws.shares(row), rng))
                .collect();
            let made = draws.take(&chosen)?;
            noise = Noise::picked(&draws.noise, &chosen);
            filled[frame] = ((made * &hidden)? + (truth * &seen)?)?;
        } else if count > 1 {
            // Which fillings led here?
            let evidence: Vec<f64> = (0..count).map(|row| draws.evidence(row)).collect();
            let shares = tempered(&evidence, count as f64 / 2.0);
            let kept = systematic(&shares, rng.uniform());
            noise = noise.rows(&kept);
            let rows: Vec<u32> = kept.iter().map(|&row| row as u32).collect();
            let rows = Tensor::from_vec(rows, count, film.device())?;
            for frame in &mut filled[first..=last] {
                *frame = frame.index_select(&rows, 0)?;
            }
        }
    }
    let films: Vec<Tensor> = (filled.iter())
        .map(|tokens| Ok(network.frames(tokens)?.clamp(0.0, 1.0)?.unsqueeze(1)?))
        .collect::<Result<_>>()?;
    let films = Tensor::cat(&films, 1)?;
    match count == how.fillings {
        true => Ok(films),
        false => repeat_each(&films, how.fillings),
    }
}

/// What was drawn for each filling.
struct Draws {
    /// Frames as tokens (N, …), try by try.
    frames: Vec<Tensor>,
    /// −E(x, y, z) of what is seen, try by try, of each filling.
    fits: Vec<Vec<f64>>,
    /// What each try drew from.
    noise: Vec<Noise>,
}

impl Draws {
    /// With what probability each try is kept for a filling.
    fn shares(&self, row: usize) -> Vec<f64> {
        let fits: Vec<f64> = self.fits.iter().map(|fits| fits[row]).collect();
        tempered(&fits, MATTER)
    }

    /// log of the mean of exp(−E) over tries.
    fn evidence(&self, row: usize) -> f64 {
        let most = (self.fits.iter()).fold(f64::NEG_INFINITY, |most, fits| most.max(fits[row]));
        let sum: f64 = self.fits.iter().map(|fits| (fits[row] - most).exp()).sum();
        most + (sum / self.fits.len() as f64).ln()
    }

    /// Of each filling the frame of the try that was chosen.
    fn take(&self, chosen: &[usize]) -> Result<Tensor> {
        let rows = chosen.iter().enumerate();
        let rows: Vec<Tensor> = rows
            .map(|(row, &choice)| Ok(self.frames[choice].narrow(0, row, 1)?))
            .collect::<Result<_>>()?;
        Ok(Tensor::cat(&rows, 0)?)
    }
}

fn draw(
    forecaster: &Forecaster,
    observed: &Observed,
    (truth, seen): (&Tensor, &Tensor),
    (temperature, tries): (f64, usize),
    noise: &mut Noise,
) -> Result<Draws> {
    let precision = forecaster.precision()?;
    let mut draws = Draws {
        frames: Vec::new(),
        fits: Vec::new(),
        noise: Vec::new(),
    };
    for _ in 0..tries {
        let mut own = noise.branch();
        let made = forecaster.next(observed, temperature, &mut own)?.tokens;
        let off = ((&made - truth)? * seen)?.sqr()?.sum((1, 2))?;
        let off = off.to_vec1::<f32>()?;
        let fit = |off: f32| -0.5 * precision * f64::from(off);
        draws.fits.push(off.into_iter().map(fit).collect());
        draws.frames.push(made);
        draws.noise.push(own);
    }
    Ok(draws)
}

/// Shares ∝ exp(β·fit), β ≤ 1 so high that 1 / Σ share², the number that matters, is at
/// least `matter`, or all.
fn tempered(fits: &[f64], matter: f64) -> Vec<f64> {
    let most = fits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let shares = |beta: f64| {
        let weights: Vec<f64> = fits.iter().map(|fit| (beta * (fit - most)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        weights.into_iter().map(|w| w / sum).collect::<Vec<f64>>()
    };
    let matters = |shares: &[f64]| 1.0 / shares.iter().map(|share| share * share).sum::<f64>();
    let matter = matter.min(fits.len() as f64);
    let whole = shares(1.0);
    if matters(&whole) >= matter {
        return whole;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        match matters(&shares(middle)) >= matter {
            true => low = middle,
            false => high = middle,
        }
    }
    shares(low)
}

fn choose(shares: &[f64], rng: &mut Rng) -> usize {
    let weights: Vec<f32> = shares.iter().map(|&share| share as f32).collect();
    rng.weighted(&weights)
}

/// As many indices as there are shares, each about as often as its share says: those of
/// evenly spaced points, of which the first is at `start` in [0, 1) of a space.
fn systematic(shares: &[f64], start: f64) -> Vec<usize> {
    let count = shares.len();
    let (mut index, mut sum) = (0, shares.first().copied().unwrap_or(0.0));
    (0..count)
        .map(|point| {
            let at = (point as f64 + start) / count as f64;
            while sum < at && index + 1 < count {
                index += 1;
                sum += shares[index];
            }
            index
        })
        .collect()
}

#[cfg(test)]
mod tests;
