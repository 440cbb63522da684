//! Shadows: where a frame is the background, times less than 1.
//!
//! A shadow has the pattern of what it lies on: x = k·b nearby (as in Horprasert et al. 1999, "A statistical approach for
//! real-time robust background subtraction and shadow detection"). What moves takes its shadow along, but not the pattern.

use super::background::Background;
use super::sprite::along_both;

/// No shadow is darker: k at least. What is darker is taken for a thing.
const DARKEST: f32 = 0.5;
/// A lighter one is noise.
const LIGHTEST: f32 = 0.97;
/// What a shadow leaves unexplained, at most, in [0, 1], and of the background's own pattern.
const PLAIN: f32 = 0.02;
const PATTERNED: f32 = 0.15;

/// Of each pixel (H, W) of a frame (C, H, W) 1 − k, if it is in shadow, or in the light; `by` rows and columns around tell.
pub(super) fn shadows(frame: &[f32], background: &Background, by: usize) -> Vec<Option<f32>> {
    let [channels, height, width] = background.shape;
    let plane = height * width;
    let mean = |of: &dyn Fn(f32, f32) -> f32| {
        let here = |at: usize| -> f32 {
            let each = (0..channels).map(|c| c * plane + at);
            let sum: f32 = each.map(|at| of(frame[at], background.pixels[at])).sum();
            sum / channels as f32
        };
        let values: Vec<f32> = (0..plane).map(here).collect();
        let mean = |near: &[f32]| near.iter().sum::<f32>() / near.len() as f32;
        along_both(&values, (height, width), mean, by)
    };
    let (xx, xb, bb) = (
        mean(&|x, _| x * x),
        mean(&|x, b| x * b),
        mean(&|_, b| b * b),
    );
    let b = mean(&|_, b| b);
    let at = |at: usize| {
        let k = xb[at] / bb[at].max(f32::MIN_POSITIVE);
        let left = (xx[at] - k * xb[at]).max(0.0).sqrt();
        let pattern = (bb[at] - b[at] * b[at]).max(0.0).sqrt();
        let lies = k > DARKEST && k <= 1.0 && left < PLAIN + PATTERNED * pattern;
        lies.then_some(if k < LIGHTEST { 1.0 - k } else { 0.0 })
    };
    (0..plane).map(at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shadow_has_the_pattern_of_what_it_lies_on() {
        const SIDE: usize = 16;
        let stripes = |at: usize| {
            if (at % SIDE / 3).is_multiple_of(2) {
                180u8
            } else {
                120
            }
        };
        let pixels: Vec<u8> = (0..3 * SIDE * SIDE).map(stripes).collect();
        let background = Background::of_frames(std::slice::from_ref(&pixels), [3, SIDE, SIDE]);
        // A shadow on the left, a plate on the right, as dark.
        let dark = |(at, byte): (usize, &u8)| match at % SIDE {
            0..6 => 0.7 * f32::from(*byte) / 255.0,
            10.. => 0.4,
            _ => f32::from(*byte) / 255.0,
        };
        let frame: Vec<f32> = pixels.iter().enumerate().map(dark).collect();
        let found = shadows(&frame, &background, 1);
        assert!((found[8 * SIDE + 2].unwrap() - 0.3).abs() < 1e-4);
        assert!(found[8 * SIDE + 8].unwrap().abs() < 1e-4, "in the light");
        assert_eq!(found[8 * SIDE + 12], None, "a plate");
    }
}
