//! One decoded frame, and a stream of them.

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

/// Frames in order of time, one at a time: memory stays bounded whatever the
/// length.
pub trait Frames {
    /// The next frame, or None after the last.
    fn next_frame(&mut self) -> Result<Option<Frame>>;

    /// About how many seconds there are, where the file says so.
    fn duration(&self) -> Option<f64> {
        None
    }

    /// Pieces of the file that could not be decoded at all, so far.
    fn lost(&self) -> usize {
        0
    }
}

impl<F: Frames + ?Sized> Frames for Box<F> {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        (**self).next_frame()
    }

    fn duration(&self) -> Option<f64> {
        (**self).duration()
    }

    fn lost(&self) -> usize {
        (**self).lost()
    }
}
