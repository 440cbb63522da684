//! Reading footage while telling how far it is.

use crate::data::{self, Footage, Stage};
use crate::error::Result;
use crate::outputs::progress;
use crate::video::ReadSettings;
use crate::video::intervals::rate_words;
use indicatif::{ProgressBar, ProgressStyle};
use std::path::Path;

/// Reads the inputs through `cache`; on standard error, a terminal sees how
/// far decoding is, and damaged frames are warned of.
pub(super) fn prepare(
    inputs: &[String],
    settings: &ReadSettings,
    cache: Option<&Path>,
) -> Result<Vec<Footage>> {
    let bar = ProgressBar::with_draw_target(None, progress::target());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let footage = data::prepare(inputs, settings, cache, &mut |progress| {
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
