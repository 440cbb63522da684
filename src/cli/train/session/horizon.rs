//! The whole-horizon model of a run, which is learned before the networks are.

use super::Plan;
use super::first_picture::first_picture;
use crate::cli::train::Only;
use crate::error::{Error, Result};
use crate::evaluation::comparison::{self, Predictor};
use crate::horizon::{HorizonConfig, MovingParts, WAYS, WholeHorizon, modes_of, moving_share};
use crate::outputs::horizon::{load_horizon, save_horizon};
use crate::outputs::model::{Draws, Model};
use crate::outputs::run::Run;
use std::time::Instant;

/// Frames that are drawn at once, at most.
const LONGEST: usize = 16;
/// Windows and futures by which it is chosen who draws.
const WINDOWS: usize = 24;
const FUTURES: usize = 8;
/// Ways that are tried, of pieces and of the whole frame, on so many windows, and those taken where validation
/// cannot tell.
const PIECES: [usize; 4] = [2, 3, 4, 6];
const FRAME: [usize; 4] = [8, 2, 18, 32];
const TRIAL: usize = 60;
const USUAL: usize = 4;
/// The share of pixels off the background from which on the camera may be what moves.
const MUCH: f64 = 0.2;
/// How much wider futures are tried to be.
const WIDER: [f64; 5] = [0.7, 0.85, 1.0, 1.2, 1.45];
/// Pieces with a CRPS below this share of copying's are some.
const GOOD: f64 = 0.5;
/// What is tried later has to be so much better by one window, and by 1/√n of that by n: it mostly has more ways, and
/// cars that turn for no reason are seen, though hardly in the CRPS.
const GAIN: f64 = 0.1;
/// A whole frame that is so much worse than pieces at first does not become better in other ways.
const FAR: f64 = 1.15;

/// Learns the model and writes it, where the recipe asks for one and the run has none of as many windows: first in a
/// few seconds, then better. After an interrupt the first one is kept.
///
/// # Errors
/// Footage that cannot be read, an interrupt before there is a model, what the system refuses.
pub(super) fn learn(plan: &Plan, run: &Run) -> Result<()> {
    let config = &plan.settings.horizon;
    if config.windows == 0 || matches!(plan.only, Some(Only::Mse)) {
        return Ok(());
    }
    let context = plan.settings.model.context;
    let (channels, height, width) = plan.settings.data.shape();
    let about = ([channels, height, width], context);
    let kept = load_horizon(&run.horizon(), about)?.map_or(0, |kept| kept.config.windows);
    if kept >= config.windows {
        return Ok(());
    }
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
    let about = (context, frames);
    let quick = kept < TRIAL && TRIAL < config.windows;
    if quick {
        let model = first(plan, about)?;
        save(plan, run, &model)?;
        tracing::info!(
            "horizon: first futures after {:.0} s, in {}",
            start.elapsed().as_secs_f64(),
            run.pictures().display()
        );
    }
    let model = match best(plan, about) {
        Err(Error::Interrupted) if quick || kept > 0 => return Ok(()),
        model => model?,
    };
    save(plan, run, &model)?;
    match model.prior.as_ref().map(|prior| prior.count()) {
        Some(pieces) => tracing::info!(
            "horizon: learned from {pieces} {} that move in {} ways, {frames} frames at once, in {:.0} s",
            match model.config.parts {
                MovingParts::Frame => "whole frames",
                MovingParts::Pieces | MovingParts::Chosen => "pieces",
            },
            model.config.ways,
            start.elapsed().as_secs_f64()
        ),
        None => tracing::warn!(
            "horizon: nothing stands out from the background, so its futures are still"
        ),
    }
    Ok(())
}

/// Writes a model, and a picture of its futures.
fn save(plan: &Plan, run: &Run, model: &WholeHorizon) -> Result<()> {
    save_horizon(&run.horizon(), model)?;
    if let Some(picture) = first_picture(plan, model)? {
        picture.save(&run.pictures().join("00000000.png"))?;
    }
    Ok(())
}

/// A model of few windows, for which nothing is tried.
fn first(plan: &Plan, about: (usize, usize)) -> Result<WholeHorizon> {
    let part = (&plan.footage[..], &plan.split.train);
    let said = &plan.settings.horizon;
    let much = said.parts == MovingParts::Chosen && moving_share(part)? >= MUCH;
    let config = HorizonConfig {
        windows: TRIAL,
        ..usual(said, much)
    };
    WholeHorizon::learn(part, about, &config)
}

/// What is taken where nothing is tried: a sheet where `much` of a frame moves, or where pieces have not so many ways.
fn usual(said: &HorizonConfig, much: bool) -> HorizonConfig {
    let is_sheet = said.ways == 0 || modes_of(said.ways).is_some();
    let parts = match said.parts {
        MovingParts::Chosen if is_sheet && (much || said.ways > WAYS) => MovingParts::Frame,
        MovingParts::Chosen => MovingParts::Pieces,
        parts => parts,
    };
    HorizonConfig {
        parts,
        ways: match (said.ways, parts) {
            (0, MovingParts::Frame) => FRAME[0],
            (0, _) => USUAL,
            (ways, _) => ways,
        },
        ..said.clone()
    }
}

/// The model that does best on the validation part.
fn best(plan: &Plan, about: (usize, usize)) -> Result<WholeHorizon> {
    let part = (&plan.footage[..], &plan.split.train);
    let config = chosen(plan, about)?;
    let mut model = WholeHorizon::learn(part, about, &config)?;
    calibrate(plan, &mut model)?;
    Ok(model)
}

