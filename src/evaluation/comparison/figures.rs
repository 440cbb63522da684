//! The figures of one model at one horizon, and how windows add up to them.

use super::super::best_of::best_of;
use super::super::crps::crps;
use super::super::energy_score::energy_score;
use super::super::psnr::psnr;
use super::super::sharpness::gradient;
use super::super::ssim::Ssim;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// Numbers of futures of which the best is taken.
const BEST_OF: [usize; 3] = [1, 10, 100];

/// Where the scene moves, and over whole frames.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Where the scene moves.
    #[serde(flatten)]
    pub moving: Scores,
    /// The same over whole frames.
    pub whole_frame: Scores,
}

/// Means over windows; `None` where no window has anything to measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Decibels: the mean over windows and futures of each frame's PSNR (not
    /// the PSNR of the mean error), so that it is `best_of[1].psnr`.
    pub psnr: Option<f64>,
    /// The mean over windows and futures, at most 1.
    pub ssim: Option<f64>,
    /// The sum over windows of the futures' mean gradient ÷ that of the truth.
    pub sharpness_ratio: Option<f64>,
    /// Fair CRPS, for pixels in [0, 1]; of one future, its absolute error.
    pub crps: Option<f64>,
    /// Fair energy score; of one future, its root mean square error.
    pub energy_score: Option<f64>,
    /// What the best of so many futures is expected to get. One whose futures
    /// are all the same gets the same from any number.
    pub best_of: BTreeMap<usize, Best>,
}

/// The best of N futures, by each measure on its own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Best {
    /// Decibels; `None` where there are fewer futures.
    pub psnr: Option<f64>,
    /// At most 1; `None` where there are fewer futures.
    pub ssim: Option<f64>,
}

impl Figures {
    /// Of the totals where the scene moves and over whole frames.
    pub(super) fn of([moving, whole]: &[Total; 2]) -> Self {
        Self {
            moving: moving.scores(),
            whole_frame: whole.scores(),
        }
    }
}

/// A true frame, ready to be compared with many.
pub(super) struct Truth {
    frame: Vec<f32>,
    shape: [usize; 3],
    mask: Vec<bool>,
    ssim: Ssim,
}

impl Truth {
    /// `frame` is of `shape` = [C, H, W], `mask` (H, W) says where it moved.
    pub fn new(frame: Vec<f32>, shape: [usize; 3], mask: Vec<bool>) -> Self {
        let ssim = Ssim::new(&frame, shape);
        Self {
            frame,
            shape,
            mask,
            ssim,
        }
    }

    /// How many pixels moved.
    pub fn moving(&self) -> usize {
        self.mask.iter().filter(|moved| **moved).count()
    }
}

/// A mean in the making.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.sum += value;
            self.count += 1;
        }
    }

    fn get(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

/// Sums over windows.
#[derive(Debug, Clone, Default)]
pub(super) struct Total {
    psnr: Mean,
    ssim: Mean,
    gradient: f64,
    true_gradient: f64,
    crps: Mean,
    energy: Mean,
    best: [[Mean; 2]; BEST_OF.len()],
}

impl Total {
    /// Adds the futures of one window, each (C, H, W), over the whole frame or
    /// only where it moves. `certain`: the model has this one future only.
    pub fn add(&mut self, futures: &[Vec<f32>], truth: &Truth, moving: bool, certain: bool) {
        let mask = moving.then_some(truth.mask.as_slice());
        let each: Vec<[Option<f64>; 3]> = futures
            .par_iter()
            .map(|future| {
                [
                    psnr(future, &truth.frame, mask),
                    truth.ssim.compare(future, mask),
                    gradient(future, truth.shape, mask),
                ]
            })
            .collect();
        // All of a measure or none: what counts is the same for all futures.
        let [psnrs, ssims, gradients] = [0, 1, 2].map(|measure| -> Vec<f64> {
            let values = each.iter().filter_map(|values| values[measure]);
            values.collect()
        });
        self.psnr.add(mean(&psnrs));
        self.ssim.add(mean(&ssims));
        if let (Some(gradient), Some(real)) =
            (mean(&gradients), gradient(&truth.frame, truth.shape, mask))
        {
            self.gradient += gradient;
            self.true_gradient += real;
        }
        let futures: Vec<&[f32]> = futures.iter().map(Vec::as_slice).collect();
        self.crps.add(crps(&futures, &truth.frame, mask));
        self.energy.add(energy_score(&futures, &truth.frame, mask));
        for ([psnr, ssim], number) in self.best.iter_mut().zip(BEST_OF) {
            let number = if certain { 1 } else { number };
            psnr.add(best_of(&psnrs, number));
            ssim.add(best_of(&ssims, number));
        }
    }

    fn scores(&self) -> Scores {
        let best = BEST_OF.into_iter().zip(&self.best);
        Scores {
            psnr: self.psnr.get(),
            ssim: self.ssim.get(),
            sharpness_ratio: (self.true_gradient > 0.0).then(|| self.gradient / self.true_gradient),
            crps: self.crps.get(),
            energy_score: self.energy.get(),
            best_of: best
                .map(|(number, [psnr, ssim])| {
                    let best = Best {
                        psnr: psnr.get(),
                        ssim: ssim.get(),
                    };
                    (number, best)
                })
                .collect(),
        }
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
