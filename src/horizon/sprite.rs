//! Sprites: pieces cut out of a frame with a soft rim.

use super::background::Background;
use super::piece::{Piece, threshold};
use super::texels::{Texel, Texels};

/// What differs by this share of the largest difference nearby is opaque.
const FULL: f32 = 0.8;
/// How far the border of a whole frame goes on, in its sides.
const BEYOND: f64 = 0.25;
/// Transparent texels around each sprite, so that it fades to nothing.
const MARGIN: usize = 3;

/// Cuts pieces out of a picture of any size, and fills what they hid.
#[derive(Debug, Clone, PartialEq)]
pub struct Cut {
    /// One for each piece.
    pub sprites: Vec<Texels>,
    /// The picture without them.
    pub rest: Texels,
}

/// Cuts `pieces`, found in a frame (H, W) of the model's size, out of `frame` (C, H·n, W·n) with its own
/// background. Where no piece is, the rest is the frame itself, so what is still stays still.
pub fn cut(
    frame: &[f32],
    background: &Background,
    pieces: &[Piece],
    (rows, columns): (usize, usize),
) -> Cut {
    let [_, height, width] = background.shape;
    let pitch = columns as f64 / width as f64;
    // Texels of one model pixel, and of the rim.
    let scale = (width as f64 / columns as f64).round().max(1.0) as usize;
    let size = (height, width);
    if let [only] = pieces
        && only.pixels.len() == rows * columns
    {
        return uncut(Texels::of_frame(frame, size, pitch));
    }
    let opacity = opacity(frame, background, scale);
    let picture = Texels::of_frame(frame, size, pitch);
    let behind = Texels::of_frame(&background.pixels, size, pitch);
    let mut rest = picture.clone();
    let mut sprites = Vec::new();
    for piece in pieces {
        let region = region(piece, columns, size, pitch);
        let [top, left, bottom, right] = region.bounds;
        let mut values = Vec::new();
        for row in top..bottom {
            for column in left..right {
                let near = region.near(row, column);
                let texel: Texel = match row < height as isize
                    && column < width as isize
                    && row >= 0
                    && column >= 0
                {
                    true => {
                        let at = row as usize * width + column as usize;
                        let (texel, behind) = (&mut rest.values[at], behind.values[at]);
                        for (value, behind) in texel.iter_mut().zip(behind) {
                            *value += near * (behind - *value);
                        }
                        in_front(picture.values[at], behind, opacity[at] * near)
                    }
                    false => [0.0; 4],
                };
                values.push(texel);
            }
        }
        let corner = |first: isize| first as f64 * pitch - 0.5;
        sprites.push(Texels {
            size: ((bottom - top) as usize, (right - left) as usize),
            values,
            pitch,
            corner: (corner(top), corner(left)),
        });
    }
    Cut { sprites, rest }
}

/// The whole picture as a sprite. Beyond its border the border's texels go on, so that a frame that
/// moves aside leaves no gap.
fn uncut(picture: Texels) -> Cut {
    let (height, width) = picture.size;
    let around = (BEYOND * height.max(width) as f64) as usize;
    let inside = |index: usize, length: usize| index.saturating_sub(around).min(length - 1);
    let (rows, columns) = (height + 2 * around, width + 2 * around);
    let texel = |at: usize| {
        let (row, column) = (inside(at / columns, height), inside(at % columns, width));
        picture.values[row * width + column]
    };
    let out = around as f64 * picture.pitch;
    let sprite = Texels {
        size: (rows, columns),
        values: (0..rows * columns).map(texel).collect(),
        pitch: picture.pitch,
        corner: (picture.corner.0 - out, picture.corner.1 - out),
    };
    Cut {
        sprites: vec![sprite],
        rest: picture,
    }
}

/// How much of each texel is in front of the background, (H, W): it shows a mixture x = αf + (1 − α)b, and f
/// is as far from b as what differs most nearby.
fn opacity(frame: &[f32], background: &Background, scale: usize) -> Vec<f32> {
    let [_, height, width] = background.shape;
    let size = (height, width);
    let distance = background.distance(frame);
    let contrast = largest(&distance, size, 2 * scale);
    let least = threshold(background);
    let over: Vec<f32> = (distance.iter().zip(&least))
        .map(|(distance, least)| f32::from(u8::from(distance > least)))
        .collect();
    // Holes and what is well inside are opaque, whatever their colour.
    let closed = smallest(&largest(&over, size, scale), size, 2 * scale);
    let inside = smooth(&closed, size, scale);
    let each = (distance.iter().zip(&contrast)).zip(least.iter().zip(&inside));
    each.map(|((distance, contrast), (least, inside))| {
        let (none, all) = (0.5 * least, FULL * contrast.max(*least));
        ((distance - none) / (all - none))
            .clamp(0.0, 1.0)
            .max(*inside)
    })
    .collect()
}

