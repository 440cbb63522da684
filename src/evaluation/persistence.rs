//! How much the frames of one future should have in common: chosen by what it does
//! for futures of several frames.
//!
//! p(z | x) is trained one frame ahead, on true frames. Drawn anew for each frame,
//! what makes a future fast or slow averages out, and futures of many frames are too
//! alike. [`crate::inference::Noise`] that persists leaves each frame's distribution
//! as it is and drives futures apart; how much is right, footage says.

use super::comparison::{Plan, Predictor, Remainders, samples};
use super::energy_score::energy_score;
use super::spread_skill::SpreadSkill;
use crate::data::{Footage, Part, Window, batch};
use crate::error::Result;
use crate::inference::Forecaster;
use crate::interrupt;
use crate::rng::Seed;
use candle_core::Device;

/// Those that are tried.
pub const CANDIDATES: [f64; 4] = [0.0, 0.5, 0.8, 0.95];
/// Windows and futures of each.
const WINDOWS: usize = 16;
const FUTURES: usize = 16;
/// Scores nearer to the best one than this are as good: it is the noise of few windows.
const ALIKE: f64 = 0.01;

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Chosen {
    /// One of [`CANDIDATES`].
    pub persistence: f64,
    /// Each candidate's.
    pub tried: Vec<Tried>,
}

/// How a candidate did over whole frames, beyond the first one. (Where the scene moves
/// is known only when the truth is: a choice by what happens there would favour
/// futures that differ too much; Lerch et al. 2017, "Forecaster's dilemma".)
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tried {
    /// One of [`CANDIDATES`].
    pub persistence: f64,
    /// The mean over horizons of its energy score ÷ that without persistence.
    pub score: f64,
    /// The geometric mean over horizons of spread ÷ skill, what futures leave unexplained counted as
    /// spread where it is learned.
    pub spread_skill: f64,
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let each = self.tried.iter().map(|tried| {
            format!(
                "{}: {:.3}, {:.2}",
                tried.persistence, tried.score, tried.spread_skill
            )
        });
        write!(
            f,
            "persistence {} of the noise in futures (energy score, spread/skill: {})",
            self.persistence,
            each.collect::<Vec<_>>().join("; ")
        )
    }
}

/// Tries the candidates on windows of a part of footage, and of those with the best
/// energy scores takes the one whose spread is most like its skill, up to `horizon` frames ahead
/// or as far as the part's windows reach; leaves all `members` of a model with the chosen one.
/// `None`, and nothing changed, where there is no z or no window of two frames ahead.
///
/// # Errors
/// A tensor operation that fails, an interrupt.
pub fn choose(
    members: &mut [Forecaster],
    (footage, part): (&[Footage], &Part),
    horizon: usize,
    seed: Seed,
    device: &Device,
) -> Result<Option<Chosen>> {
    let Some(first) = members.first().filter(|first| first.has_latent()) else {
        return Ok(None);
    };
    let (context, before) = (first.network().config().context, first.persistence());
    let reach = (2..=horizon)
        .rev()
        .find(|reach| part.count(context + reach) > 0);
    let Some(reach) = reach else {
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
    let mut found: Vec<(Vec<f64>, f64)> = Vec::new();
    for candidate in CANDIDATES {
        persist(members, candidate)?;
        found.push(judge(members, (footage, &windows), &plan, device)?);
    }
    let tried: Vec<Tried> = (CANDIDATES.into_iter().zip(&found))
        .map(|(persistence, (scores, spread_skill))| {
            let ratios = scores
                .iter()
                .zip(&found[0].0)
                .map(|(score, none)| score / none);
            Tried {
                persistence,
                score: mean(ratios.filter(|ratio| ratio.is_finite())),
                spread_skill: *spread_skill,
            }
        })
        .collect();
    let best = tried
        .iter()
        .map(|tried| tried.score)
        .fold(f64::INFINITY, f64::min);
    let off = |tried: &Tried| tried.spread_skill.ln().abs();
    let chosen = (tried.iter())
        .filter(|tried| tried.score <= best + ALIKE && off(tried).is_finite())
        .min_by(|a, b| off(a).total_cmp(&off(b)));
    let persistence = chosen.map_or(before, |chosen| chosen.persistence);
    persist(members, persistence)?;
    Ok(Some(Chosen { persistence, tried }))
}

fn persist(members: &mut [Forecaster], persistence: f64) -> Result<()> {
    let mut each = members.iter_mut();
    each.try_for_each(|member| member.set_persistence(persistence))
}

/// At each horizon the mean energy score over windows, and the geometric mean over
/// horizons of spread ÷ skill; over whole frames.
fn judge(
    members: &[Forecaster],
    (footage, windows): (&[Footage], &[Window]),
    plan: &Plan,
    device: &Device,
) -> Result<(Vec<f64>, f64)> {
    let mut scores = vec![Vec::new(); plan.horizons.len()];
    let mut spreads = vec![SpreadSkill::default(); plan.horizons.len()];
    for (index, window) in windows.iter().enumerate() {
        interrupt::check()?;
        let frames = batch(footage, std::slice::from_ref(window), plan.length(), device)?;
        let x = frames.narrow(1, 0, plan.context)?;
        let remainders = Remainders::new([]);
        let left = |future: usize, time: usize, variance: &[f32]| {
            remainders.add(future, time, variance);
        };
        let futures = Predictor::Model(members).made(&x, plan, index, (None, Some(&left)))?;
        for (at, horizon) in plan.horizons.iter().enumerate() {
            let truth = frames.narrow(1, plan.context - 1 + horizon, 1)?;
            let truth = truth.flatten_all()?.to_vec1::<f32>()?;
            let samples = samples(&futures, at)?;
            let samples: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
            scores[at].extend(energy_score(&samples, &truth, None));
            let one = SpreadSkill::of(&samples, &truth, None);
            let [_, remainder] = remainders.at(*horizon);
            let one = one.map(|one| one.beside(remainder.unwrap_or(0.0)));
            spreads[at] = [spreads[at]].into_iter().chain(one).sum();
        }
    }
    let scores = scores.into_iter().map(|each| mean(each.into_iter()));
    let logs = spreads.iter().filter_map(|sum| Some(sum.ratio()?.ln()));
    Ok((scores.collect(), mean(logs).exp()))
}

/// Not a number where there is none.
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
    sum / f64::from(count)
}
