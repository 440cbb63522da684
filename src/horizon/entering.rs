//! What enters the frame: pieces that were outside when the context ended, with their tracks.
//!
//! They are found in training windows by the same code with time reversed: a piece of the last
//! frame whose track leads out of the frame was not there before. A future takes all that entered in one
//! training window, so what comes together stays together.

use super::background::Background;
use super::completion::completed;
use super::motion_scene::{MotionScene, paste, ways};
use super::piece::Piece;
use super::pose::{Body, Pose};
use super::sprite::cut;
use super::texels::Texels;
use super::time_basis::TimeBasis;
use crate::data::Window;
use crate::rng::Rng;

/// A piece is outside where its centre lies beyond the border by this share of its radius.
const OUTSIDE: f64 = 0.5;

/// A piece that enters.
#[derive(Debug, Clone, PartialEq)]
pub struct Entering {
    /// As it looks in the last frame of its window.
    pub sprite: Texels,
    /// Where it is then.
    pub body: Body,
    /// z from there back to the context's end.
    pub motion: Vec<f64>,
}

/// What entered in each of some training windows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EnteringBank {
    /// One element a window, often empty.
    pub windows: Vec<Vec<Entering>>,
}

impl Entering {
    /// The pieces of a window's last frame that were outside when the context ended: their tracks back,
    /// `motion` along `basis`, lead out of the frame, and where they come in the film shows them. `before`
    /// are the frames before the last one, latest first, down to the context's end.
    pub fn of(
        scene: &MotionScene,
        motion: &[Vec<f64>],
        basis: &TimeBasis,
        (before, background): (&[Vec<f32>], &Background),
    ) -> Vec<(Piece, Self)> {
        let size = scene.levels[0].rest.size;
        let behind = Texels::of_frame(&background.pixels, size, 1.0);
        let pieces = scene
            .pieces
            .iter()
            .zip(motion)
            .zip(&scene.levels[0].sprites);
        let pieces = pieces.map(|((piece, motion), sprite)| {
            let entering = Self {
                sprite: sprite.clone(),
                body: piece.body,
                motion: motion.clone(),
            };
            (piece.clone(), entering)
        });
        let enters = |(_, piece): &(Piece, Self)| {
            let inside: Vec<bool> = (0..basis.frames())
                .map(|at| piece.is_inside(basis.at(at), size))
                .collect();
            // Its first frames inside, which come last here.
            let first = inside.iter().rposition(|&inside| inside);
            let shown = |at: usize| piece.is_shown(&behind, basis.at(at), &before[at]);
            !inside[basis.frames() - 1]
                && first.is_some_and(|first| (first.saturating_sub(1)..=first).all(shown))
        };
        pieces.filter(enters).collect()
    }

    fn pose(&self, functions: &[f64]) -> Pose {
        Pose::new(self.body, &ways(&self.motion, functions))
    }

    fn is_inside(&self, functions: &[f64], (height, width): (usize, usize)) -> bool {
        let (y, x) = self.pose(functions).forward(self.body.centre);
        let beyond = OUTSIDE * self.body.radius;
        let inside = |place: f64, length: usize| {
            place > -0.5 - beyond && place < length as f64 - 0.5 + beyond
        };
        inside(y, height) && inside(x, width)
    }

    /// Whether a frame (C, H, W) is nearer to the background with the piece than without it.
    fn is_shown(&self, behind: &Texels, functions: &[f64], frame: &[f32]) -> bool {
        let mut with = behind.clone();
        paste(&mut with, &self.sprite, &self.pose(functions).into());
        let real = Texels::of_frame(frame, behind.size, 1.0);
        let (mut without, mut error) = (0f32, 0f32);
        for (real, (with, behind)) in real
            .values
            .iter()
            .zip(with.values.iter().zip(&behind.values))
        {
            for c in 0..3 {
                error += (real[c] - with[c]).powi(2);
                without += (real[c] - behind[c]).powi(2);
            }
        }
        error < without
    }

    /// Its ways so many frames before its window's last one, along `basis`.
    pub(super) fn ways_before(&self, basis: &TimeBasis, frames: usize) -> Vec<f64> {
        match frames.checked_sub(1) {
            Some(at) => ways(&self.motion, basis.at(at)),
            None => Vec::new(),
        }
    }

    /// Draws it as it is at frame `t` of a horizon, counted from 0.
    pub fn draw(&self, canvas: &mut Texels, basis: &TimeBasis, t: usize) {
        // So many frames before its window's last one.
        let before = basis.frames() - 1 - t;
        let pose = match before.checked_sub(1) {
            Some(at) => self.pose(basis.at(at)),
            None => Pose::new(self.body, &[]),
        };
        paste(canvas, &self.sprite, &pose.into());
    }
}

/// What entered in one window of a film, seen at the model's size.
#[derive(Debug, Clone, PartialEq)]
pub struct Entered {
    /// Where it is in the film.
    pub window: Window,
    /// In its last frame, with the pixels that it has there.
    pub pieces: Vec<(Piece, Entering)>,
    /// All pieces of the last frame that no side cuts off, and how they look.
    pub whole: Vec<(Piece, Texels)>,
}

impl Entered {
    /// The same pieces, as the window's `last` frame (C, H·n, W·n) shows them at another size; the model has
    /// so many `columns`.
    pub fn cut_again(
        &self,
        last: &[f32],
        background: &Background,
        columns: usize,
    ) -> Vec<Entering> {
        let (pieces, found): (Vec<Piece>, Vec<&Entering>) = self
            .pieces
            .iter()
            .map(|(piece, entering)| (piece.clone(), entering))
            .unzip();
        let sprites = cut(last, background, &pieces, columns).sprites;
        let each = sprites.into_iter().zip(found);
        each.map(|(sprite, entering)| Entering {
            sprite,
            ..entering.clone()
        })
        .collect()
    }

    /// [`Self::cut_again`] of the whole pieces.
    pub fn cut_whole_again(
        &self,
        last: &[f32],
        background: &Background,
        columns: usize,
    ) -> Vec<Texels> {
        let pieces: Vec<Piece> = self.whole.iter().map(|(piece, _)| piece.clone()).collect();
        cut(last, background, &pieces, columns).sprites
    }

    /// Whether there is anything in its last frame that futures may take.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.whole.is_empty()
    }
}

impl Entering {
    /// The same, and beyond the side that cuts it off the likeliest of `whole` pieces of the film.
    pub(super) fn completed(self, piece: &Piece, size: (usize, usize), whole: &[Texels]) -> Self {
        let best = completed(&self.sprite, piece, size, whole);
        match best.into_iter().next() {
            Some((_, sprite)) => Self { sprite, ..self },
            None => self,
        }
    }
}

/// Texels of all that enters, 32 MB.
const MOST_TEXELS: usize = 1 << 21;

impl EnteringBank {
    /// Every so many of these windows, so that all that entered has at most 2²¹ texels.
    pub fn thinned(windows: Vec<Vec<Entering>>) -> Self {
        let pieces = windows.iter().flatten();
        let texels: usize = pieces.map(|piece| piece.sprite.values.len()).sum();
        let step = texels.div_ceil(MOST_TEXELS).max(1);
        Self {
            windows: windows.into_iter().step_by(step).collect(),
        }
    }

    /// What enters in a future, drawn from the windows, each as likely as another.
    pub fn sample(&self, rng: &mut Rng) -> &[Entering] {
        match self.windows.len() {
            0 => &[],
            count => &self.windows[rng.below(count)],
        }
    }

    /// How many pieces it holds.
    pub fn count(&self) -> usize {
        self.windows.iter().map(Vec::len).sum()
    }
}
