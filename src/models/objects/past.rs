//! The past's frames, of which objects are made.

use super::parts::parted;
use super::track::{Search, Shift};
use crate::error::Result;
use crate::ops;
use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;

/// The share of white above which something is lit.
const LIT: f32 = 0.3;

/// How many numbers say how an object came through so many frames: of each move a one-hot,
/// then its parts down and right, then of each two moves whether these changed.
pub(super) fn ways(frames: usize, reach: usize) -> usize {
    let moves = frames.saturating_sub(1);
    moves * (ops::shifts(reach) + 2) + 2 * moves.saturating_sub(1)
}

/// The numbers of [`ways`] for some moves, the latest first; parts in units of `reach`.
fn way(moves: &[Shift], reach: usize) -> Vec<f32> {
    let along = |by: i32| (by + reach as i32) as usize;
    let mut numbers = Vec::new();
    for &(down, right) in moves {
        let mut one_hot = vec![0.0; ops::shifts(reach)];
        one_hot[along(down) * (2 * reach + 1) + along(right)] = 1.0;
        numbers.extend(one_hot);
    }
    let parts = moves.iter().flat_map(|&(down, right)| [down, right]);
    numbers.extend(parts.map(|part| part as f32 / reach.max(1) as f32));
    let pairs = moves.windows(2);
    let changed = pairs.flat_map(|pair| [pair[0].0 != pair[1].0, pair[0].1 != pair[1].1]);
    numbers.extend(changed.map(|changed| f32::from(u8::from(changed))));
    numbers
}

/// The numbers of [`ways`] through so many frames, the last of them new: the object went by
/// shift number `went` after it came as `way` says.
pub(super) fn went_on(way_before: &[f32], went: usize, frames: usize, reach: usize) -> Vec<f32> {
    let (side, all) = (2 * reach + 1, ops::shifts(reach));
    let shift = |index: usize| {
        let along = |by: usize| by as i32 - reach as i32;
        (along(index / side), along(index % side))
    };
    let moves = frames.saturating_sub(1);
    let before = way_before[..moves * all].chunks_exact(all);
    let before = before.map(|one_hot| one_hot.iter().position(|&v| v > 0.5).unwrap_or(0));
    let moves: Vec<Shift> = (std::iter::once(went).chain(before))
        .map(shift)
        .take(moves)
        .collect();
    way(&moves, reach)
}

/// Frames (B, C, H, W), the last one first.
pub(super) struct Past {
    frames: Vec<Vec<f32>>,
    batch: usize,
    channels: usize,
    size: (usize, usize),
    /// White, in the frames' units.
    white: f32,
    device: Device,
    dtype: DType,
}

impl Past {
    /// Of frames in units of σ = `change`, the last one last; no gradient goes back.
    ///
    /// # Errors
    /// What candle refuses.
    pub(super) fn read(frames: &[Tensor], change: f64) -> Result<Self> {
        let (batch, channels, height, width) = frames[0].dims4()?;
        let values = |frame: &Tensor| -> Result<Vec<f32>> {
            Ok(frame.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
        };
        Ok(Self {
            frames: frames.iter().rev().map(values).collect::<Result<_>>()?,
            batch,
            channels,
            size: (height, width),
            white: (1.0 / change) as f32,
            device: frames[0].device().clone(),
            dtype: frames[0].dtype(),
        })
    }

    /// The objects as they lie in the last frame, (B, K, C, H, W), and how each came through
    /// the last `told` frames, the latest move first, (B, K, [`ways`]).
    ///
    /// # Errors
    /// What candle refuses.
    pub(super) fn parted(
        &self,
        count: usize,
        told: usize,
        reach: usize,
    ) -> Result<(Tensor, Tensor)> {
        let one = |sample| self.one(sample, count, (told, reach));
        let all: Vec<_> = (0..self.batch).into_par_iter().map(one).collect();
        let (objects, came): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let tensor = |values: Vec<Vec<f32>>, shape: &[usize]| -> Result<Tensor> {
            let tensor = Tensor::from_vec(values.concat(), shape, &self.device)?;
            Ok(tensor.to_dtype(self.dtype)?)
        };
        let (height, width) = self.size;
        let objects = tensor(objects, &[self.batch, count, self.channels, height, width])?;
        let numbers = ways(told, reach);
        Ok((objects, tensor(came, &[self.batch, count, numbers])?))
    }

    fn one(
        &self,
        sample: usize,
        count: usize,
        (told, reach): (usize, usize),
    ) -> (Vec<f32>, Vec<f32>) {
        let lit = |frame: usize, pixel: usize| {
            let each = (0..self.channels).map(|channel| self.plane(frame, sample, channel)[pixel]);
            each.sum::<f32>() > LIT * self.white * self.channels as f32
        };
        let tracks = Search::new(self.size, self.frames.len(), reach, lit).tracks(count);
        // Channel by channel, of all objects each.
        let channels: Vec<Vec<Vec<f32>>> = (0..self.channels)
            .map(|channel| {
                let frames = 0..self.frames.len();
                let planes: Vec<&[f32]> = frames
                    .map(|frame| self.plane(frame, sample, channel))
                    .collect();
                parted(&planes, &tracks, self.white, self.size)
            })
            .collect();
        let objects = (0..count).flat_map(|object| channels.iter().map(move |all| &all[object]));
        let came = tracks.iter().flat_map(|track| {
            let moves: Vec<Shift> = track.moves().take(told.saturating_sub(1)).collect();
            way(&moves, reach)
        });
        (objects.flatten().copied().collect(), came.collect())
    }

    fn plane(&self, frame: usize, sample: usize, channel: usize) -> &[f32] {
        let pixels = self.size.0 * self.size.1;
        let start = (sample * self.channels + channel) * pixels;
        &self.frames[frame][start..start + pixels]
    }
}
