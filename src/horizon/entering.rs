//! What enters the frame: pieces that were outside when the context ended, with their tracks.
//!
//! They are found in training windows by the same code with time reversed: a piece of the last
//! frame whose track leads out of the frame was not there before. A future takes all that entered in one
//! training window, so what comes together stays together.

use super::motion_scene::{MotionScene, paste, ways};
use super::pose::{Body, Pose};
use super::texels::Texels;
use super::time_basis::TimeBasis;
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
    /// The pieces of a window's last frame whose tracks back, `motion` along `basis`, begin outside of the frame.
    pub fn of(scene: &MotionScene, motion: &[Vec<f64>], basis: &TimeBasis) -> Vec<Self> {
        let (height, width) = scene.levels[0].rest.size;
        let first = basis.at(basis.frames() - 1);
        let pieces = scene
            .pieces
            .iter()
            .zip(motion)
            .zip(&scene.levels[0].sprites);
        let enters = pieces.filter(|((piece, motion), _)| {
            let body = piece.body;
            let (y, x) = Pose::new(body, &ways(motion, first)).forward(body.centre);
            let beyond = OUTSIDE * body.radius;
            let inside = |place: f64, length: usize| {
                place > -0.5 - beyond && place < length as f64 - 0.5 + beyond
            };
            !(inside(y, height) && inside(x, width))
        });
        enters
            .map(|((piece, motion), sprite)| Self {
                sprite: sprite.clone(),
                body: piece.body,
                motion: motion.clone(),
            })
            .collect()
    }

    /// Draws it as it is at frame `t` of a horizon, counted from 0.
    pub fn draw(&self, canvas: &mut Texels, basis: &TimeBasis, t: usize) {
        // So many frames before its window's last one.
        let before = basis.frames() - 1 - t;
        let lies = match before.checked_sub(1) {
            Some(at) => ways(&self.motion, basis.at(at)),
            None => Vec::new(),
        };
        paste(canvas, &self.sprite, &Pose::new(self.body, &lies));
    }
}

impl EnteringBank {
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
