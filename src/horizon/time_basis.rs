//! How what moves gets from one place to another: a few functions of time.

use std::f64::consts::PI;

/// Functions of time, of which a course is the sum. All are 0 at time 0, the last frame seen.
///
/// A function's value is in model pixels of a course along which 1 is `reach` pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeBasis {
    functions: usize,
    /// At each frame, the value of each function.
    values: Vec<f64>,
}

impl TimeBasis {
    /// τ·cos(kπτ), τ = t/T, k from 0 to `functions` − 1, at t = 1 … T: one function alone is a
    /// constant speed, and the speed at time 0 is the sum of all.
    pub fn ahead(frames: usize, functions: usize) -> Self {
        let time = |t: usize| (t + 1) as f64 / frames as f64;
        let value = |tau: f64, k: usize| tau * (k as f64 * PI * tau).cos();
        let values = (0..frames).flat_map(|t| (0..functions).map(move |k| value(time(t), k)));
        Self {
            functions,
            values: values.collect(),
        }
    }

    /// τ and τ² at t = −1, −2 … −`frames`: speed and acceleration of what came before. τ is in
    /// units of `horizon` frames, as in [`Self::ahead`].
    pub fn before(frames: usize, horizon: usize) -> Self {
        let time = |t: usize| -((t + 1) as f64) / horizon as f64;
        let scale = horizon as f64 / frames.max(1) as f64;
        let values = (0..frames).flat_map(|t| [time(t), time(t).powi(2) * scale]);
        Self {
            functions: 2,
            values: values.collect(),
        }
    }

    /// K, how many functions.
    pub fn functions(&self) -> usize {
        self.functions
    }

    /// How many frames.
    pub fn frames(&self) -> usize {
        self.values.len() / self.functions
    }

    /// The functions at frame `t`, counted from 0.
    pub fn at(&self, t: usize) -> &[f64] {
        &self.values[t * self.functions..(t + 1) * self.functions]
    }
}
