//! Whether an energy over frames holds: the checks that show how such energies fail.

use super::moving::moving;
use super::psnr::squared_error;
use super::wrong::Wrong;
use crate::energy::Field as _;
use crate::error::{Error, Result};
use crate::inference::{EnergyPart, Forecaster, Learning};
use crate::models::Sight;
use crate::rng::Rng;
use candle_core::Tensor;
use serde::Serialize;

/// What the checks found. Energies are per number of a frame; errors are mean squared
/// errors one frame ahead, pixels in [0, 1].
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EnergyHealth {
    /// F of true frames, the mean.
    pub data: f64,
    /// F of frames drawn from exp(−F); as that of true ones, where all is well.
    pub samples: f64,
    /// Share of `wrong_pairs` with F(x, wrong y) > F(x, y); near 0.5 if F is flat.
    pub wrong_above_right: f64,
    /// Pairs of y and another window's, which lies further from the last frame seen.
    pub wrong_pairs: usize,
    /// Share of drawn pixels that lie beyond black or white by more than σ.
    pub saturated: f64,
    /// The root mean square of what a step of the walk moves a number of a true frame by,
    /// in units of σ (contrastive) or of the noise that is on it (score, where 1 is right).
    pub move_of_data: f64,
    /// Of ŷ(x), over whole frames.
    pub expected: f64,
    /// Of a drawn frame; up to twice that of ŷ(x) is right.
    pub drawn: f64,
    /// The same where the scene moves, of which the lowest of some draws too.
    pub moving: Moving,
    /// What does not look right, in words.
    pub warnings: Vec<String>,
}

/// Errors where the scene moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Moving {
    /// Of ŷ(x).
    pub expected: f64,
    /// Of a drawn frame.
    pub drawn: f64,
    /// The lowest of [`DRAWS`] draws.
    pub best: f64,
}

/// Draws for each window.
pub const DRAWS: usize = 2;
/// Wrong answers for each sample.
const WRONG: usize = 4;

/// Checks the energy of `model` on windows (B, T + 1, C, H, W).
///
/// # Errors
/// A model without an energy over frames.
pub fn check(model: &Forecaster, windows: &Tensor, rng: &mut Rng) -> Result<EnergyHealth> {
    let Some(part) = model.frame_energy() else {
        return Err(Error::input(
            "the model",
            "it has no energy over frames",
            "check one of a recipe whose energy.learning is not none",
        ));
    };
    let context = windows.dim(1)? - 1;
    let x = windows.narrow(1, 0, context)?;
    let y = windows.narrow(1, context, 1)?.squeeze(1)?;
    let last = rows(&windows.narrow(1, context - 1, 1)?.squeeze(1)?)?;
    let (samples, network) = (y.dim(0)?, model.network());
    let observed = network.observe(&x)?;
    let sight = part.look(&observed)?.detached();
    let expected = observed.expected();
    let tokens = network.tokens(&y)?;
    let r = (&tokens - expected)?;
    let mut health = EnergyHealth::default();

    let seen = |r: &Tensor, rng: &mut Rng| settled(part, &sight, r, rng);
    let (of_data, moves) = seen(&r, rng)?;
    health.data = mean(&of_data);
    health.move_of_data = moves;

    let mut draws = Vec::new();
    let shape = network.shape();
    let (black, white) = (-1.0, 1.0 / shape.change + 1.0);
    for draw in 0..DRAWS {
        let drawn = part.draw(&observed, 1.0, rng)?;
        if draw == 0 {
            health.samples = mean(&seen(&drawn, rng)?.0);
            let values = (expected + &drawn)?.flatten_all()?.to_vec1::<f32>()?;
            let beyond = |v: &&f32| !(black..=white).contains(&f64::from(**v));
            health.saturated = values.iter().filter(beyond).count() as f64 / values.len() as f64;
        }
        draws.push(rows(&model.frames_off(&observed, &drawn)?)?);
    }

    let truth = rows(&y)?;
    let energy_of = |order: &[u32]| {
        let other = tokens.index_select(&Tensor::new(order, windows.device())?, 0)?;
        Ok(seen(&(other - expected)?, rng)?.0)
    };
    (health.wrong_pairs, health.wrong_above_right) =
        Wrong::above(&Wrong::each(&last, &truth, WRONG), &of_data, energy_of)?;

    let certain = rows(&model.frames(&observed, None)?)?;
    let (mut whole, mut where_moving) = (Vec::new(), Vec::new());
    for index in 0..samples {
        let frame = [shape.channels, shape.height, shape.width];
        let mask = moving(&last[index], &truth[index], frame);
        for (mask, into) in [(None, &mut whole), (Some(&mask[..]), &mut where_moving)] {
            let error = |frame: &[f32]| squared_error(frame, &truth[index], mask);
            let each: Option<Vec<f64>> = draws.iter().map(|draw| error(&draw[index])).collect();
            if let (Some(expected), Some(each)) = (error(&certain[index]), each) {
                let best = each.iter().copied().fold(f64::INFINITY, f64::min);
                into.push([expected, mean(&each), best]);
            }
        }
    }
    let column =
        |rows: &[[f64; 3]], at: usize| mean(&rows.iter().map(|r| r[at]).collect::<Vec<_>>());
    (health.expected, health.drawn) = (column(&whole, 0), column(&whole, 1));
    health.moving = Moving {
        expected: column(&where_moving, 0),
        drawn: column(&where_moving, 1),
        best: column(&where_moving, 2),
    };
    health.warnings = warnings(&health, part);
    Ok(health)
}

