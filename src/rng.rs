//! The project's only source of randomness.
//!
//! candle's CPU backend cannot be seeded, so initial weights, noise, shuffles
//! and samples are all drawn here. A draw is addressed by seed, purpose and
//! step, not by what was drawn before it: a resumed run draws what the
//! uninterrupted one would have drawn, and no generator state is saved.

use candle_core::{Device, Shape, Tensor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

/// A family of independent random streams under one seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// The stream for `purpose` at `step`; the same three give the same draws.
    pub fn stream(self, purpose: &str, step: u64) -> Rng {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0.to_le_bytes());
        hasher.update(&step.to_le_bytes());
        hasher.update(purpose.as_bytes());
        Rng {
            source: ChaCha8Rng::from_seed(*hasher.finalize().as_bytes()),
            spare: None,
        }
    }
}

/// A stream of random numbers (ChaCha8).
#[derive(Debug, Clone)]
pub struct Rng {
    source: ChaCha8Rng,
    spare: Option<f64>,
}

impl Rng {
    /// A stream of its own, for a task beside others.
    pub fn branch(&mut self) -> Self {
        let mut seed = [0u8; 32];
        for part in seed.chunks_exact_mut(8) {
            part.copy_from_slice(&self.source.next_u64().to_le_bytes());
        }
        Self {
            source: ChaCha8Rng::from_seed(seed),
            spare: None,
        }
    }

    /// 64 random bits, such as the seed of a hash.
    pub fn bits(&mut self) -> u64 {
        self.source.next_u64()
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        (self.source.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..n, without modulo bias worth measuring. Panics if `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "below(0): nothing to choose from");
        ((u128::from(self.source.next_u64()) * n as u128) >> 64) as usize
    }

    /// Standard normal (Marsaglia's polar method).
    pub fn normal(&mut self) -> f64 {
        if let Some(value) = self.spare.take() {
            return value;
        }
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = u * u + v * v;
            if s > 0.0 && s < 1.0 {
                let scale = (-2.0 * s.ln() / s).sqrt();
                self.spare = Some(v * scale);
                return u * scale;
            }
        }
    }

    /// An index drawn with probability proportional to `weights` (≥ 0, not all 0).
    pub fn weighted(&mut self, weights: &[f32]) -> usize {
        let total: f64 = weights.iter().map(|&w| f64::from(w)).sum();
        let mut left = self.uniform() * total;
        for (index, &weight) in weights.iter().enumerate() {
            left -= f64::from(weight);
            if left < 0.0 {
                return index;
            }
        }
        weights.iter().rposition(|&w| w > 0.0).unwrap_or(0)
    }

    /// Adds `scale` times nearly normal noise to each value: sums of eight
    /// uniform bytes, several times faster than exact normals, for noise whose
    /// tails do not matter.
    pub fn add_noise(&mut self, values: &mut [f32], scale: f32) {
        // Eight bytes uniform in 0..256 have mean 1020 and variance 43690.
        let unit = scale / 43_690f32.sqrt();
        for value in values {
            let sum: u32 = self
                .source
                .next_u64()
                .to_le_bytes()
                .into_iter()
                .map(u32::from)
                .sum();
            *value += (sum as f32 - 1020.0) * unit;
        }
    }

    /// A tensor of standard normals, f32.
    pub fn normal_tensor(
        &mut self,
        shape: impl Into<Shape>,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let shape = shape.into();
        let values: Vec<f32> = (0..shape.elem_count())
            .map(|_| self.normal() as f32)
            .collect();
        Tensor::from_vec(values, shape, device)
    }

    /// A tensor uniform in [low, high), f32.
    pub fn uniform_tensor(
        &mut self,
        low: f64,
        high: f64,
        shape: impl Into<Shape>,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let shape = shape.into();
        let values: Vec<f32> = (0..shape.elem_count())
            .map(|_| (low + (high - low) * self.uniform()) as f32)
            .collect();
        Tensor::from_vec(values, shape, device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_streams_of_their_own() {
        let draws = |mut rng: Rng| (0..2000).map(|_| rng.uniform()).collect::<Vec<_>>();
        let mut rng = Seed(5).stream("test", 0);
        let (a, b) = (draws(rng.branch()), draws(rng.branch()));
        let mut again = Seed(5).stream("test", 0);
        assert_eq!(draws(again.branch()), a);
        let both: f64 = a.iter().zip(&b).map(|(a, b)| (a - 0.5) * (b - 0.5)).sum();
        // Σ has standard deviation √2000 / 12 if the two are independent.
        assert!(both.abs() < 4.0 * 2000f64.sqrt() / 12.0, "{both}");
        assert!((a.iter().sum::<f64>() / 2000.0 - 0.5).abs() < 0.03);
    }

    #[test]
    fn the_same_address_gives_the_same_draws() {
        let draws = |seed, purpose, step| -> Vec<u64> {
            let mut rng = Seed(seed).stream(purpose, step);
            (0..8).map(|_| rng.uniform().to_bits()).collect()
        };
        assert_eq!(draws(1, "batch", 7), draws(1, "batch", 7));
        assert_ne!(draws(1, "batch", 7), draws(2, "batch", 7));
        assert_ne!(draws(1, "batch", 7), draws(1, "noise", 7));
        assert_ne!(draws(1, "batch", 7), draws(1, "batch", 8));
    }

    #[test]
    fn normals_have_the_moments_of_a_normal() {
        let mut rng = Seed(3).stream("moments", 0);
        let n = 200_000;
        let values: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let moment = |k: i32| values.iter().map(|v| v.powi(k)).sum::<f64>() / n as f64;
        assert!(moment(1).abs() < 0.01);
        assert!((moment(2) - 1.0).abs() < 0.02);
        assert!(moment(3).abs() < 0.04);
        assert!((moment(4) - 3.0).abs() < 0.1);
    }

    #[test]
    fn fast_noise_has_the_scale_it_is_given() {
        let mut values = vec![0f32; 100_000];
        Seed(4).stream("noise", 0).add_noise(&mut values, 0.5);
        let mean = values.iter().sum::<f32>() / 1e5;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 1e5;
        assert!(mean.abs() < 0.01);
        assert!((variance - 0.25).abs() < 0.005);
    }

    #[test]
    fn weighted_draws_follow_their_weights() {
        let mut rng = Seed(5).stream("weights", 0);
        let mut counts = [0usize; 3];
        for _ in 0..30_000 {
            counts[rng.weighted(&[0.2, 0.0, 0.6])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((counts[0] as f64 / 30_000.0 - 0.25).abs() < 0.01);
    }
}
