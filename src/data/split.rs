//! The parts of footage for training, validation and test.

use super::clips::{Window, any_change};
use super::footage::Footage;
use super::places::{self, ValidationPlaces};
use super::short;
use crate::error::Result;
use crate::rng::Rng;
use std::ops::Range;

/// From so many files on, whole files are held back for validation and test.
pub(super) const FILES_TO_SPLIT: usize = 8;

/// Shares of validation and test.
pub(super) const SHARES: (f64, f64) = (0.1, 0.2);

/// A part that changes less than this share of the training part's σ hardly moves.
const HARDLY: f64 = 0.1;

/// Stretches of footage without a cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    stretches: Vec<(usize, Range<usize>)>,
}

impl Part {
    /// How many windows of `length` frames there are.
    pub fn count(&self, length: usize) -> usize {
        self.stretches
            .iter()
            .map(|(_, range)| (range.len() + 1).saturating_sub(length))
            .sum()
    }

    /// The most frames without a cut.
    pub fn longest(&self) -> usize {
        let lengths = self.stretches.iter().map(|(_, range)| range.len());
        lengths.max().unwrap_or(0)
    }

    /// Window `index` of [`Self::count`], in the order of the footage.
    fn window(&self, mut index: usize, length: usize) -> Window {
        for (file, range) in &self.stretches {
            let here = (range.len() + 1).saturating_sub(length);
            if index < here {
                return Window::new(*file, range.start + index);
            }
            index -= here;
        }
        unreachable!("a window past the part's end")
    }

    /// `count` windows drawn uniformly. Panics where there is none.
    pub fn draw(&self, length: usize, count: usize, rng: &mut Rng) -> Vec<Window> {
        let all = self.count(length);
        (0..count)
            .map(|_| self.window(rng.below(all), length))
            .collect()
    }

    /// At most `count` windows, evenly spread over all of them.
    pub fn spread(&self, length: usize, count: usize) -> Vec<Window> {
        let all = self.count(length);
        let count = count.min(all);
        (0..count)
            .map(|index| {
                let last = count.max(2) - 1;
                self.window(index * (all - 1) / last, length)
            })
            .collect()
    }

    /// At most `count` windows, the last ones, each half a window after the one before it
    /// where the footage has no cut.
    pub fn latest(&self, length: usize, count: usize) -> Vec<Window> {
        let all = self.count(length);
        let step = (length / 2).max(1);
        let each = (1..=count).map_while(|back| all.checked_sub(1 + (back - 1) * step));
        let mut windows: Vec<Window> = each.map(|index| self.window(index, length)).collect();
        windows.reverse();
        windows
    }

    /// Its frames of footage `file`, in their order.
    pub fn frames_of(&self, file: usize) -> impl Iterator<Item = usize> {
        let here = self.stretches.iter().filter(move |(of, _)| *of == file);
        here.flat_map(|(_, range)| range.clone())
    }

    /// What lies in `range` of the only film.
    pub fn of_film(film: &Footage, range: Range<usize>) -> Self {
        let mut part = Self::default();
        part.add(0, film, range);
        part
    }

    /// Adds what lies in `range` of footage `file`.
    fn add(&mut self, file: usize, film: &Footage, range: Range<usize>) {
        for scene in film.scenes() {
            let clipped = scene.start.max(range.start)..scene.end.min(range.end);
            if !clipped.is_empty() {
                self.stretches.push((file, clipped));
            }
        }
    }

    /// Frames in all.
    pub fn frames(&self) -> usize {
        self.stretches.iter().map(|(_, range)| range.len()).sum()
    }
}

/// Footage in three parts that share no frame; between parts of the same film
/// lies a gap of at least one training window, so no test frame is in a
/// training window and none borders on one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// For the weights.
    pub train: Part,
    /// For watching training.
    pub validation: Part,
    /// For the figures; never looked at before.
    pub test: Part,
}

impl Split {
    /// [`Self::at`] spread places.
    ///
    /// # Errors
    /// If a part has no window, or the footage cannot be read.
    pub fn new(footage: &[Footage], window: usize, longest: usize) -> Result<Self> {
        Self::at(ValidationPlaces::Spread, footage, window, longest)
    }