/// αf = x − (1 − α)b, with α.
fn in_front(seen: Texel, behind: Texel, opacity: f32) -> Texel {
    let mut texel = [opacity; 4];
    for c in 0..3 {
        texel[c] = (seen[c] - (1.0 - opacity) * behind[c]).clamp(0.0, opacity);
    }
    texel
}

/// Where a piece is in a picture: 1 there, 0 more than three model pixels away.
struct Region {
    /// Top, left, bottom and right in texels.
    bounds: [isize; 4],
    weights: Vec<f32>,
    /// First row and column of the weights in model pixels, and how many columns.
    first: (isize, isize),
    columns: usize,
    pitch: f64,
}

fn region(piece: &Piece, columns: usize, size: (usize, usize), pitch: f64) -> Region {
    const AROUND: isize = 3;
    let rows = piece.pixels.iter().map(|pixel| (pixel / columns) as isize);
    let places = piece.pixels.iter().map(|pixel| (pixel % columns) as isize);
    let (low, high) = (rows.clone().min(), rows.max());
    let (near, far) = (places.clone().min(), places.max());
    let [low, high, near, far] = [low, high, near, far].map(|end| end.unwrap_or(0));
    let (first, last) = ((low - AROUND, near - AROUND), (high + AROUND, far + AROUND));
    let (down, across) = (
        (last.0 - first.0 + 1) as usize,
        (last.1 - first.1 + 1) as usize,
    );
    let mut weights = vec![0f32; down * across];
    for pixel in &piece.pixels {
        let row = (pixel / columns) as isize - first.0;
        let column = (pixel % columns) as isize - first.1;
        for y in row - 2..=row + 2 {
            for x in column - 2..=column + 2 {
                weights[y as usize * across + x as usize] = 1.0;
            }
        }
    }
    let texels = |place: isize| (place as f64 / pitch).round() as isize;
    let margin = MARGIN as isize;
    Region {
        bounds: [
            texels(first.0).max(0) - margin,
            texels(first.1).max(0) - margin,
            texels(last.0 + 1).min(size.0 as isize) + margin,
            texels(last.1 + 1).min(size.1 as isize) + margin,
        ],
        weights,
        first,
        columns: across,
        pitch,
    }
}

impl Region {
    /// The weight at a texel, linear between model pixels.
    fn near(&self, row: isize, column: isize) -> f32 {
        let place =
            |texel: isize, first: isize| (texel as f64 + 0.5) * self.pitch - 0.5 - first as f64;
        let (y, x) = (place(row, self.first.0), place(column, self.first.1));
        let rows = self.weights.len() / self.columns.max(1);
        let at = |row: f64, column: f64| -> f32 {
            let inside =
                row >= 0.0 && column >= 0.0 && row < rows as f64 && column < self.columns as f64;
            match inside {
                true => self.weights[row as usize * self.columns + column as usize],
                false => 0.0,
            }
        };
        let (y0, x0) = (y.floor(), x.floor());
        let (fy, fx) = ((y - y0) as f32, (x - x0) as f32);
        let line = |row: f64| (1.0 - fx) * at(row, x0) + fx * at(row, x0 + 1.0);
        (1.0 - fy) * line(y0) + fy * line(y0 + 1.0)
    }
}

/// The largest value within `by` rows and columns.
fn largest(values: &[f32], size: (usize, usize), by: usize) -> Vec<f32> {
    along_both(
        values,
        size,
        |near| near.iter().copied().fold(f32::NEG_INFINITY, f32::max),
        by,
    )
}

/// The smallest value within `by` rows and columns.
fn smallest(values: &[f32], size: (usize, usize), by: usize) -> Vec<f32> {
    along_both(
        values,
        size,
        |near| near.iter().copied().fold(f32::INFINITY, f32::min),
        by,
    )
}

/// The mean within `by` rows and columns, twice.
fn smooth(values: &[f32], size: (usize, usize), by: usize) -> Vec<f32> {
    let mean = |near: &[f32]| near.iter().sum::<f32>() / near.len() as f32;
    let half = by.div_ceil(2);
    along_both(&along_both(values, size, mean, half), size, mean, half)
}

/// `f` of the values within `by` along rows, then along columns.
fn along_both(
    values: &[f32],
    (height, width): (usize, usize),
    f: impl Fn(&[f32]) -> f32,
    by: usize,
) -> Vec<f32> {
    let along = |line: &[f32]| -> Vec<f32> {
        let range = |at: usize| at.saturating_sub(by)..(at + by + 1).min(line.len());
        (0..line.len()).map(|at| f(&line[range(at)])).collect()
    };
    let mut turned = vec![0f32; values.len()];
    for (row, line) in values.chunks_exact(width).enumerate() {
        for (column, value) in along(line).into_iter().enumerate() {
            turned[column * height + row] = value;
        }
    }
    let mut result = vec![0f32; values.len()];
    for (column, line) in turned.chunks_exact(height).enumerate() {
        for (row, value) in along(line).into_iter().enumerate() {
            result[row * width + column] = value;
        }
    }
    result
}
