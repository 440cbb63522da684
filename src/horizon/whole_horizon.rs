//! The model: what it takes from a film, and how it draws futures.

use super::background::Background;
use super::motion_energy::MotionEnergy;
use super::motion_prior::{MotionExample, MotionPrior};
use super::motion_scene::{Motion, MotionScene};
use super::motion_search::{FoundMotion, MotionSearch};
use super::pose::{Body, Pose, WAYS};
use super::texels::Texels;
use super::time_basis::TimeBasis;
use crate::data::{Footage, Part, Window};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::rng::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// How a whole-horizon model is learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HorizonConfig {
    /// Windows of training whose z* is found; 0 for no such model.
    pub windows: usize,
    /// K, functions of time of each way in which a piece moves.
    pub functions: usize,
    /// Ways in which a piece moves: 2 to shift, 4 to turn and grow too, 6 to shear, 12 to bend.
    pub ways: usize,
    /// The penalty on the weights by which the past foretells z, in examples.
    pub ridge: f64,
}

impl Default for HorizonConfig {
    fn default() -> Self {
        Self {
            windows: 0,
            functions: 4,
            ways: 4,
            ridge: 10.0,
        }
    }
}

impl HorizonConfig {
    /// Refuses numbers that no model could have.
    ///
    /// # Errors
    /// Names the key, its value and its range.
    pub fn check(&self) -> Result<()> {
        let within = |key: &str, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Error::input(
                format!("horizon.{key}"),
                format!("is {value}, expected {low} to {high}"),
                "correct it in the recipe or with --set",
            ))
        };
        within("windows", self.windows, 0, 65_536)?;
        within("functions", self.functions, 1, 16)?;
        within("ways", self.ways, 2, WAYS)?;
        if !(self.ridge >= 0.0 && self.ridge.is_finite()) {
            return Err(Error::input(
                "horizon.ridge",
                format!("is {}, expected 0 or more", self.ridge),
                "correct it in the recipe or with --set",
            ));
        }
        Ok(())
    }
}

/// A whole-horizon model of one film.
#[derive(Debug, Clone, PartialEq)]
pub struct WholeHorizon {
    /// How it was learned.
    pub config: HorizonConfig,
    /// Frames of the past that are looked at, at least 2.
    pub context: usize,
    /// T, frames that are drawn at once.
    pub frames: usize,
    /// Behind what moves.
    pub background: Background,
    /// p(z | x) of each piece; none where nothing moves.
    pub prior: Option<MotionPrior>,
    /// The standard deviation of each number of a piece's z in R(z), about going on as before.
    pub spread: Vec<f64>,
    ahead: TimeBasis,
    before: TimeBasis,
    reach: f64,
}

/// The past of a window, read.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenPast {
    /// The last frame in pieces.
    pub scene: MotionScene,
    /// How the pieces came there.
    pub motion: Motion,
    /// What p(z | x) sees of each.
    pub features: Vec<Vec<f64>>,
}

/// The standard deviation of z in R(z), per function of time: of steps, turns, growth, shear and bends.
fn spread(ways: usize, functions: usize, slower: f64) -> Vec<f64> {
    const WAY: [f64; 12] = [
        1.5, 1.5, 0.8, 0.06, 0.1, 0.1, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15,
    ];
    let each = WAY.into_iter().take(ways);
    each.flat_map(|way| (0..functions).map(move |k| way / (1.0 + slower * (k * k) as f64)))
        .collect()
}

/// Windows in which it is seen how widely z spreads, and how often.
const LOOKED_AT: usize = 80;
const ROUNDS: usize = 2;

