//! Where one scene ends and another begins.

use super::frame::{Description, Frame, Frames};
use crate::error::Result;
use std::collections::VecDeque;
use std::ops::Range;

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
/// The change between two frames is taken in a coarse grid, 0 to 255, averaged
/// over the three quarters of its cells that change least: a body that moves
/// fast changes some cells, a cut all of them. A cut is a change that stands
/// out: large, several times what is usual (the median of the last few) and
/// more than twice the change just before.
#[derive(Debug, Default)]
pub struct Detector {
    last: Option<Vec<f64>>,
    changes: VecDeque<f64>,
}

impl Detector {
    /// Less than this is no cut, whatever is usual. The cuts it was tuned on
    /// change 26 or more, 3.8 times what is usual and 3.3 times the change
    /// before; motion, fades and pans miss one of the three limits by far.
    const LARGE: f64 = 12.0;
    /// What is taken for usual before anything is known.
    const UNKNOWN: f64 = 6.0;
    const OVER_USUAL: f64 = 3.0;
    const OVER_LAST: f64 = 2.4;

    /// Whether a new scene starts with this frame of shape (C, H, W).
    pub fn is_cut(&mut self, pixels: &[u8], shape: (usize, usize, usize)) -> bool {
        let grid = grid(pixels, shape);
        let Some(last) = &self.last else {
            self.last = Some(grid);
            return false;
        };
        let change = change(&grid, last, shape.0);
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

/// Mean change of the three quarters of cells that change least.
fn change(grid: &[f64], last: &[f64], channels: usize) -> f64 {
    let cells = grid.len() / channels;
    let mut changes: Vec<f64> = (0..cells)
        .map(|cell| (cell..grid.len()).step_by(cells))
        // The bars of a letterbox never change.
        .filter(|channels| channels.clone().any(|at| grid[at] + last[at] > 0.0))
        .map(|channels| channels.map(|at| (grid[at] - last[at]).abs()).sum::<f64>())
        .collect();
    changes.sort_by(f64::total_cmp);
    changes.truncate((changes.len() * 3 / 4).max(1));
    changes.iter().sum::<f64>() / (changes.len().max(1) * channels) as f64
}

/// Mean of each channel in each cell of a coarse grid.
fn grid(pixels: &[u8], (channels, height, width): (usize, usize, usize)) -> Vec<f64> {
    let (rows, columns) = (CELLS.min(height), CELLS.min(width));
    let edges = |cells: usize, length: usize| -> Vec<Range<usize>> {
        let edge = |cell| cell * length / cells;
        (0..cells).map(|cell| edge(cell)..edge(cell + 1)).collect()
    };
    let (down, across) = (edges(rows, height), edges(columns, width));
    let mut means = Vec::with_capacity(channels * rows * columns);
    for plane in pixels.chunks_exact(height * width).take(channels) {
        for lines in &down {
            // A cell has at most 512 × 512 pixels of at most 255.
            let mut sums = [0u32; CELLS];
            for line in plane[lines.start * width..lines.end * width].chunks_exact(width) {
                for (cell, sum) in across.iter().zip(&mut sums) {
                    let values = line[cell.clone()].iter();
                    *sum += values.map(|&value| u32::from(value)).sum::<u32>();
                }
            }
            means.extend(
                across
                    .iter()
                    .zip(sums)
                    .map(|(cell, sum)| f64::from(sum) / (cell.len() * lines.len()) as f64),
            );
        }
    }
    means
}
