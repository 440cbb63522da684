//! What a fixed camera sees behind all that moves.

use crate::data::{Footage, Part};
use crate::error::Result;

/// At most so many frames are looked at for it.
const LOOKS: usize = 101;

/// The median of what was seen at each pixel, and how far still pixels are from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Background {
    /// (C, H, W).
    pub shape: [usize; 3],
    /// The median, (C, H, W) in [0, 1].
    pub pixels: Vec<f32>,
    /// The usual distance from it, the largest of all channels, (H, W).
    pub noise: Vec<f32>,
}

impl Background {
    /// Of `part`, by at most 101 frames that are spread over it.
    ///
    /// # Errors
    /// Footage that cannot be read.
    pub fn of(footage: &[Footage], part: &Part) -> Result<Self> {
        let mut frames = Vec::new();
        for window in part.spread(1, LOOKS) {
            frames.push(footage[window.file].frame(window.start)?.into_owned());
        }
        let (channels, height, width) = footage.first().map_or((0, 0, 0), Footage::shape);
        Ok(Self::of_frames(&frames, [channels, height, width]))
    }

    /// Of frames (C, H, W) of bytes.
    pub fn of_frames(frames: &[Vec<u8>], shape: [usize; 3]) -> Self {
        let [channels, height, width] = shape;
        let plane = height * width;
        let mut at_pixel = vec![0u8; frames.len()];
        let mut ranked = |index: usize, rank: f64, from: u8| -> u8 {
            for (value, frame) in at_pixel.iter_mut().zip(frames) {
                *value = frame[index].abs_diff(from);
            }
            let at = ((at_pixel.len() as f64 - 1.0) * rank).round() as usize;
            *at_pixel.select_nth_unstable(at).1
        };
        let mut bytes = vec![0u8; channels * plane];
        let mut noise = vec![0f32; plane];
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = ranked(index, 0.5, 0);
            // What moves is there in the minority of frames.
            let usual = f32::from(ranked(index, STILL, *byte)) / 255.0;
            let noise = &mut noise[index % plane];
            *noise = noise.max(usual);
        }
        Self {
            shape,
            pixels: bytes
                .into_iter()
                .map(|byte| f32::from(byte) / 255.0)
                .collect(),
            noise,
        }
    }

    /// How far a frame (C, H, W) is from it at each pixel: the largest of all channels, (H, W).
    pub fn distance(&self, frame: &[f32]) -> Vec<f32> {
        let plane = self.noise.len();
        let mut distance = vec![0f32; plane];
        for (index, (value, usual)) in frame.iter().zip(&self.pixels).enumerate() {
            let distance = &mut distance[index % plane];
            *distance = distance.max((value - usual).abs());
        }
        distance
    }
}

/// A pixel is still in at least this share of the frames.
const STILL: f64 = 0.3;
