//! What draws of z are made of, and what one frame's draw has in common with the
//! next one's.

use crate::rng::Rng;
use candle_core::{Device, Tensor};

/// Randomness for draws from p(z | x), frame after frame of the same futures.
///
/// p(z | x) says which z a frame may have, and nothing of how it follows on the one
/// before: a car that went faster than expected will again. With `keep` ρ above 0,
/// normal noise is ρ times that of the frame before plus fresh noise (an
/// autoregression of first order), and a choice is the one before with probability ρ.
/// Each frame's z is distributed as p(z | x) whatever ρ; only futures are more apart.
#[derive(Debug, Clone)]
pub struct Noise {
    rng: Rng,
    keep: f64,
    normals: Vec<f32>,
    choices: Vec<f64>,
}

impl Noise {
    /// With ρ = `keep` in [0, 1).
    pub fn new(rng: Rng, keep: f64) -> Self {
        Self {
            rng,
            keep,
            normals: Vec::new(),
            choices: Vec::new(),
        }
    }

    /// For single draws.
    pub fn fresh(rng: &mut Rng) -> Self {
        Self::new(rng.branch(), 0.0)
    }

    /// Standard normals (rows, width), as many as the time before.
    pub(super) fn normals(
        &mut self,
        (rows, width): (usize, usize),
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let fresh = (1.0 - self.keep * self.keep).sqrt();
        let first = self.normals.len() != rows * width;
        if first {
            self.normals = vec![0.0; rows * width];
        }
        for normal in &mut self.normals {
            let drawn = self.rng.normal();
            *normal = match first {
                true => drawn as f32,
                false => (self.keep * f64::from(*normal) + fresh * drawn) as f32,
            };
        }
        Tensor::from_slice(&self.normals, (rows, width), device)
    }

    /// For each of `rows` an index drawn with probability proportional to its
    /// weights (≥ 0, not all 0), the `stage`th choice of this frame.
    pub(super) fn choose(&mut self, rows: &[Vec<f32>], stage: usize) -> Vec<usize> {
        let start = stage * rows.len();
        if self.choices.len() < start + rows.len() {
            let fresh = start + rows.len() - self.choices.len();
            self.choices.extend((0..fresh).map(|_| self.rng.uniform()));
        } else {
            for choice in &mut self.choices[start..start + rows.len()] {
                let drawn = self.rng.uniform();
                if self.rng.uniform() >= self.keep {
                    *choice = drawn;
                }
            }
        }
        let choices = &self.choices[start..];
        rows.iter()
            .zip(choices)
            .map(|(weights, choice)| {
                let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
                let mut left = choice * total;
                for (index, &weight) in weights.iter().enumerate() {
                    left -= f64::from(weight);
                    if left < 0.0 {
                        return index;
                    }
                }
                weights
                    .iter()
                    .rposition(|&weight| weight > 0.0)
                    .unwrap_or(0)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn normals_stay_normal_and_follow_on() {
        for keep in [0.0, 0.8] {
            let mut noise = Noise::new(Seed(1).stream("test", 0), keep);
            let mut frames = Vec::new();
            for _ in 0..4 {
                let normals = noise.normals((100, 50), &Device::Cpu).unwrap();
                frames.push(normals.flatten_all().unwrap().to_vec1::<f32>().unwrap());
            }
            let mean = |a: &[f32], b: &[f32]| {
                let products = a.iter().zip(b).map(|(a, b)| f64::from(a * b));
                products.sum::<f64>() / a.len() as f64
            };
            // Of 5,000, a standard deviation is 0.014 to 0.02.
            assert!((mean(&frames[3], &frames[3]) - 1.0).abs() < 0.08);
            assert!((mean(&frames[2], &frames[3]) - keep).abs() < 0.08);
            assert!((mean(&frames[1], &frames[3]) - keep * keep).abs() < 0.08);
        }
    }

    #[test]
    fn choices_have_their_weights_and_follow_on() {
        let mut noise = Noise::new(Seed(1).stream("test", 0), 0.5);
        let rows = vec![vec![1.0, 0.0, 3.0]; 8000];
        let (before, other) = (noise.choose(&rows, 0), noise.choose(&rows, 1));
        let after = noise.choose(&rows, 0);
        let share = |choices: &[usize], wanted: usize| {
            let count = choices.iter().filter(|&&choice| choice == wanted).count();
            count as f64 / 8000.0
        };
        for choices in [&before, &other, &after] {
            assert!((share(choices, 0) - 0.25).abs() < 0.02);
            assert_eq!(share(choices, 1), 0.0);
        }
        let same = |a: &[usize], b: &[usize]| {
            a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / 8000.0
        };
        // By chance 0.625 are the same; half of the others too.
        assert!((same(&before, &after) - 0.8125).abs() < 0.02);
        assert!((same(&before, &other) - 0.625).abs() < 0.02);
    }
}
