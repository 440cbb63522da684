//! The lecture's data: points of the plane near a curve.

use crate::error::Result;
use crate::rng::Rng;
use candle_core::{Device, Tensor};
use std::f64::consts::{PI, TAU};

/// How far points lie off their curve: the standard deviation of each coordinate.
pub const NOISE: f64 = 0.05;

/// A curve of the plane, within [−1.2, 1.2]².
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Set {
    /// One and a half turns around 0.
    Spiral,
    /// Half as high as it is wide: each y₁ has two y₂.
    Ellipse,
    /// A road that forks: y₂ is 0 up to y₁ = −0.2, then one of two.
    Fork,
}

impl Set {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spiral => "spiral",
            Self::Ellipse => "ellipse",
            Self::Fork => "fork",
        }
    }

    /// The place at `t` in [0, 1] along the curve.
    pub fn place(self, t: f64) -> [f64; 2] {
        match self {
            Self::Spiral => {
                let (sin, cos) = (3.0 * PI * t).sin_cos();
                let radius = 0.2 + 0.85 * t;
                [radius * sin, radius * cos]
            }
            Self::Ellipse => {
                let (sin, cos) = (TAU * t).sin_cos();
                [cos, 0.5 * sin]
            }
            Self::Fork => {
                // Both branches in one curve: back along one, there along the other.
                let y1 = 2.0 * (1.0 - 2.0 * t).abs() - 1.0;
                let rise = 0.7 * (y1 + 0.2).max(0.0);
                [y1, if t < 0.5 { rise } else { -rise }]
            }
        }
    }

    /// `count` points along it, without noise.
    pub fn curve(self, count: usize) -> Vec<[f64; 2]> {
        let last = count.saturating_sub(1).max(1) as f64;
        (0..count)
            .map(|index| self.place(index as f64 / last))
            .collect()
    }

    /// `count` points drawn at random, off the curve by normal noise of 0.05.
    pub fn draw(self, count: usize, rng: &mut Rng) -> Vec<[f64; 2]> {
        let draw = |_| {
            let place = self.place(rng.uniform());
            place.map(|v| v + NOISE * rng.normal())
        };
        (0..count).map(draw).collect()
    }
}

/// Places along a curve over which its density is summed: an eighth of the noise apart at
/// most.
const PLACES: usize = 2000;

impl Set {
    /// −log p(y), up to rounding exact: p is the mean of N(y; place, noise²) over the curve.
    pub fn cost(self, y: [f64; 2]) -> f64 {
        let (least, sum, _) = self.sums(y);
        least - (sum / PLACES as f64).ln() + (TAU * NOISE * NOISE).ln()
    }

    /// ∂/∂y of [`Self::cost`].
    pub fn slope(self, y: [f64; 2]) -> [f64; 2] {
        let (_, sum, off) = self.sums(y);
        off.map(|off| off / (sum * NOISE * NOISE))
    }

    /// e = ‖y − place‖²/2noise²: the least of all places, the sum of exp(least − e), and that
    /// of y − place so weighted.
    fn sums(self, y: [f64; 2]) -> (f64, f64, [f64; 2]) {
        let place = |index: usize| self.place((index as f64 + 0.5) / PLACES as f64);
        let off = |index: usize| {
            let place = place(index);
            [y[0] - place[0], y[1] - place[1]]
        };
        let cost = |off: [f64; 2]| (off[0] * off[0] + off[1] * off[1]) / (2.0 * NOISE * NOISE);
        let offs: Vec<_> = (0..PLACES).map(off).collect();
        let least = offs.iter().map(|&off| cost(off));
        let least = least.fold(f64::INFINITY, f64::min);
        let start = (least, 0.0, [0.0; 2]);
        offs.into_iter().fold(start, |(least, sum, all), off| {
            let weight = (least - cost(off)).exp();
            let all = [all[0] + weight * off[0], all[1] + weight * off[1]];
            (least, sum + weight, all)
        })
    }
}

/// Points as (N, 2), f32.
///
/// # Errors
/// What candle refuses.
pub fn tensor(points: &[[f64; 2]]) -> Result<Tensor> {
    let flat: Vec<f32> = points.iter().flatten().map(|&v| v as f32).collect();
    Ok(Tensor::from_vec(flat, (points.len(), 2), &Device::Cpu)?)
}

/// (N, 2) as points.
///
/// # Errors
/// Another shape.
pub fn pairs(points: &Tensor) -> Result<Vec<[f64; 2]>> {
    let rows = points.to_vec2::<f32>()?;
    let pair = |row: &Vec<f32>| [f64::from(row[0]), f64::from(row[1])];
    Ok(rows.iter().map(pair).collect())
}

/// `count` rows of `data` (N, d), drawn with replacement.
///
/// # Errors
/// What candle refuses.
pub(super) fn batch(data: &Tensor, count: usize, rng: &mut Rng) -> Result<Tensor> {
    let total = data.dim(0)?;
    let picks: Vec<u32> = (0..count).map(|_| rng.below(total) as u32).collect();
    let picks = Tensor::from_vec(picks, count, data.device())?;
    Ok(data.index_select(&picks, 0)?)
}

/// ‖a − b‖².
pub(super) fn square(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Plane;

    #[test]
    fn a_sets_density_has_an_integral_of_one_and_its_slope_is_a_finite_difference() {
        let plane = Plane {
            reach: 1.4,
            side: 56,
        };
        for set in [Set::Spiral, Set::Ellipse, Set::Fork] {
            let costs: Vec<f64> = plane.points().iter().map(|&y| set.cost(y)).collect();
            let log = plane.log_partition(&costs);
            assert!(log.abs() < 1e-3, "{}: {log}", set.name());
            let (y, step) = ([0.31, 0.42], 1e-5);
            for axis in [0, 1] {
                let at = |step: f64| {
                    let mut y = y;
                    y[axis] += step;
                    set.cost(y)
                };
                let slope = (at(step) - at(-step)) / (2.0 * step);
                let found = set.slope(y)[axis];
                assert!((slope - found).abs() < 1e-4, "{slope} {found}");
            }
        }
    }
}
