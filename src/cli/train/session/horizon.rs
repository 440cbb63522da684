//! The whole-horizon model of a run, which is learned before the networks are.

use super::Plan;
use crate::cli::train::Only;
use crate::error::Result;
use crate::evaluation::comparison::{self, Predictor};
use crate::horizon::WholeHorizon;
use crate::outputs::horizon::save_horizon;
use crate::outputs::model::{Draws, Model};
use crate::outputs::run::Run;
use std::time::Instant;

/// Frames that are drawn at once, at most.
const LONGEST: usize = 16;
/// Windows and futures by which it is chosen who draws.
const WINDOWS: usize = 24;
const FUTURES: usize = 8;

/// Learns the model and writes it, where the recipe asks for one and the run has none yet.
///
/// # Errors
/// Footage that cannot be read, an interrupt, what the system refuses.
pub(super) fn learn(plan: &Plan, run: &Run) -> Result<()> {
    let config = &plan.settings.horizon;
    let path = run.horizon();
    if config.windows == 0 || matches!(plan.only, Some(Only::Mse)) || path.exists() {
        return Ok(());
    }
    let context = plan.settings.model.context;
    let train = &plan.split.train;
    let longest = LONGEST.min(plan.settings.evaluation.horizon);
    let frames = (1..=longest)
        .rev()
        .find(|frames| train.count(context + frames) > 0);
    let Some(frames) = frames.filter(|_| context >= 2) else {
        tracing::warn!(
            "no whole-horizon model: it takes model.context of 2 or more, here {context}, and \
             windows of one frame more"
        );
        return Ok(());
    };
    let start = Instant::now();
    let about = (&plan.footage[..], train);
    let model = WholeHorizon::learn(about, (context, frames), config)?;
    save_horizon(&path, &model)?;
    match model.prior.as_ref().map(|prior| prior.count()) {
        Some(pieces) => tracing::info!(
            "horizon: learned from {pieces} moving pieces, {frames} frames at once, in {:.0} s",
            start.elapsed().as_secs_f64()
        ),
        None => tracing::warn!(
            "horizon: nothing stands out from the background, so its futures are still"
        ),
    }
    Ok(())
}

/// Chooses on the validation part which model draws futures: the one with the lower CRPS where
/// it moves, the mean of logarithms over the horizons.
///
/// # Errors
/// Footage that cannot be read, an interrupt.
pub(super) fn choose(plan: &Plan, model: &mut Model) -> Result<()> {
    let Some(horizon) = &model.horizon else {
        return Ok(());
    };
    model.config.draws = Draws::Horizon;
    if model.latent.is_empty() {
        return Ok(());
    }
    let context = plan.settings.model.context;
    let validation = &plan.split.validation;
    let reach = (1..=plan.settings.evaluation.horizon)
        .rev()
        .find(|reach| validation.count(context + reach) > 0);
    let Some(reach) = reach else {
        return Ok(());
    };
    let how = comparison::Plan {
        context,
        horizons: comparison::Plan::horizons(reach)?,
        futures: FUTURES,
        temperature: plan.settings.evaluation.temperature,
        seed: plan.seed,
    };
    let predictors = [Predictor::Model(&model.latent), Predictor::Horizon(horizon)];
    let windows = validation.spread(how.length(), WINDOWS);
    let found = comparison::compare(
        &predictors,
        &plan.footage,
        &windows,
        &how,
        &plan.device,
        &mut |_| {},
    )?;
    let ratios = how.horizons.iter().filter_map(|horizon| {
        let crps = |of: usize| found.models[of][horizon].moving.crps.value;
        Some((crps(1)? / crps(0)?).ln())
    });
    let ratios: Vec<f64> = ratios.filter(|ratio| ratio.is_finite()).collect();
    let ratio = (ratios.iter().sum::<f64>() / ratios.len().max(1) as f64).exp();
    if ratio > 1.0 {
        model.config.draws = Draws::Frames;
    }
    tracing::info!(
        "on the validation part the whole-horizon model's CRPS is {ratio:.2} of the frame-by-frame \
         model's: {} draws",
        match model.config.draws {
            Draws::Horizon => "the first",
            Draws::Frames => "the second",
        }
    );
    Ok(())
}
