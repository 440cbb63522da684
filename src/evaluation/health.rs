//! Whether the latent does its work: the checks that show how latent-variable
//! models fail.

use super::moving::moving;
use super::psnr::squared_error;
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
    /// The lowest of 10 draws from p(z | x): near `best_z` if the prior has no gap.
    pub best_of_10: f64,
    /// Of ŷ(x, 0); near `best_z` if z is ignored.
    pub no_z: f64,
    /// Of ŷ(x', z*) for another sample's x'; low if z leaks the target.
    pub shuffled_x: f64,
}

/// What the checks found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Health {
    /// Where the scene moves.
    pub error: Errors,
    /// The same over whole frames.
    pub whole_frame: Errors,
    /// Share of pairs with F(x, wrong y) > F(x, y); near 0.5 if F is flat.
    pub wrong_above_right: f64,
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

/// Wrong answers for each sample.
const WRONG: usize = 8;
/// How often inference goes on, from where it was, to see what it left.
const FURTHER: usize = 500;

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

    let energy = latent.energy(&observed, &network.tokens(&y)?)?;
    let inferred = latent.infer(&energy, 1.0, rng)?;
    let best = inferred.best_tensor(device)?;
    // Far off: the next window's past may show y itself.
    let other_x = roll(&x, samples / 2)?;
    let mut health = Health {
        dimensions: best.dim(1)?,
        live_dimensions: live(&inferred.best),
        ..Health::default()
    };

    let score = Score::new(&last, &y)?;
    health.moving = score
        .masks
        .iter()
        .filter(|mask| mask.contains(&true))
        .count();
    let mut put = |set: fn(&mut Errors, f64), frames: &Tensor| -> Result<()> {
        let [moving, whole] = score.errors(frames)?;
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
    put(|e, v| e.no_z = v, &latent.frames(&observed, None)?)?;
    let elsewhere = network.observe(&other_x)?;
    put(
        |e, v| e.shuffled_x = v,
        &latent.frames(&elsewhere, Some(&best))?,
    )?;

    let mut draws: Vec<[Vec<Option<f64>>; 2]> = Vec::new();
    for _ in 0..10 {
        draws.push(score.errors(&latent.sample(&observed, 1.0, &mut Noise::fresh(rng))?)?);
    }
    for (region, errors) in [&mut health.error, &mut health.whole_frame]
        .into_iter()
        .enumerate()
    {
        errors.sampled_z = mean(&draws[0][region]);
        let lowest: Vec<Option<f64>> = (0..samples)
            .map(|i| {
                let all = draws.iter().filter_map(|draw| draw[region][i]);
                all.min_by(f64::total_cmp)
            })
            .collect();
        errors.best_of_10 = mean(&lowest);
    }

    let (mut above, mut pairs) = (0, 0);
    for turn in 1..=WRONG.min(samples.saturating_sub(1)) {
        // Neighbouring windows show nearly the same frame; start further off.
        let shift = turn * samples.div_ceil(WRONG + 1) % samples;
        if shift == 0 {
            continue;
        }
        let wrong = network.tokens(&roll(&y, shift)?)?;
        let found = latent.infer(&latent.energy(&observed, &wrong)?, 1.0, rng)?;
        pairs += samples;
        above += found
            .energy
            .iter()
            .zip(&inferred.energy)
            .filter(|(wrong, right)| wrong > right)
            .count();
    }
    health.wrong_above_right = f64::from(above as u32) / f64::from(pairs.max(1) as u32);
    health.warnings = warnings(&health);
    Ok(health)
}

