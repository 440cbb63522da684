//! Sprites: pieces cut out of a frame with a soft rim.

use super::background::Background;
use super::membrane::membrane;
use super::piece::{Piece, threshold};
use super::shadow::shadows;
use super::texels::{Texel, Texels};

/// What differs by this share of the largest difference nearby is opaque.
const FULL: f32 = 0.8;
/// Texels over which a piece may fade into what is behind it, at most.
const RIM: usize = 4;
/// How far the border of a whole frame goes on, in its sides.
const BEYOND: f64 = 0.25;
/// What is more opaque hides what lies behind it.
const COVERED: f32 = 0.02;
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

/// A piece that the border cuts off goes on beyond it as in a mirror, so that it is not half a piece
/// when it comes in. Cuts `pieces`, found in a frame of the model's size with so many `columns`, out of `frame` (C, H·n, W·n) with its own
/// background. Where no piece is, the rest is the frame itself, so what is still stays still. What pieces hide is the background,
/// as much brighter or darker as the frame is around them.
pub fn cut(frame: &[f32], background: &Background, pieces: &[Piece], columns: usize) -> Cut {
    let [_, height, width] = background.shape;
    let pitch = columns as f64 / width as f64;
    // Texels of one model pixel, and of the rim.
    let scale = (width as f64 / columns as f64).round().max(1.0) as usize;
    let size = (height, width);
    let opacity = opacity(frame, background, scale);
    let picture = Texels::of_frame(frame, size, pitch);
    let regions: Vec<Region> = (pieces.iter())
        .map(|piece| region(piece, columns, size, pitch))
        .collect();
    let behind = behind(&picture, background, (&regions, &opacity), scale);
    let mut rest = picture.clone();
    let mut sprites = Vec::new();
    for region in regions {
        let [top, left, bottom, right] = region.bounds;
        let mut values = Vec::new();
        for row in top..bottom {
            for column in left..right {
                let Some((from_row, from_column)) = region.mirrored(row, column, size) else {
                    values.push([0.0; 4]);
                    continue;
                };
                let near = region.near(from_row as isize, from_column as isize);
                let at = from_row * width + from_column;
                let behind = behind[at];
                if (row, column) == (from_row as isize, from_column as isize) {
                    for (value, behind) in rest.values[at].iter_mut().zip(behind) {
                        *value += near * (behind - *value);
                    }
                }
                values.push(in_front(picture.values[at], behind, opacity[at] * near));
            }
        }
        let corner = |first: isize| first as f64 * pitch - 0.5;
        let size = ((bottom - top) as usize, (right - left) as usize);
        let corner = (corner(top), corner(left));
        sprites.push(Texels::new(size, values, pitch, corner));
    }
    Cut { sprites, rest }
}

/// What lies behind the pieces of a picture, where they are opaque; the picture itself elsewhere.
fn behind(
    picture: &Texels,
    background: &Background,
    (regions, opacity): (&[Region], &[f32]),
    scale: usize,
) -> Vec<Texel> {
    let size = picture.size;
    let mut covered = vec![0f32; opacity.len()];
    for region in regions {
        let [top, left, bottom, right] = region.bounds;
        for row in top.max(0)..bottom.min(size.0 as isize) {
            for column in left.max(0)..right.min(size.1 as isize) {
                let at = row as usize * size.1 + column as usize;
                covered[at] = covered[at].max(opacity[at] * region.near(row, column));
            }
        }
    }
    // What is around them may show a little of them.
    let covered = largest(&covered, size, scale);
    let usual = Texels::of_frame(&background.pixels, size, picture.pitch);
    let pairs = picture.values.iter().zip(&usual.values);
    let off = pairs.zip(&covered).map(|((seen, usual), covered)| {
        let known = if *covered > COVERED { 0.0 } else { 1.0 };
        [
            seen[0] - usual[0],
            seen[1] - usual[1],
            seen[2] - usual[2],
            known,
        ]
    });
    let off = membrane(&off.collect::<Vec<_>>(), size);
    let each = usual.values.iter().zip(off);
    each.map(|(usual, off)| {
        [
            usual[0] + off[0],
            usual[1] + off[1],
            usual[2] + off[2],
            usual[3],
        ]
    })
    .collect()
}

/// The whole picture as a sprite. Beyond its border it goes on as in a mirror, so that a frame that moves aside
/// leaves no gap.
pub fn uncut(picture: Texels) -> Cut {
    let (height, width) = picture.size;
    let around = (BEYOND * height.max(width) as f64) as usize;
    let inside = |index: usize, length: usize| {
        let from = index.abs_diff(around) - usize::from(index < around);
        from.min((2 * length - 1).saturating_sub(from))
            .min(length - 1)
    };
    let (rows, columns) = (height + 2 * around, width + 2 * around);
    let texel = |at: usize| {
        let (row, column) = (inside(at / columns, height), inside(at % columns, width));
        picture.values[row * width + column]
    };
    let out = around as f64 * picture.pitch;
    let values = (0..rows * columns).map(texel).collect();
    let corner = (picture.corner.0 - out, picture.corner.1 - out);
    let sprite = Texels::new((rows, columns), values, picture.pitch, corner);
    Cut {
        sprites: vec![sprite],
        rest: picture,
    }
}

