//! Where validation windows come from.

use super::clips::squared_change;
use super::footage::Footage;
use super::split::bounds;
use crate::error::Result;
use crate::interrupt;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Where validation windows come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValidationPlaces {
    /// From what comes right before the test part, as in runs of before. It may be the
    /// stillest part of all.
    #[default]
    End,
    /// From several places, those whose motion is most like that of the rest.
    Spread,
}

/// Stretches in a film at most.
const MOST: usize = 8;
/// Places in each block that are tried.
const TRIED: usize = 16;
/// Training keeps at least this share of the windows that it has with one stretch at the end,
/// and validation half: each stretch costs two gaps.
const KEPT: f64 = 0.8;
/// About so many changes of a film are looked at, or of each of many films.
const LOOKS: usize = 4096;
const LOOKS_AT_EACH: usize = 64;

/// What comes before the test part of a film: frames from and to, and whether they train.
/// It is cut into blocks, of each of which a stretch validates, at the same place in each.
/// Of the places that are tried it is the one whose motion is most like training's.
pub(super) fn in_film(
    film: &Footage,
    window: usize,
    longest: usize,
) -> Result<Vec<(usize, usize, bool)>> {
    let (validation, end) = bounds(film.len());
    let tenth = end - validation;
    let fewest = (tenth / (2 * window)).clamp(1, 3);
    let most = (tenth / longest.max(1)).clamp(fewest, MOST);
    let scenes = film.scenes();
    let plain = vec![(0, validation, true), (validation + window, end, false)];
    let share = |share: f64, train| share * windows(&scenes, &plain, window, train) as f64;
    let least = [share(KEPT, true), share(0.5, false)].map(|count| (count as usize).max(1));
    let motion = Motion::of(film, end)?;
    for stretches in (1..=most).rev() {
        let length = match stretches {
            1 => tenth.saturating_sub(window),
            _ => tenth / stretches,
        };
        let layout = |place: usize| {
            let mut layout = Vec::new();
            let mut from = 0;
            for block in 0..stretches {
                let [start, next] = [block, block + 1].map(|block| block * end / stretches);
                let start = start + (next - start).saturating_sub(length) * place / TRIED;
                layout.push((from, start.saturating_sub(window), true));
                layout.push((start, start + length, false));
                from = start + length + window;
            }
            layout.push((from, end, true));
            layout.retain(|(from, to, _)| from < to);
            layout
        };
        let fits = |layout: &Vec<_>| {
            let counts = [true, false].map(|train| windows(&scenes, layout, window, train));
            counts[0] >= least[0] && counts[1] >= least[1]
        };
        let best = (0..=TRIED)
            .rev()
            .map(layout)
            .filter(fits)
            .map(|layout| (motion.unlike(&layout), layout))
            .min_by(|a, b| a.0.total_cmp(&b.0));
        if let Some((_, layout)) = best {
            return Ok(layout);
        }
    }
    Ok(plain)
}

/// Which `count` of these films validate: one of each of as many blocks of films.
pub(super) fn over_films(films: &[Footage], count: usize, window: usize) -> Result<Vec<usize>> {
    let motion = Motion::of_all(films)?;
    let long = |film: &usize| {
        films[*film]
            .scenes()
            .iter()
            .any(|scene| scene.len() >= window)
    };
    let layout = |place: usize| {
        let films = (0..count).map(|block| {
            let [start, next] = [block, block + 1].map(|block| block * films.len() / count);
            start + (next - start - 1) * place / TRIED
        });
        films.collect::<Vec<_>>()
    };
    let fits = |chosen: &Vec<usize>| {
        let mut others = (0..films.len()).filter(|film| !chosen.contains(film));
        chosen.iter().any(long) && others.any(|film| long(&film))
    };
    let unlike = |chosen: &Vec<usize>| {
        let each = (0..films.len()).map(|film| (film, film + 1, !chosen.contains(&film)));
        motion.unlike(&each.collect::<Vec<_>>())
    };
    let tried = (0..=TRIED).rev().map(layout).filter(fits);
    let best = tried
        .map(|chosen| (unlike(&chosen), chosen))
        .min_by(|a, b| a.0.total_cmp(&b.0));
    let last = films.len().saturating_sub(count)..films.len();
    Ok(best.map_or(last.collect(), |(_, chosen)| chosen))
}

/// How many windows a layout leaves to train on, or to validate.
fn windows(
    scenes: &[Range<usize>],
    layout: &[(usize, usize, bool)],
    window: usize,
    train: bool,
) -> usize {
    let ranges = layout.iter().filter(|(_, _, trains)| *trains == train);
    let each = ranges.flat_map(|&(from, to, _)| {
        let inside = move |scene: &Range<usize>| {
            let (from, to) = (scene.start.max(from), scene.end.min(to));
            (to + 1).saturating_sub(from + window)
        };
        scenes.iter().map(inside)
    });
    each.sum()
}

/// Squared changes: the sum and the number of those before each frame of a film, or before
/// each of some films, and of all in the end.
#[derive(Default)]
struct Motion(Vec<(f64, f64)>);

impl Motion {
    /// Of the first `end` frames of a film.
    fn of(film: &Footage, end: usize) -> Result<Self> {
        let mut motion = Self::default();
        let stride = end.div_ceil(LOOKS).max(1);
        let mut total = (0.0, 0.0);
        for scene in film.scenes() {
            let last = scene.end.min(end);
            for frame in scene.start..last {
                motion.0.push(total);
                if frame + 1 < last && frame % stride == 0 {
                    interrupt::check()?;
                    total.0 += squared_change(film, frame)? as f64;
                    total.1 += 1.0;
                }
            }
        }
        motion.0.push(total);
        Ok(motion)
    }

    /// Of whole films.
    fn of_all(films: &[Footage]) -> Result<Self> {
        let mut motion = Self::default();
        let mut total = (0.0, 0.0);
        for film in films {
            motion.0.push(total);
            let stride = film.len().div_ceil(LOOKS_AT_EACH).max(1);
            for scene in film.scenes() {
                for frame in (scene.start..scene.end - 1).step_by(stride) {
                    interrupt::check()?;
                    total.0 += squared_change(film, frame)? as f64;
                    total.1 += 1.0;
                }
            }
        }
        motion.0.push(total);
        Ok(motion)
    }

    /// How unlike validation's mean square is to training's: the size of their ratio's
    /// logarithm. Any two parts without motion are alike. (The change from a range's last
    /// frame, into the gap, counts too.)
    fn unlike(&self, layout: &[(usize, usize, bool)]) -> f64 {
        let mean = |train: bool| {
            let ranges = layout.iter().filter(|(_, _, trains)| *trains == train);
            let (mut sum, mut count) = (1e-9, 1e-9);
            for &(from, to, _) in ranges {
                let (before, after) = (self.0[from], self.0[to]);
                sum += after.0 - before.0;
                count += after.1 - before.1;
            }
            sum / count
        };
        (mean(false) / mean(true)).ln().abs()
    }
}
