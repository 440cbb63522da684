//! Whether the energy of a whole-horizon model tells futures that came from futures that did not.

use crate::data::{Footage, Window};
use crate::error::Result;
use crate::horizon::{WholeHorizon, frames, with_past};
use crate::interrupt;
use rayon::prelude::*;
use serde::Serialize;

/// Below this share of pairs a kind of wrong future is not told from the right one.
const TOLD: f64 = 0.95;
/// Futures with a free energy below this quantile of true ones are too little surprising.
const LOW: f64 = 0.05;
/// z* that leaves more than this share of copying's error explains little.
const LITTLE: f64 = 0.7;

/// Shares of windows in which F(x, wrong y) > F(x, y), by how y is wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct HorizonHealth {
    /// Windows in which something moves.
    pub windows: usize,
    /// ‖y − ŷ(x, z*)‖² ÷ that of copying the last frame, over these windows.
    pub error: f64,
    /// Its frames in reverse order.
    pub reversed: f64,
    /// Its second half first.
    pub jump: f64,
    /// Another window's.
    pub another: f64,
    /// Left for right.
    pub mirrored: f64,
    /// The share of windows whose last frame, standing still, has an F_β (β = 1) below nearly all true futures':
    /// below the 5% quantile. A picture that froze is too little surprising.
    pub frozen: f64,
    /// What does not look right, in words.
    pub warnings: Vec<String>,
}

/// One window's.
struct Energies {
    right: f64,
    wrong: [f64; 4],
    /// F_β of the true future and of the last frame again and again.
    free: [f64; 2],
    /// Errors of z* and of copying.
    errors: [f64; 2],
}

/// Checks `model` on windows of at least its context and horizon.
///
/// # Errors
/// Footage that cannot be read, energies that are not finite, an interrupt.
pub fn check_horizon(
    model: &WholeHorizon,
    footage: &[Footage],
    windows: &[Window],
) -> Result<HorizonHealth> {
    let of_window = |index: usize| -> Result<Option<Energies>> {
        interrupt::check()?;
        let other = (index + windows.len() / 2) % windows.len();
        energies(model, footage, [&windows[index], &windows[other]])
    };
    let found: Vec<Option<Energies>> = (0..windows.len())
        .into_par_iter()
        .map(of_window)
        .collect::<Result<_>>()?;
    let found: Vec<Energies> = found.into_iter().flatten().collect();
    let count = found.len().max(1) as f64;
    let above = |at: usize| {
        let above = found
            .iter()
            .filter(|window| window.wrong[at] > window.right);
        above.count() as f64 / count
    };
    let mut usual: Vec<f64> = found.iter().map(|window| window.free[0]).collect();
    usual.sort_unstable_by(f64::total_cmp);
    let low = usual.get((LOW * count) as usize).copied();
    let below = |window: &&Energies| low.is_some_and(|low| window.free[1] < low);
    let error = |at: usize| found.iter().map(|window| window.errors[at]).sum::<f64>();
    let mut health = HorizonHealth {
        windows: found.len(),
        error: error(0) / error(1).max(f64::MIN_POSITIVE),
        reversed: above(0),
        jump: above(1),
        another: above(2),
        mirrored: above(3),
        frozen: found.iter().filter(below).count() as f64 / count,
        warnings: Vec::new(),
    };
    health.warnings = health.warnings();
    Ok(health)
}

impl HorizonHealth {
    fn warnings(&self) -> Vec<String> {
        if self.windows == 0 {
            return vec!["nothing moves in these windows, so nothing is known of F".to_owned()];
        }
        let mut warnings = Vec::new();
        if self.error > LITTLE {
            warnings.push(format!(
                "motion explains little: with z* the error is {:.2} of copying's",
                self.error
            ));
        }
        let kinds = [
            ("reversed", self.reversed),
            ("with a jump", self.jump),
            ("of another window", self.another),
            ("mirrored", self.mirrored),
        ];
        for (kind, share) in kinds.into_iter().filter(|(_, share)| *share < TOLD) {
            warnings.push(format!(
                "F is above the true future's for only {:.0}% of futures that are {kind}",
                100.0 * share
            ));
        }
        warnings
    }
}

