//! Whether futures look like film: a classifier's answer, and whether shapes are kept.

use super::ComparePart;
use super::contenders::Contender;
use super::large::LargeReport;
use super::report::{Report, number, sure};
use crate::data::{Footage, Split, Window};
use crate::error::Result;
use crate::evaluation::background::FilmBackgrounds;
use crate::evaluation::comparison::Plan;
use crate::evaluation::real_or_drawn::{Power, RealOrDrawn, Samples, power, tell};
use crate::evaluation::shape::{Quantiles, ShapeKept, Shapes};
use crate::evaluation::side_by_side::Screening;
use crate::outputs::progress;
use crate::rng::Seed;
use candle_core::Device;
use serde::Serialize;
use std::collections::BTreeMap;

/// Windows that the classifier learns from, and those on which its power is measured.
const WINDOWS: usize = 64;
/// Futures of each window that it learns from.
const LEARNED_FUTURES: usize = 4;
/// Futures of each window that it is asked about, and whose shapes are measured.
pub(super) const ASKED_FUTURES: usize = 16;
/// A validation part with less than this many windows' frames is too little by itself.
const ENOUGH: usize = 16;

/// How futures of one contender look.
#[derive(Debug, Clone, Serialize)]
pub struct Look {
    /// By frames ahead; nothing where it was left out.
    pub real_or_drawn: BTreeMap<usize, RealOrDrawn>,
    /// By frames ahead.
    pub shape: BTreeMap<usize, ShapeKept>,
}

/// What the classifier learned from, and what it tells where the answer is known.
#[derive(Debug, Clone, Serialize)]
pub struct Trial {
    /// Windows of the validation part from which it learned.
    pub validation_windows: usize,
    /// Windows of the training part, near its end.
    pub training_windows: usize,
    /// Futures of each window that it learned from and that it was asked about, at most.
    pub futures: [usize; 2],
    pub power: Power,
}

/// Windows that the classifier learns from.
#[derive(Debug, Clone)]
pub(super) struct Lessons {
    /// Those of the validation part, then those of the training part.
    pub windows: Vec<Window>,
    validation: usize,
}

impl Lessons {
    /// Those of the validation part where figures are of the test part. Where that part is
    /// too short, and where figures are of it, the last of the training part.
    pub fn new(split: &Split, part: ComparePart, length: usize) -> Self {
        let mut windows = match part {
            ComparePart::Validation => Vec::new(),
            ComparePart::Test if split.validation.frames() < ENOUGH * length => {
                split.validation.spread(length, WINDOWS / 2)
            }
            ComparePart::Test => split.validation.spread(length, WINDOWS),
        };
        let validation = windows.len();
        windows.extend(split.train.latest(length, WINDOWS - validation));
        Self {
            windows,
            validation,
        }
    }
}

/// Where and how all are looked at.
#[derive(Clone, Copy)]
pub(super) struct Looking<'a> {
    pub footage: &'a [Footage],
    /// The windows of the comparison.
    pub windows: &'a [Window],
    /// More of the same part, for the classifier's power.
    pub more: &'a [Window],
    pub background: &'a FilmBackgrounds,
    pub plan: &'a Plan,
    pub device: &'a Device,
}

impl Looking<'_> {
    /// Futures in these windows, with their frames at these times.
    pub fn screening<'a>(
        &'a self,
        windows: &'a [Window],
        times: Vec<usize>,
        seed: Seed,
    ) -> Screening<'a> {
        Screening {
            footage: self.footage,
            windows,
            background: self.background,
            plan: Plan {
                horizons: times,
                seed,
                ..self.plan.clone()
            },
            device: self.device,
        }
    }

    /// How each contender's futures look. `learning` has the windows from which a classifier
    /// learns, and the same contenders on these; without it shapes alone are measured.
    pub fn look(
        &self,
        all: &[Contender],
        learning: Option<(&Lessons, &[Contender])>,
    ) -> Result<(Vec<Look>, Option<Trial>)> {
        let horizons = &self.plan.horizons;
        let seed = Seed(self.plan.seed.stream("real or drawn", 0).bits());
        let screening = |windows, futures, seed| {
            let screening = self.screening(windows, Samples::times(horizons), seed);
            screening.of_futures(self.plan.futures.min(futures))
        };
        let asked = screening(self.windows, ASKED_FUTURES, self.plan.seed);
        let bar = progress::counted(all.len() + 1, "look".to_owned());
        let mut looks = Vec::new();
        for (index, one) in all.iter().enumerate() {
            let mut shapes = Shapes::new(horizons);
            let mut questions = Samples::new(horizons, seed);
            asked.watch(Some(one.predictor), &mut |_, both| {
                shapes.add(&both);
                questions.add(&both);
                Ok(())
            })?;
            let real_or_drawn = match learning {
                None => BTreeMap::new(),
                Some((lessons, contenders)) => {
                    // Another seed, so that no draw is in both.
                    let learned = screening(&lessons.windows, LEARNED_FUTURES, seed);
                    let predictor = contenders[index].predictor;
                    let lessons = Samples::of(predictor, &learned, horizons, seed)?;
                    tell(&lessons, &questions, seed)?
                }
            };
            looks.push(Look {
                real_or_drawn,
                shape: shapes.kept(),
            });
            bar.inc(1);
        }
        let trial = learning.map(|(lessons, _)| {
            let [learned, asked] =
                [&lessons.windows, self.more].map(|windows| screening(windows, 1, seed));
            Ok::<_, crate::Error>(Trial {
                validation_windows: lessons.validation,
                training_windows: lessons.windows.len() - lessons.validation,
                futures: [LEARNED_FUTURES, ASKED_FUTURES].map(|most| most.min(self.plan.futures)),
                power: power(&learned, &asked, horizons, seed)?,
            })
        });
        bar.finish_and_clear();
        Ok((looks, trial.transpose()?))
    }
}

