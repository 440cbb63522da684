//! Whether futures at the film's own size look like film.

use super::contenders::{Contender, Run, untrained};
use super::looks::{Lessons, Look, Looking, Trial};
use super::{CompareArgs, sources};
use crate::cli::drawn_size::DrawnSize;
use crate::cli::footage::prepare;
use crate::data::{Footage, Split, Window};
use crate::error::{Error, Result};
use crate::evaluation::background::FilmBackgrounds;
use crate::evaluation::comparison::Predictor;
use crate::evaluation::large_horizon::LargeHorizon;
use crate::horizon::{Appearance, Background, Grain, WholeHorizon, frames};
use crate::outputs::horizon::HORIZON;
use crate::video::{ReadSettings, Source};
use serde::Serialize;

/// The film's own size counts up to this, along the longer side.
const LARGEST: usize = 512;
/// No size is larger, along the longer side.
const MOST: usize = 1024;
/// Windows of the training part in which it is seen what enters.
const LOOKED_AT: usize = 60;

/// How futures at another size than the model's look.
#[derive(Debug, Serialize)]
pub struct LargeReport {
    /// Width and height.
    pub size: [usize; 2],
    #[serde(flatten)]
    pub look: Look,
    /// What the classifier learned from, and its power at this size.
    pub trial: Option<Trial>,
}

impl LargeReport {
    /// What the futures are called in tables.
    pub fn name(&self) -> String {
        let [width, height] = self.size;
        format!("{HORIZON}, {width}×{height}")
    }

    /// Of the run's whole-horizon model; `own` is how its training parted the footage.
    ///
    /// # Errors
    /// A run without such a model, films of which only one size is known, and what cannot be read.
    pub(super) fn of(
        (args, size): (&CompareArgs, DrawnSize),
        run: &Run,
        (looking, lessons, own): (&Looking, &Lessons, &Split),
    ) -> Result<Self> {
        let Some(model) = &run.model.horizon else {
            return Err(Error::input(
                &run.label,
                "it has no whole-horizon model, which --size asks for",
                "leave it out, or train with --set horizon.windows=300",
            ));
        };
        let config = &run.model.config;
        let sources = sources(config, args)?;
        let settings = settings(size, &sources[0], &config.settings.data)?;
        let large = prepare(&sources, &settings, args.cache.as_deref())?;
        let appearance = appearance(model, (looking.footage, &large), own)?;
        let of = |windows| LargeHorizon {
            model,
            footage: looking.footage,
            windows,
            appearance: &appearance,
        };
        let (asked, learned) = (of(looking.windows), of(&lessons.windows[..]));
        let contender = |one| [untrained(HORIZON, Predictor::Large(one))];
        let (asked, learned): ([Contender; 1], [Contender; 1]) =
            (contender(&asked), contender(&learned));
        let looking = Looking {
            footage: &large,
            background: &FilmBackgrounds::of(&large, &own.train)?,
            ..*looking
        };
        let (mut looks, trial) = looking.look(&asked, Some((lessons, &learned)))?;
        Ok(Self {
            size: [settings.width, settings.height],
            look: looks.remove(0),
            trial,
        })
    }
}

/// As the model reads, at another size.
fn settings(size: DrawnSize, source: &Source, seen: &ReadSettings) -> Result<ReadSettings> {
    let settings = size.settings(source, seen)?;
    let longer = settings.width.max(settings.height);
    match size {
        DrawnSize::Pixels(width, height) if longer > MOST => Err(Error::input(
            format!("--size {width}x{height}"),
            format!("is larger than {MOST} pixels, and all of the film is kept at that size"),
            "give a smaller one, or source",
        )),
        DrawnSize::Source if longer > LARGEST => {
            let side = |side: usize| (side * LARGEST / longer / 2 * 2).max(2);
            let less = DrawnSize::Pixels(side(settings.width), side(settings.height));
            less.settings(source, seen)
        }
        _ => Ok(settings),
    }
}

/// How the training part looks at the large size.
fn appearance(
    model: &WholeHorizon,
    (small, large): (&[Footage], &[Footage]),
    own: &Split,
) -> Result<Appearance> {
    let background = Background::of(large, &own.train)?;
    let length = model.context + model.frames;
    let windows = own.train.spread(length, LOOKED_AT);
    let (mut entered, mut noisy) = (Vec::new(), Vec::new());
    if model.moves_pieces() {
        entered = model.entered(small, &windows)?;
        noisy = Grain::of_which(&windows, background.pixels.len(), model.frames);
    }
    let film = |window: &Window, at: usize| {
        let there = Window::new(window.file, window.start + at);
        Ok(frames(large, &there, 1)?.swap_remove(0))
    };
    Appearance::large(model, background, (&entered, &noisy), &film)
}
