//! Where one scene ends and another begins.

use super::frame::{Description, Frame, Frames};
use crate::error::Result;
use std::collections::VecDeque;

const CELLS: usize = 8;
/// How many changes before a frame say what is usual.
const MEMORY: usize = 12;

/// Marks frames that start a new scene.
pub struct Marked<F> {
    source: F,
    detector: Detector,
    shape: (usize, usize, usize),
}

impl<F: Frames> Marked<F> {
    /// Marks the frames of `source`, each of shape (C, H, W).
    pub fn new(source: F, shape: (usize, usize, usize)) -> Self {
        Self {
            source,
            detector: Detector::default(),
            shape,
        }
    }
}

impl<F: Frames> Frames for Marked<F> {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        let mut frame = self.source.next_frame()?;
        if let Some(frame) = &mut frame {
            frame.cut |= self.detector.is_cut(&frame.pixels, self.shape);
        }
        Ok(frame)
    }

    fn description(&self) -> &Description {
        self.source.description()
    }

    fn lost(&self) -> usize {
        self.source.lost()
    }
}

/// Finds cuts in frames shown one after another.
///
/// The change between two frames is the mean absolute difference of their
/// averages in a coarse grid, 0 to 255: small parts that move fast hardly count.
/// A cut is a change that stands out: large, several times what is usual (the
/// median of the last few) and at least twice the change just before.
#[derive(Debug, Default)]
pub struct Detector {
    last: Option<Vec<f64>>,
    changes: VecDeque<f64>,
}

impl Detector {
    /// Less than this is no cut, whatever is usual. Measured: the fastest motion
    /// seen by fixed cameras changes 9, cuts change 15 to 50.
    const LARGE: f64 = 11.0;
    /// What is taken for usual before anything is known.
    const UNKNOWN: f64 = 6.0;
    const OVER_USUAL: f64 = 4.0;
    const OVER_LAST: f64 = 2.0;

    /// Whether a new scene starts with this frame of shape (C, H, W).
    pub fn is_cut(&mut self, pixels: &[u8], shape: (usize, usize, usize)) -> bool {
        let grid = grid(pixels, shape);
        let Some(last) = &self.last else {
            self.last = Some(grid);
            return false;
        };
        let differences = grid.iter().zip(last).map(|(a, b)| (a - b).abs());
        let change = differences.sum::<f64>() / grid.len() as f64;
        let mut sorted: Vec<f64> = self.changes.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let usual = match sorted.get(sorted.len() / 2) {
            Some(&median) if sorted.len() >= 3 => median,
            _ => Self::UNKNOWN,
        };
        let before = self.changes.back().copied().unwrap_or(0.0);
        if self.changes.len() == MEMORY {
            self.changes.pop_front();
        }
        self.changes.push_back(change);
        self.last = Some(grid);
        change > Self::LARGE
            && change > Self::OVER_USUAL * usual
            && change > Self::OVER_LAST * before
    }
}

/// Mean of each channel in each cell of a coarse grid.
fn grid(pixels: &[u8], (channels, height, width): (usize, usize, usize)) -> Vec<f64> {
    let (rows, columns) = (CELLS.min(height), CELLS.min(width));
    let mut sums = vec![0.0; channels * rows * columns];
    let mut counts = vec![0.0; rows * columns];
    for channel in 0..channels {
        for y in 0..height {
            let row = &pixels[(channel * height + y) * width..][..width];
            for (x, &value) in row.iter().enumerate() {
                let cell = y * rows / height * columns + x * columns / width;
                sums[channel * rows * columns + cell] += f64::from(value);
                counts[cell] += 1.0 / channels as f64;
            }
        }
    }
    for (index, sum) in sums.iter_mut().enumerate() {
        *sum /= counts[index % counts.len()];
    }
    sums
}
