//! How sharp a prediction is, beside the real frame.

/// The mean gradient magnitude of a frame of `shape` = [C, H, W]: the root of
/// the squared differences to the right and below, over all pixels that have
/// both neighbours and lie in the mask, each channel by itself.
pub fn gradient(frame: &[f32], shape: [usize; 3], mask: Option<&[bool]>) -> Option<f64> {
    let [_, height, width] = shape;
    assert_eq!(frame.len(), shape.iter().product::<usize>(), "{shape:?}");
    if let Some(mask) = mask {
        assert_eq!(mask.len(), height * width, "a mask of another size");
    }
    let (mut total, mut number) = (0.0, 0usize);
    for plane in frame.chunks_exact((height * width).max(1)) {
        for y in 0..height.saturating_sub(1) {
            for x in 0..width.saturating_sub(1) {
                let pixel = y * width + x;
                if mask.is_some_and(|mask| !mask[pixel]) {
                    continue;
                }
                let right = f64::from(plane[pixel + 1]) - f64::from(plane[pixel]);
                let below = f64::from(plane[pixel + width]) - f64::from(plane[pixel]);
                total += (right * right + below * below).sqrt();
                number += 1;
            }
        }
    }
    (number > 0).then(|| total / number as f64)
}

/// The gradient magnitude of `prediction` ÷ that of `truth`: 1 is as sharp as
/// the real frame, less is blurred. `None` also where the real frame is flat.
/// To summarise many frames, divide the sums of [`gradient`]: a mean of ratios
/// lets nearly flat frames rule.
pub fn sharpness_ratio(
    prediction: &[f32],
    truth: &[f32],
    shape: [usize; 3],
    mask: Option<&[bool]>,
) -> Option<f64> {
    let real = gradient(truth, shape, mask)?;
    let ratio = gradient(prediction, shape, mask)? / real;
    (real > 0.0).then_some(ratio)
}

/// BeyondMSE's sharpness difference, in decibels; higher is nearer to the real
/// frame's edges (Mathieu, Couprie & LeCun, "Deep multi-scale video prediction beyond
/// mean square error", 2016, eq. 18): 10·log₁₀(1/D), D the mean over pixels that
/// have both neighbours of ||∂ₓŷ| − |∂ₓy|| + ||∂ᵧŷ| − |∂ᵧy||, pixels in [0, 1].
/// (Their differences go to the left and above; here, as in [`gradient`], to the
/// right and below.) `None` where nothing counts or all edges are the same.
pub fn sharpness_difference(
    prediction: &[f32],
    truth: &[f32],
    shape: [usize; 3],
    mask: Option<&[bool]>,
) -> Option<f64> {
    let [_, height, width] = shape;
    assert_eq!(prediction.len(), truth.len(), "frames of different sizes");
    let (mut total, mut number) = (0.0, 0usize);
    let planes = (height * width).max(1);
    for (made, real) in prediction
        .chunks_exact(planes)
        .zip(truth.chunks_exact(planes))
    {
        for pixel in 0..height.saturating_sub(1) * width {
            if pixel % width + 1 == width || mask.is_some_and(|mask| !mask[pixel]) {
                continue;
            }
            let edge = |plane: &[f32], to: usize| f64::from((plane[to] - plane[pixel]).abs());
            for to in [pixel + 1, pixel + width] {
                total += (edge(made, to) - edge(real, to)).abs();
            }
            number += 1;
        }
    }
    (total > 0.0).then(|| 10.0 * (number as f64 / total).log10())
}

#[cfg(test)]
mod tests {
    use super::super::region::reference::*;
    use super::*;

    #[test]
    fn as_numpy() {
        let (prediction, truth) = (prediction(), frame(0));
        let ratio =
            |mask: Option<Vec<bool>>| sharpness_ratio(&prediction, &truth, SHAPE, mask.as_deref());
        close(gradient(&truth, SHAPE, None), 0.384153705);
        close(ratio(None), 0.898656634);
        close(ratio(Some(mask())), 0.898630696);
        assert_eq!(ratio(Some(nothing())), None);
        assert_eq!(
            sharpness_ratio(&truth, &vec![0.5; truth.len()], SHAPE, None),
            None
        );
    }

    #[test]
    fn the_difference_is_as_numpy() {
        // def difference(p, t, m):
        //     d = lambda f: [np.abs(f64(f)[:, :-1, 1:] - f64(f)[:, :-1, :-1]),
        //                    np.abs(f64(f)[:, 1:, :-1] - f64(f)[:, :-1, :-1])]
        //     (px, py), (tx, ty) = d(p), d(t)
        //     return 10 * np.log10(1 / (np.abs(px - tx) + np.abs(py - ty))[:, m[:-1, :-1]].mean())
        let (prediction, truth) = (prediction(), frame(0));
        let of = |mask: Option<Vec<bool>>| {
            sharpness_difference(&prediction, &truth, SHAPE, mask.as_deref())
        };
        close(of(None), 9.262292382);
        close(of(Some(mask())), 9.278390863);
        assert_eq!(of(Some(nothing())), None);
        assert_eq!(sharpness_difference(&truth, &truth, SHAPE, None), None);
    }
}
