//! The figures of one model at one horizon, and how windows add up to them.

use super::super::best_of::best_of;
use super::super::bootstrap::interval;
use super::super::crps::crps;
use super::super::energy_score::energy_score;
use super::super::moving::moving;
use super::super::psnr::psnr;
use super::super::rank_histogram::{BINS, rank_histogram};
use super::super::reliability::{self, Bin, calibration_error, reliability};
use super::super::sharpness::{gradient, sharpness_difference};
use super::super::spread_skill::SpreadSkill;
use super::super::ssim::Ssim;
use super::super::whole_futures::WholeFutures;
use rayon::prelude::*;
use serde::Serialize;
use std::collections::BTreeMap;

/// Numbers of futures of which the best is taken.
const BEST_OF: [usize; 7] = [1, 2, 5, 10, 20, 50, 100];
/// The same of whole futures.
const BEST_FUTURE_OF: [usize; 3] = [1, 10, 100];

/// Where the scene moves, and over whole frames.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Where the scene moves.
    #[serde(flatten)]
    pub moving: Scores,
    /// The same over whole frames.
    pub whole_frame: Scores,
}

/// A figure, and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// `None` where no window has anything to measure.
    pub value: Option<f64>,
    /// See [`interval`], over windows.
    pub interval: Option<[f64; 2]>,
}

/// Means over windows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// Decibels: the mean over windows and futures of each frame's PSNR (not
    /// the PSNR of the mean error), so that it is `best_of[1].psnr`.
    pub psnr: Figure,
    /// The mean over windows and futures, at most 1.
    pub ssim: Figure,
    /// The sum over windows of the futures' mean gradient ÷ that of the truth, where
    /// either of the two moves: where only the truth does, futures that are elsewhere
    /// would seem blurred, even those of a perfect forecast (on Stochastic Moving MNIST
    /// 0.67 after 16 frames, here 1).
    pub sharpness_ratio: Figure,
    /// See [`sharpness_difference`], in decibels: the mean over windows and futures.
    pub sharpness_difference: Figure,
    /// Fair CRPS, for pixels in [0, 1]; of one future, its absolute error.
    pub crps: Figure,
    /// Fair energy score; of one future, its root mean square error.
    pub energy_score: Figure,
    /// See [`SpreadSkill::ratio`], of the sums over windows; of one future none.
    pub spread_skill: Figure,
    /// CRPS ÷ the least-squares model's of the same windows.
    pub crps_of_mse: Option<Figure>,
    /// Energy score ÷ the least-squares model's of the same windows.
    pub energy_score_of_mse: Option<Figure>,
    /// See [`rank_histogram`]; of one future empty.
    pub rank_histogram: Vec<f64>,
    /// See [`reliability()`]: of each bin of probabilities that a pixel has changed, their
    /// mean, how often it had, and pixels. Over whole frames only; of one future empty.
    pub reliability: Vec<[f64; 3]>,
    /// See [`calibration_error`], of these bins.
    pub calibration_error: Figure,
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

/// The best of N futures as wholes, by each measure on its own: a mean over the frames
/// of each (see [`WholeFutures`]), over whole frames.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BestFuture {
    /// Decibels.
    pub psnr: Figure,
    /// At most 1.
    pub ssim: Figure,
}

/// PSNR and SSIM of the best of each of [`BEST_FUTURE_OF`], where there are so many.
pub(super) type BestOfWindow = [[Option<f64>; 2]; BEST_FUTURE_OF.len()];

impl BestFuture {
    /// Of one window.
    pub(super) fn of_window(futures: &WholeFutures, certain: bool) -> BestOfWindow {
        BEST_FUTURE_OF.map(|number| futures.best(number, certain))
    }

    /// Of all windows, by N.
    pub(super) fn of(windows: &[BestOfWindow]) -> BTreeMap<usize, Self> {
        let all: Vec<usize> = (0..windows.len()).collect();
        let figure = |at: usize, measure: usize| {
            let of = |drawn: &[usize]| {
                mean(
                    drawn
                        .iter()
                        .filter_map(|&window| windows[window][at][measure]),
                )
            };
            Figure {
                value: of(&all),
                interval: interval(windows.len(), of),
            }
        };
        let numbers = BEST_FUTURE_OF.iter().enumerate();
        let best = |at| Self {
            psnr: figure(at, 0),
            ssim: figure(at, 1),
        };
        numbers.map(|(at, &number)| (number, best(at))).collect()
    }
}

