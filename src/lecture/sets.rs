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