/// What moves, and in which ways: as the recipe says, or what has the lowest CRPS on the validation
/// part.
fn chosen(plan: &Plan, about: (usize, usize)) -> Result<HorizonConfig> {
    let said = &plan.settings.horizon;
    let part = (&plan.footage[..], &plan.split.train);
    let mut best = (f64::INFINITY, usual(said, false));
    let all = [(MovingParts::Pieces, PIECES), (MovingParts::Frame, FRAME)];
    let tried: Vec<HorizonConfig> = (all.into_iter())
        .flat_map(|(parts, ways)| ways.map(|ways| (parts, ways)))
        .filter(|(parts, _)| said.parts == MovingParts::Chosen || said.parts == *parts)
        .filter(|(_, ways)| said.ways == 0 || said.ways == *ways)
        .map(|(parts, ways)| HorizonConfig {
            parts,
            ways,
            ..said.clone()
        })
        .collect();
    if tried.len() < 2 {
        return Ok(tried.into_iter().next().unwrap_or(best.1));
    }
    let windows = plan.split.validation.frames() / (about.0 + about.1);
    let simpler = 1.0 - GAIN / (windows.max(1) as f64).sqrt();
    // Before a camera that stands still little of a frame differs from the background, and pieces do well.
    let mut hopeless = false;
    for config in tried {
        let frame = config.parts == MovingParts::Frame;
        if frame && said.parts == MovingParts::Chosen && config.ways == FRAME[0] {
            hopeless = best.0 < GOOD && moving_share(part)? < MUCH;
        }
        if frame && hopeless {
            continue;
        }
        let trial = HorizonConfig {
            windows: config.windows.min(TRIAL),
            ..config.clone()
        };
        let (model, _) = WholeHorizon::learn_motion(part, about, &trial)?;
        let predictors = [Predictor::Copy, Predictor::Horizon(&model)];
        if let Some(ratio) = crps(plan, &predictors)? {
            tracing::debug!(
                "horizon: {:?} in {} ways: CRPS {ratio:.3} of copying's",
                config.parts,
                config.ways
            );
            hopeless |= frame && best.1.parts == MovingParts::Pieces && ratio > FAR * best.0;
            if ratio < simpler * best.0 {
                best = (ratio, config);
            }
        }
    }
    Ok(best.1)
}

/// Makes futures differ as much as has the lowest CRPS on the validation part: remainders of training windows that overlap
/// say too little of how far off other windows are.
fn calibrate(plan: &Plan, model: &mut WholeHorizon) -> Result<()> {
    let mut best = (f64::INFINITY, 1.0);
    for factor in WIDER {
        let mut wider = model.clone();
        let Some(prior) = &mut wider.prior else {
            return Ok(());
        };
        prior.widen(factor);
        let Some(ratio) = crps(plan, &[Predictor::Copy, Predictor::Horizon(&wider)])? else {
            return Ok(());
        };
        tracing::debug!("horizon: {factor} times as wide: CRPS {ratio:.3} of copying's");
        if ratio < best.0 {
            best = (ratio, factor);
        }
    }
    if let Some(prior) = &mut model.prior {
        prior.widen(best.1);
    }
    Ok(())
}

/// The CRPS of the second of two ÷ the first's on the validation part: the mean of logarithms over horizons, where it
/// moves and of whole frames, since what is still must stay still. None where nothing can be compared.
fn crps(plan: &Plan, predictors: &[Predictor; 2]) -> Result<Option<f64>> {
    let context = plan.settings.model.context;
    let validation = &plan.split.validation;
    let reach = (1..=plan.settings.evaluation.horizon)
        .rev()
        .find(|reach| validation.count(context + reach) > 0);
    let Some(reach) = reach else {
        return Ok(None);
    };
    let how = comparison::Plan {
        context,
        horizons: comparison::Plan::horizons(reach)?,
        futures: FUTURES,
        temperature: plan.settings.evaluation.temperature,
        seed: plan.seed,
    };
    let windows = validation.spread(how.length(), WINDOWS);
    let (footage, device) = (&plan.footage, &plan.device);
    let found = comparison::compare(predictors, footage, &windows, &how, device, &mut |_| {})?;
    let ratios = how.horizons.iter().flat_map(|horizon| {
        let scores = |of: usize| &found.models[of][horizon];
        let ratio = |of: [Option<f64>; 2]| Some((of[1]? / of[0]?).ln());
        [
            ratio([0, 1].map(|of| scores(of).moving.crps.value)),
            ratio([0, 1].map(|of| scores(of).whole_frame.crps.value)),
        ]
    });
    let ratios = ratios.flatten();
    let ratios: Vec<f64> = ratios.filter(|ratio| ratio.is_finite()).collect();
    let mean = ratios.iter().sum::<f64>() / ratios.len().max(1) as f64;
    Ok((!ratios.is_empty()).then(|| mean.exp()))
}

/// Chooses on the validation part which model draws futures: the one with the lower CRPS.
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
    let predictors = [Predictor::Model(&model.latent), Predictor::Horizon(horizon)];
    let Some(ratio) = crps(plan, &predictors)? else {
        return Ok(());
    };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_untried_can_be() {
        for ways in [0, 2, 3, 8, 12, 18, 50] {
            let said = HorizonConfig {
                ways,
                ..HorizonConfig::default()
            };
            said.check().unwrap();
            for much in [false, true] {
                let taken = usual(&said, much);
                taken.check().unwrap();
                assert!(taken.parts != MovingParts::Chosen && taken.ways >= 2);
                assert!(ways == 0 || taken.ways == ways);
            }
        }
        // Neither pieces nor a sheet have so many.
        let said = HorizonConfig {
            ways: 13,
            ..HorizonConfig::default()
        };
        assert!(said.check().is_err());
    }
}
