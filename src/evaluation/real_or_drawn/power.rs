//! What the classifier tells of film whose answer is known.

use super::super::side_by_side::{Screening, SideBySide};
use super::patches::{Excerpt, Origin, PatchPairs};
use super::{PAIRS, RealOrDrawn, Samples, centres, tell, up_to};
use crate::error::Result;
use crate::rng::{Rng, Seed};
use serde::Serialize;
use std::collections::BTreeMap;

/// What the test finds by how many frames ahead where the answer is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Power {
    /// Film against other windows of the film: 0.5 but for chance.
    pub film: BTreeMap<usize, RealOrDrawn>,
    /// Against film that is blurred by a Gaussian of one pixel.
    pub blurred: BTreeMap<usize, RealOrDrawn>,
    /// Against film whose every 4×4 pixels are their mean.
    pub tiled: BTreeMap<usize, RealOrDrawn>,
}

/// Film that is spoiled, in the place of what is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoiled {
    /// Not at all: of another window.
    Not,
    /// By a Gaussian of one pixel.
    Blurred,
    /// To the means of 4×4 pixels.
    Tiled,
}

/// Side of a tile in pixels.
const TILE: usize = 4;
/// Weights of a Gaussian of one pixel, from its middle on.
const GAUSSIAN: [f32; 4] = [0.399_05, 0.242_04, 0.054_01, 0.004_43];

/// The test's power: learned on the windows of one screening, asked on those of another.
/// Patches are centred where the film moves.
///
/// # Errors
/// Those of [`tell`] and of [`Screening::watch`].
pub fn power(
    learned: &Screening,
    asked: &Screening,
    horizons: &[usize],
    seed: Seed,
) -> Result<Power> {
    let told = |how: Spoiled| {
        let spoil = |frame: &[u8], shape: [usize; 3]| how.spoil(frame, shape);
        let next = how == Spoiled::Not;
        let [learned, asked] = [learned, asked].map(|of| spoiled(of, horizons, seed, next, &spoil));
        tell(&learned?, &asked?, seed)
    };
    Ok(Power {
        film: told(Spoiled::Not)?,
        blurred: told(Spoiled::Blurred)?,
        tiled: told(Spoiled::Tiled)?,
    })
}

/// What becomes of a frame of a shape, [C, H, W].
type Spoil<'a> = &'a dyn Fn(&[u8], [usize; 3]) -> Vec<u8>;

/// Patches of film beside patches of film that is spoiled: of the same window, or of the
/// `next`, so that no window is in both.
pub(super) fn spoiled(
    screening: &Screening,
    horizons: &[usize],
    seed: Seed,
    next: bool,
    spoil: Spoil,
) -> Result<Samples> {
    let mut samples = Samples::new(horizons, seed);
    samples.windows = screening.windows.len();
    let mut rng = seed.stream("real or drawn, centres", 0);
    let mut before: Option<SideBySide> = None;
    screening.watch(None, &mut |index, now| {
        let patches = (samples.patches).get_or_insert_with(|| PatchPairs::new(now.shape()));
        let (film, other) = match (next, before.take()) {
            (false, _) => (&now, &now),
            (true, Some(film)) => (&*before.insert(film), &now),
            (true, None) => {
                before = Some(now);
                return Ok(());
            }
        };
        for &horizon in horizons {
            let origin = Origin {
                horizon,
                film: index - usize::from(next),
                drawn: index,
            };
            add(patches, [film, other], origin, spoil, &mut rng);
        }
        before = None;
        Ok(())
    })?;
    Ok(samples)
}

/// Adds pairs of the film and of the other, spoiled, where both move.
fn add(
    patches: &mut PatchPairs,
    [film, other]: [&SideBySide; 2],
    origin: Origin,
    spoil: Spoil,
    rng: &mut Rng,
) {
    let (time, shape) = (origin.horizon as isize, film.shape());
    let [own, its] = [film, other].map(|of| centres(of, of.film_at(time)));
    if own.is_empty() || its.is_empty() {
        return;
    }
    let frames = up_to(time).map(|time| match time > 0 {
        true => spoil(other.film_at(time), shape),
        false => other.film_at(time).to_vec(),
    });
    let film = Excerpt {
        frames: up_to(time).map(|time| film.film_at(time)),
        centres: &own,
    };
    let other = Excerpt {
        frames: std::array::from_fn(|at| &frames[at][..]),
        centres: &its,
    };
    // As many of each kind: of two windows, or half as many of each.
    let pairs = match origin.film == origin.drawn {
        true => PAIRS / 2,
        false => PAIRS,
    };
    (0..pairs).for_each(|_| patches.add(&film, &other, origin, rng));
}

