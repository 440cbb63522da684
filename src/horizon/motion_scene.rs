//! What z moves: the pieces of the last frame seen, over what they hid.

use super::actor::PlacedPiece;
use super::background::Background;
use super::piece::{Piece, pieces, whole};
use super::pose::{Pose, Yx};
use super::sheet::{Sheet, SheetField};
use super::sprite::{Cut, cut, uncut};
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
    /// How the whole frame bends, where it is the only piece.
    pub sheet: Option<Sheet>,
}

/// How one part of the scene lies at one time.
#[derive(Debug, Clone, PartialEq)]
pub enum Placement<'a> {
    /// A piece.
    Piece(Box<PlacedPiece>),
    /// The whole frame.
    Sheet(SheetField<'a>),
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
    /// Of a frame (C, H, W) in [0, 1] before a background, in pieces; `reach` is the step of 1 of z, in pixels.
    pub fn new(frame: &[f32], background: &Background, reach: f64) -> Self {
        let width = background.shape[2];
        let found = pieces(frame, background, reach);
        let cut = cut(frame, background, &found, width);
        Self::of_cut(found, cut, None)
    }

    /// Of a frame (C, H, W) that moves as a whole.
    pub fn of_sheet(frame: &[f32], sheet: Sheet) -> Self {
        let only = whole(sheet.size, sheet.reach);
        let cut = uncut(Texels::of_frame(frame, sheet.size, 1.0));
        Self::of_cut(vec![only], cut, Some(sheet))
    }

    fn of_cut(pieces: Vec<Piece>, cut: Cut, sheet: Option<Sheet>) -> Self {
        let (height, width) = cut.rest.size;
        let mut levels = vec![cut];
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
            pieces,
            finest,
            levels,
            sheet,
        }
    }

    /// ŷ(x, z) at frame `t` of `basis`, counted from 0.
    pub fn draw(&self, motion: &Motion, basis: &TimeBasis, t: usize) -> Texels {
        draw(&self.levels[0], &self.placed(motion, basis.at(t)))
    }

    /// How all lies where the functions of time have these values.
    pub fn placed(&self, motion: &Motion, functions: &[f64]) -> Vec<Placement<'_>> {
        let poses = || self.poses(motion, functions);
        match &self.sheet {
            Some(sheet) => vec![Placement::Sheet(sheet.field(&ways(&motion[0], functions)))],
            None => (poses().into_iter())
                .map(|pose| Placement::Piece(Box::new(pose.into())))
                .collect(),
        }
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
pub fn draw(cut: &Cut, placed: &[Placement]) -> Texels {
    let mut canvas = cut.rest.clone();
    paste_all(&mut canvas, &cut.sprites, placed);
    canvas
}

/// The sprites as they lie, over the canvas.
pub(super) fn paste_all<'a>(
    canvas: &mut Texels,
    sprites: impl IntoIterator<Item = &'a Texels>,
    placed: &[Placement],
) {
    for (sprite, placement) in sprites.into_iter().zip(placed) {
        match placement {
            Placement::Piece(placed) => paste(canvas, sprite, placed),
            Placement::Sheet(field) => paste_sheet(canvas, sprite, field),
        }
    }
}

/// A picture under a field, over the canvas.
fn paste_sheet(canvas: &mut Texels, sprite: &Texels, field: &SheetField) {
    let mut texels = Vec::with_capacity(canvas.values.len());
    field.each(canvas, |_, from| texels.push(sprite.sample(from)));
    for (below, texel) in canvas.values.iter_mut().zip(texels) {
        over(below, texel);
    }
}

/// A sprite as it lies, over the canvas.
pub(super) fn paste(canvas: &mut Texels, sprite: &Texels, placed: &PlacedPiece) {
    for (at, place) in places(sprite, |s| placed.forward(s), canvas) {
        let texel = sprite.sample(placed.backward(place));
        over(&mut canvas.values[at], texel);
    }
}

/// Draws onto `canvas`, and tells what was drawn of one sprite.
pub(super) fn dots(sprite: &Texels, pose: &Pose, canvas: &mut Texels) -> Vec<Dot> {
    let mut dots = Vec::new();
    for (at, place) in places(sprite, |s| pose.forward(s), canvas) {
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
fn places<F: Fn(Yx) -> Yx>(
    sprite: &Texels,
    forward: F,
    canvas: &Texels,
) -> impl Iterator<Item = (usize, Yx)> + use<F> {
    let (height, width) = sprite.size;
    let (top, left) = sprite.corner;
    let (bottom, right) = (
        top + height as f64 * sprite.pitch,
        left + width as f64 * sprite.pitch,
    );
    let (mut low, mut high) = ((f64::MAX, f64::MAX), (f64::MIN, f64::MIN));
    for y in [top, 0.5 * (top + bottom), bottom] {
        for x in [left, 0.5 * (left + right), right] {
            let (y, x) = canvas.index(forward((y, x)));
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