impl Figures {
    /// Of the records where the scene moves and over whole frames, one of each for a
    /// window; `mse` holds those of the least-squares model.
    pub(super) fn of(records: &[[Record; 2]], mse: Option<&[[Record; 2]]>) -> Self {
        let part = |records: &[[Record; 2]], part: usize| -> Vec<Record> {
            records.iter().map(|both| both[part].clone()).collect()
        };
        let scores = |of: usize| {
            let mse = mse.map(|mse| part(mse, of));
            Scores::of(&part(records, of), mse.as_deref())
        };
        Self {
            moving: scores(0),
            whole_frame: scores(1),
        }
    }
}

/// A true frame, ready to be compared with many.
pub(super) struct Truth {
    frame: Vec<f32>,
    shape: [usize; 3],
    mask: Vec<bool>,
    last: Vec<f32>,
    ssim: Ssim,
}

impl Truth {
    /// `frame` is of `shape` = [C, H, W], `mask` (H, W) says where it moved since `last`.
    pub fn new(frame: Vec<f32>, shape: [usize; 3], mask: Vec<bool>, last: Vec<f32>) -> Self {
        let ssim = Ssim::new(&frame, shape);
        Self {
            frame,
            shape,
            mask,
            last,
            ssim,
        }
    }

    /// The mean gradients of a future and of the truth, over whole frames or, `masked`,
    /// where either moves; `None` then where the truth stands still.
    fn gradients(&self, future: &[f32], masked: bool) -> Option<(f64, f64)> {
        if masked && self.moving() == 0 {
            return None;
        }
        let either = masked.then(|| {
            let mut mask = moving(&self.last, future, self.shape);
            for (either, real) in mask.iter_mut().zip(&self.mask) {
                *either |= real;
            }
            mask
        });
        let of = |frame| gradient(frame, self.shape, either.as_deref());
        Some((of(future)?, of(&self.frame)?))
    }

    /// How many pixels moved.
    pub fn moving(&self) -> usize {
        self.mask.iter().filter(|moved| **moved).count()
    }
}

/// What one window says of one model, at one horizon: `None` where there is nothing
/// to measure.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    psnr: Option<f64>,
    ssim: Option<f64>,
    /// Of the futures, and of the truth (see [`Truth::gradients`]).
    gradients: Option<(f64, f64)>,
    difference: Option<f64>,
    crps: Option<f64>,
    energy: Option<f64>,
    spread_skill: Option<SpreadSkill>,
    ranks: Option<[f64; BINS]>,
    reliability: Option<[Bin; reliability::BINS]>,
    best: [[Option<f64>; 2]; BEST_OF.len()],
}

impl Record {
    /// Of the futures of one window, each (C, H, W), over the whole frame or
    /// only where it moves. `certain`: the model has this one future only.
    pub fn of(futures: &[Vec<f32>], truth: &Truth, moving: bool, certain: bool) -> Self {
        let mask = moving.then_some(truth.mask.as_slice());
        let each: Vec<[Option<f64>; 5]> = futures
            .par_iter()
            .map(|future| {
                let (made, real) = truth.gradients(future, moving).unzip();
                [
                    psnr(future, &truth.frame, mask),
                    truth.ssim.compare(future, mask),
                    made,
                    real,
                    sharpness_difference(future, &truth.frame, truth.shape, mask),
                ]
            })
            .collect();
        // All of a measure or none: what counts is the same for all futures.
        let [psnrs, ssims, made, real, differences] = [0, 1, 2, 3, 4].map(|measure| -> Vec<f64> {
            let values = each.iter().filter_map(|values| values[measure]);
            values.collect()
        });
        let futures: Vec<&[f32]> = futures.iter().map(Vec::as_slice).collect();
        let several = |futures| match certain {
            true => None,
            false => rank_histogram(futures, &truth.frame, mask),
        };
        Self {
            psnr: mean(psnrs.iter().copied()),
            ssim: mean(ssims.iter().copied()),
            gradients: mean(made.into_iter()).zip(mean(real.into_iter())),
            difference: mean(differences.into_iter()),
            crps: crps(&futures, &truth.frame, mask),
            energy: energy_score(&futures, &truth.frame, mask),
            spread_skill: SpreadSkill::of(&futures, &truth.frame, mask),
            ranks: several(&futures),
            reliability: match moving || certain {
                true => None,
                false => Some(reliability(&futures, &truth.frame, &truth.last)),
            },
            best: BEST_OF.map(|number| {
                let number = if certain { 1 } else { number };
                [best_of(&psnrs, number), best_of(&ssims, number)]
            }),
        }
    }
}

