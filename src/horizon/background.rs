//! What a fixed camera sees behind all that moves.

use super::piece::threshold;
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

/// Frames by which a background is kept up: what was still for so long is part of it.
pub const LATELY: usize = 64;
/// Every so many of them are looked at.
const EVERY: usize = 4;
/// In so many of those looked at something else may be seen.
const OTHERS: usize = 1;

impl Background {
    /// This background as it is after `past`, frames (C, H, W) in [0, 1] of which the last is the last seen: what was put down,
    /// taken away or lit anew, and has been still for 64 frames, belongs to it. None where nothing did, or fewer
    /// frames were seen.
    pub fn kept_up(&self, past: &[Vec<f32>]) -> Option<Self> {
        let lately = &past[past.len().checked_sub(LATELY)?..];
        let last = lately.last()?;
        let looked_at: Vec<&Vec<f32>> = lately.iter().rev().step_by(EVERY).collect();
        let plane = self.noise.len();
        let distance = self.distance(last);
        let mut kept: Option<Self> = None;
        for (pixel, least) in threshold(self).into_iter().enumerate() {
            if distance[pixel] <= least {
                continue;
            }
            let of = |frame: &[f32], c: usize| frame[c * plane + pixel];
            let is_other = |frame: &&&Vec<f32>| {
                (0..self.shape[0]).any(|c| (of(frame, c) - of(last, c)).abs() > least)
            };
            if looked_at.iter().filter(is_other).count() > OTHERS {
                continue;
            }
            let kept = kept.get_or_insert_with(|| self.clone());
            for c in 0..self.shape[0] {
                let mut values: Vec<f32> = looked_at.iter().map(|frame| of(frame, c)).collect();
                values.sort_unstable_by(f32::total_cmp);
                kept.pixels[c * plane + pixel] = values[values.len() / 2];
            }
        }
        kept
    }

    /// This background of a film, as it is where the same film at the model's size has the background `small`, kept up to
    /// `kept`: where the two differ it shows what `last` (C, H·n, W·n) does, the last frame seen.
    pub fn kept_up_as(&self, [small, kept]: [&Self; 2], last: &[f32]) -> Self {
        let ([_, height, width], [_, rows, columns]) = (self.shape, small.shape);
        let (plane, small_plane) = (height * width, rows * columns);
        let mut own = self.clone();
        for pixel in 0..plane {
            let (row, column) = (
                pixel / width * rows / height,
                pixel % width * columns / width,
            );
            let from = row * columns + column;
            let differ = |c: usize| {
                small.pixels[c * small_plane + from] != kept.pixels[c * small_plane + from]
            };
            if (0..self.shape[0]).any(differ) {
                for c in 0..self.shape[0] {
                    own.pixels[c * plane + pixel] = last[c * plane + pixel];
                }
            }
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: [usize; 3] = [1, 8, 8];

    /// A frame of 0.4 with these pixels at 0.8.
    fn frame(pixels: &[usize]) -> Vec<f32> {
        let mut frame = vec![102.0 / 255.0; 64];
        pixels.iter().for_each(|&pixel| frame[pixel] = 0.8);
        frame
    }

    #[test]
    fn what_was_put_down_belongs_to_it_after_a_while() {
        let background = Background::of_frames(&[vec![102; 64]], SHAPE);
        // Put down at 9 before all; at 20 not long ago; 33 comes and goes; 50 was there and left.
        let at = |time: usize| {
            let mut there = vec![9];
            there.extend((time > 40).then_some(20));
            there.extend((time % 8 == 3).then_some(33));
            there.extend((time < 60).then_some(50));
            frame(&there)
        };
        let past: Vec<Vec<f32>> = (0..LATELY).map(at).collect();
        let kept = background.kept_up(&past).unwrap();
        assert_eq!(kept.pixels, frame(&[9]));
        assert_eq!(kept.noise, background.noise);
        // Too short a past says nothing, and nor does one in which nothing stays.
        assert_eq!(background.kept_up(&past[1..]), None);
        let still = vec![frame(&[]); LATELY];
        assert_eq!(background.kept_up(&still), None);
        // At twice the size it shows there what the last frame does.
        let large = Background::of_frames(&[vec![102; 256]], [1, 16, 16]);
        let mut last = vec![0.3; 256];
        last[2 * 16 + 3] = 0.7;
        let large = large.kept_up_as([&background, &kept], &last);
        let own = [2, 3].map(|row| [2, 3].map(|column| large.pixels[row * 16 + column]));
        assert_eq!(own, [[0.3, 0.7], [0.3, 0.3]]);
        let differ = (large.pixels.iter()).filter(|pixel| **pixel != 102.0 / 255.0);
        assert_eq!(differ.count(), 4);
    }
}