/// By how much F(x, y) is higher than after 500 more goes at inference, as a share of
/// that, the mean over windows (B, T + 1, C, H, W): 0 where z is found exactly. (Of what
/// paints; moves of pixels are searched once.)
pub fn gap(latent: &Forecaster, windows: &Tensor, rng: &mut Rng) -> Result<f64> {
    let context = windows.dim(1)? - 1;
    let network = latent.network();
    let observed = network.observe(&windows.narrow(1, 0, context)?)?;
    let y = network.tokens(&windows.narrow(1, context, 1)?.squeeze(1)?)?;
    let energy = &latent.energy(&observed, &y)?;
    let inferred = latent.infer(energy, 1.0, rng)?;
    let mut further = inferred.clone();
    for _ in 0..FURTHER {
        let starts: Vec<_> = further.best.into_iter().map(Some).collect();
        let next = latent.infer_from(energy, &starts, 1.0, rng)?;
        let done = next.energy == further.energy;
        further = next;
        if done {
            break;
        }
    }
    let pairs = inferred.energy.iter().zip(&further.energy);
    let shares = pairs.map(|(found, least)| (found - least) / least.abs().max(1e-12));
    Ok(shares.sum::<f64>() / further.energy.len().max(1) as f64)
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
        health.wrong_above_right < 0.95,
        format!(
            "the energy is flat: F of a wrong y is higher in only {:.0}% of pairs",
            100.0 * health.wrong_above_right
        ),
    );
    warn(
        error.best_of_10 > error.no_z.max(error.copy),
        "the prior has a gap: the best of 10 drawn futures is worse than none".to_owned(),
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

fn mean(values: &[Option<f64>]) -> f64 {
    let known: Vec<f64> = values.iter().copied().flatten().collect();
    known.iter().sum::<f64>() / known.len().max(1) as f64
}

/// True frames and where they move.
struct Score {
    shape: [usize; 3],
    truth: Vec<Vec<f32>>,
    masks: Vec<Vec<bool>>,
}

impl Score {
    fn new(last: &Tensor, y: &Tensor) -> Result<Self> {
        let (_, channels, height, width) = y.dims4()?;
        let shape = [channels, height, width];
        let (last, truth) = (rows(last)?, rows(y)?);
        let masks = last
            .iter()
            .zip(&truth)
            .map(|(last, truth)| moving(last, truth, shape))
            .collect();
        Ok(Self {
            shape,
            truth,
            masks,
        })
    }

    /// Mean squared errors of (B, C, H, W): where it moves, and whole.
    fn errors(&self, frames: &Tensor) -> Result<[Vec<Option<f64>>; 2]> {
        debug_assert_eq!(frames.dims()[1..], self.shape);
        let frames = rows(frames)?;
        let errors = |masked: bool| {
            frames
                .iter()
                .zip(&self.truth)
                .zip(&self.masks)
                .map(|((frame, truth), mask)| {
                    squared_error(frame, truth, masked.then_some(mask.as_slice()))
                })
                .collect()
        };
        Ok([errors(true), errors(false)])
    }
}

fn rows(t: &Tensor) -> Result<Vec<Vec<f32>>> {
    Ok(t.flatten_from(1)?.to_vec2::<f32>()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::{Family, LatentConfig};
    use crate::models::{BackboneConfig, Decoder, FrameShape, NextFrameConfig, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn the_gap_is_what_inference_leaves() {
        let shape = FrameShape {
            channels: 1,
            height: 8,
            width: 16,
            change: 0.2,
        };
        let model = NextFrameConfig {
            decoder: Decoder::Paint,
            context: 2,
            hidden: 8,
            latent_start: 1.0,
            backbone: BackboneConfig {
                width: 8,
                ..BackboneConfig::default()
            },
            ..NextFrameConfig::default()
        };
        let mut rng = Seed(1).stream("test", 0);
        let windows = (rng.uniform_tensor(0.0, 1.0, (6, 3, 1, 8, 16), &Device::Cpu)).unwrap();
        let mut of = |family, refinement| {
            let latent = LatentConfig {
                family,
                refinement,
                dimension: 12,
                ..LatentConfig::default()
            };
            let mut weights = Weights::new(Seed(2), &Device::Cpu);
            let made = Forecaster::new(&model, &latent, shape, "latent", &mut weights);
            gap(&made.unwrap(), &windows, &mut rng).unwrap()
        };
        assert_eq!(of(Family::Gaussian, 0), 0.0);
        let (none, few, many) = (
            of(Family::Refined, 1),
            of(Family::Refined, 3),
            of(Family::Refined, 100),
        );
        assert!(none > few && few > many, "{none} {few} {many}");
        assert!(none > 1e-3 && many < 1e-9, "{none} {many}");
        let table = of(Family::Table, 0);
        assert!((0.0..0.5).contains(&table), "{table}");
    }
}
