//! One decoded frame, and a stream of them.

use super::placement::Orientation;
use crate::error::Result;

/// A decoded, scaled frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Seconds from the start of the file.
    pub time: f64,
    /// (C, H, W), planar, 0 to 255.
    pub pixels: Vec<u8>,
    /// The decoder had to guess parts of it.
    pub damaged: bool,
    /// A scene cut lies between the frame before and this one.
    pub cut: bool,
}

/// What a source says about itself before any frame is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The codec's or format's short name, such as h264 or gif.
    pub codec: String,
    /// Stored width in pixels.
    pub width: usize,
    /// Stored height in pixels.
    pub height: usize,
    /// The name of the pixel format, such as yuv420p.
    pub pixel_format: String,
    /// How the stored picture is turned for display.
    pub orientation: Orientation,
    /// A pixel's width over its height.
    pub pixel_aspect: f64,
    /// The file's own time that counts as 0, in seconds.
    pub origin: f64,
    /// About how many seconds there are, where the file says so.
    pub duration: Option<f64>,
}

/// Frames in order of time, one at a time: memory stays bounded whatever the
/// length.
pub trait Frames {
    /// The next frame, or None after the last.
    fn next_frame(&mut self) -> Result<Option<Frame>>;

    /// What the source says about itself.
    fn description(&self) -> &Description;

    /// Pieces of the file that could not be decoded at all, so far.
    fn lost(&self) -> usize {
        0
    }
}
