//! Models side by side on held-out windows: rollouts against what really came.

mod figures;
mod record;
mod remainders;
mod truth;

pub use figures::{Best, BestFuture, Calibration, Figure, Figures, Scores};
pub use truth::TrueFutures;

use super::large_horizon::LargeHorizon;
use super::moving::moving;
use super::rollout::{How, Watch, rollout_as};
use super::whole_futures::WholeFutures;
use crate::data::{Footage, Window, batch};
use crate::error::{Error, Result};
use crate::horizon::{Drawing, LATELY, WholeHorizon};
use crate::inference::Forecaster;
use crate::interrupt;
use crate::rng::Seed;
use candle_core::{Device, Tensor};
use record::{Record, Truth};
pub(super) use remainders::Remainders;
use std::collections::BTreeMap;

/// Frames ahead at which models are compared.
pub const HORIZONS: [usize; 4] = [1, 4, 8, 16];

/// What predicts.
#[derive(Clone, Copy)]
pub enum Predictor<'a> {
    /// The last frame of the context, again and again.
    Copy,
    /// A trained model, of one member or several (see [`super::rollout`]).
    Model(&'a [Forecaster]),
    /// A whole-horizon model.
    Horizon(&'a WholeHorizon),
    /// Least squares by a whole-horizon model's decoder: one future, with z at its expectation.
    Mean(&'a WholeHorizon),
    /// A whole-horizon model that draws at another size than its own.
    Large(&'a LargeHorizon<'a>),
    /// A perfect sampler, of the windows that are compared.
    Truth(&'a TrueFutures<'a>),
}

/// How to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Frames of the past that are given.
    pub context: usize,
    /// Frames ahead at which to compare, ascending, each at least 1.
    pub horizons: Vec<usize>,
    /// Futures of a model with a latent, at least 1.
    pub futures: usize,
    /// Of the prior.
    pub temperature: f64,
    /// The same seed draws the same futures.
    pub seed: Seed,
}

/// What the comparison found.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// For each predictor, in the order given, its figures at each horizon.
    pub models: Vec<BTreeMap<usize, Figures>>,
    /// For each predictor, what the best of so many futures gets over all frames up to
    /// the last horizon.
    pub whole_futures: Vec<BTreeMap<usize, BestFuture>>,
    /// For each predictor, over all horizons together.
    pub calibration: Vec<Calibration>,
    /// Windows in which nothing moves, by horizon: they have no part in the
    /// figures where the scene moves.
    pub still: BTreeMap<usize, usize>,
    /// The window in which most pixels move, to be shown.
    pub liveliest: usize,
}

impl Plan {
    /// All of [`HORIZONS`] up to `longest`, and that.
    ///
    /// # Errors
    /// If `longest` is 0.
    pub fn horizons(longest: usize) -> Result<Vec<usize>> {
        let mut horizons: Vec<_> = HORIZONS.into_iter().filter(|&h| h < longest).collect();
        horizons.push(longest);
        if longest == 0 {
            return Err(Error::input(
                "evaluation.horizon",
                format!("{longest} frames ahead; expected at least 1"),
                "train with --set evaluation.horizon=16",
            ));
        }
        Ok(horizons)
    }

    /// Frames of a window: the context and all frames up to the last horizon.
    pub fn length(&self) -> usize {
        self.context + self.last()
    }

    /// What predictors see of a window (1, T, C, H, W): its context, and what was seen before it by which a
    /// background is kept up.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub fn past(&self, footage: &[Footage], window: &Window, device: &Device) -> Result<Tensor> {
        let (begun, before) = window.earlier(LATELY.saturating_sub(self.context));
        batch(footage, &[begun], before + self.context, device)
    }

    fn last(&self) -> usize {
        self.horizons.last().copied().unwrap_or(0)
    }
}

impl Predictor<'_> {
    /// Whether all its futures are the same.
    pub fn is_certain(self) -> bool {
        match self {
            Self::Copy | Self::Mean(_) => true,
            Self::Model(members) => members.iter().all(Forecaster::is_certain),
            Self::Horizon(_) | Self::Large(_) | Self::Truth(_) => false,
        }
    }

    /// Its futures (N, horizons, C, H, W) after the past x (1, T, C, H, W) of window number `window`, which ends with the
    /// context, at the horizons alone: all of 100 futures of
    /// large frames would not fit in memory. N is 1 where they are all the same.
    pub fn futures(self, x: &Tensor, plan: &Plan, window: usize) -> Result<Tensor> {
        self.made(x, plan, window, (None, None))
    }

    /// [`Self::futures`], of which `watch` is shown every frame up to the last horizon, and
    /// `remainder` how much those at the horizons leave unexplained, where that is known.
    pub(super) fn made(
        self,
        x: &Tensor,
        plan: &Plan,
        window: usize,
        (watch, remainder): (Option<&Watch>, Option<&Watch>),
    ) -> Result<Tensor> {
        match self {
            Self::Copy => {
                let last = x.narrow(1, x.dim(1)? - 1, 1)?;
                if let Some(watch) = watch {
                    let frame = last.flatten_all()?.to_vec1::<f32>()?;
                    (1..=plan.last()).for_each(|time| watch(0, time, &frame));
                }
                Ok(last.repeat((1, plan.horizons.len(), 1, 1, 1))?)
            }
            Self::Model(members) => {
                let futures = if self.is_certain() { 1 } else { plan.futures };
                let mut rng = plan.seed.stream("compare", window as u64);
                let how = How {
                    times: &plan.horizons,
                    temperature: plan.temperature,
                    watch,
                    remainder,
                };
                let context = x.narrow(1, x.dim(1)? - plan.context, plan.context)?;
                Ok(rollout_as(members, &context, futures, how, &mut rng)?.squeeze(0)?)
            }
            Self::Horizon(model) | Self::Mean(model) => {
                let (futures, temperature) = match self.is_certain() {
                    true => (1, 0.0),
                    false => (plan.futures, plan.temperature),
                };
                let drawing = Drawing {
                    futures,
                    times: &plan.horizons,
                    temperature,
                    watch,
                };
                let mut rng = plan.seed.stream("compare/horizon", window as u64);
                model.futures(x, drawing, &mut rng)
            }
            // Nobody watches these: they are seen by the classifier alone.
            Self::Large(large) => large.futures(x, plan, window),
            Self::Truth(truth) => truth.futures(x, plan, window, |future, time, frame| {
                if let Some(watch) = watch {
                    watch(future, time, frame);
                }
            }),
        }
    }
}

