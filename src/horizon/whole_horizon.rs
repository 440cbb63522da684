//! The model: how it sees a past, infers z and draws frames.

use super::appearance::Appearance;
use super::background::Background;
use super::config::HorizonConfig;
use super::config::MovingParts;
use super::entering::Entering;
use super::kept_background::KeptBackground;
use super::motion_energy::MotionEnergy;
use super::motion_layout::MotionLayout;
use super::motion_prior::MotionPrior;
use super::motion_scene::{Motion, MotionScene, Placement};
use super::motion_search::{FoundMotion, MotionSearch};
use super::partly_seen::PartlySeen;
use super::pose::Body;
use super::scene_prior::ScenePrior;
use super::sheet::{Sheet, modes_of};
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
    /// How the film looks at the model's size.
    pub appearance: Appearance,
    /// p(z | x) of each piece; none where nothing moves.
    pub prior: Option<MotionPrior>,
    /// The standard deviation of each number of a piece's z in R(z), about going on as before.
    pub spread: Vec<f64>,
    pub(super) ahead: TimeBasis,
    before: TimeBasis,
    reach: f64,
    /// Where the whole frame moves.
    sheet: Option<Sheet>,
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
    /// The background where it is not as it was.
    pub kept: Option<KeptBackground>,
}

/// The standard deviation of a step, in R(z).
const STEP: f64 = 1.5;

/// The standard deviation of a piece's z in R(z), way by way: of steps, growth, turns, shear and bends.
const WAY: [f64; 12] = [
    STEP, STEP, 0.06, 0.8, 0.1, 0.1, 0.15, 0.15, 0.15, 0.15, 0.15, 0.15,
];

