//! Sampled futures as bytes: a quarter of what they take as numbers, so that
//! a hundred fit in memory.

use crate::data::{Footage, Window, batch};
use crate::error::Result;
use crate::evaluation::rollout::{How, rollout_with_likelihood, shares};
use crate::horizon::{Drawing, LATELY, LargeFrame, WholeHorizon};
use crate::inference::Forecaster;
use crate::interrupt;
use crate::memory;
use crate::rng::Seed;
use candle_core::{Device, Tensor};
use std::sync::Mutex;

/// Numbers of a rollout that are held at once before they become bytes.
const AT_ONCE: usize = 1 << 25;

/// Futures (B, N, T, C, H, W), u8; of each context the likeliest first, where there
/// is a z. Densities of different members' z's do not compare: of several, the likeliest of
/// each come first, then the second likeliest of each, and so on.
pub(super) struct Futures {
    pub bytes: Vec<u8>,
    pub shape: [usize; 6],
    /// See [`rollout_with_likelihood`]: (B, N), or empty.
    pub likelihoods: Vec<f32>,
    /// Which member of the model drew each, the first being 1: (B, N).
    pub members: Vec<usize>,
    /// The standard deviation of what futures leave unexplained, the root of the mean variance over
    /// futures ([`crate::inference::Remainder`]): (B, T, C, H, W), or empty.
    pub remainder: Vec<f32>,
}

/// Sums of variances, in whole numbers of [`Self::GRAIN`]: they do not depend on the order
/// in which threads add to them.
struct Variances {
    sums: Mutex<Vec<u64>>,
    size: usize,
}

impl Variances {
    const GRAIN: f64 = 1.0 / (1u64 << 40) as f64;

    /// Of so many frames of `size` values.
    fn new(frames: usize, size: usize) -> Self {
        let sums = Mutex::new(vec![0; frames * size]);
        Self { sums, size }
    }

    /// Adds those of the frame `time`, the first being 1.
    fn add(&self, time: usize, variance: &[f32]) {
        let mut sums = self.sums.lock().unwrap_or_else(|lock| lock.into_inner());
        let frame = sums[(time - 1) * self.size..].iter_mut();
        for (sum, &variance) in frame.zip(variance) {
            *sum += (f64::from(variance) / Self::GRAIN) as u64;
        }
    }

    /// The roots of the means of `count`.
    fn deviations(self, count: usize) -> impl Iterator<Item = f32> {
        let sums = (self.sums.into_inner()).unwrap_or_else(|lock| lock.into_inner());
        let mean = move |sum: u64| sum as f64 * Self::GRAIN / count as f64;
        sums.into_iter().map(move |sum| mean(sum).sqrt() as f32)
    }
}

impl Futures {
    /// Room for the futures of `rows` contexts.
    ///
    /// # Errors
    /// More than fits in memory.
    pub fn room(
        rows: usize,
        count: usize,
        frames: usize,
        (channels, height, width): (usize, usize, usize),
    ) -> Result<Self> {
        let shape = [rows, count, frames, channels, height, width];
        let frame = (channels * height * width) as f64;
        let film = frames as f64 * frame;
        let all = rows as f64 * count as f64 * film;
        // As numbers: those that are made at once, three times; all at one time, their mean
        // and spread at each; pictures of some.
        let made = 3.0 * film.max(AT_ONCE as f64);
        let need = all + 4.0 * (made + 3.0 * count as f64 * frame + 20.0 * film);
        let subject = format!("{count} futures of {frames} frames");
        memory::check(need, &subject, || "lower --futures or --frames".to_owned())?;
        Ok(Self {
            bytes: Vec::with_capacity(all as usize),
            shape,
            likelihoods: Vec::new(),
            members: Vec::new(),
            remainder: Vec::new(),
        })
    }

    /// Rolls out the futures after each window of `length` frames; each row
    /// has a random stream of its own.
    pub fn sample(
        &mut self,
        members: &[Forecaster],
        (footage, windows, length): (&[Footage], &[Window], usize),
        (temperature, seed, device): (f64, Seed, &Device),
    ) -> Result<()> {
        let [_, count, frames, ..] = self.shape;
        let chunk = (AT_ONCE / self.film_bytes()).max(1);
        for (row, window) in windows.iter().enumerate() {
            let x = batch(footage, std::slice::from_ref(window), length, device)?;
            let mut rng = seed.stream("generate", row as u64);
            let first = self.bytes.len();
            let (mut likelihoods, mut drew): (Vec<f32>, Vec<usize>) = Default::default();
            let learned = members.iter().all(|member| member.remainder().is_some());
            let learned = if learned { frames } else { 0 };
            let variances = Variances::new(learned, self.frame_shape().iter().product());
            let add = |_: usize, time: usize, variance: &[f32]| variances.add(time, variance);
            let times: Vec<usize> = (1..=frames).collect();
            let how = How {
                times: &times,
                temperature,
                watch: None,
                remainder: Some(&add),
            };
            for (index, share) in shares(count, members.len()).enumerate() {
                let member = &members[index..=index];
                for start in share.clone().step_by(chunk) {
                    interrupt::check()?;
                    let some = chunk.min(share.end - start);
                    let (made, likely) = rollout_with_likelihood(member, &x, some, how, &mut rng)?;
                    if let Some(likely) = likely {
                        likelihoods.extend(likely.flatten_all()?.to_vec1::<f32>()?);
                    }
                    let values = made.flatten_all()?.to_vec1::<f32>()?;
                    let byte = |value: &f32| (value * 255.0).round() as u8;
                    self.bytes.extend(values.iter().map(byte));
                }
                drew.extend(share.map(|_| index + 1));
            }
            self.rank(first, &likelihoods, &drew);
            self.remainder.extend(variances.deviations(count));
        }
        Ok(())
    }

