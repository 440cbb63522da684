//! A background that is kept up as the film goes on.

use super::background::Background;
use super::piece::{connected, threshold};
use std::collections::BTreeSet;

/// Frames by which a background is kept up: what was still for so long is part of it.
pub const LATELY: usize = 64;
/// Every so many of them are looked at, the last one first.
const EVERY: usize = 4;
/// In so many of those looked at something else may be seen, a hand that passed,
const OTHERS: usize = 4;
/// … but not in the latest.
const LATEST: usize = 6;
/// A pixel that was still in the latest goes with so many of the eight around it.
const MOST: usize = 5;
/// Less than this share of the pixels around what belongs to the background moves.
const MOVING: f64 = 0.15;

/// A background as it is after some frames.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptBackground {
    /// With what was put down, taken away or lit anew.
    pub background: Background,
    /// Where it shows what the last frame does, and the rim of that, (H, W).
    renewed: Vec<bool>,
}

impl KeptBackground {
    /// Of `usual` after `past`, frames (C, H, W) in [0, 1] of which the last is the last seen: what has been still for 64
    /// frames belongs to it. None where nothing changed, or fewer frames were seen.
    pub fn of(usual: &Background, past: &[Vec<f32>]) -> Option<Self> {
        let lately = &past[past.len().checked_sub(LATELY)?..];
        let last = lately.last()?;
        let looked_at: Vec<&Vec<f32>> = lately.iter().rev().step_by(EVERY).collect();
        let [channels, height, width] = usual.shape;
        let plane = height * width;
        let least = threshold(usual);
        let distance = usual.distance(last);
        let off: Vec<bool> = distance
            .iter()
            .zip(&least)
            .map(|(d, least)| d > least)
            .collect();
        let others = |pixel: usize, some: &[&Vec<f32>]| {
            let at = |frame: &[f32], c: usize| frame[c * plane + pixel];
            let is_other = |frame: &&&Vec<f32>| {
                (0..channels).any(|c| (at(frame, c) - at(last, c)).abs() > least[pixel])
            };
            some.iter().filter(is_other).count()
        };
        let pixels = 0..plane;
        let still: Vec<bool> = (pixels.clone())
            .map(|pixel| off[pixel] && others(pixel, &looked_at[..LATEST]) == 0)
            .collect();
        let long: Vec<bool> = (pixels.clone())
            .map(|pixel| still[pixel] && others(pixel, &looked_at) <= OTHERS)
            .collect();
        let about = |pixel: usize| around(pixel, (height, width));
        let count = |pixel: usize, of: &[bool]| about(pixel).filter(|&other| of[other]).count();
        let filled: Vec<bool> = (pixels.clone())
            .map(|pixel| long[pixel] || still[pixel] && count(pixel, &long) >= MOST)
            .collect();
        // The midst of what moves looks still where it is plain, but moving pixels are around it.
        let mut changed = vec![false; plane];
        for part in connected(filled.clone(), width, 1) {
            let rim: BTreeSet<usize> = (part.iter().flat_map(|&pixel| about(pixel)))
                .filter(|&other| !filled[other])
                .collect();
            let moving = rim.iter().filter(|&&pixel| off[pixel]).count();
            if (moving as f64) < MOVING * rim.len() as f64 {
                part.iter().for_each(|&pixel| changed[pixel] = true);
            }
        }
        if !changed.contains(&true) {
            return None;
        }
        let mut background = usual.clone();
        for pixel in pixels.clone().filter(|&pixel| changed[pixel]) {
            for at in (pixel..last.len()).step_by(plane) {
                let mut values: Vec<f32> = looked_at.iter().map(|frame| frame[at]).collect();
                values.sort_unstable_by(f32::total_cmp);
                background.pixels[at] = values[values.len() / 2];
            }
        }
        let renewed = pixels.map(|at| changed[at] || !off[at] && count(at, &changed) > 0);
        Some(Self {
            background,
            renewed: renewed.collect(),
        })
    }

    /// The same of a background of the film at another size, whose last frame seen is `last` (C, H·n, W·n).
    pub fn at_size_of(&self, large: &Background, last: &[f32]) -> Background {
        let ([_, height, width], [_, rows, columns]) = (large.shape, self.background.shape);
        let plane = height * width;
        let mut own = large.clone();
        for pixel in 0..plane {
            let (row, column) = (
                pixel / width * rows / height,
                pixel % width * columns / width,
            );
            if self.renewed[row * columns + column] {
                let all = (pixel..last.len()).step_by(plane);
                all.for_each(|at| own.pixels[at] = last[at]);
            }
        }
        own
    }
}

/// The eight pixels around one, fewer at the border.
fn around(pixel: usize, (height, width): (usize, usize)) -> impl Iterator<Item = usize> {
    let (row, column) = (pixel / width, pixel % width);
    let rows = row.saturating_sub(1)..(row + 2).min(height);
    let columns = column.saturating_sub(1)..(column + 2).min(width);
    let each = rows.flat_map(move |row| columns.clone().map(move |column| row * width + column));
    each.filter(move |&other| other != pixel)
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
        // Put down at 9 before all, and hidden for a while; at 20 not long ago; 33 comes and goes; 50 was there and left.
        let at = |time: usize| {
            let mut there = Vec::new();
            there.extend((!(20..32).contains(&time)).then_some(9));
            there.extend((time > 20).then_some(20));
            there.extend((time % 8 == 3).then_some(33));
            there.extend((time < 60).then_some(50));
            frame(&there)
        };
        let past: Vec<Vec<f32>> = (0..LATELY).map(at).collect();
        let kept = KeptBackground::of(&background, &past).unwrap();
        assert_eq!(kept.background.pixels, frame(&[9]));
        assert_eq!(kept.background.noise, background.noise);
        // Too short a past says nothing, and nor does one in which nothing stays.
        assert_eq!(KeptBackground::of(&background, &past[1..]), None);
        let still = vec![frame(&[]); LATELY];
        assert_eq!(KeptBackground::of(&background, &still), None);
        // What goes to and fro is plain in its midst, which looks still.
        let square = |left: usize| {
            let rows = (2..7).flat_map(|row| (left..left + 4).map(move |column| row * 8 + column));
            frame(&rows.collect::<Vec<_>>())
        };
        let past: Vec<Vec<f32>> = (0..LATELY).map(|time| square(2 + time / 4 % 2)).collect();
        assert_eq!(KeptBackground::of(&background, &past), None);
        // At twice the size it shows there and at its rim what the last frame does.
        let large = Background::of_frames(&[vec![102; 256]], [1, 16, 16]);
        let last: Vec<f32> = (0..256).map(|at| at as f32 / 256.0).collect();
        let large = kept.at_size_of(&large, &last);
        let differ = (0..256).filter(|&at| large.pixels[at] != 102.0 / 255.0);
        let differ: Vec<usize> = differ.collect();
        assert_eq!(differ.len(), 36);
        assert!(
            differ
                .iter()
                .all(|&at| at / 16 < 6 && at % 16 < 6 && large.pixels[at] == last[at])
        );
    }
}