    /// By file from `FILES_TO_SPLIT` files on, else by time within each: the last 20% test;
    /// of what comes before, an eighth validates, taken from where [`ValidationPlaces`] says, and the
    /// rest trains. `window` is the length of a training window, `longest` that of the
    /// longest test window.
    ///
    /// # Errors
    /// If a part has no window, or the footage cannot be read.
    pub fn at(
        places: ValidationPlaces,
        footage: &[Footage],
        window: usize,
        longest: usize,
    ) -> Result<Self> {
        let mut split = Self::plain(footage, window);
        if places == ValidationPlaces::Spread {
            match footage.len() < FILES_TO_SPLIT {
                true => split.spread_in_films(footage, window, longest)?,
                false => split.spread_over_films(footage, window)?,
            }
        }
        match split.lacking(window, longest) {
            Some(lacking) => Err(short::refuse(footage, lacking, (window, longest))),
            None => Ok(split),
        }
    }

    /// Validation by what comes right before the test.
    pub(super) fn plain(footage: &[Footage], window: usize) -> Self {
        let mut split = Self {
            train: Part::default(),
            validation: Part::default(),
            test: Part::default(),
        };
        let files = footage.len();
        let held = |share| held(files, share);
        for (file, film) in footage.iter().enumerate() {
            let frames = film.len();
            let (validation, test) = if files < FILES_TO_SPLIT {
                bounds(frames)
            } else if file + held(SHARES.1) >= files {
                (0, 0)
            } else if file + held(SHARES.1) + held(SHARES.0) >= files {
                (0, frames)
            } else {
                (frames, frames)
            };
            let gap = |start: usize| if start > 0 { start + window } else { 0 };
            split.train.add(file, film, 0..validation);
            split.validation.add(file, film, gap(validation)..test);
            split.test.add(file, film, gap(test)..frames);
        }
        split
    }

    /// Validation by several stretches of each film.
    fn spread_in_films(
        &mut self,
        footage: &[Footage],
        window: usize,
        longest: usize,
    ) -> Result<()> {
        let (mut train, mut validation) = (Part::default(), Part::default());
        for (file, film) in footage.iter().enumerate() {
            for (start, end, trains) in places::in_film(film, window, longest)? {
                let part = if trains { &mut train } else { &mut validation };
                part.add(file, film, start..end);
            }
        }
        (self.train, self.validation) = (train, validation);
        Ok(())
    }

    /// Validation by files from several places.
    fn spread_over_films(&mut self, footage: &[Footage], window: usize) -> Result<()> {
        let before = &footage[..footage.len() - held(footage.len(), SHARES.1)];
        let chosen = places::over_films(before, held(footage.len(), SHARES.0), window)?;
        let (mut train, mut validation) = (Part::default(), Part::default());
        for (file, film) in before.iter().enumerate() {
            let part = match chosen.contains(&file) {
                true => &mut validation,
                false => &mut train,
            };
            part.add(file, film, 0..film.len());
        }
        (self.train, self.validation) = (train, validation);
        Ok(())
    }

    /// The first part that has no window: its name, itself, and how long a window is.
    pub(super) fn lacking(
        &self,
        window: usize,
        longest: usize,
    ) -> Option<(&'static str, &Part, usize)> {
        let parts = [
            ("training", &self.train, window),
            ("validation", &self.validation, window),
            ("test", &self.test, longest),
        ];
        let lacks = |(_, part, length): &(_, &Part, usize)| part.count(*length) == 0;
        parts.into_iter().find(lacks)
    }

    /// How much validation and test move: each part's change as a share of the training
    /// part's.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub fn motion(&self, footage: &[Footage]) -> Result<Vec<PartMotion>> {
        let usual = any_change(footage, &self.train)?;
        let parts = [("validation", &self.validation), ("test", &self.test)];
        let motion = parts.into_iter().map(|(part, held_back)| {
            let share = any_change(footage, held_back)? / usual;
            Ok(PartMotion { part, share })
        });
        motion.collect()
    }
}

/// How much a part of footage moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartMotion {
    /// The part's name.
    pub part: &'static str,
    /// Its change from frame to frame ÷ the training part's.
    pub share: f64,
}

impl PartMotion {
    /// Whether hardly anything moves in it: what is found there says little.
    pub fn hardly(&self) -> bool {
        self.share < HARDLY
    }
}

/// How many files a share of them is.
pub(super) fn held(files: usize, share: f64) -> usize {
    ((files as f64 * share).round() as usize).max(1)
}

/// Where the last tenth before the test starts, and where the test does.
pub(super) fn bounds(frames: usize) -> (usize, usize) {
    let cut = |share: f64| (frames as f64 * share).round() as usize;
    (cut(1.0 - SHARES.0 - SHARES.1), cut(1.0 - SHARES.1))
}

#[cfg(test)]
mod tests;
