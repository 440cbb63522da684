//! What z moves: the pieces of the last frame seen, over what they hid.

use super::background::Background;
use super::config::MovingParts;
use super::piece::{Piece, pieces, whole};
use super::pose::{Pose, Yx};
use super::sprite::{Cut, cut};
use super::texels::{Sampled, Texel, Texels};
use super::time_basis::TimeBasis;

/// Resolutions at which z is sought: pixels, means of 2×2 and of 4×4.
pub const LEVELS: usize = 3;
/// Larger frames are first made this small, along their longer side: z needs no more.
const LARGE: usize = 64;

/// z of a window: of each piece, for each way in which it moves, a number for each function of time.
pub type Motion = Vec<Vec<f64>>;

/// The last frame seen, in pieces.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionScene {
    /// From the one furthest back to the nearest.
    pub pieces: Vec<Piece>,
    /// The frame cut up, at each level, each half as large as the one before it.
    pub levels: Vec<Cut>,
    /// The first of [`LEVELS`] at which z is sought.
    pub finest: usize,
}

/// A texel of a sprite as it is drawn.
pub(super) struct Dot {
    /// Which texel of the canvas.
    pub at: usize,
    /// Its place.
    pub place: Yx,
    /// What is drawn there, before the opacity of what is in front.
    pub sampled: Sampled,
    /// What was there before.
    pub below: Texel,
}

impl MotionScene {
    /// Of a frame (C, H, W) in [0, 1]; `reach` is the step of 1 of z, in pixels.
    pub fn new(frame: &[f32], background: &Background, parts: MovingParts, reach: f64) -> Self {
        let [_, height, width] = background.shape;
        let found = match parts {
            MovingParts::Frame => vec![whole((height, width), reach)],
            MovingParts::Pieces | MovingParts::Chosen => pieces(frame, background, reach),
        };
        let mut levels = vec![cut(frame, background, &found, (height, width))];
        let finest = (height.max(width) / LARGE).max(1).ilog2() as usize;
        for level in 1..finest + LEVELS {
            let finer = &levels[level - 1];
            let coarser = Cut {
                sprites: finer.sprites.iter().map(|s| s.halved(false)).collect(),
                rest: finer.rest.halved(true),
            };
            levels.push(coarser);
        }
        Self {
            pieces: found,
            finest,
            levels,
        }
    }

    /// ŷ(x, z) at frame `t` of `basis`, counted from 0.
    pub fn draw(&self, motion: &Motion, basis: &TimeBasis, t: usize) -> Texels {
        draw(&self.levels[0], &self.poses(motion, basis.at(t)))
    }

    /// How the pieces lie where the functions of time have these values.
    pub fn poses(&self, motion: &Motion, functions: &[f64]) -> Vec<Pose> {
        let each = self.pieces.iter().zip(motion);
        each.map(|(piece, motion)| Pose::new(piece.body, &ways(motion, functions)))
            .collect()
    }
}

/// One number a way at one time.
pub(super) fn ways(motion: &[f64], functions: &[f64]) -> Vec<f64> {
    let dot = |way: &[f64]| way.iter().zip(functions).map(|(a, b)| a * b).sum();
    motion.chunks_exact(functions.len()).map(dot).collect()
}

/// The sprites as they lie, over the rest.
pub fn draw(cut: &Cut, poses: &[Pose]) -> Texels {
    let mut canvas = cut.rest.clone();
    paste_all(&mut canvas, cut, poses);
    canvas
}

/// The sprites as they lie, over the canvas.
pub(super) fn paste_all(canvas: &mut Texels, cut: &Cut, poses: &[Pose]) {
    for (sprite, pose) in cut.sprites.iter().zip(poses) {
        paste(canvas, sprite, pose);
    }
}

/// A sprite as it lies, over the canvas.
pub(super) fn paste(canvas: &mut Texels, sprite: &Texels, pose: &Pose) {
    for (at, place) in places(sprite, pose, canvas) {
        let texel = sprite.sample(pose.backward(place));
        over(&mut canvas.values[at], texel);
    }
}

/// Draws onto `canvas`, and tells what was drawn of one sprite.
pub(super) fn dots(sprite: &Texels, pose: &Pose, canvas: &mut Texels) -> Vec<Dot> {
    let mut dots = Vec::new();
    for (at, place) in places(sprite, pose, canvas) {
        let sampled = sprite.sample_with_slopes(pose.backward(place));
        if sampled != Sampled::default() {
            let below = canvas.values[at];
            over(&mut canvas.values[at], sampled.value);
            dots.push(Dot {
                at,
                place,
                sampled,
                below,
            });
        }
    }
    dots
}

fn over(below: &mut Texel, texel: Texel) {
    let seen = 1.0 - texel[3];
    for (below, value) in below.iter_mut().zip(texel) {
        *below = value + seen * *below;
    }
}

/// The canvas's texels on which a sprite may lie: those within the rectangle about its outline.
fn places(
    sprite: &Texels,
    pose: &Pose,
    canvas: &Texels,
) -> impl Iterator<Item = (usize, Yx)> + use<> {
    let (height, width) = sprite.size;
    let (top, left) = sprite.corner;
    let (bottom, right) = (
        top + height as f64 * sprite.pitch,
        left + width as f64 * sprite.pitch,
    );
    let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    for y in [top, 0.5 * (top + bottom), bottom] {
        for x in [left, 0.5 * (left + right), right] {
            let (y, x) = canvas.index(pose.forward((y, x)));
            low = (low.0.min(y), low.1.min(x));
            high = (high.0.max(y), high.1.max(x));
        }
    }
    let range = |low: f64, high: f64, length: usize| {
        let end = (high + 2.0).clamp(0.0, length as f64) as usize;
        ((low - 1.0).clamp(0.0, length as f64) as usize).min(end)..end
    };
    let (rows, columns) = (
        range(low.0, high.0, canvas.size.0),
        range(low.1, high.1, canvas.size.1),
    );
    let (corner, pitch, across) = (canvas.corner, canvas.pitch, canvas.size.1);
    rows.flat_map(move |row| {
        columns.clone().map(move |column| {
            let along = |start: f64, index: usize| start + (index as f64 + 0.5) * pitch;
            let place = (along(corner.0, row), along(corner.1, column));
            (row * across + column, place)
        })
    })
}