/// Compares `predictors` on `windows` of `footage`, of at least
/// [`Plan::length`] frames each, one window after another, so that memory does
/// not grow with their number. `watch` is told how many are done.
pub fn compare(
    predictors: &[Predictor],
    footage: &[Footage],
    windows: &[Window],
    plan: &Plan,
    device: &Device,
    watch: &mut dyn FnMut(usize),
) -> Result<Comparison> {
    // For each predictor and horizon, each window's where it moves and over whole
    // frames.
    let mut records: Vec<Vec<Vec<[Record; 2]>>> =
        vec![vec![Vec::new(); plan.horizons.len()]; predictors.len()];
    // For each predictor, each window's best of so many whole futures.
    let mut whole: Vec<Vec<_>> = vec![Vec::new(); predictors.len()];
    let mut still: BTreeMap<usize, usize> = plan.horizons.iter().map(|&h| (h, 0)).collect();
    let (mut liveliest, mut most) = (0, 0);
    for (index, window) in windows.iter().enumerate() {
        interrupt::check()?;
        let frames = batch(footage, std::slice::from_ref(window), plan.length(), device)?;
        let x = plan.past(footage, window, device)?;
        let real = real(&frames, plan)?;
        let truths = truths(&frames, &real, plan)?;
        let mut moved = 0;
        for (truth, still) in truths.iter().zip(still.values_mut()) {
            moved += truth.moving();
            *still += usize::from(truth.moving() == 0);
        }
        if moved > most {
            (liveliest, most) = (index, moved);
        }
        let each = predictors.iter().zip(&mut records).zip(&mut whole);
        for ((predictor, records), whole) in each {
            let (_, _, channels, height, width) = frames.dims5()?;
            let seen = WholeFutures::new(&real, [channels, height, width]);
            let watch = |future: usize, time: usize, frame: &[f32]| seen.add(future, time, frame);
            let masks = truths.iter().map(Truth::mask);
            let remainders = Remainders::new(plan.horizons.iter().copied().zip(masks));
            let left = |future: usize, time: usize, variance: &[f32]| {
                remainders.add(future, time, variance);
            };
            let futures = predictor.made(&x, plan, index, (Some(&watch), Some(&left)))?;
            whole.push(BestFuture::of_window(&seen, predictor.is_certain()));
            for (at, (truth, records)) in truths.iter().zip(records).enumerate() {
                let samples = samples(&futures, at)?;
                let [moving, whole] = remainders.at(plan.horizons[at]);
                let of = |remainder, moving| {
                    let kind = (moving, predictor.is_certain());
                    Record::of(&samples, truth, remainder, kind)
                };
                records.push([of(moving, true), of(whole, false)]);
            }
        }
        watch(index + 1);
    }
    // Least squares, of each kind, and copying.
    let is_baseline = |of: &usize| predictors[*of].is_certain();
    let baselines: Vec<usize> = (0..predictors.len()).filter(is_baseline).collect();
    let figures = |of: usize| {
        let alone = baselines == [of];
        let each = plan.horizons.iter().enumerate();
        each.map(|(at, &horizon)| {
            let beside = baselines.iter().filter(|_| !alone);
            let beside: Vec<&[[Record; 2]]> = beside.map(|&b| &records[b][at][..]).collect();
            (horizon, Figures::of(&records[of][at], &beside))
        })
        .collect()
    };
    Ok(Comparison {
        models: (0..predictors.len()).map(figures).collect(),
        whole_futures: whole.iter().map(|each| BestFuture::of(each)).collect(),
        calibration: records.iter().map(|each| Calibration::of(each)).collect(),
        still,
        liveliest,
    })
}

/// The true frames of a window (1, T, C, H, W) after its context.
fn real(frames: &Tensor, plan: &Plan) -> Result<Vec<Vec<f32>>> {
    let after = frames.narrow(1, plan.context, plan.last())?.squeeze(0)?;
    Ok(after.flatten_from(1)?.to_vec2()?)
}

/// Those at the horizons, ready to be compared with many.
fn truths(frames: &Tensor, real: &[Vec<f32>], plan: &Plan) -> Result<Vec<Truth>> {
    let (_, _, channels, height, width) = frames.dims5()?;
    let shape = [channels, height, width];
    let last: Vec<f32> = (frames.narrow(1, plan.context - 1, 1)?)
        .flatten_all()?
        .to_vec1()?;
    let truth = |horizon: &usize| {
        let truth = &real[horizon - 1];
        let mask = moving(&last, truth, shape);
        Truth::new(truth.clone(), shape, mask, last.clone())
    };
    Ok(plan.horizons.iter().map(truth).collect())
}

/// All futures (N, horizons, C, H, W) at one horizon.
pub(super) fn samples(futures: &Tensor, at: usize) -> Result<Vec<Vec<f32>>> {
    let frames = futures.narrow(1, at, 1)?.flatten_from(1)?;
    Ok(frames.to_vec2()?)
}

#[cfg(test)]
mod tests;
