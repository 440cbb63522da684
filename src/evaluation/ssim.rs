//! Structural similarity (Wang, Bovik, Sheikh and Simoncelli, "Image quality
//! assessment: from error visibility to structural similarity", 2004).
//!
//! The variant: a Gaussian window of σ = 1.5 and 11 × 11 taps, population
//! covariance, K₁ = 0.01, K₂ = 0.03, values in [0, 1]; each channel by itself,
//! then their mean. The figure for a whole frame leaves out a border of 5
//! pixels, whose windows reach beyond the frame. It equals scikit-image's
//! `structural_similarity(…, gaussian_weights=True, sigma=1.5,
//! use_sample_covariance=False, data_range=1, channel_axis=0)`.

const RADIUS: usize = 5;
const C1: f64 = 0.01 * 0.01;
const C2: f64 = 0.03 * 0.03;

/// SSIM of `prediction` and `truth`, of `shape` = [C, H, W]; 1 is the best.
/// See [`Ssim`] to compare many predictions with one truth.
pub fn ssim(
    prediction: &[f32],
    truth: &[f32],
    shape: [usize; 3],
    mask: Option<&[bool]>,
) -> Option<f64> {
    Ssim::new(truth, shape).compare(prediction, mask)
}

/// A true frame, ready to be compared with predictions.
#[derive(Debug, Clone)]
pub struct Ssim {
    shape: [usize; 3],
    window: [f64; RADIUS + 1],
    truth: Vec<f64>,
    /// Local means of the truth and of its square, (C, H, W).
    mean: Vec<f64>,
    square: Vec<f64>,
}

impl Ssim {
    /// Prepares `truth`, of `shape` = [C, H, W].
    pub fn new(truth: &[f32], shape: [usize; 3]) -> Self {
        assert_eq!(truth.len(), shape.iter().product::<usize>(), "{shape:?}");
        let truth: Vec<f64> = truth.iter().copied().map(f64::from).collect();
        let weight = |i: usize| (-0.5 * (i as f64 / 1.5).powi(2)).exp();
        let total = weight(0) + 2.0 * (1..=RADIUS).map(weight).sum::<f64>();
        let window = std::array::from_fn(|i| weight(i) / total);
        let square: Vec<f64> = truth.iter().map(|value| value * value).collect();
        Self {
            mean: smooth(&truth, shape, &window),
            square: smooth(&square, shape, &window),
            shape,
            window,
            truth,
        }
    }

    /// The mean similarity: without a mask, over the frame but for its border
    /// (`None` where the frame is no larger than that); with one, over the
    /// mask's pixels, those in the border included (their windows see the
    /// frame mirrored, as in scikit-image's `full=True`).
    pub fn compare(&self, prediction: &[f32], mask: Option<&[bool]>) -> Option<f64> {
        let map = self.map(prediction);
        let [channels, height, width] = self.shape;
        let inner = |side: usize, i: usize| i >= RADIUS && i + RADIUS < side;
        if let Some(mask) = mask {
            assert_eq!(mask.len(), height * width, "a mask of another size");
        }
        let counts = |pixel: usize| match mask {
            Some(mask) => mask[pixel],
            None => inner(height, pixel / width) && inner(width, pixel % width),
        };
        let (mut total, mut number) = (0.0, 0usize);
        for pixel in (0..height * width).filter(|pixel| counts(*pixel)) {
            total += (0..channels)
                .map(|channel| map[channel * height * width + pixel])
                .sum::<f64>();
            number += channels;
        }
        (number > 0).then(|| total / number as f64)
    }

