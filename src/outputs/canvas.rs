//! A canvas of pixels for plotters, with the built-in font: no system fonts, and the same
//! picture on every machine.

use super::picture::glyph;
use plotters::prelude::DrawingBackend;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{BackendColor, BackendCoord, BackendTextStyle, DrawingErrorKind};
use std::convert::Infallible;

/// All is drawn so many times as large, and averaged: smooth edges.
pub(super) const ZOOM: u32 = 2;

/// (H, W, 3) pixels, drawn on at [`ZOOM`] times the size.
pub(super) struct Canvas<'a> {
    pixels: &'a mut [u8],
    size: (u32, u32),
}

impl<'a> Canvas<'a> {
    /// On 3·H·W bytes of a picture (W, H) wide and high.
    pub(super) fn new(pixels: &'a mut [u8], size: (u32, u32)) -> Self {
        debug_assert_eq!(pixels.len(), 3 * (size.0 * size.1) as usize);
        Self { pixels, size }
    }

    /// Dots of a glyph's pixel: the font has one size, and whole multiples of it.
    fn letter(size: f64) -> i32 {
        (size / 12.0).round().max(1.0) as i32
    }
}

/// A picture (W, H) from one drawn at [`ZOOM`] times that.
pub(super) fn shrink(pixels: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    let zoom = ZOOM as usize;
    let (width, height) = (width as usize, height as usize);
    let mut small = Vec::with_capacity(3 * width * height);
    for index in 0..3 * width * height {
        let (channel, x, y) = (index % 3, index / 3 % width, index / 3 / width);
        let rows = (0..zoom).flat_map(|dy| (0..zoom).map(move |dx| (dy, dx)));
        let at = |(dy, dx): (usize, usize)| {
            3 * ((y * zoom + dy) * width * zoom + x * zoom + dx) + channel
        };
        let sum: usize = rows.map(|place| usize::from(pixels[at(place)])).sum();
        small.push((sum / (zoom * zoom)) as u8);
    }
    small
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.size
    }

    fn ensure_prepared(&mut self) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn present(&mut self) -> Result<(), DrawingErrorKind<Infallible>> {
        Ok(())
    }

    fn draw_pixel(
        &mut self,
        (x, y): BackendCoord,
        colour: BackendColor,
    ) -> Result<(), DrawingErrorKind<Infallible>> {
        let (width, height) = (self.size.0 as i32, self.size.1 as i32);
        if (0..width).contains(&x) && (0..height).contains(&y) {
            let start = 3 * (y * width + x) as usize;
            let (red, green, blue) = colour.rgb;
            for (old, new) in self.pixels[start..start + 3]
                .iter_mut()
                .zip([red, green, blue])
            {
                let mixed = f64::from(*old) * (1.0 - colour.alpha) + f64::from(new) * colour.alpha;
                *old = mixed.round() as u8;
            }
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        pos: BackendCoord,
    ) -> Result<(), DrawingErrorKind<Infallible>> {
        let letter = Self::letter(style.size());
        let line = 8 * letter;
        let width = line * text.chars().count() as i32;
        let anchor = style.anchor();
        let left = match anchor.h_pos {
            HPos::Left => 0,
            HPos::Right => -width,
            HPos::Center => -width / 2,
        };
        let top = match anchor.v_pos {
            VPos::Top => 0,
            VPos::Center => -line / 2,
            VPos::Bottom => -line,
        };
        let turn = style.transform();
        for (index, character) in text.chars().enumerate() {
            let dots = glyph(character);
            for y in 0..line {
                for x in 0..line {
                    if dots[(y / letter) as usize] & (1 << (x / letter)) != 0 {
                        let (dx, dy) = turn.transform(left + index as i32 * line + x, top + y);
                        self.draw_pixel((pos.0 + dx, pos.1 + dy), style.color())?;
                    }
                }
            }
        }
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let line = 8 * Self::letter(style.size()) as u32;
        Ok((line * text.chars().count() as u32, line))
    }
}
