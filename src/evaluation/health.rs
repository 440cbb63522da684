//! Whether the latent does its work: the checks that show how latent-variable
//! models fail.

mod truth;

use self::truth::{Truth, mean};
use super::wrong::Wrong;
use crate::error::Result;
use crate::inference::{Forecaster, Noise};
use crate::rng::Rng;
use candle_core::Tensor;
use serde::Serialize;

/// One-step errors: mean squared errors, pixels in [0, 1], where the scene
/// moves.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Errors {
    /// Of the last frame of the past.
    pub copy: f64,
    /// Of the least-squares model, where there is one.
    pub mse: Option<f64>,
    /// Of ŷ(x, z*): how much is explained once z is known.
    pub best_z: f64,
    /// Of one draw from p(z | x).
    pub sampled_z: f64,
    /// The lowest of 10 draws from p(z | x): nearer `best_z` the fewer ways there are to go
    /// on. Where a frame is uncertain in many ways at once, true draws too are all further
    /// from the truth than their mean, so this gives no verdict (see [`Scores`]).
    pub best_of_10: f64,
    /// Of ŷ(x, 0); near `best_z` if z is ignored.
    pub no_z: f64,
    /// Of ŷ(x', z*) for another sample's x'; low if z leaks the target.
    pub shuffled_x: f64,
}

/// Energy scores one frame ahead where the scene moves, root mean squares of pixels in
/// [0, 1], the mean over windows: proper, so that draws of the true p(y | x) have the lowest
/// there is, however many ways there are to go on (Gneiting and Raftery 2007).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Scores {
    /// Of the 10 draws from p(z | x).
    pub drawn: f64,
    /// Of ŷ(x, 0) alone, a certain forecast: higher, or the prior has a gap.
    pub no_z: f64,
}

/// What the checks found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Health {
    /// Where the scene moves.
    pub error: Errors,
    /// The same over whole frames.
    pub whole_frame: Errors,
    /// What the draws are worth together.
    pub scores: Scores,
    /// Share of `wrong_pairs` with F(x, wrong y) > F(x, y); near 0.5 if F is flat.
    pub wrong_above_right: f64,
    /// Pairs of y and another window's, which lies further from the last frame seen.
    pub wrong_pairs: usize,
    /// Numbers of z that vary over samples by more than a tenth of their
    /// largest standard deviation.
    pub live_dimensions: usize,
    /// d.
    pub dimensions: usize,
    /// Windows in which something moves: without any, `error` says nothing.
    pub moving: usize,
    /// What does not look right, in words.
    pub warnings: Vec<String>,
}

/// Futures drawn of each sample.
const DRAWS: usize = 10;
/// Wrong answers for each sample.
const WRONG: usize = 8;

