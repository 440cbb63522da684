//! What training shows of itself: health checks and a picture.

use super::checks::Checks;
use crate::data::{self, Footage, Split, Window};
use crate::error::{Error, Result};
use crate::evaluation::energy_score::energy_score;
use crate::evaluation::psnr::squared_error;
use crate::evaluation::rollout::rollout;
use crate::inference::{Forecaster, Noise};
use crate::outputs::picture::{Cell, Picture, Row};
use crate::rng::{Rng, Seed};
use crate::training::Settings;
use candle_core::{Device, Tensor};
use serde_json::{Value, json};
use std::slice::from_ref;

/// Windows that are checked.
const WINDOWS: usize = 32;
/// Next frames drawn for the energy score.
const DRAWS: usize = 8;
/// Frames shown of each future.
const SHOWN: usize = 8;

/// A look at the models on the validation part.
pub struct Validation<'a> {
    pub footage: &'a [Footage],
    pub split: &'a Split,
    pub settings: &'a Settings,
    pub device: &'a Device,
    pub seed: Seed,
    pub step: u64,
    pub mse: Option<&'a Forecaster>,
    /// The members of the model whose futures differ.
    pub latent: &'a [&'a Forecaster],
}

/// What it found.
pub struct Findings {
    /// Mean squared errors over whole frames: copying, least squares.
    pub copy: f64,
    pub mse: Option<f64>,
    /// Energy scores one frame ahead over whole frames: least squares, each member.
    pub scores: Vec<Option<f64>>,
    /// Of the members.
    pub checks: Checks,
    pub picture: Picture,
}

/// Those of the validation part that are checked, (B, `context` + 1, C, H, W).
pub fn windows(
    footage: &[Footage],
    split: &Split,
    context: usize,
    device: &Device,
) -> Result<Tensor> {
    let windows = split.validation.spread(context + 1, WINDOWS);
    data::batch(footage, &windows, context + 1, device)
}

impl Validation<'_> {
    pub fn run(&self) -> Result<Findings> {
        let context = self.settings.model.context;
        let windows = windows(self.footage, self.split, context, self.device)?;
        let y = windows.narrow(1, context, 1)?.squeeze(1)?;
        let last = windows.narrow(1, context - 1, 1)?.squeeze(1)?;
        let mse = match self.mse {
            Some(mse) => {
                let observed = mse.network().observe(&windows.narrow(1, 0, context)?)?;
                Some(whole_error(&mse.frames(&observed, None)?, &y)?)
            }
            None => None,
        };
        let x = windows.narrow(1, 0, context)?;
        // The same draws each time: which weights are best is not to hang on luck. For each
        // member its own: nor on how many there are.
        let stream = |member: usize| self.seed.stream("validation", member as u64);
        let score = |model, rng: &mut Rng| next_frame_score(model, &x, &y, rng);
        let score_of_mse = self.mse.map(|mse| score(mse, &mut stream(0)));
        let mut scores = vec![score_of_mse.transpose()?];
        let mut checks = Checks::default();
        for (member, latent) in self.latent.iter().enumerate() {
            let mut rng = stream(member);
            checks.add(latent, self.mse, &windows, &mut rng)?;
            scores.push(Some(score(latent, &mut rng)?));
        }
        Ok(Findings {
            copy: whole_error(&last, &y)?,
            mse,
            scores,
            checks,
            picture: self.picture()?,
        })
    }

    /// Context, real future, least squares, some futures of z by the first member.
    fn picture(&self) -> Result<Picture> {
        let context = self.settings.model.context;
        let part = &self.split.validation;
        let shown = (1..=SHOWN)
            .rev()
            .find(|shown| part.count(context + shown) > 0)
            .unwrap_or(1);
        let length = context + shown;
        let film = self.liveliest(&part.spread(length, 64), length)?;
        let x = film.narrow(1, 0, context)?;
        let mut rng = self.seed.stream("picture", self.step);
        let cells = |frames: &Tensor| -> Result<Vec<Cell>> {
            (0..frames.dim(0)?)
                .map(|t| Cell::tensor(&frames.get(t)?))
                .collect()
        };
        let mut rows = Vec::new();
        let film = film.squeeze(0)?;
        let seen = cells(&film.narrow(0, 0, context)?)?;
        let mut real = seen.clone();
        real.extend(cells(&film.narrow(0, context, shown)?)?);
        rows.push(Row::new("real", real));
        let blank = || vec![Cell::gap(); context];
        let mut add = |label: String, frames: &Tensor| -> Result<()> {
            let mut row = blank();
            row.extend(cells(frames)?);
            rows.push(Row::new(label, row));
            Ok(())
        };
        if let Some(mse) = self.mse {
            let future = rollout(from_ref(mse), &x, 1, shown, 1.0, &mut rng)?;
            add("mse".to_owned(), &future.get(0)?.get(0)?)?;
        }
        if let Some(latent) = self.latent.first() {
            let settings = &self.settings.evaluation;
            let (count, temperature) = (settings.futures, settings.temperature);
            let futures = rollout(from_ref(*latent), &x, count, shown, temperature, &mut rng)?;
            for index in 0..count {
                let label = match latent.has_latent() {
                    true => "z",
                    false => "F",
                };
                add(
                    format!("{label} {}", index + 1),
                    &futures.get(0)?.get(index)?,
                )?;
            }
        }
        Ok(Picture::rows(&rows, 2))
    }

    /// The window of `length` frames in which most happens after the context,
    /// (1, T, C, H, W).
    fn liveliest(&self, windows: &[Window], length: usize) -> Result<Tensor> {
        let context = self.settings.model.context;
        let mut best: Option<(Tensor, f32)> = None;
        for window in windows {
            let film = data::batch(self.footage, &[*window], length, self.device)?;
            let last = film.narrow(1, context - 1, 1)?;
            let after = film.narrow(1, context, length - context)?;
            let change = after.broadcast_sub(&last)?.sqr()?.mean_all()?;
            let change = change.to_scalar::<f32>()?;
            if best.as_ref().is_none_or(|(_, most)| change > *most) {
                best = Some((film, change));
            }
        }
        let (film, _) = best.ok_or_else(|| {
            Error::input(
                "the validation part",
                format!("no window of {length} frames"),
                "give a longer video",
            )
        })?;
        Ok(film)
    }
}

