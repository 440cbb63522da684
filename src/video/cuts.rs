//! Where one scene ends and another begins.

use super::frame::{Description, Frame, Frames};
use crate::error::Result;
use std::collections::VecDeque;

const CELLS: usize = 8;
const BINS: usize = 16;
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
#[derive(Debug, Default)]
pub struct Detector {
    last: Option<Sketch>,
    usual: VecDeque<f64>,
}

impl Detector {
    /// Whether a new scene starts with this frame of shape (C, H, W).
    pub fn is_cut(&mut self, pixels: &[u8], shape: (usize, usize, usize)) -> bool {
        let sketch = Sketch::new(pixels, shape);
        let Some(last) = self.last.replace(sketch) else {
            return false;
        };
        let Some(sketch) = &self.last else {
            return false;
        };
        let (layout, colours) = sketch.change(&last);
        let mut sorted: Vec<f64> = self.usual.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let usual = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        if std::env::var("CUTDUMP").is_ok() {
            eprintln!("CUT {layout:.2} {colours:.3} {usual:.2}");
        }
        let cut = layout > 18.0 && colours > 0.25 && layout > 4.0 * usual;
        if cut {
            self.usual.clear();
        } else {
            if self.usual.len() == MEMORY {
                self.usual.pop_front();
            }
            self.usual.push_back(layout);
        }
        cut
    }
}

/// What little of a frame tells scenes apart.
#[derive(Debug)]
struct Sketch {
    /// Mean of each channel in each cell of a coarse grid, 0 to 255.
    grid: Vec<f64>,
    /// Shares of each channel's brightness levels.
    levels: Vec<f64>,
}

impl Sketch {
    fn new(pixels: &[u8], (channels, height, width): (usize, usize, usize)) -> Self {
        let (rows, columns) = (CELLS.min(height), CELLS.min(width));
        let mut grid = vec![0.0; channels * rows * columns];
        let mut counts = vec![0.0; rows * columns];
        let mut levels = vec![0.0; channels * BINS];
        let share = 1.0 / (height * width) as f64;
        for channel in 0..channels {
            for y in 0..height {
                let row = &pixels[(channel * height + y) * width..][..width];
                for (x, &value) in row.iter().enumerate() {
                    let cell = y * rows / height * columns + x * columns / width;
                    grid[channel * rows * columns + cell] += f64::from(value);
                    levels[channel * BINS + usize::from(value) * BINS / 256] += share;
                    if channel == 0 {
                        counts[cell] += 1.0;
                    }
                }
            }
        }
        for (index, sum) in grid.iter_mut().enumerate() {
            *sum /= counts[index % counts.len()];
        }
        Self { grid, levels }
    }

    /// Mean change of the cells (0 to 255), and the share of pixels whose level
    /// moved (0 to 1).
    fn change(&self, other: &Self) -> (f64, f64) {
        let mean = |a: &[f64], b: &[f64]| {
            a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64
        };
        (
            mean(&self.grid, &other.grid),
            mean(&self.levels, &other.levels) * BINS as f64 / 2.0,
        )
    }
}
