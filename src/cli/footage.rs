//! Reading footage while telling how far it is.

use crate::data::{self, Footage, Stage};
use crate::error::Result;
use crate::outputs::progress;
use crate::video::intervals::rate_words;
use crate::video::{ReadSettings, Source, inputs};
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;

/// What becomes of files that are found and cannot be used.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct StrictArgs {
    /// Refuse what cannot be used in a folder or glob, instead of leaving it
    /// out with a warning
    #[arg(long)]
    pub strict: bool,
}

impl StrictArgs {
    /// The sources that `inputs` name.
    pub(super) fn expand(self, inputs: &[String]) -> Result<Vec<Source>> {
        match self.strict {
            true => inputs::expand_strictly(inputs),
            false => inputs::expand(inputs),
        }
    }
}

/// Reads the sources through `cache`; on standard error, a terminal sees how
/// far decoding is, and damaged frames are warned of.
pub(super) fn prepare(
    sources: &[Source],
    settings: &ReadSettings,
    cache: Option<&Path>,
) -> Result<Vec<Footage>> {
    let bar = ProgressBar::with_draw_target(None, progress::target());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let footage = data::prepare_sources(sources, settings, cache, &mut |progress| {
        if let Stage::Decoding {
            frames,
            seconds,
            duration,
        } = progress.stage
        {
            let share = match duration {
                Some(duration) if duration > 0.0 => {
                    format!(" {:.0}%", (100.0 * seconds / duration).min(100.0))
                }
                _ => String::new(),
            };
            bar.set_message(format!(
                "decoding {} ({} of {}){share}: {frames} frames",
                progress.name,
                progress.index + 1,
                progress.total
            ));
            bar.tick();
        }
    });
    bar.finish_and_clear();
    let footage = footage?;
    for film in &footage {
        if film.uneven() && settings.frame_rate.is_none() {
            tracing::warn!(
                "{}: its frame rate varies, and a model learns frame by frame; \
                 --set data.frame_rate={} makes it even",
                film.name(),
                rate_words(film.frame_rate())
            );
        }
        if film.damaged() > 0 {
            tracing::warn!("{}: {} damaged frames", film.name(), film.damaged());
        }
    }
    Ok(footage)
}
