//! What futures are wanted of: one video, or a batch of sequences.

use super::footage::{self, StrictArgs};
use crate::data::Footage;
use crate::error::{Error, Result};
use crate::outputs::model::ModelConfig;
use crate::video::ReadSettings;
use crate::video::intervals::rate_words;
use crate::video::settings::FRAME_RATES;
use crate::video::source::{Kind, Source};
use std::ops::Range;
use std::path::Path;

/// A rate that differs by more than this share is worth a warning.
const RATES_APART: f64 = 0.1;

/// The frames of the input, as the model wants them.
pub(super) struct Input {
    pub footage: Footage,
    /// One for each sequence of a batch, all of one length.
    pub sequences: Vec<Range<usize>>,
    /// Between scene cuts, in frames of the first sequence.
    pub scenes: Vec<Range<usize>>,
    /// Where it was read, and how.
    pub source: Source,
    pub settings: ReadSettings,
}

impl Input {
    /// Reads `input` as the model's footage was read.
    ///
    /// # Errors
    /// An input that cannot be read, or several, or frames of another shape.
    pub fn read(
        input: &str,
        strict: StrictArgs,
        config: &ModelConfig,
        cache: Option<&Path>,
    ) -> Result<Self> {
        let mut settings = config.settings.data.clone();
        // Which part of its own footage the model saw says nothing here.
        (settings.start, settings.end) = (None, None);
        let mut sources = strict.expand(&[input.to_owned()])?;
        let kind = match sources.as_slice() {
            [one] => one.kind,
            several => {
                return Err(Error::input(
                    input,
                    format!(
                        "{} videos; the futures of one are shown at a time",
                        several.len()
                    ),
                    format!("name one, such as {}", several[0].name),
                ));
            }
        };
        let untimed = matches!(kind, Kind::Stills | Kind::Tensors);
        if untimed {
            // No clock of their own: they count as filmed at the model's rate.
            let rate = (config.frame_rate).clamp(*FRAME_RATES.start(), *FRAME_RATES.end());
            settings.frame_rate = settings.frame_rate.or(Some(rate));
        }
        let footage = footage::prepare(&sources, &settings, cache)?.swap_remove(0);
        let (shape, wanted) = (footage.shape(), config.shape);
        if shape != (wanted.channels, wanted.height, wanted.width) {
            return Err(Error::input(
                input,
                format!(
                    "frames of {shape:?} (C, H, W); the model takes ({}, {}, {})",
                    wanted.channels, wanted.height, wanted.width
                ),
                "give the video itself, or a model of that shape",
            ));
        }
        let rate = footage.frame_rate();
        if (rate / config.frame_rate).ln().abs() > RATES_APART {
            tracing::warn!(
                "{}: {} frames per second, the model learned from {}: \
                 expect things to move too fast or too slowly",
                footage.name(),
                rate_words(rate),
                rate_words(config.frame_rate)
            );
        }
        let scenes = footage.scenes();
        let (sequences, scenes) = match kind {
            Kind::Tensors => {
                let first = 0..scenes[0].len();
                (scenes, std::iter::once(first).collect())
            }
            _ => (std::iter::once(0..footage.len()).collect(), scenes),
        };
        Ok(Self {
            sequences,
            scenes,
            footage,
            source: sources.swap_remove(0),
            settings,
        })
    }
}

#[cfg(test)]
impl Input {
    /// One film, of no file.
    pub fn of(footage: Footage) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("datasets/galton.gif");
        Self {
            sequences: std::iter::once(0..footage.len()).collect(),
            scenes: footage.scenes(),
            footage,
            source: Source::file(&file).unwrap(),
            settings: ReadSettings::default(),
        }
    }
}
