//! p(z | x) as a bank of z's that training found.

use super::noise::Noise;
use super::prior::Prior;
use crate::error::Result;
use crate::models::{Init, Scope};
use crate::rng::Rng;
use candle_core::Tensor;

/// Part of the names of a bank's tensors, which no gradient trains.
pub const BANK: &str = ".bank.";
/// z's that are kept.
const KEPT: usize = 1024;
/// Of so many with similar pasts one is drawn.
const NEIGHBOURS: usize = 32;

/// The last 1,024 z's that training inferred, of which one is drawn: any, whatever x
/// is (error-encoding networks, Henaff, Zhao and LeCun 2017), or one of the
/// 32 whose pasts were most like x. It tells no density. The simplest of all
/// priors: others should do better.
#[derive(Debug, Clone)]
pub struct Bank {
    /// (KEPT, d).
    z: Tensor,
    /// What was seen when, (KEPT, width); none where it does not count.
    seen: Option<Tensor>,
    /// How many have come, less whole rounds of a full bank, (1,).
    count: Tensor,
}

/// A bank's tensors after z's (B, d) inferred from what was seen (B, N, width) have come
/// in place of the oldest: their names' endings and new values, `before` being those so
/// far; nothing where there is no bank.
pub fn kept_in_bank(
    before: impl Fn(&str) -> Option<Tensor>,
    (z, context): (&[Vec<f64>], &Tensor),
) -> Result<Vec<(&'static str, Tensor)>> {
    let Some((old, count)) = before("z").zip(before("count")) else {
        return Ok(Vec::new());
    };
    let came = count.to_vec1::<f32>()?[0] as usize;
    let fill = |old: Tensor, rows: Vec<Vec<f32>>| -> Result<Tensor> {
        let mut all = old.to_vec2::<f32>()?;
        for (index, row) in rows.into_iter().enumerate() {
            all[(came + index) % KEPT] = row;
        }
        let flat: Vec<f32> = all.into_iter().flatten().collect();
        Ok(Tensor::from_vec(flat, old.dims(), old.device())?)
    };
    let rows = z.iter().map(|z| z.iter().map(|&z| z as f32).collect());
    let mut after = vec![("z", fill(old, rows.collect())?)];
    if let Some(old) = before("seen") {
        after.push(("seen", fill(old, context.mean(1)?.to_vec2::<f32>()?)?));
    }
    // A full bank needs to know its oldest, not how many have come in all.
    let now = came + z.len();
    let now = if now < 2 * KEPT {
        now
    } else {
        KEPT + now % KEPT
    };
    after.push(("count", Tensor::new(&[now as f32], count.device())?));
    Ok(after)
}

impl Bank {
    /// Of z's of `dimension` numbers; `width` numbers are seen in each place, where what
    /// is seen counts.
    pub fn new(dimension: usize, width: Option<usize>, mut scope: Scope) -> Result<Self> {
        let mut scope = scope.scope("bank");
        let seen = width.map(|width| scope.get("seen", (KEPT, width), Init::Zeros));
        Ok(Self {
            z: scope.get("z", (KEPT, dimension), Init::Zeros)?,
            count: scope.get("count", 1, Init::Zeros)?,
            seen: seen.transpose()?,
        })
    }

