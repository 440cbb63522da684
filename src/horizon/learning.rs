//! What the model takes from a film.

use super::appearance::some_of;
use super::background::Background;
use super::config::{HorizonConfig, MovingParts};
use super::entering::{Entered, Entering, EnteringBank};
use super::grain::Grain;
use super::kept_background::LATELY;
use super::motion_energy::MotionEnergy;
use super::motion_prior::{MotionExample, MotionPrior};
use super::motion_scene::Motion;
use super::piece::threshold;
use super::pose::Body;
use super::whole_horizon::{SeenPast, WholeHorizon};
use crate::data::{Footage, Part, Window};
use crate::error::Result;
use crate::interrupt;
use rayon::prelude::*;

/// Windows in which it is seen how widely z spreads, and how often.
const LOOKED_AT: usize = 80;
const ROUNDS: usize = 2;
/// R(z) is so much wider than what was seen.
const SLACK: f64 = 1.5;
/// Windows in which it is seen what enters.
const BANK: usize = 150;

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

impl WholeHorizon {
    /// Takes the background and p(z | x) from `part`: `context` frames of the past, at least 2, and
    /// `frames` that are drawn at once, moved in the ways of `config`, at least 2.
    ///
    /// # Errors
    /// Footage that cannot be read, and an interrupt.
    pub fn learn(
        (footage, part): (&[Footage], &Part),
        about: (usize, usize),
        config: &HorizonConfig,
    ) -> Result<Self> {
        let (mut model, windows) = Self::learn_motion((footage, part), about, config)?;
        if config.parts != MovingParts::Frame {
            let entered = model.entered(footage, &windows)?;
            let sprites = entered.iter().flat_map(|one| &one.whole);
            let whole = some_of(sprites.map(|(_, sprite)| sprite.clone()).collect());
            let background = &model.appearance.background;
            let size = (background.shape[1], background.shape[2]);
            let of = |one: Entered| -> Vec<Entering> {
                let each = one.pieces.into_iter();
                each.map(|(piece, entering)| entering.completed(&piece, size, &whole))
                    .collect()
            };
            let entering = EnteringBank::thinned(entered.into_iter().map(of).collect());
            let (context, frames) = about;
            let noisy = Grain::of_which(&windows, background.pixels.len(), frames);
            let noise = |window: &Window| {
                let mut all = self::frames(footage, window, context + frames)?;
                Ok(all.split_off(context - 1))
            };
            model.appearance.grain = Grain::of(&noisy, background, frames, &noise)?;
            (model.appearance.entering, model.appearance.whole) = (entering, whole);
        }
        Ok(model)
    }

