//! What happened, and how far from it frames are.

use super::super::energy_score::energy_score;
use super::super::moving::moving;
use super::super::psnr::squared_error;
use super::super::wrong::Wrong;
use crate::error::Result;
use candle_core::Tensor;

/// True frames and where they move.
pub(super) struct Truth {
    shape: [usize; 3],
    last: Vec<Vec<f32>>,
    frames: Vec<Vec<f32>>,
    masks: Vec<Vec<bool>>,
}

impl Truth {
    /// Of the last frame of the past and the next, both (B, C, H, W).
    pub fn new(last: &Tensor, y: &Tensor) -> Result<Self> {
        let (_, channels, height, width) = y.dims4()?;
        let shape = [channels, height, width];
        let (last, frames) = (rows(last)?, rows(y)?);
        let masks = last
            .iter()
            .zip(&frames)
            .map(|(last, frame)| moving(last, frame, shape))
            .collect();
        Ok(Self {
            shape,
            last,
            frames,
            masks,
        })
    }

    /// Samples in which anything moves.
    pub fn moving(&self) -> usize {
        let moves = self.masks.iter().filter(|mask| mask.contains(&true));
        moves.count()
    }

    /// Wrong answers, at most `most` for each sample.
    pub fn wrong(&self, most: usize) -> Vec<Wrong> {
        Wrong::each(&self.last, &self.frames, most)
    }

    /// Mean squared errors of (B, C, H, W): where it moves, and whole.
    pub fn errors(&self, frames: &Tensor) -> Result<[Vec<Option<f64>>; 2]> {
        debug_assert_eq!(frames.dims()[1..], self.shape);
        let frames = rows(frames)?;
        let errors = |masked: bool| {
            frames
                .iter()
                .zip(&self.frames)
                .zip(&self.masks)
                .map(|((frame, truth), mask)| {
                    squared_error(frame, truth, masked.then_some(mask.as_slice()))
                })
                .collect()
        };
        Ok([errors(true), errors(false)])
    }

    /// Mean squared errors of draws, each (B, C, H, W), of the first and the lowest of all,
    /// the means over samples: where it moves, and whole.
    pub fn draws(&self, draws: &[Tensor]) -> Result<[[f64; 2]; 2]> {
        let found = draws.iter().map(|draw| self.errors(draw));
        let found: Vec<[Vec<Option<f64>>; 2]> = found.collect::<Result<_>>()?;
        Ok([0, 1].map(|region| {
            let lowest: Vec<Option<f64>> = (0..self.frames.len())
                .map(|i| {
                    let all = found.iter().filter_map(|draw| draw[region][i]);
                    all.min_by(f64::total_cmp)
                })
                .collect();
            [mean(&found[0][region]), mean(&lowest)]
        }))
    }

    /// The energy score of draws, each (B, C, H, W), where it moves; the mean over samples.
    pub fn energy(&self, draws: &[Tensor]) -> Result<f64> {
        let draws: Vec<Vec<Vec<f32>>> = draws.iter().map(rows).collect::<Result<_>>()?;
        let scores = self.frames.iter().zip(&self.masks).enumerate();
        let scores = scores.map(|(i, (truth, mask))| {
            let drawn: Vec<&[f32]> = draws.iter().map(|draw| draw[i].as_slice()).collect();
            energy_score(&drawn, truth, Some(mask))
        });
        Ok(mean(&scores.collect::<Vec<_>>()))
    }
}

/// Of what is known; 0 where nothing is.
pub(super) fn mean(values: &[Option<f64>]) -> f64 {
    let known: Vec<f64> = values.iter().copied().flatten().collect();
    known.iter().sum::<f64>() / known.len().max(1) as f64
}

fn rows(t: &Tensor) -> Result<Vec<Vec<f32>>> {
    Ok(t.flatten_from(1)?.to_vec2::<f32>()?)
}