/// The mean energy score of next frames drawn from a model.
fn next_frame_score(model: &Forecaster, x: &Tensor, y: &Tensor, rng: &mut Rng) -> Result<f64> {
    let observed = model.network().observe(x)?;
    let draws = match (model.is_certain(), model.frame_energy()) {
        (true, _) => 1,
        // Each takes many steps.
        (false, Some(_)) => DRAWS / 2,
        (false, None) => DRAWS,
    };
    let rows = |t: &Tensor| t.flatten_from(1)?.to_vec2::<f32>();
    let frames: Vec<Vec<Vec<f32>>> = (0..draws)
        .map(|_| {
            Ok::<_, crate::Error>(rows(&model.sample(
                &observed,
                1.0,
                &mut Noise::fresh(rng),
            )?)?)
        })
        .collect::<Result<_>>()?;
    let truth = rows(y)?;
    let scores = truth.iter().enumerate().map(|(row, truth)| {
        let drawn: Vec<&[f32]> = frames.iter().map(|draw| draw[row].as_slice()).collect();
        energy_score(&drawn, truth, None).unwrap_or(f64::NAN)
    });
    Ok(scores.sum::<f64>() / truth.len() as f64)
}

fn whole_error(frames: &Tensor, truth: &Tensor) -> Result<f64> {
    let (frames, truth) = (
        frames.flatten_all()?.to_vec1::<f32>()?,
        truth.flatten_all()?.to_vec1::<f32>()?,
    );
    Ok(squared_error(&frames, &truth, None).unwrap_or(0.0))
}

impl Findings {
    /// For `metrics.jsonl`.
    pub fn errors(&self) -> Value {
        json!({ "copy": self.copy, "mse": self.mse, "energy_scores": self.scores })
    }

    /// For TensorBoard, of the first member.
    pub fn scalars(&self) -> Vec<(&'static str, f64)> {
        let mut scalars = vec![("error_copy", self.copy)];
        scalars.extend(self.mse.map(|error| ("error_mse", error)));
        if let Some(health) = self.checks.health.first() {
            scalars.extend([
                ("error_best_z", health.whole_frame.best_z),
                ("error_sampled_z", health.whole_frame.sampled_z),
                ("error_no_z", health.whole_frame.no_z),
                ("wrong_above_right", health.wrong_above_right),
            ]);
        }
        if let Some(energy) = self.checks.energy.first() {
            scalars.extend([
                ("energy_data", energy.data),
                ("energy_samples", energy.samples),
                ("error_drawn", energy.drawn),
                ("wrong_above_right", energy.wrong_above_right),
                ("saturated", energy.saturated),
            ]);
        }
        scalars
    }

    /// For people, of the first member.
    pub fn line(&self) -> String {
        let mut line = format!("validation error: copy {:.2e}", self.copy);
        if let Some(error) = self.mse {
            line += &format!(", mse {error:.2e}");
        }
        if let Some(health) = self.checks.health.first() {
            let error = &health.whole_frame;
            line += &format!(
                ", z* {:.2e}, drawn z {:.2e}, no z {:.2e}; wrong y above right in {:.0}%",
                error.best_z,
                error.sampled_z,
                error.no_z,
                100.0 * health.wrong_above_right
            );
        }
        if let Some(energy) = self.checks.energy.first() {
            line += &format!(
                ", expected {:.2e}, drawn {:.2e}; F of data {:.3}, of samples {:.3}; wrong y above \
                 right in {:.0}%",
                energy.expected,
                energy.drawn,
                energy.data,
                energy.samples,
                100.0 * energy.wrong_above_right
            );
        }
        line
    }
}
