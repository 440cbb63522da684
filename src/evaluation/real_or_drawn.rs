//! Whether a classifier tells futures from film.

mod auc;
mod form;
mod network;
mod patches;
mod power;

pub use power::{Power, Spoiled, power};

use super::background::apart;
use super::comparison::{Figure, Predictor};
use super::moving::moving;
use super::side_by_side::{Screening, SideBySide, numbers};
use crate::error::Result;
use crate::rng::Seed;
use auc::Auc;
use form::PatchForm;
use network::Classifier;
use patches::{Excerpt, FRAMES, Origin, PatchPairs};
use serde::Serialize;
use std::collections::BTreeMap;

/// Pairs of patches of each window and horizon.
const PAIRS: usize = 64;

/// How well a classifier tells what is drawn from film: the area under its receiver
/// operating characteristic over patches, and its interval over windows. 0.5: it cannot
/// tell; 1: it always does. None where nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RealOrDrawn {
    /// Patches as they are: sharpness and grain count.
    pub as_they_are: Figure,
    /// Patches smoothed, with equal noise: shape and motion alone.
    pub low_passed: Figure,
}

/// Patches of film and of what is drawn, for one side of the test.
///
/// A patch has 16×16 pixels of the three frames up to a horizon. It is centred on what moved
/// in its own frames: where the frame at the horizon differs from the last that was seen and
/// from the background. Where there is nothing such, it is centred where the frame differs
/// from the last, or else where the other's does. The rule is the same for film and for what
/// is drawn, so that a perfect sampler's futures are told from it in half of the cases.
#[derive(Debug, Clone)]
pub struct Samples {
    patches: Option<PatchPairs>,
    horizons: Vec<usize>,
    windows: usize,
    seed: Seed,
}

impl Samples {
    /// None yet, of frames at these horizons, each at least 1. The seed draws the centres.
    pub fn new(horizons: &[usize], seed: Seed) -> Self {
        Self {
            patches: None,
            horizons: horizons.to_vec(),
            windows: 0,
            seed,
        }
    }

