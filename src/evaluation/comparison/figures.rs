//! The figures of one model at one horizon, and how windows add up to them.

use super::super::bootstrap::interval;
use super::super::rank_histogram::BINS;
use super::super::reliability::{Bin, calibration_error};
use super::super::spread_skill::SpreadSkill;
use super::super::whole_futures::WholeFutures;
use super::record::Record;
use serde::Serialize;
use std::collections::BTreeMap;

/// Numbers of futures of which the best is taken.
pub(super) const BEST_OF: [usize; 7] = [1, 2, 5, 10, 20, 50, 100];
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
    /// See [`sharpness_difference`](crate::evaluation::sharpness::sharpness_difference), in decibels: the mean over windows and futures.
    pub sharpness_difference: Figure,
    /// Fair CRPS, for pixels in [0, 1]; of one future, its absolute error.
    pub crps: Figure,
    /// Fair energy score; of one future, its root mean square error.
    pub energy_score: Figure,
    /// See [`SpreadSkill::ratio`], of the sums over windows; of one future none.
    pub spread_skill: Figure,
    /// The same with the variance of what futures leave unexplained added to the futures' own
    /// ([`crate::inference::Remainder`]); none where that is not learned.
    pub predictive_spread_skill: Figure,
    /// CRPS ÷ the best of least squares', by either decoder, and of copying's on the same windows.
    pub crps_of_best: Option<Figure>,
    /// Energy score ÷ the best of least squares', by either decoder, and of copying's on the same windows.
    pub energy_score_of_best: Option<Figure>,
    /// See [`rank_histogram`](crate::evaluation::rank_histogram::rank_histogram); of one future empty.
    pub rank_histogram: Vec<f64>,
    /// See [`reliability`](crate::evaluation::reliability::reliability): of each bin of probabilities that a pixel has changed, their
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

/// Spread and skill over whole frames at all horizons together: sums over windows and horizons make
/// one ratio, so that horizons weigh by their errors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Calibration {
    /// See [`Scores::spread_skill`].
    pub spread_skill: Figure,
    /// See [`Scores::predictive_spread_skill`].
    pub predictive_spread_skill: Figure,
}

impl Calibration {
    /// Of the records of each horizon, of each where the scene moves and over whole frames.
    pub(super) fn of(horizons: &[Vec<[Record; 2]>]) -> Self {
        let windows = horizons.iter().map(Vec::len).min().unwrap_or(0);
        let figure = |of: fn(&Record) -> Option<SpreadSkill>| {
            let ratio = |drawn: &[usize]| {
                let each = drawn.iter().flat_map(|&window| {
                    let each = horizons.iter().map(move |records| &records[window][1]);
                    each.filter_map(of)
                });
                each.sum::<SpreadSkill>().ratio()
            };
            let all: Vec<usize> = (0..windows).collect();
            Figure {
                value: ratio(&all),
                interval: interval(windows, ratio),
            }
        };
        Self {
            spread_skill: figure(|record| record.spread_skill),
            predictive_spread_skill: figure(Record::predictive),
        }
    }
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
    /// window; `baselines` hold those of least squares, by each decoder, and of copying.
    pub(super) fn of(records: &[[Record; 2]], baselines: &[&[[Record; 2]]]) -> Self {
        let part = |records: &[[Record; 2]], part: usize| -> Vec<Record> {
            records.iter().map(|both| both[part].clone()).collect()
        };
        let scores = |of: usize| {
            let baselines: Vec<Vec<Record>> = baselines.iter().map(|one| part(one, of)).collect();
            Scores::of(&part(records, of), &baselines)
        };
        Self {
            moving: scores(0),
            whole_frame: scores(1),
        }
    }
}

impl Scores {
    /// Of all windows; `baselines` hold those of least squares, by each decoder, and of copying, of the same windows.
    fn of(records: &[Record], baselines: &[Vec<Record>]) -> Self {
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
        let of_best = |of: fn(&Record) -> Option<f64>| {
            let ratio = |drawn: &[usize]| {
                let each = baselines.iter().filter_map(|one| mean_of(one, drawn, of));
                let best = each.reduce(f64::min)?;
                let ratio = mean_of(records, drawn, of)? / best;
                ratio.is_finite().then_some(ratio)
            };
            (!baselines.is_empty()).then(|| figure(&ratio))
        };
        let sharpness = |drawn: &[usize]| {
            let pairs = drawn.iter().filter_map(|&window| records[window].gradients);
            let (made, real) = pairs.fold((0.0, 0.0), |sum, pair| (sum.0 + pair.0, sum.1 + pair.1));
            (real > 0.0).then(|| made / real)
        };
        let ratio = |drawn: &[usize], of: fn(&Record) -> Option<SpreadSkill>| {
            let each = drawn.iter().filter_map(|&window| of(&records[window]));
            each.sum::<SpreadSkill>().ratio()
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
            spread_skill: figure(&|drawn| ratio(drawn, |record| record.spread_skill)),
            predictive_spread_skill: figure(&|drawn| ratio(drawn, Record::predictive)),
            crps_of_best: of_best(|record| record.crps),
            energy_score_of_best: of_best(|record| record.energy),
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

pub(super) fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0usize), |(sum, count), value| {
        (sum + value, count + 1)
    });
    (count > 0).then(|| sum / count as f64)
}