    /// The same, by a whole-horizon model.
    pub fn sample_whole(
        &mut self,
        (model, large): (&WholeHorizon, Option<LargeFrame>),
        (footage, windows, length): (&[Footage], &[Window], usize),
        (temperature, seed, device): (f64, Seed, &Device),
    ) -> Result<()> {
        let [_, count, frames, ..] = self.shape;
        let chunk = (AT_ONCE / self.film_bytes()).max(1);
        let times: Vec<usize> = (1..=frames).collect();
        for (row, window) in windows.iter().enumerate() {
            let (begun, before) = window.earlier(LATELY.saturating_sub(length));
            let x = batch(footage, &[begun], before + length, device)?;
            let mut rng = seed.stream("generate/horizon", row as u64);
            let (first, mut likelihoods) = (self.bytes.len(), Vec::new());
            for start in (0..count).step_by(chunk) {
                let drawing = Drawing {
                    futures: chunk.min(count - start),
                    times: &times,
                    temperature,
                    watch: None,
                };
                let (made, likely) = model.likely_futures(&x, large, drawing, &mut rng)?;
                likelihoods.extend(likely.into_iter().filter(|log| log.is_finite()));
                let values = made.flatten_all()?.to_vec1::<f32>()?;
                let byte = |value: &f32| (value * 255.0).round() as u8;
                self.bytes.extend(values.iter().map(byte));
            }
            self.rank(first, &likelihoods, &vec![1; count]);
        }
        Ok(())
    }

    /// Sorts the films from byte `first` on, which `members` drew.
    fn rank(&mut self, first: usize, likelihoods: &[f32], members: &[usize]) {
        let mut order: Vec<usize> = (0..members.len()).collect();
        if likelihoods.len() == members.len() {
            order.sort_by(|&a, &b| likelihoods[b].total_cmp(&likelihoods[a]));
            let mut counts = vec![0; members.iter().max().map_or(0, |most| most + 1)];
            let mut places = vec![0; order.len()];
            for &future in &order {
                places[future] = counts[members[future]];
                counts[members[future]] += 1;
            }
            order.sort_by_key(|&future| (places[future], members[future]));
            let ranked = order.iter().map(|&future| likelihoods[future]);
            self.likelihoods.extend(ranked);
        }
        let ranked = order.iter().map(|&future| members[future]);
        self.members.extend(ranked);
        let size = self.film_bytes();
        // Following each cycle: a second copy of all might not fit in memory.
        let films = &mut self.bytes[first..];
        let mut done = vec![false; order.len()];
        let mut held = vec![0u8; size];
        for start in 0..order.len() {
            if done[start] {
                continue;
            }
            held.copy_from_slice(&films[start * size..][..size]);
            let mut at = start;
            while order[at] != start {
                let from = order[at] * size;
                films.copy_within(from..from + size, at * size);
                done[at] = true;
                at = order[at];
            }
            films[at * size..][..size].copy_from_slice(&held);
            done[at] = true;
        }
    }

    /// C, H, W.
    pub fn frame_shape(&self) -> [usize; 3] {
        let [.., channels, height, width] = self.shape;
        [channels, height, width]
    }

    /// A future of the first row: (T, C, H, W).
    pub fn film(&self, future: usize) -> &[u8] {
        &self.bytes[future * self.film_bytes()..][..self.film_bytes()]
    }

    /// A frame of a future of the first row: (C, H, W).
    pub fn frame(&self, future: usize, time: usize) -> &[u8] {
        let size = self.frame_shape().iter().product::<usize>();
        &self.film(future)[time * size..][..size]
    }

    /// All futures of the first row at one time: (N, C, H, W) in [0, 1].
    pub fn at(&self, time: usize) -> Result<Tensor> {
        let [_, count, _, channels, height, width] = self.shape;
        let bytes = (0..count).flat_map(|future| self.frame(future, time));
        let values: Vec<f32> = bytes.map(|&byte| f32::from(byte) / 255.0).collect();
        let shape = (count, channels, height, width);
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    fn film_bytes(&self) -> usize {
        self.shape[2..].iter().product()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_come_first() {
        // A row of two films before, then five of two bytes each.
        let mut futures = Futures {
            bytes: vec![7, 7, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4],
            shape: [1, 5, 2, 1, 1, 1],
            likelihoods: Vec::new(),
            members: Vec::new(),
            remainder: Vec::new(),
        };
        futures.rank(2, &[-3.0, -1.0, -5.0, -2.0, -4.0], &[1; 5]);
        assert_eq!(futures.bytes, [7, 7, 1, 1, 3, 3, 0, 0, 4, 4, 2, 2]);
        assert_eq!(futures.likelihoods, [-1.0, -2.0, -3.0, -4.0, -5.0]);
        // Of several members, those of each in turn.
        futures.rank(2, &[-1.0, -2.0, -30.0, -20.0, -10.0], &[1, 1, 2, 2, 2]);
        assert_eq!(futures.likelihoods[5..], [-1.0, -10.0, -2.0, -20.0, -30.0]);
        assert_eq!(futures.members[5..], [1, 2, 1, 2, 2]);
        assert_eq!(futures.bytes, [7, 7, 1, 1, 2, 2, 3, 3, 4, 4, 0, 0]);
        // Without a z they stay as they are.
        let before = futures.bytes.clone();
        futures.rank(2, &[], &[1; 5]);
        assert_eq!(futures.bytes, before);
    }
}
