//! z is one of Kᴹ codes: M stages that each choose one of K entries, whose
//! contributions add up (residual codes; M = 1 is the one-hot latent of
//! K-means).

use super::Latent;
use crate::error::{Error, Result};

/// The largest number of codes that is searched exactly.
const MOST: usize = 65_536;

/// M·log₂ K bits, as M one-hot vectors in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codes {
    stages: usize,
    size: usize,
}

impl Codes {
    /// M = `stages`, K = `size`.
    ///
    /// # Errors
    /// No code at all, or more than are searched exactly.
    pub fn new(stages: usize, size: usize) -> Result<Self> {
        let number = u32::try_from(stages)
            .ok()
            .and_then(|stages| size.checked_pow(stages))
            .unwrap_or(usize::MAX);
        if stages == 0 || size < 2 || number > MOST {
            return Err(Error::input(
                "latent.stages and latent.size",
                format!("{stages} stages of {size} codes"),
                format!("use at least 1 stage of 2, and at most {MOST} combinations"),
            ));
        }
        Ok(Self { stages, size })
    }

    /// M.
    pub fn stages(self) -> usize {
        self.stages
    }

    /// K.
    pub fn size(self) -> usize {
        self.size
    }

    /// Kᴹ.
    pub fn count(self) -> usize {
        self.size.pow(self.stages as u32)
    }

    /// The entry that code `index` (0..Kᴹ) chooses in each stage.
    pub fn choices(self, index: usize) -> impl Iterator<Item = usize> {
        let size = self.size;
        (0..self.stages).scan(index, move |left, _| {
            let choice = *left % size;
            *left /= size;
            Some(choice)
        })
    }

    /// Code `index` as a vector: M one-hots of length K.
    pub fn vector(self, index: usize) -> Vec<f64> {
        let mut z = vec![0.0; self.dimension()];
        for (stage, choice) in self.choices(index).enumerate() {
            z[stage * self.size + choice] = 1.0;
        }
        z
    }

    /// The entry chosen in each stage of a vector.
    pub fn read(self, z: &[f32]) -> Vec<usize> {
        z.chunks_exact(self.size)
            .map(|stage| {
                stage
                    .iter()
                    .enumerate()
                    .max_by(|a, b| a.1.total_cmp(b.1))
                    .map_or(0, |(choice, _)| choice)
            })
            .collect()
    }
}

impl Latent for Codes {
    fn dimension(&self) -> usize {
        self.stages * self.size
    }

    /// log Kᴹ for each code: the same for all.
    fn cost(&self, _: &[f64]) -> f64 {
        (self.count() as f64).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_numbered_and_read_back() {
        let codes = Codes::new(2, 3).unwrap();
        assert_eq!((codes.count(), codes.dimension()), (9, 6));
        for index in 0..9 {
            let z: Vec<f32> = codes.vector(index).iter().map(|&v| v as f32).collect();
            assert_eq!(codes.read(&z), codes.choices(index).collect::<Vec<_>>());
            assert_eq!(z.iter().sum::<f32>(), 2.0);
        }
    }

    #[test]
    fn too_many_codes_are_refused() {
        let message = Codes::new(5, 64).unwrap_err().to_string();
        assert!(message.contains("5 stages of 64"), "{message}");
        assert!(Codes::new(0, 4).is_err());
    }
}
