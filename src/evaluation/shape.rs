//! Whether what moves keeps its shape in drawn futures.

mod pieces;

use super::background::apart;
use super::side_by_side::SideBySide;
use pieces::pieces;
use serde::Serialize;
use std::collections::BTreeMap;

/// Pixels of the smallest piece that counts.
const SMALLEST: usize = 6;

/// What moves in drawn frames ÷ in the film, over windows and futures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ShapeKept {
    /// Pixels that differ from the background by more than a tenth of the range.
    pub area: Option<Quantiles>,
    /// Pieces of at least 6 such pixels that touch.
    pub pieces: Option<Quantiles>,
}

/// How ratios are spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantiles {
    /// Their median.
    pub median: f64,
    /// A tenth of them is less.
    pub low: f64,
    /// A tenth of them is more.
    pub high: f64,
}

/// What moves in one frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Foreground {
    /// Pixels apart from the background.
    area: usize,
    /// Pieces of at least [`SMALLEST`] pixels.
    pieces: usize,
}

/// Ratios of what moves, by how many frames ahead.
#[derive(Debug, Clone)]
pub struct Shapes {
    /// At each horizon, of each window and future.
    ratios: BTreeMap<usize, [Vec<f64>; 2]>,
}

impl Shapes {
    /// None yet, at these horizons.
    pub fn new(horizons: &[usize]) -> Self {
        let none = || [Vec::new(), Vec::new()];
        Self {
            ratios: horizons.iter().map(|&horizon| (horizon, none())).collect(),
        }
    }

    /// Adds a window. Where the film shows no piece there is no ratio: a few pixels apart are noise, and
    /// ratios to them mean nothing.
    pub fn add(&mut self, both: &SideBySide) {
        for (&horizon, [areas, pieces]) in &mut self.ratios {
            let time = horizon as isize;
            let of = |frame: &[u8]| Foreground::of(frame, both.background(), both.shape());
            let real = of(both.film_at(time));
            for future in 0..both.futures() {
                let drawn = of(both.future_at(future, time));
                if real.pieces > 0 {
                    areas.push(drawn.area as f64 / real.area as f64);
                    pieces.push(drawn.pieces as f64 / real.pieces as f64);
                }
            }
        }
    }

    /// What was found at each horizon.
    pub fn kept(self) -> BTreeMap<usize, ShapeKept> {
        let each = self.ratios.into_iter();
        each.map(|(horizon, [areas, pieces])| {
            let kept = ShapeKept {
                area: Quantiles::of(areas),
                pieces: Quantiles::of(pieces),
            };
            (horizon, kept)
        })
        .collect()
    }
}

impl Foreground {
    fn of(frame: &[u8], background: &[u8], shape: [usize; 3]) -> Self {
        let sizes = pieces(&apart(frame, background, shape), shape[2]);
        Self {
            area: sizes.iter().sum(),
            pieces: sizes.iter().filter(|&&size| size >= SMALLEST).count(),
        }
    }
}

impl Quantiles {
    /// As numpy's quantiles, linear between ranks; none of no value.
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |share: f64| {
            let rank = share * last as f64;
            let (low, part) = (rank as usize, rank.fract());
            values[low] + part * (values[(low + 1).min(last)] - values[low])
        };
        Some(Self {
            median: at(0.5),
            low: at(0.1),
            high: at(0.9),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::comparison::{Plan, Predictor};
    use crate::rng::Seed;
    use candle_core::{Device, Tensor};

    #[test]
    fn quantiles_are_as_numpy() {
        // np.quantile([3, 1, 4, 1.5, 5, 9], [.5, .1, .9])
        let found = Quantiles::of(vec![3.0, 1.0, 4.0, 1.5, 5.0, 9.0]).unwrap();
        assert_eq!((found.median, found.low, found.high), (3.5, 1.25, 7.0));
        assert_eq!(Quantiles::of(Vec::new()), None);
    }

    /// A square of `side` pixels and a row of five on 0.4, in each of three frames.
    fn window(sides: [usize; 3]) -> Tensor {
        let frame = |side: usize| {
            (0..400).map(move |i| {
                let (y, x) = (i / 20, i % 20);
                let square = (2..2 + side).contains(&y) && (2..2 + side).contains(&x);
                let row = y == 18 && x < 5;
                if square || row { 0.9f32 } else { 0.4 }
            })
        };
        let values: Vec<f32> = sides.into_iter().flat_map(frame).collect();
        Tensor::from_vec(values, (1, 3, 1, 20, 20), &Device::Cpu).unwrap()
    }

    #[test]
    fn what_grows_in_the_film_is_too_small_where_it_is_copied() {
        let plan = Plan {
            context: 1,
            horizons: vec![1, 2],
            futures: 1,
            temperature: 1.0,
            seed: Seed(0),
        };
        let mut shapes = Shapes::new(&plan.horizons);
        let background = [102u8; 400];
        for sides in [[4, 4, 8], [4, 2, 10], [3, 3, 0]] {
            let frames = window(sides);
            let x = frames.narrow(1, 0, 1).unwrap();
            let both = SideBySide::new(Predictor::Copy, (&x, &frames), &plan, 0).unwrap();
            shapes.add(&both.before(background.to_vec()));
        }
        let kept = shapes.kept();
        // The areas are 21, 9, 14 and then 69, 105, 5; those copied 21, 21 and 14.
        // A square of 2×2 and a row of five are no piece, so 9 and 5 do not count.
        let area = kept[&1].area.unwrap();
        assert_eq!((area.median, area.high), (1.0, 1.0), "{area:?}");
        let area = kept[&2].area.unwrap();
        let each = [21.0 / 69.0, 21.0 / 105.0];
        assert!(
            (area.median - (each[0] + each[1]) / 2.0).abs() < 1e-12,
            "{area:?}"
        );
        assert_eq!(kept[&1].pieces.unwrap().median, 1.0);
        assert_eq!(kept[&2].pieces.unwrap().high, 1.0);
        let still = Foreground::of(&background, &background, [1, 20, 20]);
        assert_eq!(still, Foreground { area: 0, pieces: 0 });
    }
}
