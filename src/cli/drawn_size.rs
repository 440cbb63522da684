//! The size of frames that are drawn.

use crate::error::{Error, Result};
use crate::video::source::Kind;
use crate::video::{Fit, ReadSettings, Source};
use std::str::FromStr;

/// The size of frames that are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrawnSize {
    /// That of the part of the film that the model sees.
    Source,
    /// Width and height.
    Pixels(usize, usize),
}

impl FromStr for DrawnSize {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        if text == "source" {
            return Ok(Self::Source);
        }
        let sides = text.split_once('x').and_then(|(width, height)| {
            let side = |text: &str| text.parse().ok().filter(|side| (1..=4096).contains(side));
            Some(Self::Pixels(side(width)?, side(height)?))
        });
        sides.ok_or_else(|| "expected source, or WxH of 1 to 4096 such as 512x512".to_owned())
    }
}

impl DrawnSize {
    /// As the model reads a film, at this size.
    ///
    /// # Errors
    /// Frames that were prepared at one size, sides in another proportion than the model's, and a film that
    /// cannot be opened.
    pub(super) fn settings(self, source: &Source, seen: &ReadSettings) -> Result<ReadSettings> {
        if matches!(source.kind, Kind::Tensors | Kind::Prepared) {
            return Err(Error::input(
                &source.name,
                "its frames have one size only",
                "leave out --size, or give the film itself",
            ));
        }
        let (width, height) = match self {
            Self::Pixels(width, height) => (width, height),
            Self::Source => own(source, seen)?,
        };
        let apart = (width * seen.height) as f64 / (height * seen.width) as f64;
        if (apart - 1.0).abs() > 0.02 {
            return Err(Error::input(
                format!("--size {width}x{height}"),
                format!(
                    "its sides are in another proportion than what the model sees, {}x{}",
                    seen.width, seen.height
                ),
                format!("give --size {width}x{}", width * seen.height / seen.width),
            ));
        }
        let settings = ReadSettings {
            width,
            height,
            ..seen.clone()
        };
        settings.check()?;
        Ok(settings)
    }
}

/// Width and height of what the model sees of a film, in the film's own pixels.
fn own(source: &Source, seen: &ReadSettings) -> Result<(usize, usize)> {
    let frames = source.open(seen)?;
    let about = frames.description();
    let (mut wide, mut high) = (about.width as f64 * about.pixel_aspect, about.height as f64);
    if about.orientation.transpose {
        (wide, high) = (high, wide);
    }
    let columns = seen.width as f64 / seen.height as f64;
    let shown = match seen.fit {
        Fit::Crop => wide.min(high * columns),
        Fit::Letterbox => wide.max(high * columns),
    };
    // Encoders want even sides.
    let even = |side: f64| ((side / 2.0).round() as usize * 2).clamp(2, 4096);
    Ok((even(shown), even(shown / columns)))
}
