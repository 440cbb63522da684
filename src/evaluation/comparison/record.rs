//! What one window says of one model, at one horizon.

use super::super::best_of::best_of;
use super::super::crps::crps;
use super::super::energy_score::energy_score;
use super::super::moving::moving;
use super::super::psnr::psnr;
use super::super::rank_histogram::{BINS, rank_histogram};
use super::super::reliability::{self, Bin, reliability};
use super::super::sharpness::{gradient, sharpness_difference};
use super::super::spread_skill::SpreadSkill;
use super::super::ssim::Ssim;
use super::figures::{BEST_OF, mean};
use rayon::prelude::*;

/// A true frame, ready to be compared with many.
pub(super) struct Truth {
    frame: Vec<f32>,
    shape: [usize; 3],
    mask: Vec<bool>,
    last: Vec<f32>,
    ssim: Ssim,
}

impl Truth {
    /// `frame` is of `shape` = [C, H, W], `mask` (H, W) says where it moved since `last`.
    pub fn new(frame: Vec<f32>, shape: [usize; 3], mask: Vec<bool>, last: Vec<f32>) -> Self {
        let ssim = Ssim::new(&frame, shape);
        Self {
            frame,
            shape,
            mask,
            last,
            ssim,
        }
    }

    /// The mean gradients of a future and of the truth, over whole frames or, `masked`,
    /// where either moves; `None` then where the truth stands still.
    fn gradients(&self, future: &[f32], masked: bool) -> Option<(f64, f64)> {
        if masked && self.moving() == 0 {
            return None;
        }
        let either = masked.then(|| {
            let mut mask = moving(&self.last, future, self.shape);
            for (either, real) in mask.iter_mut().zip(&self.mask) {
                *either |= real;
            }
            mask
        });
        let of = |frame| gradient(frame, self.shape, either.as_deref());
        Some((of(future)?, of(&self.frame)?))
    }

    /// Where it moved, (H, W).
    pub fn mask(&self) -> &[bool] {
        &self.mask
    }

    /// How many pixels moved.
    pub fn moving(&self) -> usize {
        self.mask.iter().filter(|moved| **moved).count()
    }
}

/// What one window says of one model, at one horizon: `None` where there is nothing
/// to measure.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    pub(super) psnr: Option<f64>,
    pub(super) ssim: Option<f64>,
    /// Of the futures, and of the truth (see [`Truth::gradients`]).
    pub(super) gradients: Option<(f64, f64)>,
    pub(super) difference: Option<f64>,
    pub(super) crps: Option<f64>,
    pub(super) energy: Option<f64>,
    pub(super) spread_skill: Option<SpreadSkill>,
    /// The mean variance of what futures leave unexplained.
    pub(super) remainder: Option<f64>,
    pub(super) ranks: Option<[f64; BINS]>,
    pub(super) reliability: Option<[Bin; reliability::BINS]>,
    pub(super) best: [[Option<f64>; 2]; BEST_OF.len()],
}

impl Record {
    /// Of the futures of one window, each (C, H, W), over the whole frame or
    /// only where it moves; `remainder` is the mean variance there of what futures leave unexplained.
    /// `certain`: the model has this one future only.
    pub fn of(
        futures: &[Vec<f32>],
        truth: &Truth,
        remainder: Option<f64>,
        (moving, certain): (bool, bool),
    ) -> Self {
        let mask = moving.then_some(truth.mask.as_slice());
        let each: Vec<[Option<f64>; 5]> = futures
            .par_iter()
            .map(|future| {
                let (made, real) = truth.gradients(future, moving).unzip();
                [
                    psnr(future, &truth.frame, mask),
                    truth.ssim.compare(future, mask),
                    made,
                    real,
                    sharpness_difference(future, &truth.frame, truth.shape, mask),
                ]
            })
            .collect();
        // All of a measure or none: what counts is the same for all futures.
        let [psnrs, ssims, made, real, differences] = [0, 1, 2, 3, 4].map(|measure| -> Vec<f64> {
            let values = each.iter().filter_map(|values| values[measure]);
            values.collect()
        });
        let futures: Vec<&[f32]> = futures.iter().map(Vec::as_slice).collect();
        let several = |futures| match certain {
            true => None,
            false => rank_histogram(futures, &truth.frame, mask),
        };
        Self {
            psnr: mean(psnrs.iter().copied()),
            ssim: mean(ssims.iter().copied()),
            gradients: mean(made.into_iter()).zip(mean(real.into_iter())),
            difference: mean(differences.into_iter()),
            crps: crps(&futures, &truth.frame, mask),
            energy: energy_score(&futures, &truth.frame, mask),
            spread_skill: SpreadSkill::of(&futures, &truth.frame, mask),
            remainder,
            ranks: several(&futures),
            reliability: match moving || certain {
                true => None,
                false => Some(reliability(&futures, &truth.frame, &truth.last)),
            },
            best: BEST_OF.map(|number| {
                let number = if certain { 1 } else { number };
                [best_of(&psnrs, number), best_of(&ssims, number)]
            }),
        }
    }

    /// What futures leave unexplained counted as spread, where it is learned.
    pub(super) fn predictive(&self) -> Option<SpreadSkill> {
        Some(self.spread_skill?.beside(self.remainder?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::figures::Figures;
    use super::*;

    const SHAPE: [usize; 3] = [1, 16, 16];

    #[test]
    fn futures_that_are_elsewhere_are_as_sharp_as_the_truth() {
        let square = |left: usize| -> Vec<f32> {
            let inside =
                |i: usize| (5..9).contains(&(i / 16)) && (left..left + 4).contains(&(i % 16));
            (0..256).map(|i| f32::from(u8::from(inside(i)))).collect()
        };
        let sharpness = |future: Vec<f32>, real: Vec<f32>| {
            let last = square(6);
            let mask = moving(&last, &real, SHAPE);
            let truth = Truth::new(real, SHAPE, mask, last);
            let of = |moving| {
                let future = std::slice::from_ref(&future);
                Record::of(future, &truth, None, (moving, false))
            };
            let figures = Figures::of(&[[of(true), of(false)]], &[]);
            figures.moving.sharpness_ratio.value
        };
        let mask = moving(&square(6), &square(11), SHAPE);
        let of = |left| gradient(&square(left), SHAPE, Some(&mask)).unwrap();
        assert!(
            of(1) < 0.6 * of(11),
            "half of it is not where the truth moves"
        );
        assert_eq!(sharpness(square(1), square(11)), Some(1.0));
        let blurred = square(1).iter().map(|value| value / 2.0).collect();
        assert_eq!(sharpness(blurred, square(11)), Some(0.5));
        assert_eq!(sharpness(square(1), square(6)), None, "nothing came of it");
    }
}
