//! A picture in the making.

use super::SIZE;

/// Planar RGB, (3, H, W), 0 to 255.
#[derive(Debug, Clone)]
pub(super) struct Canvas {
    pixels: Vec<f32>,
}

impl Canvas {
    /// All black.
    pub fn new() -> Self {
        Self {
            pixels: vec![0.0; 3 * SIZE * SIZE],
        }
    }

    /// Lays `colour(x, y)` over each pixel's centre with the opacity it gives.
    pub fn paint(&mut self, colour: impl Fn(f32, f32) -> ([f32; 3], f32)) {
        for index in 0..SIZE * SIZE {
            let (x, y) = ((index % SIZE) as f32 + 0.5, (index / SIZE) as f32 + 0.5);
            let (rgb, opacity) = colour(x, y);
            for (channel, value) in rgb.into_iter().enumerate() {
                let pixel = &mut self.pixels[channel * SIZE * SIZE + index];
                *pixel += (value - *pixel) * opacity;
            }
        }
    }

    /// Whole numbers.
    pub fn bytes(&self) -> Vec<u8> {
        let bytes = self.pixels.iter().map(|value| value.round() as u8);
        bytes.collect()
    }
}

/// How much of a pixel at `from_edge` pixels outside a shape's edge is covered.
pub(super) fn cover(from_edge: f32) -> f32 {
    (0.5 - from_edge).clamp(0.0, 1.0)
}