/// The spread of z about going on, by its quartiles: pieces that vanish, and whose z means nothing, do not count.
fn seen_spread(offs: &[(MotionExample, Vec<f64>)], broad: &[f64]) -> Vec<f64> {
    let quartile = |at: usize, share: f64| {
        let mut values: Vec<f64> = offs.iter().map(|(_, off)| off[at]).collect();
        values.sort_unstable_by(f64::total_cmp);
        let index = (values.len() as f64 - 1.0) * share;
        values
            .get(index.round().max(0.0) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    let spread = |(at, broad): (usize, &f64)| {
        // Of a normal distribution, by its interquartile range.
        let seen = (quartile(at, 0.75) - quartile(at, 0.25)) / 1.349;
        (SLACK * seen).clamp(0.02 * broad, *broad)
    };
    broad.iter().enumerate().map(spread).collect()
}

/// R(z) is so much wider than what was seen.
const SLACK: f64 = 1.5;

/// s: what motion leaves unexplained.
const UNEXPLAINED: f64 = 0.1;

impl WholeHorizon {
    /// Takes the background and p(z | x) from `part`, for `context` frames of the past, at least
    /// 2, and `frames` that are drawn at once.
    ///
    /// # Errors
    /// Footage that cannot be read, and an interrupt.
    pub fn learn(
        (footage, part): (&[Footage], &Part),
        (context, frames): (usize, usize),
        config: &HorizonConfig,
    ) -> Result<Self> {
        let background = Background::of(footage, part)?;
        let mut model = Self::untrained(config, (context, frames), background);
        let windows = part.spread(context + frames, config.windows);
        // How widely z spreads is seen in some windows, and narrows R(z) for all.
        let some = windows
            .iter()
            .step_by(windows.len().div_ceil(LOOKED_AT).max(1));
        let some: Vec<Window> = some.copied().collect();
        for _ in 0..ROUNDS {
            let offs = model.collect(footage, &some)?;
            model.spread = seen_spread(&offs, &model.spread);
        }
        let examples: Vec<MotionExample> = (model.collect(footage, &windows)?.into_iter())
            .map(|(example, _)| example)
            .collect();
        if !examples.is_empty() {
            model.prior = Some(MotionPrior::learn(
                &examples,
                model.config.functions,
                model.config.ridge,
            ));
        }
        Ok(model)
    }

    /// One that draws pieces at rest.
    pub(super) fn untrained(
        config: &HorizonConfig,
        (context, frames): (usize, usize),
        background: Background,
    ) -> Self {
        Self {
            ahead: TimeBasis::ahead(frames, config.functions),
            before: TimeBasis::before(context - 1, frames),
            reach: background.shape[2] as f64 / 8.0,
            spread: spread(config.ways, config.functions, 1.0),
            config: config.clone(),
            context,
            frames,
            background,
            prior: None,
        }
    }

    /// Of each piece of each window an example, and its z* less going on as before.
    fn collect(
        &self,
        footage: &[Footage],
        windows: &[Window],
    ) -> Result<Vec<(MotionExample, Vec<f64>)>> {
        let length = self.context + self.frames;
        let of_window = |window: &Window| -> Result<Vec<_>> {
            interrupt::check()?;
            let frames = frames(footage, window, length)?;
            let (past, ahead) = frames.split_at(self.context);
            let seen = self.see(past)?;
            let found = self.infer(&seen, ahead)?;
            let on = self.going_on(&seen);
            let each = seen.features.into_iter().zip(found.motion).zip(on);
            let examples = each.map(|((features, motion), on)| {
                let off = motion.iter().zip(on).map(|(z, on)| z - on).collect();
                (MotionExample { features, motion }, off)
            });
            Ok(examples.collect())
        };
        let examples: Vec<Vec<_>> = windows.par_iter().map(of_window).collect::<Result<_>>()?;
        Ok(examples.into_iter().flatten().collect())
    }

    /// Reads a past of frames (C, H, W) in [0, 1], the last one the last seen.
    ///
    /// # Errors
    /// An energy that is not finite.
    pub fn see(&self, past: &[Vec<f32>]) -> Result<SeenPast> {
        let (last, before) = past.split_last().expect("a past has a frame");
        let scene = MotionScene::new(last, &self.background, self.reach);
        let before: Vec<Vec<f32>> = before.iter().rev().cloned().collect();
        let functions = self.before.functions();
        let ways = if self.config.ways > 2 { 4 } else { 2 };
        let start = vec![vec![0.0; ways * functions]; scene.pieces.len()];
        let search = MotionSearch {
            ways,
            spread: spread(ways, functions, 1.0),
            unexplained: UNEXPLAINED,
        };
        let energy = MotionEnergy::new(&scene, &self.before, &before);
        let motion = search.find(&energy, &start)?.motion;
        let features = (scene.pieces.iter().zip(&motion))
            .map(|(piece, motion)| self.features(&piece.body, motion))
            .collect();
        Ok(SeenPast {
            scene,
            motion,
            features,
        })
    }

    /// Speed down and right, then all else that is known of a piece.
    fn features(&self, body: &Body, before: &[f64]) -> Vec<f64> {
        let [_, height, width] = self.background.shape;
        let functions = self.before.functions();
        let mut features = vec![before[0], before[functions]];
        features.extend([before[1], before[functions + 1]]);
        if before.len() > 2 * functions {
            features.extend([before[2 * functions], before[3 * functions]]);
        }
        let within = |place: f64, length: usize| 2.0 * place / length as f64 - 1.0;
        features.push(within(body.centre.0, height));
        features.push(within(body.centre.1, width));
        features.push(body.radius.ln());
        features
    }

    /// How many features a piece has.
    pub(super) fn feature_count(&self) -> usize {
        match self.config.ways > 2 {
            true => 9,
            false => 7,
        }
    }

    /// The constant speed at which the pieces came.
    pub fn going_on(&self, seen: &SeenPast) -> Motion {
        let (functions, before) = (self.config.functions, self.before.functions());
        let on = |motion: &Vec<f64>| {
            let mut on = vec![0.0; self.config.ways * functions];
            for way in 0..self.config.ways.min(3) {
                on[way * functions] = motion.get(way * before).copied().unwrap_or(0.0);
            }
            on
        };
        seen.motion.iter().map(on).collect()
    }

    /// z* for the frames that came, each (C, H, W) in [0, 1].
    ///
    /// # Errors
    /// An energy that is not finite.
    pub fn infer(&self, seen: &SeenPast, ahead: &[Vec<f32>]) -> Result<FoundMotion> {
        let search = MotionSearch {
            ways: self.config.ways,
            spread: self.spread.clone(),
            unexplained: UNEXPLAINED,
        };
        let energy = MotionEnergy::new(&seen.scene, &self.ahead, ahead);
        search.find(&energy, &self.going_on(seen))
    }

    /// z of one future, drawn from p(z | x).
    pub fn sample(&self, seen: &SeenPast, temperature: f64, rng: &mut Rng) -> Motion {
        let draw = |features: &Vec<f64>| match &self.prior {
            Some(prior) => prior.sample(features, temperature, rng),
            None => vec![0.0; self.config.ways * self.config.functions],
        };
        seen.features.iter().map(draw).collect()
    }

    /// How the pieces lie at frame `t`, counted from 0.
    pub fn poses(&self, seen: &SeenPast, motion: &Motion, t: usize) -> Vec<Pose> {
        seen.scene.poses(motion, self.ahead.at(t))
    }

    /// ŷ(x, z), frame `t` counted from 0.
    pub fn draw(&self, seen: &SeenPast, motion: &Motion, t: usize) -> Texels {
        seen.scene.draw(motion, &self.ahead, t)
    }
}

/// The frames of a window, each (C, H, W) in [0, 1].
///
/// # Errors
/// Footage that cannot be read.
pub fn frames(footage: &[Footage], window: &Window, length: usize) -> Result<Vec<Vec<f32>>> {
    let frame = |offset: usize| {
        let bytes = footage[window.file].frame(window.start + offset)?;
        Ok(bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect())
    };
    (0..length).map(frame).collect()
}