    /// The times at which futures must be drawn for patches at these horizons, ascending.
    pub fn times(horizons: &[usize]) -> Vec<usize> {
        let before = |&horizon: &usize| (horizon.saturating_sub(FRAMES - 1)).max(1)..=horizon;
        let mut times: Vec<usize> = horizons.iter().flat_map(before).collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    /// Of all windows that are watched, beside a predictor's futures.
    ///
    /// # Errors
    /// Those of [`Screening::watch`].
    pub fn of(
        predictor: Predictor,
        screening: &Screening,
        horizons: &[usize],
        seed: Seed,
    ) -> Result<Self> {
        let mut samples = Self::new(horizons, seed);
        screening.watch(Some(predictor), &mut |_, both| {
            samples.add(&both);
            Ok(())
        })?;
        Ok(samples)
    }

    /// Adds the next window: patches of what came and of its futures in turn.
    pub fn add(&mut self, both: &SideBySide) {
        let shape = both.shape();
        let window = self.windows;
        self.windows += 1;
        let patches = self.patches.get_or_insert_with(|| PatchPairs::new(shape));
        let mut rng = self.seed.stream("real or drawn, centres", window as u64);
        let moved = |frame: &[u8]| centres(both, frame);
        for &horizon in &self.horizons {
            let time = horizon as isize;
            let film_moved = moved(both.film_at(time));
            let futures: Vec<_> = (0..both.futures())
                .map(|future| moved(both.future_at(future, time)))
                .collect();
            for pair in 0..PAIRS {
                let future = pair % futures.len().max(1);
                let Some(drawn_moved) = futures.get(future) else {
                    continue;
                };
                let own = or(&film_moved, drawn_moved);
                let its = or(drawn_moved, &film_moved);
                if own.is_empty() {
                    continue;
                }
                let times = up_to(time);
                let film = Excerpt {
                    frames: times.map(|time| both.film_at(time)),
                    centres: own,
                };
                let drawn = Excerpt {
                    frames: times.map(|time| both.future_at(future, time)),
                    centres: its,
                };
                let origin = Origin {
                    horizon,
                    film: window,
                    drawn: window,
                };
                patches.add(&film, &drawn, origin, &mut rng);
            }
        }
    }

    /// How many pairs of patches there are.
    pub fn pairs(&self) -> usize {
        self.patches.as_ref().map_or(0, PatchPairs::pairs)
    }
}

/// The times of an excerpt that ends at `time`.
fn up_to(time: isize) -> [isize; FRAMES] {
    std::array::from_fn(|at| time + 1 + at as isize - FRAMES as isize)
}

/// Where a patch may be centred: at its own places, or at the other's where it has none.
fn or<'a>(own: &'a [usize], other: &'a [usize]) -> &'a [usize] {
    match own.is_empty() {
        true => other,
        false => own,
    }
}

/// The pixels of what moved in a frame (C, H, W) of a window.
fn centres(window: &SideBySide, frame: &[u8]) -> Vec<usize> {
    let shape = window.shape();
    let changed = moving(&numbers(window.film_at(0)), &numbers(frame), shape);
    let changed: Vec<usize> = (0..changed.len()).filter(|&at| changed[at]).collect();
    let apart = apart(frame, window.background(), shape);
    let here: Vec<usize> = changed.iter().copied().filter(|&at| apart[at]).collect();
    match here.is_empty() {
        true => changed,
        false => here,
    }
}

/// A classifier two-sample test (Lopez-Paz & Oquab 2017, "Revisiting classifier two-sample
/// tests"): one network for each form of patches, which is told the horizon, learns from
/// those of `learned`, and is asked which of `asked` are drawn.
///
/// The windows of the two should not overlap. The same seed gives the same figures.
///
/// # Errors
/// A tensor operation that fails, and [`crate::Error::Interrupted`].
pub fn tell(
    learned: &Samples,
    asked: &Samples,
    seed: Seed,
) -> Result<BTreeMap<usize, RealOrDrawn>> {
    // One beside the other: neither has work for two threads.
    let (as_they_are, low_passed) = rayon::join(
        || areas(learned, asked, PatchForm::AsTheyAre, seed),
        || areas(learned, asked, PatchForm::LowPassed, seed),
    );
    let (as_they_are, low_passed) = (as_they_are?, low_passed?);
    let each = as_they_are.into_iter().zip(low_passed);
    Ok(each
        .map(|((horizon, as_they_are), (_, low_passed))| {
            let both = RealOrDrawn {
                as_they_are,
                low_passed,
            };
            (horizon, both)
        })
        .collect())
}

/// The area at each horizon, of patches in one form.
fn areas(
    learned: &Samples,
    asked: &Samples,
    form: PatchForm,
    seed: Seed,
) -> Result<BTreeMap<usize, Figure>> {
    let none = Figure {
        value: None,
        interval: None,
    };
    let unknown = || asked.horizons.iter().map(|&horizon| (horizon, none));
    let (Some(lessons), Some(questions)) = (&learned.patches, &asked.patches) else {
        return Ok(unknown().collect());
    };
    if lessons.pairs() == 0 {
        return Ok(unknown().collect());
    }
    let classifier = Classifier::train(lessons, &asked.horizons, form, seed)?;
    let scores = classifier.scores(questions, seed)?;
    let area = |&horizon: &usize| {
        let (mut film, mut drawn) = (Vec::new(), Vec::new());
        for (pair, scores) in scores.chunks_exact(2).enumerate() {
            let origin = questions.origin(pair);
            if origin.horizon == horizon {
                film.push((origin.film, scores[0]));
                drawn.push((origin.drawn, scores[1]));
            }
        }
        (horizon, Auc::new(&film, &drawn, asked.windows).figure())
    };
    Ok(asked.horizons.iter().map(area).collect())
}

#[cfg(test)]
mod tests;