/// So many windows of a part are looked at for the test's power.
pub(super) const MORE: usize = WINDOWS;

/// Of [`rows`].
pub(super) const HEADER: [&str; 5] = [
    "frames ahead",
    "real or drawn",
    "shape and motion",
    "area",
    "pieces",
];

/// A line for each horizon and model, and for film whose answer is known.
pub(super) fn rows(report: &Report) -> Vec<Vec<String>> {
    let models = report.models.iter();
    let models: Vec<_> = models
        .map(|model| (model.name.clone(), &model.look))
        .collect();
    all_rows(report, &models, report.trial.as_ref())
}

/// The same of futures at another size.
pub(super) fn large_rows(report: &Report, large: &LargeReport) -> Vec<Vec<String>> {
    all_rows(report, &[(large.name(), &large.look)], large.trial.as_ref())
}

fn all_rows(
    report: &Report,
    models: &[(String, &Look)],
    trial: Option<&Trial>,
) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let told = |found: Option<&RealOrDrawn>| match found {
        Some(found) => [found.as_they_are, found.low_passed].map(|one| sure(Some(one), 2)),
        None => [(); 2].map(|()| "-".to_owned()),
    };
    let spread = |found: Option<Quantiles>| match found {
        Some(Quantiles { median, low, high }) => format!("{median:.2} ({low:.2}, {high:.2})"),
        None => number(None, 2),
    };
    for horizon in report.data.still_windows.keys() {
        for (name, look) in models {
            let shape = look.shape.get(horizon);
            let mut row = vec![format!("+{horizon:<2} {name}")];
            row.extend(told(look.real_or_drawn.get(horizon)));
            row.push(spread(shape.and_then(|shape| shape.area)));
            row.push(spread(shape.and_then(|shape| shape.pieces)));
            rows.push(row);
        }
        let known = trial.iter().flat_map(|trial| {
            let power = &trial.power;
            [
                ("film, other windows", &power.film),
                ("film, blurred", &power.blurred),
                ("film, tiled", &power.tiled),
            ]
        });
        for (name, found) in known {
            let mut row = vec![format!("+{horizon:<2} {name}")];
            row.extend(told(found.get(horizon)));
            rows.push(row);
        }
    }
    rows
}

/// What the table says.
pub(super) fn legend(trial: Option<&Trial>) -> String {
    let shapes = "area and pieces: of what is apart from the background, drawn ÷ real, the median \
                  over windows and futures, in brackets 10% and 90%";
    let Some(trial) = trial else {
        return format!("{shapes}; real or drawn was left out (--no-real-or-drawn)");
    };
    let learned = match (trial.validation_windows, trial.training_windows) {
        (validation, 0) => format!("{validation} windows of the validation part"),
        (0, training) => format!("{training} windows near the end of the training part"),
        (validation, training) => format!(
            "{validation} windows of the validation part and {training} near the end of the \
             training part"
        ),
    };
    format!(
        "Real or drawn: how well a classifier, which learned on {learned}, tells patches of 16×16 \
         pixels and 3 frames of futures from film (area under the ROC curve; 0.5: not at all, 1: \
         always; in brackets 95% of draws of the windows); shape and motion: the same of patches \
         that are smoothed, with equal noise. Film of other windows, blurred by a pixel and in \
         tiles of 4×4 shows what the test can tell. {shapes}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::ValidationPlaces;

    fn film(frames: usize) -> Footage {
        let sizes = (frames, 1, 4, 4);
        let bytes = (0..frames * 16).map(|i| (i * 7 % 251) as u8).collect();
        Footage::from_frames("film", bytes, sizes, 25.0, vec![]).unwrap()
    }

    #[test]
    fn lessons_are_never_of_the_part_that_is_asked() {
        let windows = |frames: usize, part| {
            let footage = [film(frames)];
            let split = Split::at(ValidationPlaces::End, &footage, 6, 20).unwrap();
            let lessons = Lessons::new(&split, part, 20);
            let starts = |part: &crate::data::Part| part.spread(20, frames);
            let known = |window: &Window| {
                let inside = [&split.validation, &split.train].map(|p| starts(p).contains(window));
                assert!(inside[0] != inside[1]);
                inside[0]
            };
            let validation = lessons.windows.iter().filter(|w| known(w)).count();
            assert_eq!(validation, lessons.validation);
            (validation, lessons.windows.len())
        };
        assert_eq!(windows(8000, ComparePart::Test), (64, 64));
        assert_eq!(windows(1000, ComparePart::Test), (32, 64));
        assert_eq!(windows(1000, ComparePart::Validation), (0, 64));
        let (validation, all) = windows(300, ComparePart::Test);
        assert!(
            validation < 32 && all > validation && all < 64,
            "{validation} {all}"
        );
    }
}
