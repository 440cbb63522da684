//! How a patch is shown: as it is, or so that only shape and motion are left.

use crate::rng::Rng;

/// How patches are shown to the classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchForm {
    /// Every pixel as it is, so that sharpness and grain count.
    AsTheyAre,
    /// Smoothed, every second pixel kept, and equal noise added to film and to what is
    /// drawn: shape and motion alone count.
    LowPassed,
}

/// A Gaussian of one and a half pixels at 0.5, 1.5, 2.5 and 3.5 pixels from its middle.
const SMOOTHING: [f32; TAPS] = [0.253_26, 0.162_38, 0.066_76, 0.017_60];
/// Standard deviation of the noise that is added after it, for pixels in [0, 1].
const NOISE: f32 = 0.05;
/// Taps of the Gaussian to each side of the middle between two pixels.
const TAPS: usize = 4;

impl PatchForm {
    /// Rows and columns of what is shown of a patch of `size`.
    pub fn size(self, size: [usize; 2]) -> [usize; 2] {
        match self {
            Self::AsTheyAre => size,
            Self::LowPassed => size.map(|side| side.div_ceil(2)),
        }
    }

    /// Adds to `shown` what is shown of a patch (planes, rows, columns), as (rows, columns,
    /// planes) in [0, 1] and a little beyond. `mirrored`: upside down, and left for right.
    pub fn show(
        self,
        patch: &[u8],
        size: [usize; 2],
        mirrored: [bool; 2],
        rng: &mut Rng,
        shown: &mut Vec<f32>,
    ) {
        let [rows, columns] = self.size(size);
        let area = size[0] * size[1];
        let planes = patch.len() / area;
        let start = shown.len();
        shown.resize(start + rows * columns * planes, 0.0);
        let here = &mut shown[start..];
        for (index, plane) in patch.chunks_exact(area).enumerate() {
            let numbers: Vec<f32> = plane.iter().map(|&byte| f32::from(byte) / 255.0).collect();
            let numbers = match self {
                Self::AsTheyAre => numbers,
                Self::LowPassed => halved(&numbers, size),
            };
            for (place, value) in numbers.into_iter().enumerate() {
                let (mut row, mut column) = (place / columns, place % columns);
                if mirrored[0] {
                    row = rows - 1 - row;
                }
                if mirrored[1] {
                    column = columns - 1 - column;
                }
                here[(row * columns + column) * planes + index] = value;
            }
        }
        if self == Self::LowPassed {
            rng.add_noise(here, NOISE);
        }
    }
}

/// A plane smoothed by a Gaussian and sampled in the middle of every two pixels by two;
/// the border's pixels are repeated.
fn halved(plane: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    // The two pixels under each weight around the middle of pixels 2·place and 2·place + 1.
    let under = |place: usize, tap: usize, length: usize| {
        let before = (2 * place).saturating_sub(tap).min(length - 1);
        [before, (2 * place + 1 + tap).min(length - 1)]
    };
    let narrow = columns.div_ceil(2);
    let mut made = Vec::with_capacity(rows.div_ceil(2) * narrow);
    let mut line = vec![0f32; columns];
    for place in 0..rows.div_ceil(2) {
        line.fill(0.0);
        for (tap, weight) in SMOOTHING.into_iter().enumerate() {
            let [above, below] = under(place, tap, rows).map(|row| &plane[row * columns..]);
            for ((sum, above), below) in line.iter_mut().zip(above).zip(below) {
                *sum += weight * (above + below);
            }
        }
        made.extend((0..narrow).map(|place| {
            let taps = SMOOTHING.into_iter().enumerate();
            taps.map(|(tap, weight)| {
                let [left, right] = under(place, tap, columns);
                weight * (line[left] + line[right])
            })
            .sum::<f32>()
        }));
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn shown(form: PatchForm, patch: &[u8], mirrored: [bool; 2]) -> Vec<f32> {
        let mut values = Vec::new();
        let mut rng = Seed(1).stream("test", 0);
        form.show(patch, [4, 6], mirrored, &mut rng, &mut values);
        values
    }

    #[test]
    fn planes_come_last_and_are_mirrored_together() {
        let patch: Vec<u8> = (0..48).collect();
        let plain = shown(PatchForm::AsTheyAre, &patch, [false; 2]);
        let number = |value: u8| f32::from(value) / 255.0;
        assert_eq!(plain[..4], [0, 24, 1, 25].map(number));
        let turned = shown(PatchForm::AsTheyAre, &patch, [true; 2]);
        assert_eq!(turned[..4], [23, 47, 22, 46].map(number));
        let down = shown(PatchForm::AsTheyAre, &patch, [true, false]);
        assert_eq!(down[..2], [18, 42].map(number));
    }

    #[test]
    fn a_smoothed_slope_is_a_slope_with_noise() {
        // Rows of 0, 10, …, 150 in both planes: the middle of pixels 6 and 7 is 65.
        let row: Vec<f32> = (0..16).map(|x| 10.0 * x as f32).collect();
        let halves = halved(&row.repeat(16), [16, 16]);
        assert_eq!(halves.len(), 64);
        assert!((halves[27] - 65.0).abs() < 1e-3, "{}", halves[27]);
        assert!((halves[3] - 65.0).abs() < 1e-3, "{}", halves[3]);

        let flat = shown(PatchForm::LowPassed, &[51; 2 * 24], [false; 2]);
        assert_eq!(flat.len(), 2 * 6);
        assert!(flat.iter().all(|value| (value - 0.2).abs() < 5.0 * NOISE));
        assert!(flat.iter().any(|value| (value - 0.2).abs() > 0.01));
    }
}