impl Scores {
    /// Of all windows; `mse` holds the least-squares model's of the same windows.
    fn of(records: &[Record], mse: Option<&[Record]>) -> Self {
        let all: Vec<usize> = (0..records.len()).collect();
        let figure = |figure: &dyn Fn(&[usize]) -> Option<f64>| Figure {
            value: figure(&all),
            interval: interval(records.len(), figure),
        };
        let mean_of = |records: &[Record], drawn: &[usize], of: fn(&Record) -> Option<f64>| {
            mean(drawn.iter().filter_map(|&window| of(&records[window])))
        };
        let plain =
            |of: fn(&Record) -> Option<f64>| figure(&|drawn: &[usize]| mean_of(records, drawn, of));
        let of_mse = |of: fn(&Record) -> Option<f64>| {
            let mse = mse?;
            Some(figure(&|drawn: &[usize]| {
                let ratio = mean_of(records, drawn, of)? / mean_of(mse, drawn, of)?;
                ratio.is_finite().then_some(ratio)
            }))
        };
        let sharpness = |drawn: &[usize]| {
            let pairs = drawn.iter().filter_map(|&window| records[window].gradients);
            let (made, real) = pairs.fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
            (real > 0.0).then(|| made / real)
        };
        let spread_skill = |drawn: &[usize]| {
            let each = drawn
                .iter()
                .filter_map(|&window| records[window].spread_skill);
            let sum = each.fold(SpreadSkill::default(), |sum, one| SpreadSkill {
                spread: sum.spread + one.spread,
                skill: sum.skill + one.skill,
            });
            sum.ratio()
        };
        let ranks: Vec<[f64; BINS]> = records.iter().filter_map(|record| record.ranks).collect();
        let bin = |bin: usize| mean(ranks.iter().map(|ranks| ranks[bin]));
        let bins = |drawn: &[usize]| {
            let each = drawn
                .iter()
                .filter_map(|&window| records[window].reliability);
            each.reduce(|mut sum, bins| {
                for (sum, bin) in sum.iter_mut().zip(bins) {
                    *sum = Bin {
                        cases: sum.cases + bin.cases,
                        given: sum.given + bin.given,
                        came: sum.came + bin.came,
                    };
                }
                sum
            })
        };
        let reliability = bins(&all).into_iter().flatten();
        let reliability = reliability.filter(|bin| bin.cases > 0.0);
        let best = |number: usize, measure: usize| {
            mean(
                records
                    .iter()
                    .filter_map(|record| record.best[number][measure]),
            )
        };
        Self {
            psnr: plain(|record| record.psnr),
            ssim: plain(|record| record.ssim),
            sharpness_ratio: figure(&sharpness),
            sharpness_difference: plain(|record| record.difference),
            crps: plain(|record| record.crps),
            energy_score: plain(|record| record.energy),
            spread_skill: figure(&spread_skill),
            crps_of_mse: of_mse(|record| record.crps),
            energy_score_of_mse: of_mse(|record| record.energy),
            rank_histogram: (0..BINS).filter_map(bin).collect(),
            reliability: reliability
                .map(|bin| [bin.given / bin.cases, bin.came / bin.cases, bin.cases])
                .collect(),
            calibration_error: figure(&|drawn| calibration_error(&bins(drawn)?)),
            best_of: (0..BEST_OF.len())
                .map(|number| {
                    let best = Best {
                        psnr: best(number, 0),
                        ssim: best(number, 1),
                    };
                    (BEST_OF[number], best)
                })
                .collect(),
        }
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| {
        (sum + value, count + 1)
    });
    (count > 0).then(|| sum / count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [1, 16, 16];

    #[test]
    fn futures_that_are_elsewhere_are_as_sharp_as_the_truth() {
        let square = |left: usize| -> Vec<f32> {
            let inside =
                |i: usize| (5..9).contains(&(i / 16)) && (left..left + 4).contains(&(i % 16));
            (0..256).map(|i| f32::from(u8::from(inside(i)))).collect()
        };
        let sharpness = |future: Vec<f32>, real: Vec<f32>| {
            let last = square(6);
            let mask = moving(&last, &real, SHAPE);
            let truth = Truth::new(real, SHAPE, mask, last);
            let of = |moving| Record::of(std::slice::from_ref(&future), &truth, moving, false);
            let figures = Figures::of(&[[of(true), of(false)]], None);
            figures.moving.sharpness_ratio.value
        };
        let mask = moving(&square(6), &square(11), SHAPE);
        let of = |left| gradient(&square(left), SHAPE, Some(&mask)).unwrap();
        assert!(
            of(1) < 0.6 * of(11),
            "half of it is not where the truth moves"
        );
        assert_eq!(sharpness(square(1), square(11)), Some(1.0));
        let blurred = square(1).iter().map(|value| value / 2.0).collect();
        assert_eq!(sharpness(blurred, square(11)), Some(0.5));
        assert_eq!(sharpness(square(1), square(6)), None, "nothing came of it");
    }
}