/// F of r per number, (B,), with the noise on it at which F is known, and how much a step
/// would move it.
fn settled(part: &EnergyPart, sight: &Sight, r: &Tensor, rng: &mut Rng) -> Result<(Vec<f64>, f64)> {
    let config = part.config();
    let (r, unit) = match config.learning {
        Learning::Score => {
            let noise = rng.normal_tensor(r.shape(), r.device())?;
            ((r + (noise * config.noise_least)?)?, config.noise_least)
        }
        _ => (r.clone(), 0.5 * config.step_size * config.step_size),
    };
    let (energy, slope) = part.settled(sight, r.dim(0)?).slope(&r)?;
    let numbers = (r.elem_count() / r.dim(0)?.max(1)) as f64;
    let square = f64::from(slope.sqr()?.mean_all()?.to_scalar::<f32>()?);
    let energy = energy.to_vec1::<f32>()?.into_iter();
    let energy = energy.map(|energy| f64::from(energy) / numbers).collect();
    Ok((energy, unit * square.sqrt()))
}

fn warnings(health: &EnergyHealth, part: &EnergyPart) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |bad: bool, text: String| {
        if bad {
            warnings.push(text);
        }
    };
    let finite = [
        health.data,
        health.samples,
        health.move_of_data,
        health.drawn,
    ];
    warn(
        finite.iter().any(|value| !value.is_finite()),
        "the energy or its slope is not finite".to_owned(),
    );
    let (low, high) = (
        health.data.min(health.samples),
        health.data.max(health.samples),
    );
    warn(
        high > 4.0 * low + 0.05,
        format!(
            "the energies of data and samples run apart: {:.3} and {:.3} a number",
            health.data, health.samples
        ),
    );
    warn(
        health.saturated > 0.05,
        format!(
            "samples saturate: {:.0}% of their pixels lie beyond black or white",
            100.0 * health.saturated
        ),
    );
    let most = match part.config().learning {
        Learning::Score => 3.0,
        _ => part.config().bound,
    };
    warn(
        health.move_of_data > most,
        format!(
            "the slope explodes: a step moves true frames by {:.2}, {most} is the most",
            health.move_of_data
        ),
    );
    warn(
        health.wrong_pairs > 0 && health.wrong_above_right < 0.95,
        format!(
            "the energy is flat: F of a wrong y is higher in only {:.0}% of pairs",
            100.0 * health.wrong_above_right
        ),
    );
    warn(
        health.drawn > 4.0 * health.expected,
        format!(
            "drawn frames are wrong: their error is {:.1} of that of the expected one, 2 is right",
            health.drawn / health.expected
        ),
    );
    warnings
}

fn rows(t: &Tensor) -> Result<Vec<Vec<f32>>> {
    Ok(t.flatten_from(1)?.to_vec2::<f32>()?)
}

/// 0 of nothing.
fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}
