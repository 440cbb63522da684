//! Labelled grids of frames, as a still or a film.

use super::film;
use crate::error::{Error, Result};
use crate::files;
use candle_core::{DType, Tensor};
use font8x8::UnicodeFonts;
use std::path::Path;

const PAPER: [u8; 3] = [255; 3];
const INK: [u8; 3] = [40, 42, 48];
/// Between cells and around all, in pixels.
const MARGIN: usize = 6;
/// A character of the built-in font is GLYPH × GLYPH pixels.
const GLYPH: usize = 8;

/// One frame of a grid, or a gap.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// (H, W, 3); empty for a gap.
    pixels: Vec<u8>,
    size: [usize; 2],
    caption: String,
}

impl Cell {
    /// An empty place in a row.
    pub fn gap() -> Self {
        Self::default()
    }

    /// A frame (C, H, W), grey or RGB; another shape is an error.
    pub fn frame(pixels: &[u8], shape: [usize; 3]) -> Result<Self> {
        let [channels, height, width] = shape;
        let plane = height * width;
        if !matches!(channels, 1 | 3) || pixels.len() != channels * plane {
            return Err(Error::input(
                "a picture's cell",
                format!("{} values as a frame of shape {shape:?}", pixels.len()),
                "give (C, H, W) with one or three channels",
            ));
        }
        let at = |channel: usize, i: usize| pixels[(channel % channels) * plane + i];
        Ok(Self {
            pixels: (0..plane)
                .flat_map(|i| [at(0, i), at(1, i), at(2, i)])
                .collect(),
            size: [height, width],
            caption: String::new(),
        })
    }

    /// A frame (C, H, W) in [0, 1]; values beyond are cut off.
    pub fn tensor(frame: &Tensor) -> Result<Self> {
        let (channels, height, width) = frame.dims3()?;
        let bytes: Vec<u8> = values(frame)?
            .iter()
            .map(|value| (value.clamp(0.0, 1.0) * 255.0).round() as u8)
            .collect();
        Self::frame(&bytes, [channels, height, width])
    }

    /// A map of numbers (H, W) from 0 (black) to `most` and beyond (pale
    /// yellow), in the colours of matplotlib's *inferno*, which rise evenly in
    /// lightness. Not-a-number is drawn as 0.
    pub fn heat(map: &Tensor, most: f32) -> Result<Self> {
        let (height, width) = map.dims2()?;
        let pixels = values(map)?
            .iter()
            .flat_map(|value| {
                let share = f64::from(value / most.max(f32::MIN_POSITIVE)).max(0.0);
                let colour = colorous::INFERNO.eval_continuous(share.min(1.0));
                [colour.r, colour.g, colour.b]
            })
            .collect();
        Ok(Self {
            pixels,
            size: [height, width],
            caption: String::new(),
        })
    }

    /// The cell with a line of text above it.
    pub fn caption(mut self, text: impl Into<String>) -> Self {
        self.caption = text.into();
        self
    }
}

/// The built-in font's dots: a row a byte, the lowest bit to the left.
pub(super) fn glyph(character: char) -> [u8; GLYPH] {
    font8x8::BASIC_FONTS
        .get(character)
        .or_else(|| font8x8::LATIN_FONTS.get(character))
        .or_else(|| font8x8::GREEK_FONTS.get(character))
        .or_else(|| font8x8::BASIC_FONTS.get('?'))
        .unwrap_or_default()
}

