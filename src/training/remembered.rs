//! What p(z | x) was seen to answer: rows of what it saw of a window, and the z of it.

use crate::error::{Error, Result};
use crate::rng::Rng;
use candle_core::{Device, Tensor};
use std::collections::HashMap;

/// Windows kept, at most.
const WINDOWS: usize = 16_384;
/// Numbers kept, at most: 64 MiB.
const NUMBERS: usize = 1 << 24;

/// The latest windows that training found a z for, the oldest overwritten first. Where to
/// find z costs more than to learn from it, p(z | x) may learn from each many times
/// (experience replay, Lin 1992).
#[derive(Debug, Clone, Default)]
pub(super) struct Remembered {
    /// (N, width) of one window, and the numbers of its z.
    shape: Option<((usize, usize), usize)>,
    /// All numbers of a window: what was seen of it, then z.
    rows: Vec<Vec<f32>>,
    /// The oldest row, which goes next, once there is no more room.
    oldest: usize,
}

impl Remembered {
    /// Takes in what was seen, (B, N, width), and z, (B, d).
    ///
    /// # Errors
    /// What candle refuses.
    pub(super) fn note(&mut self, context: &Tensor, z: &Tensor) -> Result<()> {
        let (_, places, width) = context.dims3()?;
        self.shape = Some(((places, width), z.dim(1)?));
        let rows = Tensor::cat(&[&context.flatten_from(1)?, z], 1)?;
        for row in rows.to_vec2::<f32>()? {
            let room = WINDOWS.min(NUMBERS / row.len().max(1)).max(1);
            if self.rows.len() < room {
                self.rows.push(row);
            } else {
                self.rows[self.oldest] = row;
                self.oldest = (self.oldest + 1) % room;
            }
        }
        Ok(())
    }

    /// `count` windows at random, each as often as chance wills: what was seen,
    /// (count, N, width), and z, (count, d); none where none was noted.
    ///
    /// # Errors
    /// What candle refuses.
    pub(super) fn draw(
        &self,
        count: usize,
        rng: &mut Rng,
        device: &Device,
    ) -> Result<Option<(Tensor, Tensor)>> {
        let Some(((places, width), numbers)) = self.shape.filter(|_| count > 0) else {
            return Ok(None);
        };
        let (mut context, mut z) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let row = &self.rows[rng.below(self.rows.len())];
            context.extend_from_slice(&row[..places * width]);
            z.extend_from_slice(&row[places * width..]);
        }
        let context = Tensor::from_vec(context, (count, places, width), device)?;
        Ok(Some((
            context,
            Tensor::from_vec(z, (count, numbers), device)?,
        )))
    }

    /// As tensors for a checkpoint, by names that start with `prefix`; none where nothing
    /// is remembered. The oldest comes first.
    ///
    /// # Errors
    /// What candle refuses.
    pub(super) fn tensors(&self, prefix: &str) -> Result<Vec<(String, Tensor)>> {
        let Some(((places, width), numbers)) = self.shape else {
            return Ok(Vec::new());
        };
        let (late, early) = self.rows.split_at(self.oldest);
        let rows: Vec<f32> = early.iter().chain(late).flatten().copied().collect();
        let shape = (self.rows.len(), places * width + numbers);
        let rows = Tensor::from_vec(rows, shape, &Device::Cpu)?;
        let (context, z) = (
            rows.narrow(1, 0, places * width)?,
            rows.narrow(1, places * width, numbers)?,
        );
        let context = context.reshape((shape.0, places, width))?;
        Ok(vec![
            (format!("{prefix}.{SEEN}"), context),
            (format!("{prefix}.{ROWS}"), z.contiguous()?),
        ])
    }

    /// From tensors that [`Self::tensors`] made.
    ///
    /// # Errors
    /// One of the two without the other, or of another count.
    pub(super) fn load(tensors: &HashMap<String, Tensor>, prefix: &str) -> Result<Self> {
        let of = |name: &str| tensors.get(&format!("{prefix}.{name}"));
        let mut remembered = Self::default();
        match (of(SEEN), of(ROWS)) {
            (None, None) => {}
            (Some(context), Some(z)) if context.rank() == 3 && context.dim(0)? == z.dim(0)? => {
                remembered.note(context, z)?;
            }
            _ => {
                return Err(Error::input(
                    format!("{prefix}.{ROWS}"),
                    "the z that are remembered and what was seen of them do not belong together",
                    "resume from another checkpoint, or train anew",
                ));
            }
        }
        Ok(remembered)
    }
}

/// The names of the tensors.
const SEEN: &str = "remembered.seen";
const ROWS: &str = "remembered.z";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn row(value: f32) -> (Tensor, Tensor) {
        let context = Tensor::full(value, (1, 2, 3), &Device::Cpu).unwrap();
        (context, Tensor::full(-value, (1, 4), &Device::Cpu).unwrap())
    }

    #[test]
    fn what_was_seen_stays_with_its_z() {
        let mut remembered = Remembered::default();
        let mut rng = Seed(1).stream("test", 0);
        let draw = |remembered: &Remembered, rng: &mut Rng| {
            remembered.draw(50, rng, &Device::Cpu).unwrap()
        };
        assert!(draw(&remembered, &mut rng).is_none());
        for value in [1.0, 2.0, 3.0] {
            let (context, z) = row(value);
            remembered.note(&context, &z).unwrap();
        }
        let (context, z) = draw(&remembered, &mut rng).unwrap();
        assert_eq!((context.dims(), z.dims()), (&[50, 2, 3][..], &[50, 4][..]));
        let seen: Vec<f32> = context.flatten_all().unwrap().to_vec1().unwrap();
        let z = z.to_vec2::<f32>().unwrap();
        for (seen, z) in seen.chunks_exact(6).zip(&z) {
            assert!(seen.iter().all(|&one| one == seen[0] && z[0] == -one));
        }
        for value in [1.0, 2.0, 3.0] {
            assert!(z.iter().any(|z| z[0] == -value), "{value} never comes");
        }
    }

    #[test]
    fn the_oldest_is_overwritten() {
        let mut remembered = Remembered::default();
        // As many numbers as leave room for two windows.
        let places = NUMBERS / 2 - 1;
        for value in [1.0f32, 2.0, 3.0] {
            let context = Tensor::full(value, (1, places, 1), &Device::Cpu).unwrap();
            let z = Tensor::full(value, (1, 1), &Device::Cpu).unwrap();
            remembered.note(&context, &z).unwrap();
        }
        let kept: Vec<f32> = remembered.rows.iter().map(|row| row[0]).collect();
        assert_eq!(kept, [3.0, 2.0]);
    }

    #[test]
    fn it_survives_a_checkpoint() {
        let mut remembered = Remembered::default();
        assert!(remembered.tensors("latent").unwrap().is_empty());
        for value in [1.0, 2.0] {
            let (context, z) = row(value);
            remembered.note(&context, &z).unwrap();
        }
        let tensors = remembered.tensors("latent").unwrap();
        let mut tensors: HashMap<_, _> = tensors.into_iter().collect();
        let loaded = Remembered::load(&tensors, "latent").unwrap();
        assert_eq!(loaded.rows, remembered.rows);
        assert_eq!(loaded.shape, remembered.shape);
        let none = Remembered::load(&tensors, "mse").unwrap();
        assert!(none.rows.is_empty());
        tensors.remove("latent.remembered.seen");
        let error = Remembered::load(&tensors, "latent").unwrap_err();
        assert!(error.to_string().contains("latent.remembered.z"));
    }
}