/// How much of each texel is in front of the background, (H, W): it shows a mixture x = αf + (1 − α)b, and f
/// is as far from b as what differs most nearby. A shadow is as opaque as it is dark.
fn opacity(frame: &[f32], background: &Background, scale: usize) -> Vec<f32> {
    let [_, height, width] = background.shape;
    let size = (height, width);
    let distance = background.distance(frame);
    let contrast = largest(&distance, size, 2 * scale);
    let least = threshold(background);
    let shadows = shadows(frame, background, scale);
    let over: Vec<f32> = (distance.iter().zip(&least).zip(&shadows))
        .map(|((distance, least), shadow)| {
            f32::from(u8::from(distance > least && shadow.is_none()))
        })
        .collect();
    // Holes and what is well inside are opaque, whatever their colour.
    let rim = scale.min(RIM);
    let closed = smallest(&largest(&over, size, scale), size, scale + rim);
    let inside = smooth(&closed, size, rim);
    let each = (distance.iter().zip(&contrast)).zip(least.iter().zip(&inside));
    let each = each.zip(shadows);
    each.map(|(((distance, contrast), (least, inside)), shadow)| {
        // What looks like a shadow in the midst of a piece is none.
        if let Some(dark) = shadow {
            return dark.max(*inside);
        }
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
    /// Which of the frame's sides cut the piece off.
    cut_off: [bool; 4],
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
    let (height, width) = (size.0 as isize, size.1 as isize);
    let ends = |first: isize, last: isize, length: isize| {
        let inside = (texels(first).max(0), texels(last + 1).min(length));
        let cut_off = (first + AROUND <= 0, texels(last + 1 - AROUND) >= length);
        let start = if cut_off.0 { -inside.1 } else { inside.0 };
        let beyond = 2 * length - inside.0;
        let end = if cut_off.1 { beyond } else { inside.1 };
        ((start - margin, end + margin), cut_off)
    };
    let ((top, bottom), (above, below)) = ends(first.0, last.0, height);
    let ((left, right), (before, after)) = ends(first.1, last.1, width);
    Region {
        bounds: [top, left, bottom, right],
        cut_off: [above, before, below, after],
        weights,
        first,
        columns: across,
        pitch,
    }
}

impl Region {
    /// The texel of the picture that is shown at a place of the sprite: beyond a side that cuts the piece off, the
    /// one that lies as far within.
    fn mirrored(&self, row: isize, column: isize, size: (usize, usize)) -> Option<(usize, usize)> {
        let along = |index: isize, length: usize, [low, high]: [bool; 2]| -> Option<usize> {
            let from = match (index < 0, index >= length as isize) {
                (true, _) if low => -1 - index,
                (_, true) if high => 2 * length as isize - 1 - index,
                _ => index,
            };
            usize::try_from(from).ok().filter(|&from| from < length)
        };
        let [above, before, below, after] = self.cut_off;
        let row = along(row, size.0, [above, below])?;
        Some((row, along(column, size.1, [before, after])?))
    }

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
pub(super) fn largest(values: &[f32], size: (usize, usize), by: usize) -> Vec<f32> {
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
pub(super) fn along_both(
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

#[cfg(test)]
mod tests {
    use super::super::piece::pieces;
    use super::*;

    #[test]
    fn a_piece_that_the_border_cuts_off_goes_on_beyond_it() {
        let background = Background::of_frames(&[vec![100; 480]], [1, 20, 24]);
        let mut frame = vec![100.0 / 255.0; 480];
        for (row, column) in (0..4).flat_map(|row| (9..14).map(move |column| (row, column))) {
            frame[row * 24 + column] = 0.7 + 0.05 * row as f32;
        }
        let found = pieces(&frame, &background, 8.0);
        let sprite = &cut(&frame, &background, &found, 24).sprites[0];
        let at = |row: f64| sprite.sample((row, 11.0));
        for row in 0..4 {
            let (within, beyond) = (at(f64::from(row)), at(f64::from(-1 - row)));
            let pairs = within.iter().zip(beyond);
            assert!(pairs.map(|(a, b)| (a - b).abs()).all(|off| off < 1e-5));
            assert!(within[3] > 0.9, "{row}: {within:?}");
        }
        // Light that came on behind it is there when it is gone.
        let lit: Vec<f32> = frame.iter().map(|value| value + 0.03).collect();
        let rest = &cut(&lit, &background, &found, 24).rest;
        let off = rest
            .values
            .iter()
            .map(|texel| texel[0] - 100.0 / 255.0 - 0.03);
        assert!(off.map(f32::abs).fold(0.0, f32::max) < 1e-3);
        // Where no side cuts it off it ends.
        assert!(at(10.0)[3].abs() < 1e-3 && at(-11.0)[3].abs() < 1e-3);
        assert_eq!(at(14.0)[3], 0.0);
    }
}