    /// [`Self::learn`] without what enters and without grain, which takes half of the time; and the windows it
    /// learned from.
    ///
    /// # Errors
    /// As [`Self::learn`].
    pub fn learn_motion(
        (footage, part): (&[Footage], &Part),
        (context, frames): (usize, usize),
        config: &HorizonConfig,
    ) -> Result<(Self, Vec<Window>)> {
        let background = Background::of(footage, part)?;
        let mut model = Self::untrained(config, (context, frames), background);
        let windows = part.spread(context + frames, config.windows);
        // How widely z spreads is seen in some windows, and narrows R(z) for all.
        let count = LOOKED_AT.min(windows.len().div_ceil(3)).max(1);
        let some = windows.iter().step_by(windows.len().div_ceil(count).max(1));
        let some: Vec<Window> = some.copied().collect();
        for _ in 0..ROUNDS {
            let offs = model.collect(footage, &some)?;
            model.spread = seen_spread(&offs, &model.spread);
        }
        let examples: Vec<MotionExample> = (model.collect(footage, &windows)?.into_iter())
            .map(|(example, _)| example)
            .collect();
        if !examples.is_empty() {
            model.prior = Some(MotionPrior::learn(&examples, model.layout())?);
        }
        Ok((model, windows))
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
            let (frames, before) = with_past(footage, window, length)?;
            let (past, ahead) = frames.split_at(before + self.context);
            let seen = self.see(past)?;
            let found = self.infer(&seen, ahead)?;
            let on = self.going_on(&seen);
            let whole = self.are_whole(&seen, &found.motion);
            let each = seen.features.into_iter().zip(found.motion).zip(on);
            let examples = each.zip(whole).map(|(((features, motion), on), whole)| {
                let off = motion.iter().zip(on).map(|(z, on)| z - on).collect();
                let example = MotionExample {
                    features,
                    motion,
                    whole,
                };
                (example, off)
            });
            Ok(examples.collect())
        };
        let examples: Vec<Vec<_>> = windows.par_iter().map(of_window).collect::<Result<_>>()?;
        Ok(examples.into_iter().flatten().collect())
    }

    /// Whether no side cuts off a piece at the beginning and the end of the horizon.
    fn are_whole(&self, seen: &SeenPast, motion: &Motion) -> Vec<bool> {
        let size = seen.scene.levels[0].rest.size;
        let ends = (seen.scene).poses(motion, self.ahead.at(self.frames - 1));
        let within =
            |at: f64, radius: f64, length: usize| (radius..=length as f64 - radius).contains(&at);
        let each = seen.scene.pieces.iter().zip(ends);
        each.map(|(piece, end)| {
            let Body { centre, radius, .. } = piece.body;
            let (y, x) = end.forward(centre);
            let stays = within(y, radius, size.0) && within(x, radius, size.1);
            stays && piece.cut_off(size) == [false; 4]
        })
        .collect()
    }

    /// What entered in at most 150 of the windows, each of context and horizon: while the horizon passed.
    ///
    /// # Errors
    /// Footage that cannot be read, and an interrupt.
    pub fn entered(&self, footage: &[Footage], windows: &[Window]) -> Result<Vec<Entered>> {
        let some = windows.iter().step_by(windows.len().div_ceil(BANK).max(1));
        let some: Vec<&Window> = some.collect();
        let of_window = |window: &&Window| {
            interrupt::check()?;
            let (frames, before) = with_past(footage, window, self.context + self.frames)?;
            self.entered_in(**window, (&frames, before))
        };
        some.par_iter().map(of_window).collect()
    }

    /// What enters between the context's end and the end of a window's frames, which follow on `earlier` others.
    fn entered_in(
        &self,
        window: Window,
        (frames, earlier): (&[Vec<f32>], usize),
    ) -> Result<Entered> {
        let seen = self.see(&frames[self.frames..])?;
        // With time reversed, so is speed.
        let mut back = self.going_on(&seen);
        back.iter_mut().flatten().for_each(|speed| *speed = -*speed);
        let mut before: Vec<Vec<f32>> = frames[earlier + self.context - 1..].to_vec();
        before.pop();
        before.reverse();
        let motion = self
            .search()
            .find(&MotionEnergy::new(&seen.scene, &self.ahead, &before), &back)?;
        let about = (&before[..], self.background(&seen));
        let pieces = Entering::of(&seen.scene, &motion.motion, &self.ahead, about);
        let scene = seen.scene;
        let size = scene.levels[0].rest.size;
        let each = scene.pieces.iter().zip(&scene.levels[0].sprites);
        let whole = each.filter(|(piece, _)| piece.cut_off(size) == [false; 4]);
        let whole = whole.map(|(piece, sprite)| (piece.clone(), sprite.clone()));
        Ok(Entered {
            window,
            pieces,
            whole: whole.collect(),
        })
    }
}

/// The median share of pixels that are off the background, over some frames of a part.
///
/// # Errors
/// Footage that cannot be read.
pub fn moving_share((footage, part): (&[Footage], &Part)) -> Result<f64> {
    let background = Background::of(footage, part)?;
    let least = threshold(&background);
    let mut shares = Vec::new();
    for window in part.spread(1, LOOKED_AT) {
        let frame = frames(footage, &window, 1)?.swap_remove(0);
        let distance = background.distance(&frame);
        let over = distance.iter().zip(&least).filter(|(d, least)| d > least);
        shares.push(over.count() as f64 / least.len() as f64);
    }
    shares.sort_unstable_by(f64::total_cmp);
    Ok(shares.get(shares.len() / 2).copied().unwrap_or(0.0))
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

/// The frames of a window, as [`frames`] gives them, after up to 63 that came before them, and how many those are.
///
/// # Errors
/// Footage that cannot be read.
pub fn with_past(
    footage: &[Footage],
    window: &Window,
    length: usize,
) -> Result<(Vec<Vec<f32>>, usize)> {
    let (begun, before) = window.earlier(LATELY - 1);
    Ok((frames(footage, &begun, before + length)?, before))
}