/// The standard deviation of z in R(z): slow functions of time, and slow shapes of a sheet, may be larger.
fn spread(sheet: Option<&Sheet>, ways: usize, functions: usize) -> Vec<f64> {
    let each: Vec<f64> = match sheet {
        Some(sheet) => (sheet.waves())
            .flat_map(|waves| [STEP / (1.0 + waves); 2])
            .collect(),
        None => WAY.into_iter().take(ways).collect(),
    };
    let each = each.into_iter();
    each.flat_map(|way| (0..functions).map(move |k| way / (1.0 + (k * k) as f64)))
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
        let [_, height, width] = background.shape;
        let reach = width as f64 / 8.0;
        let modes = modes_of(config.ways).filter(|_| config.parts == MovingParts::Frame);
        let sheet = modes.map(|modes| Sheet::new((height, width), modes, reach));
        Self {
            ahead: TimeBasis::ahead(frames, config.functions),
            before: TimeBasis::before(context - 1, frames),
            reach,
            spread: spread(sheet.as_ref(), config.ways, config.functions),
            sheet,
            config: config.clone(),
            context,
            frames,
            appearance: Appearance::of_background(background),
            prior: None,
        }
    }

    /// Reads a past of frames (C, H, W) in [0, 1], the last one the last seen. Those of the context tell motion, and by the
    /// last 64 ([`super::LATELY`]), where there are so many, the background is kept up.
    ///
    /// # Errors
    /// An energy that is not finite.
    pub fn see(&self, past: &[Vec<f32>]) -> Result<SeenPast> {
        let usual = &self.appearance.background;
        let kept = match &self.sheet {
            Some(_) => None,
            None => KeptBackground::of(usual, past),
        };
        let context = past.len().min(self.context);
        let (last, before) =
            (past[past.len() - context..].split_last()).expect("a past has a frame");
        let behind = kept.as_ref().map_or(usual, |kept| &kept.background);
        let scene = match &self.sheet {
            Some(sheet) => MotionScene::of_sheet(last, sheet.clone()),
            None => MotionScene::new(last, behind, self.reach),
        };
        let before: Vec<Vec<f32>> = before.iter().rev().cloned().collect();
        let functions = self.before.functions();
        let ways = self.ways_before();
        let start = vec![vec![0.0; ways * functions]; scene.pieces.len()];
        let search = MotionSearch {
            ways,
            spread: spread(self.sheet.as_ref(), ways, functions),
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
            kept,
        })
    }

    /// What lies behind the pieces of a past.
    pub(super) fn background<'a>(&'a self, seen: &'a SeenPast) -> &'a Background {
        let usual = &self.appearance.background;
        seen.kept.as_ref().map_or(usual, |kept| &kept.background)
    }

    /// Ways in which the past is seen to move.
    pub(super) fn ways_before(&self) -> usize {
        match self.config.ways {
            ways if self.sheet.is_some() => ways,
            3.. => 4,
            _ => 2,
        }
    }

    /// Speed down and right, how it changes, then all else that is known of a piece.
    pub(super) fn features(&self, body: &Body, before: &[f64]) -> Vec<f64> {
        let [_, height, width] = self.appearance.background.shape;
        let functions = self.before.functions();
        let mut features = vec![before[0], before[functions]];
        features.extend([before[1], before[functions + 1]]);
        features.extend(before.iter().step_by(functions).skip(2));
        if self.sheet.is_some() {
            return features;
        }
        let within = |place: f64, length: usize| 2.0 * place / length as f64 - 1.0;
        features.push(within(body.centre.0, height));
        features.push(within(body.centre.1, width));
        features.push(body.radius.ln());
        features
    }

    /// The functions of time of the past.
    pub(super) fn before(&self) -> &TimeBasis {
        &self.before
    }

    /// Whether pieces move, and not the frame as a whole.
    pub fn moves_pieces(&self) -> bool {
        self.sheet.is_none()
    }

    /// Pixels of a step of 1.
    pub(super) fn reach(&self) -> f64 {
        self.reach
    }

    /// How many features a piece has.
    pub(super) fn feature_count(&self) -> usize {
        2 + self.ways_before() + self.marks()
    }

    /// How many of z's first numbers say where something goes: a piece's steps, and all of a sheet.
    pub(super) fn scaled(&self) -> usize {
        match self.sheet {
            Some(_) => self.spread.len(),
            None => 2 * self.config.functions,
        }
    }

    /// How many of the features, the last ones, say where a piece is and how large.
    pub(super) fn marks(&self) -> usize {
        if self.sheet.is_some() { 0 } else { 3 }
    }

    /// The constant speed at which the pieces came.
    pub fn going_on(&self, seen: &SeenPast) -> Motion {
        let (layout, size) = (self.layout(), self.spread.len());
        let each = seen.features.iter();
        each.map(|features| layout.going_on(features, size))
            .collect()
    }

    /// What the numbers of z and the features are.
    pub(super) fn layout(&self) -> MotionLayout {
        // A piece that grew stops growing, for all that is known.
        let grows = |way: &usize| self.sheet.is_none() && *way == 2;
        let ways = 0..self.ways_before().min(self.config.ways);
        // The first two ways have a feature for how they change, too.
        let feature = |way: usize| if way < 2 { way } else { way + 2 };
        MotionLayout {
            scaled: self.scaled(),
            marks: self.marks(),
            carried: ways
                .filter(|way| !grows(way))
                .map(|way| (way * self.config.functions, feature(way)))
                .collect(),
        }
    }

    /// z* for the frames that came, each (C, H, W) in [0, 1].
    ///
    /// # Errors
    /// An energy that is not finite.
    pub fn infer(&self, seen: &SeenPast, ahead: &[Vec<f32>]) -> Result<FoundMotion> {
        let energy = MotionEnergy::new(&seen.scene, &self.ahead, ahead);
        self.search().find(&energy, &self.going_on(seen))
    }

    /// One z for what is seen of the frames that came, at most T: of `tries` draws from p(z | x) the one that fits best, then
    /// the z of the lowest energy about it. Draws differ where nothing is seen
    /// (randomize-then-optimize: Bardsley et al. 2014).
    ///
    /// # Errors
    /// An energy that is not finite.
    pub fn agree(
        &self,
        (seen, came): (&SeenPast, &[PartlySeen]),
        (tries, temperature): (usize, f64),
        rng: &mut Rng,
    ) -> Result<Motion> {
        let prior = self.prior_given(seen);
        let energy = MotionEnergy::of_seen(&seen.scene, &self.ahead, came);
        let drawn = (0..tries.max(1)).map(|_| prior.sample(temperature, rng));
        let fits = drawn.map(|z| (energy.value(&z, seen.scene.finest, came.len()), z));
        let best = fits.min_by(|a, b| a.0.total_cmp(&b.0));
        let start = best.map(|(_, z)| z).unwrap_or_default();
        Ok(self.search().find(&energy, &start)?.motion)
    }

    /// F_β(x, y) of the frames that came, by Laplace's method at `found`, their z*.
    ///
    /// # Errors
    /// An energy that is not finite.
    pub fn free_energy(
        &self,
        (seen, ahead): (&SeenPast, &[Vec<f32>]),
        found: &FoundMotion,
        beta: f64,
    ) -> Result<f64> {
        let energy = MotionEnergy::new(&seen.scene, &self.ahead, ahead);
        self.search().free_energy(&energy, found, beta)
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

    /// p(z | x) of a window.
    pub fn prior_given(&self, seen: &SeenPast) -> ScenePrior<'_> {
        self.prior_of(seen.features.iter())
    }

    /// The same of pieces with these features.
    pub(super) fn prior_of<'a>(
        &self,
        features: impl Iterator<Item = &'a Vec<f64>>,
    ) -> ScenePrior<'_> {
        let features: Vec<&[f64]> = features.map(Vec::as_slice).collect();
        ScenePrior::new(self.prior.as_ref(), &features, self.spread.len())
    }

    /// How all lies at frame `t`, counted from 0.
    pub fn placed<'a>(&self, seen: &'a SeenPast, motion: &Motion, t: usize) -> Vec<Placement<'a>> {
        seen.scene.placed(motion, self.ahead.at(t))
    }

    /// ŷ(x, z), frame `t` counted from 0.
    pub fn draw(&self, seen: &SeenPast, motion: &Motion, t: usize) -> Texels {
        seen.scene.draw(motion, &self.ahead, t)
    }
}
