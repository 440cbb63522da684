//! Peak signal-to-noise ratio.

use super::region::values;

/// What an exact prediction gets, so that means stay finite.
const MOST: f64 = 100.0;

/// Mean squared error over the values that count.
pub fn squared_error(prediction: &[f32], truth: &[f32], mask: Option<&[bool]>) -> Option<f64> {
    assert_eq!(prediction.len(), truth.len(), "frames of different sizes");
    let (prediction, truth) = (values(prediction, mask), values(truth, mask));
    let total: f64 = prediction
        .iter()
        .zip(truth.iter())
        .map(|(a, b)| f64::from(a - b).powi(2))
        .sum();
    (!truth.is_empty()).then(|| total / truth.len() as f64)
}

/// −10 log₁₀ of the mean squared error, in decibels, for values in [0, 1];
/// higher is better, and 100 is the most.
pub fn psnr(prediction: &[f32], truth: &[f32], mask: Option<&[bool]>) -> Option<f64> {
    let error = squared_error(prediction, truth, mask)?;
    let found = -10.0 * error.log10();
    // Not `min`, which would make the best of what is not a number.
    Some(if found > MOST { MOST } else { found })
}

#[cfg(test)]
mod tests {
    use super::super::region::reference::*;
    use super::*;

    #[test]
    fn as_scikit_image() {
        let (prediction, truth) = (prediction(), frame(0));
        close(psnr(&prediction, &truth, None), 21.325333488);
        close(psnr(&prediction, &truth, Some(&mask())), 21.313589412);
        assert_eq!(psnr(&prediction, &truth, Some(&nothing())), None);
        assert_eq!(psnr(&truth, &truth, None), Some(100.0));
    }
}