    /// For each row of `context` the z's that it may get, with equal chances.
    fn candidates(&self, context: &Tensor, temperature: f64) -> Result<Vec<Vec<usize>>> {
        let count = self.count.to_vec1::<f32>()?[0] as usize;
        // Nothing learned: the one z that is there, 0.
        let count = count.clamp(1, KEPT);
        let Some(seen) = &self.seen else {
            return Ok(vec![(0..count).collect(); context.dim(0)?]);
        };
        let bank = seen.narrow(0, 0, count)?.to_vec2::<f32>()?;
        let width = bank[0].len();
        // Each number counts by how much it varies.
        let scale = |place: usize| {
            let values = bank.iter().map(|row| f64::from(row[place]));
            let mean = values.clone().sum::<f64>() / count as f64;
            let variance = values.map(|v| (v - mean).powi(2)).sum::<f64>() / count as f64;
            1.0 / variance.max(1e-12)
        };
        let scales: Vec<f64> = (0..width).map(scale).collect();
        let near = (NEIGHBOURS as f64 * temperature).ceil().max(1.0) as usize;
        let rows = context.mean(1)?.to_vec2::<f32>()?;
        let of = |row: &Vec<f32>| {
            let far = |kept: &Vec<f32>| -> f64 {
                let pairs = row.iter().zip(kept).zip(&scales);
                let square =
                    |((a, b), scale): ((&f32, &f32), &f64)| f64::from(a - b).powi(2) * scale;
                pairs.map(square).sum()
            };
            let mut all: Vec<(f64, usize)> = bank.iter().map(far).zip(0..).collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            all.into_iter().take(near).map(|(_, index)| index).collect()
        };
        Ok(rows.iter().map(of).collect())
    }
}

impl Prior for Bank {
    fn surprise(&self, _context: &Tensor, _z: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }

    /// Nothing is trained.
    fn loss(&self, _context: &Tensor, z: &Tensor, _rng: &mut Rng) -> Result<Tensor> {
        Ok(Tensor::zeros(z.dim(0)?, z.dtype(), z.device())?)
    }

    fn sample(&self, context: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor> {
        let candidates = self.candidates(context, temperature)?;
        let weights: Vec<Vec<f32>> = candidates.iter().map(|c| vec![1.0; c.len()]).collect();
        let chosen = noise.choose(&weights).into_iter().zip(&candidates);
        let chosen: Vec<u32> = chosen.map(|(at, all)| all[at] as u32).collect();
        let chosen = Tensor::new(chosen, context.device())?;
        Ok(self.z.detach().index_select(&chosen, 0)?.contiguous()?)
    }

    fn persists(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn the_last_are_kept_and_drawn_by_what_was_seen() {
        for near in [false, true] {
            let mut weights = Weights::new(Seed(1), &Device::Cpu);
            let bank = Bank::new(1, near.then_some(2), weights.root()).unwrap();
            let mut rng = Seed(2).stream("test", 0);
            let named = |ending: &str| {
                let ending = format!("{BANK}{ending}");
                let mut pairs = weights.pairs().iter();
                pairs.find(|(name, _)| format!(".{name}").ends_with(&ending))
            };
            // z is the sign of what is seen, and 10 or more at first.
            for step in 0..20 {
                let seen = rng.normal_tensor((128, 3, 2), &Device::Cpu).unwrap();
                let sign = seen.mean(1).unwrap().to_vec2::<f32>().unwrap();
                let far = if step < 10 { 10.0 } else { 0.0 };
                let z = sign
                    .iter()
                    .map(|row| vec![f64::from(row[0].signum()) + far]);
                let z: Vec<Vec<f64>> = z.collect();
                let old = |ending: &str| named(ending).map(|(_, var)| var.as_detached_tensor());
                for (ending, after) in kept_in_bank(old, (&z, &seen)).unwrap() {
                    named(ending).unwrap().1.set(&after).unwrap();
                }
            }
            let context = Tensor::new(&[[[1f32, 0.0]], [[-1.0, 0.0]]], &Device::Cpu);
            let context = context.unwrap();
            let context = crate::models::repeat_each(&context, 500).unwrap();
            let mut noise = Noise::fresh(&mut rng);
            let drawn = bank.sample(&context, 1.0, &mut noise).unwrap();
            let drawn = drawn.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            // Those of the first ten steps are gone.
            assert!(drawn.iter().all(|z| z.abs() == 1.0));
            let share = |part: &[f32]| part.iter().filter(|z| **z > 0.0).count() as f64 / 500.0;
            let (right, left) = (share(&drawn[..500]), share(&drawn[500..]));
            match near {
                false => assert!((right - 0.5).abs() < 0.1 && (left - 0.5).abs() < 0.1),
                true => assert!(right > 0.9 && left < 0.1, "{right} {left}"),
            }
        }
    }
}