/// None where nothing moves.
fn energies(
    model: &WholeHorizon,
    footage: &[Footage],
    [window, other]: [&Window; 2],
) -> Result<Option<Energies>> {
    let length = model.context + model.frames;
    let (mut x, before) = with_past(footage, window, length)?;
    let y = x.split_off(before + model.context);
    let last = &x[before + model.context - 1];
    let copied: f64 = y.iter().map(|frame| error(frame, last)).sum();
    let seen = model.see(&x)?;
    if seen.scene.pieces.is_empty() || copied == 0.0 {
        return Ok(None);
    }
    let another = frames(footage, other, length)?.split_off(model.context);
    let right = model.infer(&seen, &y)?;
    let reversed: Vec<Vec<f32>> = y.iter().rev().cloned().collect();
    let half = y.len() / 2;
    let jump = [&y[half..], &y[..half]].concat();
    let width = model.appearance.background.shape[2];
    let mirror = |frame: &Vec<f32>| -> Vec<f32> {
        let rows = frame.chunks_exact(width);
        rows.flat_map(|row| row.iter().rev().copied()).collect()
    };
    let mirrored: Vec<Vec<f32>> = y.iter().map(mirror).collect();
    let frozen = vec![last.clone(); y.len()];
    let stopped = model.infer(&seen, &frozen)?;
    let free = [
        model.free_energy((&seen, &y), &right, 1.0)?,
        model.free_energy((&seen, &frozen), &stopped, 1.0)?,
    ];
    let mut wrong = [0.0; 4];
    for (wrong, y) in wrong.iter_mut().zip([reversed, jump, another, mirrored]) {
        *wrong = model.infer(&seen, &y)?.energy;
    }
    Ok(Some(Energies {
        right: right.energy,
        wrong,
        free,
        errors: [right.error, copied],
    }))
}

fn error(one: &[f32], other: &[f32]) -> f64 {
    let squares = one
        .iter()
        .zip(other)
        .map(|(a, b)| f64::from((a - b) * (a - b)));
    squares.sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;
    use crate::horizon::{HorizonConfig, MovingParts};

    /// A square that goes right and starts again at the left, or one that stands still.
    fn film(moves: bool) -> [Footage; 1] {
        let frame = |time: usize| -> Vec<u8> {
            let left = if moves { (time * 2) % 26 } else { 9 };
            let pixel = |at: usize| {
                let (y, x) = (at / 32, at % 32);
                match (12..18).contains(&y) && (left..left + 6).contains(&x) {
                    true => 220u8,
                    false => 60 + x as u8,
                }
            };
            (0..32 * 32).map(pixel).collect()
        };
        let cuts = (1..200).filter(|time| moves && time % 13 == 0).collect();
        let frames = (0..200).flat_map(frame).collect();
        [Footage::from_frames("film", frames, (200, 1, 32, 32), 10.0, cuts).unwrap()]
    }

    fn checked(moves: bool) -> HorizonHealth {
        let footage = film(moves);
        let split = Split::new(&footage, 5, 7).unwrap();
        let config = HorizonConfig {
            windows: 40,
            parts: MovingParts::Pieces,
            functions: 2,
            ways: 2,
        };
        let model = WholeHorizon::learn((&footage, &split.train), (3, 4), &config).unwrap();
        let windows = split.train.spread(7, 30);
        check_horizon(&model, &footage, &windows).unwrap()
    }

    #[test]
    fn wrong_futures_have_higher_energies() {
        let health = checked(true);
        assert!(health.windows > 20, "{health:?}");
        assert!(health.error < 0.2, "{health:?}");
        assert_eq!((health.reversed, health.jump), (1.0, 1.0), "{health:?}");
        // What goes on as before is explained whole; a square that stops is more surprising than that.
        assert_eq!(health.frozen, 0.0, "{health:?}");
        assert!(health.mirrored > 0.8 && health.another > 0.8, "{health:?}");
    }

    #[test]
    fn where_nothing_moves_nothing_is_known() {
        let health = checked(false);
        assert_eq!(health.windows, 0);
        assert!(health.warnings[0].contains("nothing moves"), "{health:?}");
    }
}