/// Checks `latent` (and `mse` beside it) on windows (B, T + 1, C, H, W).
pub fn check(
    latent: &Forecaster,
    mse: Option<&Forecaster>,
    windows: &Tensor,
    rng: &mut Rng,
) -> Result<Health> {
    let context = windows.dim(1)? - 1;
    let x = windows.narrow(1, 0, context)?;
    let y = windows.narrow(1, context, 1)?.squeeze(1)?;
    let last = windows.narrow(1, context - 1, 1)?.squeeze(1)?;
    let device = windows.device();
    let samples = y.dim(0)?;
    let network = latent.network();
    let observed = network.observe(&x)?;

    let tokens = network.tokens(&y)?;
    let energy = latent.energy(&observed, &tokens)?;
    let inferred = latent.infer(&energy, 1.0, rng)?;
    let best = inferred.best_tensor(device)?;
    // Far off: the next window's past may show y itself.
    let other_x = roll(&x, samples / 2)?;
    let mut health = Health {
        dimensions: best.dim(1)?,
        live_dimensions: live(&inferred.best),
        ..Health::default()
    };

    let truth = Truth::new(&last, &y)?;
    health.moving = truth.moving();
    let mut put = |set: fn(&mut Errors, f64), frames: &Tensor| -> Result<()> {
        let [moving, whole] = truth.errors(frames)?;
        set(&mut health.error, mean(&moving));
        set(&mut health.whole_frame, mean(&whole));
        Ok(())
    };
    put(|e, v| e.copy = v, &last)?;
    if let Some(mse) = mse {
        let observed = mse.network().observe(&x)?;
        put(|e, v| e.mse = Some(v), &mse.frames(&observed, None)?)?;
    }
    put(|e, v| e.best_z = v, &latent.frames(&observed, Some(&best))?)?;
    let without = latent.frames(&observed, None)?;
    put(|e, v| e.no_z = v, &without)?;
    let elsewhere = network.observe(&other_x)?;
    put(
        |e, v| e.shuffled_x = v,
        &latent.frames(&elsewhere, Some(&best))?,
    )?;

    let draws: Vec<Tensor> = (0..DRAWS)
        .map(|_| latent.sample(&observed, 1.0, &mut Noise::fresh(rng)))
        .collect::<Result<_>>()?;
    let regions = [&mut health.error, &mut health.whole_frame];
    for (errors, [first, lowest]) in regions.into_iter().zip(truth.draws(&draws)?) {
        (errors.sampled_z, errors.best_of_10) = (first, lowest);
    }
    health.scores = Scores {
        drawn: truth.energy(&draws)?,
        no_z: truth.energy(&[without])?,
    };

    let energy_of = |order: &[u32]| {
        let other = tokens.index_select(&Tensor::new(order, device)?, 0)?;
        let energy = latent.energy(&observed, &other)?;
        Ok(latent.infer(&energy, 1.0, rng)?.energy)
    };
    (health.wrong_pairs, health.wrong_above_right) =
        Wrong::above(&truth.wrong(WRONG), &inferred.energy, energy_of)?;
    health.warnings = warnings(&health);
    Ok(health)
}

fn warnings(health: &Health) -> Vec<String> {
    let error = &health.error;
    let mut warnings = Vec::new();
    if health.moving == 0 {
        let text = "nothing moves in the windows looked at: errors where it moves say nothing";
        warnings.push(text.to_owned());
    }
    let mut warn = |bad: bool, text: String| {
        if bad {
            warnings.push(text);
        }
    };
    warn(
        error.best_z > 0.9 * error.no_z,
        format!(
            "z is ignored: the error with z* is {:.2} of that without z",
            error.best_z / error.no_z
        ),
    );
    warn(
        error.shuffled_x < error.copy.min(error.no_z),
        "z leaks the target: with another past, z* still predicts better than copying".to_owned(),
    );
    warn(
        health.wrong_pairs > 0 && health.wrong_above_right < 0.95,
        format!(
            "the energy is flat: F of a wrong y is higher in only {:.0}% of pairs",
            100.0 * health.wrong_above_right
        ),
    );
    let Scores { drawn, no_z } = health.scores;
    warn(
        drawn > no_z,
        format!(
            "the prior has a gap: drawn futures are worth less than one without z, an energy \
             score of {drawn:.4} for {no_z:.4}"
        ),
    );
    warn(
        4 * health.live_dimensions < health.dimensions,
        format!(
            "only {} of {} dimensions of z are used",
            health.live_dimensions, health.dimensions
        ),
    );
    warnings
}

/// How many columns vary.
fn live(rows: &[Vec<f64>]) -> usize {
    let width = rows.first().map_or(0, Vec::len);
    let deviations: Vec<f64> = (0..width)
        .map(|column| {
            let n = rows.len() as f64;
            let mean = rows.iter().map(|row| row[column]).sum::<f64>() / n;
            let square = rows.iter().map(|row| (row[column] - mean).powi(2));
            (square.sum::<f64>() / n).sqrt()
        })
        .collect();
    let most = deviations.iter().copied().fold(0.0, f64::max);
    deviations.iter().filter(|&&d| d > 0.1 * most).count()
}

/// Row i becomes row i + shift (modulo B).
fn roll(t: &Tensor, shift: usize) -> Result<Tensor> {
    let rows = t.dim(0)?;
    let shift = shift % rows.max(1);
    if shift == 0 {
        return Ok(t.clone());
    }
    let (head, tail) = (t.narrow(0, 0, shift)?, t.narrow(0, shift, rows - shift)?);
    Ok(Tensor::cat(&[&tail, &head], 0)?)
}

#[cfg(test)]
mod tests;