impl Spoiled {
    /// A frame (C, H, W) that is spoiled.
    pub fn spoil(self, frame: &[u8], [_, height, width]: [usize; 3]) -> Vec<u8> {
        let planes = frame.chunks_exact((height * width).max(1));
        let made = planes.flat_map(|plane| match self {
            Self::Not => plane.to_vec(),
            Self::Blurred => blurred(plane, [height, width]),
            Self::Tiled => tiled(plane, [height, width]),
        });
        made.collect()
    }
}

/// A plane smoothed; the border's pixels are repeated.
fn blurred(plane: &[u8], [height, width]: [usize; 2]) -> Vec<u8> {
    let reach = GAUSSIAN.len() as isize - 1;
    let smooth = |at: &dyn Fn(isize) -> f32| {
        let taps = (-reach..=reach).map(|off| GAUSSIAN[off.unsigned_abs()] * at(off));
        taps.sum::<f32>()
    };
    let near =
        |place: usize, off: isize, length: usize| place.saturating_add_signed(off).min(length - 1);
    let mut across = Vec::with_capacity(plane.len());
    for row in plane.chunks_exact(width) {
        across.extend((0..width).map(|x| smooth(&|off| f32::from(row[near(x, off, width)]))));
    }
    let mut made = Vec::with_capacity(plane.len());
    for y in 0..height {
        made.extend((0..width).map(|x| {
            let value = smooth(&|off| across[near(y, off, height) * width + x]);
            value.round().clamp(0.0, 255.0) as u8
        }));
    }
    made
}

/// A plane of the means of its tiles.
fn tiled(plane: &[u8], [height, width]: [usize; 2]) -> Vec<u8> {
    let mut made = vec![0; plane.len()];
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            let (rows, columns) = (
                top..(top + TILE).min(height),
                left..(left + TILE).min(width),
            );
            let pixels = || {
                let columns = columns.clone();
                rows.clone()
                    .flat_map(move |y| columns.clone().map(move |x| y * width + x))
            };
            let total: usize = pixels().map(|pixel| usize::from(plane[pixel])).sum();
            let count = pixels().count();
            pixels().for_each(|pixel| made[pixel] = ((total + count / 2) / count) as u8);
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    /// import numpy as np
    /// from scipy.ndimage import gaussian_filter
    /// f = (np.arange(70).reshape(7, 10) ** 2 * 13 % 251).astype(float)
    /// b = gaussian_filter(f, 1, mode='nearest', truncate=3)
    /// print(b[0, :4], b[3, 5], b[6, 9])
    /// print([f[y:y+4, x:x+4].mean() for y in (0, 4) for x in (0, 4, 8)])
    #[test]
    fn as_scipy() {
        let frame: Vec<u8> = (0..70usize).map(|i| (i * i * 13 % 251) as u8).collect();
        let made = Spoiled::Blurred.spoil(&frame, [1, 7, 10]);
        let picked = [0, 1, 2, 3, 35, 69].map(|pixel| f64::from(made[pixel]));
        for (made, expected) in picked
            .into_iter()
            .zip([28.0998, 45.1086, 78.0850, 117.5352, 126.0836, 120.3826])
        {
            assert!((made - expected).abs() <= 1.0, "{made} {expected}");
        }
        let made = Spoiled::Tiled.spoil(&frame, [1, 7, 10]);
        let picked = [0, 33, 4, 39, 40, 69].map(|pixel| f64::from(made[pixel]));
        for (made, expected) in picked
            .into_iter()
            .zip([97.75, 97.75, 139.25, 148.0, 117.5833, 95.5])
        {
            assert!((made - expected).abs() <= 0.51, "{made} {expected}");
        }
        assert_eq!(Spoiled::Not.spoil(&frame, [1, 7, 10]), frame);
    }
}
