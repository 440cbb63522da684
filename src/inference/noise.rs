//! What draws of z are made of, and what one frame's draw has in common with the
//! next one's.

use crate::rng::Rng;
use candle_core::{Device, Tensor};

/// Randomness for draws from p(z | x), frame after frame of the same futures.
///
/// p(z | x) says which z a frame may have, and nothing of how it follows on the one
/// before: a car that went faster than expected will again. With a persistence ρ above
/// 0, normal noise is ρ times that of the frame before plus fresh noise (an
/// autoregression of first order), so that each frame's z is distributed as p(z | x)
/// whatever ρ, and futures are more apart. What is chosen among several, a mode or a
/// code, is chosen anew each time: one coin says nothing of the next.
#[derive(Debug, Clone)]
pub struct Noise {
    rng: Rng,
    keep: f64,
    normals: Vec<f32>,
}

impl Noise {
    /// With ρ = `keep` in [0, 1).
    pub fn new(rng: Rng, keep: f64) -> Self {
        Self {
            rng,
            keep,
            normals: Vec::new(),
        }
    }

    /// For single draws.
    pub fn fresh(rng: &mut Rng) -> Self {
        Self::new(rng.branch(), 0.0)
    }

    /// One that goes on from here by itself, so that several draws of one frame follow on
    /// the same frame before.
    pub fn branch(&mut self) -> Self {
        Self {
            rng: self.rng.branch(),
            ..self.clone()
        }
    }

    /// Goes on, row by row of draws of equal size, from the one of `several` that `chosen`
    /// names.
    pub fn picked(several: &[Self], chosen: &[usize]) -> Self {
        let mut picked = several[0].clone();
        let width = picked.normals.len() / chosen.len().max(1);
        for (row, &choice) in chosen.iter().enumerate() {
            let numbers = row * width..(row + 1) * width;
            let normals = &several[choice].normals[numbers.clone()];
            picked.normals[numbers].copy_from_slice(normals);
        }
        picked
    }

    /// Goes on with these of its rows, as many as there were: row i from what row `rows[i]`
    /// was.
    pub fn rows(self, rows: &[usize]) -> Self {
        let width = self.normals.len() / rows.len().max(1);
        let of = |&row: &usize| self.normals[row * width..(row + 1) * width].iter().copied();
        let normals = rows.iter().flat_map(of).collect();
        Self { normals, ..self }
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

    /// What is drawn anew for each frame.
    pub(super) fn rng(&mut self) -> &mut Rng {
        &mut self.rng
    }

    /// For each of `rows` an index drawn with probability proportional to its
    /// weights (≥ 0, not all 0).
    pub(super) fn choose(&mut self, rows: &[Vec<f32>]) -> Vec<usize> {
        let each = rows.iter().map(|weights| self.rng.weighted(weights));
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn rows_go_on_from_the_draw_that_was_chosen() {
        let mut noise = Noise::new(Seed(1).stream("test", 0), 0.5);
        noise.normals((2, 3), &Device::Cpu).unwrap();
        let mut several = [noise.branch(), noise.branch()];
        let draws = several.each_mut().map(|own| {
            let drawn = own.normals((2, 3), &Device::Cpu).unwrap();
            drawn.to_vec2::<f32>().unwrap()
        });
        assert_ne!(draws[0], draws[1]);
        let picked = Noise::picked(&several, &[1, 0]);
        let rows = [&draws[1][0][..], &draws[0][1]].concat();
        assert_eq!(picked.normals, rows);
        assert_eq!(picked.rows(&[1, 1]).normals, draws[0][1].repeat(2));
    }

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
    fn choices_have_their_weights_whatever_the_one_before_was() {
        let mut noise = Noise::new(Seed(1).stream("test", 0), 0.9);
        let rows = vec![vec![1.0, 0.0, 3.0]; 8000];
        let (before, after) = (noise.choose(&rows), noise.choose(&rows));
        for choices in [&before, &after] {
            let share = |wanted: usize| {
                let count = choices.iter().filter(|&&choice| choice == wanted).count();
                count as f64 / 8000.0
            };
            assert!((share(0) - 0.25).abs() < 0.02);
            assert_eq!(share(1), 0.0);
        }
        let same = before.iter().zip(&after).filter(|(a, b)| a == b).count();
        assert!((same as f64 / 8000.0 - 0.625).abs() < 0.02);
    }
}
