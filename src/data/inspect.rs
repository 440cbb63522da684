//! What a source holds, found by reading all of it.

use super::cache::open_cache;
use super::timing::Timing;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::video::source::Kind;
use crate::video::{Fit, ReadSettings, Source};
use serde::Serialize;

/// What a source holds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// The file, or the folder of pictures.
    pub file: String,
    /// Short name of the codec or format, such as h264, gif, safetensors.
    pub codec: String,
    /// Stored width in pixels, before rotation.
    pub width: usize,
    /// Stored height in pixels, before rotation.
    pub height: usize,
    /// Name of the pixel format, such as yuv420p.
    pub pixel_format: String,
    /// A pixel's width over its height.
    pub pixel_aspect: f64,
    /// Degrees clockwise that pictures are turned for display.
    pub rotation: u32,
    /// Whether left and right are exchanged, before turning.
    pub mirrored: bool,
    /// Frames, counted by decoding.
    pub frames: usize,
    /// The first frame's time as the file says it, in seconds.
    pub first_timestamp: f64,
    /// The last frame's time as the file says it, in seconds.
    pub last_timestamp: f64,
    /// Seconds from the first frame to the end of the last.
    pub duration: f64,
    /// Frames per second, by the usual interval; none for a single frame.
    pub frame_rate: Option<f64>,
    /// Whether some intervals between frames of a scene differ from the others.
    pub variable_rate: bool,
    /// Frames in which the decoder had to guess, and pieces lost altogether.
    pub damaged_frames: usize,
    /// Seconds from the start at which new scenes begin.
    pub scene_cuts: Vec<f64>,
}

/// Reads all of `source` and says what it holds.
///
/// # Errors
/// Where it cannot be read or has no frames.
pub fn inspect(source: &Source) -> Result<Inspection> {
    if source.kind == Kind::Prepared {
        return inspect_prepared(source);
    }
    let settings = ReadSettings {
        fit: Fit::Letterbox,
        ..ReadSettings::default()
    };
    let mut frames = source.open(&settings)?;
    let (mut times, mut cuts, mut damaged) = (Vec::new(), Vec::new(), 0);
    while let Some(frame) = frames.next_frame()? {
        interrupt::check()?;
        if frame.cut {
            cuts.push(times.len());
        }
        times.push(frame.time);
        damaged += usize::from(frame.damaged);
    }
    let timing = Timing::of(&times, &cuts).ok_or_else(|| no_frames(source))?;
    let stated = frames.description();
    Ok(Inspection {
        file: source.name.clone(),
        codec: stated.codec.clone(),
        width: stated.width,
        height: stated.height,
        pixel_format: stated.pixel_format.clone(),
        pixel_aspect: stated.pixel_aspect,
        rotation: stated.orientation.degrees(),
        mirrored: stated.orientation.mirrored(),
        frames: times.len(),
        first_timestamp: timing.first + stated.origin,
        last_timestamp: timing.last + stated.origin,
        duration: timing.duration,
        frame_rate: timing.rate,
        variable_rate: timing.variable,
        damaged_frames: damaged + frames.lost(),
        scene_cuts: cuts.into_iter().map(|cut| times[cut]).collect(),
    })
}

fn inspect_prepared(source: &Source) -> Result<Inspection> {
    let footage = open_cache(&source.files[0])?;
    let times = footage.times();
    let scenes = footage.scenes().into_iter().skip(1);
    let cuts: Vec<usize> = scenes.map(|scene| scene.start).collect();
    let timing = Timing::of(times, &cuts).ok_or_else(|| no_frames(source))?;
    let (channels, height, width) = footage.shape();
    Ok(Inspection {
        file: source.name.clone(),
        codec: "prepared frames".to_owned(),
        width,
        height,
        pixel_format: if channels == 1 { "grey" } else { "rgb planes" }.to_owned(),
        pixel_aspect: 1.0,
        rotation: 0,
        mirrored: false,
        frames: footage.len(),
        first_timestamp: timing.first,
        last_timestamp: timing.last,
        duration: timing.duration,
        frame_rate: timing.rate,
        variable_rate: timing.variable,
        damaged_frames: footage.damaged(),
        scene_cuts: cuts.into_iter().map(|cut| times[cut]).collect(),
    })
}

fn no_frames(source: &Source) -> Error {
    Error::input(&source.name, "no frames", "give a video that plays")
}
