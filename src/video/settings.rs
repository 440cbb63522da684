//! How frames are read: size, fit, channels, rate and time range.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Frames per second that films may have.
pub const FRAME_RATES: std::ops::RangeInclusive<f64> = 0.001..=100_000.0;

/// How a picture is brought to another aspect ratio; never by stretching it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fit {
    /// Cut away what sticks out on two sides, centred.
    #[default]
    Crop,
    /// Keep everything, with black bars on two sides.
    Letterbox,
}

/// Which channels frames have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channels {
    /// One: luma.
    Grey,
    /// Three: red, green, blue.
    #[default]
    Colour,
}

impl Channels {
    /// 1 or 3.
    pub fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::Colour => 3,
        }
    }
}

/// How frames are read. The default: 64 × 64, cropped, colour, every frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadSettings {
    /// Width of a frame in pixels, 1 to 4096.
    pub width: usize,
    /// Height of a frame in pixels, 1 to 4096.
    pub height: usize,
    /// How another aspect ratio is fitted.
    pub fit: Fit,
    /// Grey or colour.
    pub channels: Channels,
    /// Frames per second, by timestamps (each instant shows the latest frame at
    /// or before it). None: every frame as it is. For images, which have no
    /// clock, it is their rate (25 where None).
    pub frame_rate: Option<f64>,
    /// Seconds from the file's start at which reading starts.
    pub start: Option<f64>,
    /// Seconds from the file's start before which reading ends.
    pub end: Option<f64>,
    /// Whether the last frame comes first: what is learned then is what came before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub backwards: bool,
}

impl Default for ReadSettings {
    fn default() -> Self {
        Self {
            width: 64,
            height: 64,
            fit: Fit::Crop,
            channels: Channels::Colour,
            frame_rate: None,
            start: None,
            end: None,
            backwards: false,
        }
    }
}

impl ReadSettings {
    /// (C, H, W) of each frame.
    pub fn shape(&self) -> (usize, usize, usize) {
        (self.channels.count(), self.height, self.width)
    }

    /// The same with time as it was filmed.
    pub fn filmed(&self) -> Self {
        Self {
            backwards: false,
            ..self.clone()
        }
    }

    /// Bytes in a frame.
    pub fn frame_bytes(&self) -> usize {
        self.channels.count() * self.height * self.width
    }

    /// Refuses what cannot be meant.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [("width", self.width), ("height", self.height)] {
            if !(1..=4096).contains(&value) {
                return Err(Error::input(
                    name,
                    format!("{value} pixels; expected 1 to 4096"),
                    "64 is a good start",
                ));
            }
        }
        if let Some(rate) = self.frame_rate
            && !FRAME_RATES.contains(&rate)
        {
            return Err(Error::input(
                "frame_rate",
                format!("{rate} frames per second; expected 0.001 to 100000"),
                "leave it out to take every frame",
            ));
        }
        let start = self.start.unwrap_or(0.0);
        let end = self.end.unwrap_or(f64::INFINITY);
        if !(start.is_finite() && start >= 0.0 && end > start) {
            return Err(Error::input(
                "time range",
                format!("from {start} s to {end} s; expected 0 ≤ start < end"),
                "give both in seconds from the start of the file",
            ));
        }
        Ok(())
    }
}

/// Luma of red, green and blue (ITU-R BT.601).
pub(super) fn luma([red, green, blue]: [u8; 3]) -> u8 {
    ((u32::from(red) * 299 + u32::from(green) * 587 + u32::from(blue) * 114 + 500) / 1000) as u8
}
