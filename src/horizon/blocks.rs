//! The frames of one future, block after block of the horizon.

use super::actor::{Actor, motion_before};
use super::drawing::{Drawing, DrawingParts, LargeFrame, Opening};
use super::entering::Entering;
use super::grain::GrainDraw;
use super::motion_scene::{Placement, paste_all, ways};
use super::texels::Texels;
use super::whole_horizon::WholeHorizon;
use crate::error::Result;
use crate::interrupt;
use crate::rng::Rng;

/// Is shown each frame of a future: at which time, the first after the context being 1, and its values.
type ShowFrame<'a> = dyn FnMut(usize, &[f32]) + 'a;

/// What is drawn in one block.
struct BlockDraw<'a> {
    entering: &'a [Entering],
    grain: Option<GrainDraw>,
}

impl WholeHorizon {
    /// One future, shown frame by frame; the result is its ln p(z | x).
    pub(super) fn go_on(
        &self,
        opening: &Opening,
        large: Option<LargeFrame>,
        drawing: Drawing,
        rng: &mut Rng,
        show: &mut ShowFrame,
    ) -> Result<f32> {
        let last = drawing.times.iter().copied().max().unwrap_or(0);
        let about = (drawing.temperature, last);
        let likely = match (&opening.seen.scene.sheet, opening.parts.last()) {
            (None, Some(shown)) => self.pieces_go_on((opening, shown), about, rng, show),
            _ => self.sheet_goes_on(opening, large, about, rng, show),
        };
        Ok(likely? as f32)
    }

