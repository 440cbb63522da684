//! The model: how it sees a past, infers z and draws frames.

use super::background::Background;
use super::config::HorizonConfig;
use super::entering::{Entering, EnteringBank};
use super::grain::Grain;
use super::motion_energy::MotionEnergy;
use super::motion_prior::MotionPrior;
use super::motion_scene::{Motion, MotionScene};
use super::motion_search::{FoundMotion, MotionSearch};
use super::pose::{Body, Pose};
use super::texels::Texels;
use super::time_basis::TimeBasis;
use crate::error::Result;
use crate::rng::Rng;

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
    /// What enters.
    pub entering: EnteringBank,
    /// What still pixels do.
    pub grain: Grain,
    pub(super) ahead: TimeBasis,
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

/// The standard deviation of z in R(z), per function of time: of steps, growth, turns, shear and bends.
fn spread(ways: usize, functions: usize, slower: f64) -> Vec<f64> {
    const WAY: [f64; 12] = [
        1.5, 1.5, 0.06, 0.8, 0.1, 0.1, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15,
    ];
    let each = WAY.into_iter().take(ways);
    each.flat_map(|way| (0..functions).map(move |k| way / (1.0 + slower * (k * k) as f64)))
        .collect()
}

/// s: what motion leaves unexplained.
const UNEXPLAINED: f64 = 0.1;

impl WholeHorizon {
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
            entering: EnteringBank::default(),
            grain: Grain::default(),
        }
    }

    /// Reads a past of frames (C, H, W) in [0, 1], the last one the last seen.
    ///
    /// # Errors
    /// An energy that is not finite.
    pub fn see(&self, past: &[Vec<f32>]) -> Result<SeenPast> {
        let (last, before) = past.split_last().expect("a past has a frame");
        let scene = MotionScene::new(last, &self.background, self.config.parts, self.reach);
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

    /// Pixels of a step of 1.
    pub(super) fn reach(&self) -> f64 {
        self.reach
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
            // What grew stops growing, for all that is known.
            for way in [0, 1, 3] {
                if let (Some(on), Some(speed)) =
                    (on.get_mut(way * functions), motion.get(way * before))
                {
                    *on = *speed;
                }
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
        let energy = MotionEnergy::new(&seen.scene, &self.ahead, ahead);
        self.search().find(&energy, &self.going_on(seen))
    }

    pub(super) fn search(&self) -> MotionSearch {
        MotionSearch {
            ways: self.config.ways,
            spread: self.spread.clone(),
            unexplained: UNEXPLAINED,
        }
    }

    /// Draws what enters onto frame `t`, counted from 0, of any size.
    pub(super) fn enter(&self, entering: &[Entering], canvas: &mut Texels, t: usize) {
        for piece in entering {
            piece.draw(canvas, &self.ahead, t);
        }
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
