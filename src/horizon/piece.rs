//! Pieces: connected parts of a frame that differ from the background.

use super::background::Background;
use super::pose::{Body, Yx};

/// What differs from the background by less is part of it.
const LEAST: f32 = 0.08;
/// … and by less than so many times the usual distance.
const TIMES: f32 = 5.0;
/// Pieces of fewer pixels are specks.
const SMALLEST: usize = 6;
/// Pixels that lie so far apart are of one piece.
const GAP: usize = 2;

/// One piece of a frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Its pixels, as indices of (H, W), ascending.
    pub pixels: Vec<usize>,
    /// Its centre and size.
    pub body: Body,
}

impl Piece {
    /// Whether a frame (H, W) cuts it off above, below, on the left and on the right.
    pub fn cut_off(&self, (height, width): (usize, usize)) -> [bool; 4] {
        let any = |at: &dyn Fn(usize) -> bool| self.pixels.iter().any(|&pixel| at(pixel));
        [
            any(&|pixel| pixel < width),
            any(&|pixel| pixel / width + 1 == height),
            any(&|pixel| pixel % width == 0),
            any(&|pixel| pixel % width + 1 == width),
        ]
    }
}

/// How far a pixel must differ from the background to be part of a piece, (H, W).
pub fn threshold(background: &Background) -> Vec<f32> {
    let each = background.noise.iter();
    each.map(|noise| (TIMES * noise).max(LEAST)).collect()
}

/// The pieces of a frame (C, H, W), those that end higher up first: what is lower is nearer.
/// `reach` is the step of 1 of their motion.
pub fn pieces(frame: &[f32], background: &Background, reach: f64) -> Vec<Piece> {
    let width = background.shape[2];
    let distance = background.distance(frame);
    let over = distance.iter().zip(threshold(background));
    let open: Vec<bool> = over.map(|(distance, least)| *distance > least).collect();
    let mut found: Vec<Piece> = (connected(open, width, GAP).into_iter())
        .filter(|pixels| pixels.len() >= SMALLEST)
        .map(|pixels| Piece {
            body: body(&pixels, width, reach),
            pixels,
        })
        .collect();
    found.sort_by_key(|piece| piece.pixels.last().copied());
    found
}

/// The connected pieces of a mask (H, W) of `width` columns, each its pixels in order: pixels within
/// `gap` rows and columns of each other are of one piece. They come in the order of their first pixels.
pub fn connected(mut open: Vec<bool>, width: usize, gap: usize) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    let height = open.len() / width.max(1);
    for start in 0..open.len() {
        if !std::mem::take(&mut open[start]) {
            continue;
        }
        let (mut pixels, mut stack) = (Vec::new(), vec![start]);
        while let Some(pixel) = stack.pop() {
            pixels.push(pixel);
            let (row, column) = (pixel / width, pixel % width);
            for y in row.saturating_sub(gap)..(row + gap + 1).min(height) {
                for x in column.saturating_sub(gap)..(column + gap + 1).min(width) {
                    if std::mem::take(&mut open[y * width + x]) {
                        stack.push(y * width + x);
                    }
                }
            }
        }
        pixels.sort_unstable();
        found.push(pixels);
    }
    found
}

/// The whole frame (H, W) as one piece.
pub fn whole((height, width): (usize, usize), reach: f64) -> Piece {
    let pixels: Vec<usize> = (0..height * width).collect();
    Piece {
        body: body(&pixels, width, reach),
        pixels,
    }
}

fn body(pixels: &[usize], width: usize, reach: f64) -> Body {
    let count = pixels.len() as f64;
    let sum = |of: &dyn Fn(usize) -> usize| -> f64 {
        pixels.iter().map(|&pixel| of(pixel) as f64).sum::<f64>() / count
    };
    let centre: Yx = (sum(&|pixel| pixel / width), sum(&|pixel| pixel % width));
    Body {
        centre,
        radius: (count / std::f64::consts::PI).sqrt().max(1.5),
        reach,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_connected_and_specks_are_none() {
        let shape = [1, 20, 24];
        let background = Background::of_frames(&[vec![100; 480]], shape);
        let mut frame = vec![100.0 / 255.0; 480];
        let mut square = |top: usize, left: usize, side: usize| {
            for row in top..top + side {
                for column in left..left + side {
                    frame[row * 24 + column] = 0.9;
                }
            }
        };
        square(12, 3, 4);
        square(2, 14, 3);
        square(9, 20, 2);
        let found = pieces(&frame, &background, 8.0);
        let sizes: Vec<usize> = found.iter().map(|piece| piece.pixels.len()).collect();
        assert_eq!(sizes, [9, 16]);
        assert_eq!(found[0].body.centre, (3.0, 15.0));
        assert_eq!(found[1].body.centre, (13.5, 4.5));
    }
}
