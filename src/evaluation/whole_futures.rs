//! Futures as wholes: each one's frames judged together.

use super::best_of::best_of;
use super::psnr::psnr;
use super::ssim::Ssim;
use std::sync::Mutex;

/// A true future of one window, to judge others by. Of each of those PSNR and SSIM are
/// averaged over its frames, and the best is taken by each measure on its own, as in
/// SRVP's protocol (Franceschi et al. 2020): the best of frames picked one by one would
/// be better than any future is.
pub struct WholeFutures<'a> {
    truths: Vec<(&'a [f32], Ssim)>,
    /// The sums of each future so far, and frames added.
    sums: Mutex<Vec<([f64; 2], usize)>>,
}

impl<'a> WholeFutures<'a> {
    /// Of true frames, each of `shape` = [C, H, W].
    pub fn new(truths: &'a [Vec<f32>], shape: [usize; 3]) -> Self {
        let with_ssim = |frame: &'a Vec<f32>| (frame.as_slice(), Ssim::new(frame, shape));
        Self {
            truths: truths.iter().map(with_ssim).collect(),
            sums: Mutex::default(),
        }
    }

    /// Adds frame `time`, the first being 1, of future `index`.
    ///
    /// # Panics
    /// Where there is no true frame of that time.
    pub fn add(&self, index: usize, time: usize, frame: &[f32]) {
        let (truth, ssim) = &self.truths[time - 1];
        let found = [psnr(frame, truth, None), ssim.compare(frame, None)];
        let mut sums = self.sums.lock().unwrap_or_else(|lock| lock.into_inner());
        if sums.len() <= index {
            sums.resize(index + 1, Default::default());
        }
        let (sum, count) = &mut sums[index];
        for (sum, found) in sum.iter_mut().zip(found) {
            *sum += found.unwrap_or(f64::NAN);
        }
        *count += 1;
    }

    /// What the best of `number` futures is expected to get, PSNR and SSIM; of those
    /// that are all the same (`certain`) any number gets the same.
    pub fn best(&self, number: usize, certain: bool) -> [Option<f64>; 2] {
        let sums = self.sums.lock().unwrap_or_else(|lock| lock.into_inner());
        let number = if certain { 1 } else { number };
        [0, 1].map(|measure| {
            let means = sums.iter().map(|(sum, count)| sum[measure] / *count as f64);
            best_of(&means.collect::<Vec<_>>(), number).filter(|best| best.is_finite())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::region::reference::*;
    use super::super::ssim::ssim;
    use super::*;

    #[test]
    fn a_future_is_as_good_as_its_frames_are_on_average() {
        let truths = [frame(0), frame(1)];
        let whole = WholeFutures::new(&truths, SHAPE);
        // The first is right in the first frame only, the second never, in any order.
        let futures = [[frame(0), prediction()], [prediction(), frame(2)]];
        for (index, time) in [(1, 1), (0, 1), (0, 2), (1, 2)] {
            whole.add(index, time, &futures[index][time - 1]);
        }
        let mean = |of: &dyn Fn(&[f32], &[f32]) -> f64, future: usize| {
            let each = (0..2).map(|time| of(&futures[future][time], &truths[time]));
            each.sum::<f64>() / 2.0
        };
        let psnr = |future| mean(&|a, b| psnr(a, b, None).unwrap(), future);
        let ssim = |future| mean(&|a, b| ssim(a, b, SHAPE, None).unwrap(), future);
        let [best, of_ssim] = whole.best(2, false);
        close(best, psnr(0).max(psnr(1)));
        close(of_ssim, ssim(0).max(ssim(1)));
        close(whole.best(1, false)[0], (psnr(0) + psnr(1)) / 2.0);
        assert_eq!(whole.best(3, false), [None; 2]);
    }
}
