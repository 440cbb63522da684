//! Codes that no sample chooses any more get no gradient and stay as they
//! are for good: they are moved to where a code is missing.

use crate::error::Result;
use crate::inference::Inferred;
use crate::latent::Codes;
use crate::rng::Rng;
use candle_core::{Tensor, Var};
use serde::{Deserialize, Serialize};

/// An entry is dead when no sample of so many steps chose it.
const DEAD: u32 = 50;
/// How far a revived entry starts from the one it was copied from, as a share
/// of that entry's own size.
const APART: f64 = 0.1;

/// Steps since each entry of each stage was last chosen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revival {
    idle: Vec<u32>,
}

/// Entry `dead` (a row of a dictionary) becomes nearly a copy of `model`, of its stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    pub dead: usize,
    pub model: usize,
}

impl Revival {
    /// Takes in what a step drew. Each dead entry is to become a copy of the
    /// entry that a badly explained sample chose in the same stage (the worst
    /// sample for the first, and so on), as K-means moves an empty centre.
    pub fn note(&mut self, codes: Codes, inferred: &Inferred) -> Vec<Copied> {
        let size = codes.size();
        self.idle.resize(codes.stages() * size, 0);
        self.idle
            .iter_mut()
            .for_each(|idle| *idle = idle.saturating_add(1));
        // Where the frame has parts, each has chosen.
        let parts = |z: &Vec<f64>| (z.len() / (codes.stages() * size)).max(1);
        for z in (inferred.sample.iter()).flat_map(|z| z.chunks_exact(z.len() / parts(z))) {
            for (idle, _) in self.idle.iter_mut().zip(z).filter(|(_, z)| **z != 0.0) {
                *idle = 0;
            }
        }
        let mut worst: Vec<usize> = (0..inferred.energy.len()).collect();
        worst.sort_by(|&a, &b| inferred.energy[b].total_cmp(&inferred.energy[a]));
        let dead = (0..self.idle.len()).filter(|&entry| self.idle[entry] >= DEAD);
        let copied: Vec<Copied> = dead
            .zip(worst)
            .map(|(dead, sample)| {
                let stage = dead / size * size;
                let z = &inferred.sample[sample];
                let part = dead % parts(z) * (z.len() / parts(z));
                let chosen = (stage..stage + size)
                    .find(|&entry| z[part + entry] != 0.0)
                    .unwrap_or(stage);
                Copied {
                    dead,
                    model: chosen,
                }
            })
            .collect();
        copied.iter().for_each(|entry| self.idle[entry.dead] = 0);
        copied
    }
}

/// Makes the copies in a dictionary (entries, n). The optimiser's moments stay: a dead row
/// has had no gradient, so its first moment has long faded.
pub fn revive(dictionary: &Var, copied: &[Copied], rng: &mut Rng) -> Result<()> {
    if copied.is_empty() {
        return Ok(());
    }
    let mut rows = dictionary.as_tensor().to_vec2::<f32>()?;
    for &Copied { dead, model } in copied {
        let square: f64 = rows[model].iter().map(|&w| f64::from(w).powi(2)).sum();
        let spread = APART * (square / rows[model].len() as f64).sqrt();
        let mut row = rows[model].clone();
        rng.add_noise(&mut row, spread as f32);
        rows[dead] = row;
    }
    let flat: Vec<f32> = rows.into_iter().flatten().collect();
    let shape = dictionary.shape().clone();
    dictionary.set(&Tensor::from_vec(flat, shape, dictionary.device())?)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use candle_core::Device;

    /// Two samples: both choose entry 0 of stage 1; the second, far worse
    /// explained, chooses entry 2 of stage 2.
    fn inferred() -> (Codes, Inferred) {
        let codes = Codes::new(2, 3).unwrap();
        let z = [vec![1., 0., 0., 0., 1., 0.], vec![1., 0., 0., 0., 0., 1.]];
        let inferred = Inferred {
            best: z.to_vec(),
            sample: z.to_vec(),
            energy: vec![1.0, 9.0],
            free_energy: vec![1.0, 9.0],
        };
        (codes, inferred)
    }

    #[test]
    fn entries_that_nobody_chose_for_long_are_copied_from_the_worst_sample() {
        let (codes, inferred) = inferred();
        let mut revival = Revival::default();
        for _ in 1..DEAD {
            assert_eq!(revival.note(codes, &inferred), []);
        }
        // Entries 1, 2 of stage 1 and entry 0 of stage 2 are dead; two
        // samples can be copied from at once.
        let copy = |dead, model| Copied { dead, model };
        assert_eq!(
            revival.note(codes, &inferred),
            [copy(1, 0), copy(2, 0)],
            "{revival:?}"
        );
        assert_eq!(revival.note(codes, &inferred), [copy(3, 5)]);
        assert_eq!(revival.note(codes, &inferred), []);
    }

    #[test]
    fn a_revived_entry_starts_near_its_model() {
        let device = Device::Cpu;
        let mut rng = Seed(4).stream("test", 0);
        let start = rng.normal_tensor((3, 400), &device).unwrap();
        let var = Var::from_tensor(&start).unwrap();
        revive(&var, &[Copied { dead: 2, model: 0 }], &mut rng).unwrap();
        let (old, new) = (
            start.to_vec2::<f32>().unwrap(),
            var.as_tensor().to_vec2::<f32>().unwrap(),
        );
        assert_eq!(old[..2], new[..2]);
        let distance = |a: &[f32], b: &[f32]| {
            let square: f32 = a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum();
            square.sqrt() / 20.0
        };
        let apart = distance(&new[2], &new[0]);
        assert!((0.08..0.12).contains(&apart), "{apart}");
    }
}
