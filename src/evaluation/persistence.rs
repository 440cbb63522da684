//! How much the frames of one future should have in common: chosen by what it does
//! for futures of several frames.
//!
//! p(z | x) is trained one frame ahead, on true frames. Drawn anew for each frame,
//! what makes a future fast or slow averages out, and futures of many frames are too
//! alike. [`crate::inference::Noise`] that persists leaves each frame's distribution
//! as it is and drives futures apart; how much is right, footage says.

use super::comparison::{Plan, Predictor, compare};
use crate::data::{Footage, Part};
use crate::error::Result;
use crate::inference::Forecaster;
use crate::rng::Seed;
use candle_core::Device;

/// Those that are tried.
pub const CANDIDATES: [f64; 4] = [0.0, 0.5, 0.8, 0.95];
/// Windows and futures of each.
const WINDOWS: usize = 16;
const FUTURES: usize = 16;
/// What a candidate must win over none to be taken: less is noise of few windows.
const WORTH: f64 = 0.01;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// One of [`CANDIDATES`].
    pub persistence: f64,
    /// Of each candidate, the mean over horizons beyond the first frame of its energy
    /// score over whole frames ÷ that without persistence; below 1 is better.
    pub scores: Vec<(f64, f64)>,
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scores = self.scores.iter();
        let scores: Vec<String> = scores
            .map(|(candidate, score)| format!("{candidate}: {score:.3}"))
            .collect();
        write!(
            f,
            "persistence {} of the noise in futures (energy score on the validation part: {})",
            self.persistence,
            scores.join(", ")
        )
    }
}

/// Tries the candidates on windows of a part of footage, up to `horizon` frames ahead
/// or as far as the part's windows reach; leaves `forecaster` with the chosen one. `None`,
/// and nothing changed, where there is no z or no window of two frames ahead.
///
/// # Errors
/// A tensor operation that fails, an interrupt.
pub fn choose(
    forecaster: &mut Forecaster,
    (footage, part): (&[Footage], &Part),
    horizon: usize,
    seed: Seed,
    device: &Device,
) -> Result<Option<Chosen>> {
    let context = forecaster.network().config().context;
    let reach = (2..=horizon)
        .rev()
        .find(|reach| part.count(context + reach) > 0);
    let (Some(reach), true) = (reach, forecaster.has_latent()) else {
        return Ok(None);
    };
    let horizons: Vec<usize> = [2, 4, 8, 16].into_iter().filter(|&h| h <= reach).collect();
    let plan = Plan {
        context,
        horizons,
        futures: FUTURES,
        temperature: 1.0,
        seed,
    };
    let windows = part.spread(plan.length(), WINDOWS);
    let before = forecaster.persistence();
    let mut found: Vec<Vec<f64>> = Vec::new();
    for candidate in CANDIDATES {
        forecaster.set_persistence(candidate)?;
        let predictors = [Predictor::Model(forecaster)];
        let compared = compare(&predictors, footage, &windows, &plan, device, &mut |_| {})?;
        let scores = compared.models[0].values();
        let scores = scores.map(|figures| figures.whole_frame.energy_score.value);
        found.push(scores.map(|score| score.unwrap_or(f64::NAN)).collect());
    }
    let scores: Vec<(f64, f64)> = (CANDIDATES.into_iter().zip(&found))
        .map(|(candidate, scores)| {
            let ratios = scores
                .iter()
                .zip(&found[0])
                .map(|(score, none)| score / none);
            let ratios: Vec<f64> = ratios.filter(|ratio| ratio.is_finite()).collect();
            (
                candidate,
                ratios.iter().sum::<f64>() / ratios.len().max(1) as f64,
            )
        })
        .collect();
    let best = (scores.iter().copied()).min_by(|a, b| a.1.total_cmp(&b.1));
    let persistence = match best {
        Some((candidate, score)) if score > 0.0 && score < 1.0 - WORTH => candidate,
        Some(_) => 0.0,
        None => before,
    };
    forecaster.set_persistence(persistence)?;
    Ok(Some(Chosen {
        persistence,
        scores,
    }))
}