    /// Of pieces: each goes on in the next block from where it is, and so does what entered.
    fn pieces_go_on<'a>(
        &self,
        (opening, shown): (&Opening, &'a DrawingParts<'a>),
        (temperature, last): (f64, usize),
        rng: &mut Rng,
        show: &mut ShowFrame,
    ) -> Result<f64> {
        let first = opening.seen;
        // What is expected shows nothing that is drawn.
        let certain = temperature == 0.0;
        let size = first.scene.levels[0].rest.size;
        let each = first.scene.pieces.iter().zip(&first.features);
        let mut actors: Vec<Actor> = each
            .map(|(piece, features)| Actor::new(piece.body, features.clone()))
            .collect();
        let mut sprites: Vec<&Texels> = Vec::new();
        let (mut time, mut likely) = (0, 0.0);
        while time < last {
            interrupt::check()?;
            let later = (time > 0).then(|| self.prior_of(actors.iter().map(|a| &a.features)));
            let prior = later.as_ref().unwrap_or(&opening.prior);
            let motion = prior.sample(temperature, rng);
            likely += prior.log_density(&motion).unwrap_or(f64::NAN);
            let (entering, grain) = match certain {
                true => (&[][..], None),
                false => (
                    shown.appearance.entering.sample(rng),
                    shown.appearance.grain.sample(rng),
                ),
            };
            if time == 0 {
                sprites = match certain {
                    true => shown.cut.sprites.iter().collect(),
                    false => shown.whole.sample(&shown.cut, rng),
                };
            }
            let block = BlockDraw { entering, grain };
            let begin = time;
            for t in 0..self.frames.min(last - begin) {
                let tau = (t + 1) as f64 / self.frames as f64;
                let each = actors.iter().zip(&motion);
                let placed = each.map(|(actor, z)| {
                    Placement::Piece(Box::new(actor.placed(&ways(z, self.ahead.at(t)), tau)))
                });
                let placed: Vec<Placement> = placed.collect();
                time += 1;
                let kept = (time - 1).min(self.frames - 1);
                show(
                    time,
                    &self.frame(shown, &sprites, &placed, (&block, t, kept)),
                );
            }
            let end = self.ahead.at(self.frames - 1);
            let stay = actors.into_iter().zip(&motion).zip(sprites);
            let stay = stay.map(|((actor, z), sprite)| {
                let ends = ways(z, end);
                let back = |s: usize| -> Vec<f64> {
                    let were = match (self.frames - 1).checked_sub(s) {
                        Some(at) => ways(z, self.ahead.at(at)),
                        None => vec![0.0; ends.len()],
                    };
                    were.iter()
                        .zip(&ends)
                        .map(|(were, end)| were - end)
                        .collect()
                };
                let before = motion_before(self.before(), self.ways_before(), back);
                (
                    actor.after(&ends, |body| self.features(body, &before)),
                    sprite,
                )
            });
            let come = entering.iter().map(|piece| {
                let back = |s: usize| piece.ways_before(&self.ahead, s);
                let before = motion_before(self.before(), self.ways_before(), back);
                let features = self.features(&piece.body, &before);
                (Actor::new(piece.body, features), &piece.sprite)
            });
            let mut next: Vec<(Actor, &Texels)> = stay
                .chain(come)
                .filter(|(actor, _)| !actor.is_gone(size))
                .collect();
            // What is lower is nearer.
            let lower = |(actor, _): &(Actor, &Texels)| actor.body.centre.0 + actor.body.radius;
            next.sort_by(|a, b| lower(a).total_cmp(&lower(b)));
            (actors, sprites) = next.into_iter().unzip();
        }
        Ok(likely)
    }

    /// Frame `t` of a block of pieces, counted from 0, that keeps as much of x_T's noise as frame `kept` of the first.
    fn frame(
        &self,
        parts: &DrawingParts,
        sprites: &[&Texels],
        placed: &[Placement],
        (block, t, kept): (&BlockDraw, usize, usize),
    ) -> Vec<f32> {
        let rest = parts.rest(kept);
        let mut canvas = rest.clone();
        paste_all(&mut canvas, sprites.iter().copied(), placed);
        self.enter(block.entering, &mut canvas, t);
        let mut frame = canvas.frame(parts.appearance.background.shape[0]);
        if let Some(draw) = block.grain {
            let pairs = canvas.values.iter().zip(&rest.values);
            let covered: Vec<bool> = pairs.map(|(drawn, rest)| drawn != rest).collect();
            let grain = &parts.appearance.grain;
            grain.add(draw, &mut frame, (t, kept), (&covered, parts.much_noise));
        }
        frame
    }

    /// Of the whole frame: each block begins with the last frames drawn.
    fn sheet_goes_on(
        &self,
        opening: &Opening,
        large: Option<LargeFrame>,
        (temperature, last): (f64, usize),
        rng: &mut Rng,
        show: &mut ShowFrame,
    ) -> Result<f64> {
        let (mut drawn, mut last_large): (Vec<Vec<f32>>, Option<Vec<f32>>) =
            (opening.past.to_vec(), None);
        let (mut time, mut likely) = (0, 0.0);
        while time < last {
            interrupt::check()?;
            // After the first block all is seen anew.
            let later = match time {
                0 => None,
                _ => Some(self.see(&drawn)?),
            };
            let seen = later.as_ref().unwrap_or(opening.seen);
            let before = last_large.take();
            let own_parts =
                (later.as_ref()).map(|seen| self.parts(seen, large.zip(before.as_deref())));
            let parts = own_parts.as_deref().unwrap_or(&opening.parts);
            let own_prior = later.as_ref().map(|seen| self.prior_given(seen));
            let prior = own_prior.as_ref().unwrap_or(&opening.prior);
            let motion = prior.sample(temperature, rng);
            likely += prior.log_density(&motion).unwrap_or(f64::NAN);
            for t in 0..self.frames.min(last - time) {
                let placed = self.placed(seen, &motion, t);
                let mut frames = parts.iter().map(|parts| {
                    let mut canvas = parts.cut.rest.clone();
                    paste_all(&mut canvas, &parts.cut.sprites, &placed);
                    canvas.frame(parts.appearance.background.shape[0])
                });
                time += 1;
                let small = frames.next().unwrap_or_default();
                let large = frames.next();
                show(time, large.as_ref().unwrap_or(&small));
                last_large = large;
                drawn.push(small);
            }
            drawn.drain(..drawn.len().saturating_sub(self.context));
        }
        Ok(likely)
    }
}