fn values(tensor: &Tensor) -> Result<Vec<f32>> {
    Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// How the futures differ: per pixel, the standard deviation over N of
/// (N, C, H, W), root mean square over C; (H, W), in units of the frames.
pub fn spread(futures: &Tensor) -> Result<Tensor> {
    let off = futures.broadcast_sub(&futures.mean_keepdim(0)?)?;
    Ok(off.sqr()?.mean(0)?.mean(0)?.sqrt()?)
}

/// Cells beside each other, with a label to their left.
#[derive(Debug, Clone, Default)]
pub struct Row {
    /// In front of the row; may be empty.
    pub label: String,
    /// From left to right.
    pub cells: Vec<Cell>,
}

impl Row {
    /// A row with its label.
    pub fn new(label: impl Into<String>, cells: Vec<Cell>) -> Self {
        Self {
            label: label.into(),
            cells,
        }
    }
}

/// A picture: RGB on white.
#[derive(Debug, Clone)]
pub struct Picture {
    height: usize,
    width: usize,
    /// (H, W, 3).
    pixels: Vec<u8>,
}

impl Picture {
    /// `rows` below each other, each pixel of a cell as `scale` × `scale`
    /// pixels (0 counts as 1). Columns are as wide as their widest cell.
    pub fn rows(rows: &[Row], scale: usize) -> Self {
        let scale = scale.max(1);
        let letter = (scale / 3).max(1);
        let line = GLYPH * letter;
        let text = |text: &str| text.chars().count() * line;
        let count = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
        let columns: Vec<usize> = (0..count)
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.cells.get(column));
                let width = |cell: &Cell| (cell.size[1] * scale).max(text(&cell.caption));
                cells.map(width).max().unwrap_or(0)
            })
            .collect();
        let heights: Vec<(usize, usize)> = rows
            .iter()
            .map(|row| {
                let captions = row.cells.iter().any(|cell| !cell.caption.is_empty());
                let cells = row.cells.iter().map(|cell| cell.size[0] * scale).max();
                let above = if captions { line + MARGIN / 2 } else { 0 };
                (above, cells.unwrap_or(0).max(line))
            })
            .collect();
        let label = rows.iter().map(|row| text(&row.label)).max().unwrap_or(0);
        let first = if label > 0 {
            label + 2 * MARGIN
        } else {
            MARGIN
        };
        let mut picture = Self::blank(
            MARGIN + heights.iter().map(|(a, h)| a + h + MARGIN).sum::<usize>(),
            first + columns.iter().map(|width| width + MARGIN).sum::<usize>(),
        );
        let mut top = MARGIN;
        for (row, (above, height)) in rows.iter().zip(heights) {
            let middle = top + above + (height - line) / 2;
            picture.write(&row.label, [middle, MARGIN], letter);
            let mut left = first;
            for (cell, width) in row.cells.iter().zip(&columns) {
                picture.write(&cell.caption, [top, left], letter);
                picture.place(cell, [top + above, left], scale);
                left += width + MARGIN;
            }
            top += above + height + MARGIN;
        }
        picture
    }

    /// Writes a PNG, whole or not at all.
    pub fn save(&self, path: &Path) -> Result<()> {
        let bytes = film::png(path, &self.pixels, [self.height, self.width])?;
        files::replace_bytes(path, &bytes)
    }

    /// Pictures as a film for [`film::write_film`]: (T, 3, H, W) and its
    /// shape. Where sizes differ, the largest holds all.
    pub fn film(pictures: &[Self]) -> (Vec<u8>, [usize; 4]) {
        let most = |side: fn(&Self) -> usize| pictures.iter().map(side).max().unwrap_or(0);
        let (height, width) = (most(|p| p.height), most(|p| p.width));
        let mut frames = Vec::with_capacity(pictures.len() * 3 * height * width);
        for picture in pictures {
            for (channel, &paper) in PAPER.iter().enumerate() {
                for y in 0..height {
                    frames.extend((0..width).map(|x| {
                        if y < picture.height && x < picture.width {
                            picture.pixels[3 * (y * picture.width + x) + channel]
                        } else {
                            paper
                        }
                    }));
                }
            }
        }
        (frames, [pictures.len(), 3, height, width])
    }

    /// Of (H, W, 3) pixels that are there; `size` is [H, W].
    pub(super) fn of_pixels(pixels: Vec<u8>, [height, width]: [usize; 2]) -> Self {
        debug_assert_eq!(pixels.len(), 3 * height * width);
        Self {
            height,
            width,
            pixels,
        }
    }

    fn blank(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            pixels: PAPER.repeat(height * width),
        }
    }

    fn set(&mut self, y: usize, x: usize, colour: &[u8]) {
        let start = 3 * (y * self.width + x);
        self.pixels[start..start + 3].copy_from_slice(colour);
    }

    fn place(&mut self, cell: &Cell, [top, left]: [usize; 2], scale: usize) {
        let [height, width] = cell.size;
        for y in 0..height * scale {
            for x in 0..width * scale {
                let start = 3 * ((y / scale) * width + x / scale);
                self.set(top + y, left + x, &cell.pixels[start..start + 3]);
            }
        }
    }

    /// Text in the built-in font, `letter` pixels to a dot.
    fn write(&mut self, text: &str, [top, left]: [usize; 2], letter: usize) {
        for (index, character) in text.chars().enumerate() {
            let glyph = glyph(character);
            for y in 0..GLYPH * letter {
                for x in 0..GLYPH * letter {
                    if glyph[y / letter] & (1 << (x / letter)) != 0 {
                        self.set(top + y, left + index * GLYPH * letter + x, &INK);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, IndexOp};

    #[test]
    fn cells_stand_where_they_should() {
        let red = Cell::frame(&[255, 255, 0, 0, 0, 0], [3, 1, 2]).unwrap();
        let grey = Cell::frame(&[9, 9], [1, 1, 2]).unwrap();
        let rows = [
            Row::new("ab", vec![Cell::gap(), red.caption("t")]),
            Row::new("", vec![grey]),
        ];
        let picture = Picture::rows(&rows, 10);
        // A letter is 24 x 24 here: the label 48 wide, captions 24 high.
        let (first, step) = (48 + 2 * MARGIN, 20 + MARGIN);
        assert_eq!(picture.width, first + step + 24 + MARGIN);
        assert_eq!(picture.height, MARGIN + 27 + 24 + MARGIN + 24 + MARGIN);
        let at = |y: usize, x: usize| {
            let start = 3 * (y * picture.width + x);
            <[u8; 3]>::try_from(&picture.pixels[start..start + 3]).unwrap()
        };
        assert_eq!(at(MARGIN + 27, first + step), [255, 0, 0]);
        assert_eq!(at(MARGIN + 27 + 9, first + step + 19), [255, 0, 0]);
        assert_eq!(at(MARGIN + 27 + 10, first + step), PAPER);
        assert_eq!(at(2 * MARGIN + 51, first), [9; 3]);
        let ink = picture.pixels.chunks(3).filter(|p| *p == INK).count();
        assert!(ink > 3 * 9 * 9, "{ink}");
    }

    #[test]
    fn maps_and_spreads() {
        let device = Device::Cpu;
        let map = Tensor::new(&[[0f32, 0.5, 2.0]], &device).unwrap();
        // matplotlib.colormaps["inferno"]([0.0, 0.5, 1.0], bytes=True)
        let expected = [0, 0, 4, 188, 55, 84, 252, 255, 164];
        let cell = Cell::heat(&map, 1.0).unwrap();
        for (value, expected) in cell.pixels.iter().zip(expected) {
            assert!(value.abs_diff(expected) <= 2, "{:?}", cell.pixels);
        }
        let futures = Tensor::new(&[[[[0f32, 0.3]]], [[[1.0, 0.3]]]], &device).unwrap();
        let spread = spread(&futures).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(spread, [[0.5, 0.0]]);
    }

    #[test]
    fn a_film_holds_pictures_of_any_size() {
        let (small, large) = (Picture::blank(2, 3), Picture::blank(4, 2));
        let (frames, shape) = Picture::film(&[small, large]);
        assert_eq!(shape, [2, 3, 4, 3]);
        assert!(frames.len() == 72 && frames.iter().all(|&value| value == 255));
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        assert!(Cell::frame(&[0; 8], [2, 2, 2]).is_err());
        let clip = Tensor::zeros((2, 3, 4, 4), DType::F32, &Device::Cpu).unwrap();
        assert!(Cell::tensor(&clip).is_err());
        assert!(Cell::tensor(&clip.i(0).unwrap()).is_ok());
    }
}
