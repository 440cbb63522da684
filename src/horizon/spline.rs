//! Cubic splines through the texels of a picture.
//!
//! Unser 1999, "Splines: a perfect fit for signal and image processing": half a pixel aside a spline keeps 97% of a wave of 4 pixels
//! and 76% of one of 2⅔, cubic convolution (Keys 1981) 88% and 55%. At its border a
//! picture goes on as in a mirror; what is further outside is 0.

use super::texels::Texel;
use std::sync::OnceLock;

/// The coefficients of a picture's spline, worked out when they are first needed. A clone has none, for it may be changed.
#[derive(Debug, Default)]
pub struct Spline(OnceLock<Vec<Texel>>);

/// Texels beyond the border that count: the pole to this power is nothing.
const SEEN: usize = 12;
/// √3 − 2, the pole of the filter that turns values into coefficients.
const POLE: f32 = -0.267_949_2;

impl Spline {
    /// Those of `values` (H, W).
    #[inline]
    pub(super) fn of(&self, values: &[Texel], size: (usize, usize)) -> &[Texel] {
        self.0.get_or_init(|| coefficients(values, size))
    }
}

impl Clone for Spline {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Spline {
    /// Pictures are equal where their values are.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

fn coefficients(values: &[Texel], (height, width): (usize, usize)) -> Vec<Texel> {
    let mut all = values.to_vec();
    if height * width == 0 {
        return all;
    }
    for row in all.chunks_exact_mut(width) {
        filter(row, 1);
    }
    filter(&mut all, width);
    all
}

/// Filters a column of lines of so many texels, down and up again.
fn filter(lines: &mut [Texel], width: usize) {
    if lines.len() == width {
        return;
    }
    for texel in lines.iter_mut() {
        *texel = texel.map(|value| 6.0 * value);
    }
    let last = lines.len() - width;
    // Beyond the border it goes on as in a mirror.
    let mut share = POLE;
    for start in (width..lines.len()).step_by(width).take(SEEN) {
        for at in 0..width {
            let far = lines[start + at];
            add(&mut lines[at], share, far);
        }
        share *= POLE;
    }
    for at in width..lines.len() {
        let before = lines[at - width];
        add(&mut lines[at], POLE, before);
    }
    for at in last..lines.len() {
        let before = lines[at - width];
        add(&mut lines[at], POLE, before);
        lines[at] = lines[at].map(|value| POLE / (POLE * POLE - 1.0) * value);
    }
    for at in (0..last).rev() {
        let after = lines[at + width];
        for (value, after) in lines[at].iter_mut().zip(after) {
            *value = POLE * (after - *value);
        }
    }
}

/// Adds a texel times its weight.
#[inline]
pub(super) fn add(sum: &mut Texel, weight: f32, texel: Texel) {
    for (sum, value) in sum.iter_mut().zip(texel) {
        *sum += weight * value;
    }
}

/// Weights of the coefficients of the four neighbours, the second of which is `f` before.
#[inline]
pub(super) fn cubic(f: f64) -> [f32; 4] {
    let f = f as f32;
    let (f2, f3, g) = (f * f, f * f * f, 1.0 - f);
    [
        g * g * g / 6.0,
        (3.0 * f3 - 6.0 * f2 + 4.0) / 6.0,
        (-3.0 * f3 + 3.0 * f2 + 3.0 * f + 1.0) / 6.0,
        f3 / 6.0,
    ]
}

/// Their derivatives.
#[inline]
pub(super) fn cubic_slope(f: f64) -> [f32; 4] {
    let f = f as f32;
    let (f2, g) = (f * f, 1.0 - f);
    [
        -0.5 * g * g,
        0.5 * (3.0 * f2 - 4.0 * f),
        0.5 * (-3.0 * f2 + 2.0 * f + 1.0),
        0.5 * f2,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spline_is_scipys() {
        // import numpy as np; from scipy.ndimage import spline_filter
        // v = np.zeros((15, 15)); v[6:9, 6:9] = [[1, 2, 3], [4, 5, 6], [7, 8, 10]]
        // c = spline_filter(v, 3, mode="mirror"); print(c[6:9, 6:9].round(4))
        let mut values = vec![[0.0; 4]; 225];
        let held = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0];
        for (at, value) in held.into_iter().enumerate() {
            values[(6 + at / 3) * 15 + 6 + at % 3] = [value; 4];
        }
        let spline = Spline::default();
        let found = spline.of(&values, (15, 15));
        let wanted = [
            0.7544, 1.6613, 5.4312, 4.2459, 3.4462, 6.0845, 14.3848, 8.6692, 21.6462,
        ];
        for (at, wanted) in wanted.into_iter().enumerate() {
            let own = found[(6 + at / 3) * 15 + 6 + at % 3][1];
            assert!((own - wanted).abs() < 2e-3, "{at}: {own} {wanted}");
        }
    }

    #[test]
    fn weights_sum_to_one_and_slopes_to_none() {
        for f in [0.0, 0.3, 0.5, 0.9] {
            assert!((cubic(f).iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(cubic_slope(f).iter().sum::<f32>().abs() < 1e-6);
        }
    }
}