    /// The similarity around each value, (C, H, W).
    fn map(&self, prediction: &[f32]) -> Vec<f64> {
        assert_eq!(
            prediction.len(),
            self.truth.len(),
            "frames of different sizes"
        );
        let prediction: Vec<f64> = prediction.iter().copied().map(f64::from).collect();
        let product = |other: &[f64]| -> Vec<f64> {
            let pairs = prediction.iter().zip(other);
            pairs.map(|(a, b)| a * b).collect()
        };
        let smooth = |values: &[f64]| smooth(values, self.shape, &self.window);
        let mean = smooth(&prediction);
        let square = smooth(&product(&prediction));
        let cross = smooth(&product(&self.truth));
        (0..prediction.len())
            .map(|i| {
                let (x, y) = (mean[i], self.mean[i]);
                let (xx, yy) = (square[i] - x * x, self.square[i] - y * y);
                let xy = cross[i] - x * y;
                (2.0 * x * y + C1) * (2.0 * xy + C2) / ((x * x + y * y + C1) * (xx + yy + C2))
            })
            .collect()
    }
}

/// The local Gaussian mean of each plane of `values`, (C, H, W). Beyond its
/// edges a plane goes on mirrored, the edge itself included.
fn smooth(values: &[f64], shape: [usize; 3], window: &[f64; RADIUS + 1]) -> Vec<f64> {
    let [_, height, width] = shape;
    let mut smoothed = vec![0.0; values.len()];
    let mut column = vec![0.0; width + 2 * RADIUS];
    let planes = values.chunks_exact(height * width);
    for (plane, out) in planes.zip(smoothed.chunks_exact_mut(height * width)) {
        for (y, out) in out.chunks_exact_mut(width).enumerate() {
            // Down the columns into one padded row, then along that row.
            let row = |offset: isize| {
                let y = mirrored(y as isize + offset, height);
                &plane[y * width..(y + 1) * width]
            };
            let middle = &mut column[RADIUS..RADIUS + width];
            for (sum, value) in middle.iter_mut().zip(row(0)) {
                *sum = window[0] * value;
            }
            for (offset, weight) in window.iter().enumerate().skip(1) {
                let (above, below) = (row(-(offset as isize)), row(offset as isize));
                for ((sum, above), below) in middle.iter_mut().zip(above).zip(below) {
                    *sum += weight * (above + below);
                }
            }
            for i in 0..RADIUS {
                column[i] = column[RADIUS + mirrored(i as isize - RADIUS as isize, width)];
                let right = mirrored((width + i) as isize, width);
                column[RADIUS + width + i] = column[RADIUS + right];
            }
            for (sum, value) in out.iter_mut().zip(&column[RADIUS..]) {
                *sum = window[0] * value;
            }
            for (offset, weight) in window.iter().enumerate().skip(1) {
                let (left, right) = (&column[RADIUS - offset..], &column[RADIUS + offset..]);
                for ((sum, left), right) in out.iter_mut().zip(left).zip(right) {
                    *sum += weight * (left + right);
                }
            }
        }
    }
    smoothed
}

/// … 1 0 | 0 1 … n−1 | n−1 n−2 …
fn mirrored(index: isize, length: usize) -> usize {
    let length = length as isize;
    let index = index.rem_euclid(2 * length);
    index.min(2 * length - 1 - index) as usize
}

#[cfg(test)]
mod tests {
    use super::super::region::reference::*;
    use super::*;

    #[test]
    fn as_scikit_image() {
        let (prediction, truth) = (prediction(), frame(0));
        close(ssim(&prediction, &truth, SHAPE, None), 0.936320507);
        close(ssim(&prediction, &truth, SHAPE, Some(&mask())), 0.936068863);
        close(ssim(&truth, &truth, SHAPE, None), 1.0);
        assert_eq!(ssim(&prediction, &truth, SHAPE, Some(&nothing())), None);
    }

    #[test]
    fn a_frame_that_is_all_border() {
        let (truth, all) = (vec![0.5; 40], vec![true; 40]);
        assert_eq!(ssim(&truth, &truth, [1, 4, 10], None), None);
        close(ssim(&truth, &truth, [1, 4, 10], Some(&all)), 1.0);
    }
}
