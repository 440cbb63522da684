//! Where the scene moves.

/// A pixel moved if any channel changed by more than this, in [0, 1].
pub const CHANGE: f32 = 0.05;
/// How far moving pixels spread to their neighbours, in pixels.
pub const MARGIN: usize = 2;

/// The mask (H, W) of what changed from the last frame of the context to the
/// true frame, both of `shape` = [C, H, W]: pixels that changed by more than
/// [`CHANGE`] in any channel, and all within [`MARGIN`] rows and columns of
/// them. A still background hides blur and rewards copying; this leaves it out.
pub fn moving(last: &[f32], truth: &[f32], shape: [usize; 3]) -> Vec<bool> {
    moving_beyond(last, truth, shape, CHANGE)
}

fn moving_beyond(last: &[f32], truth: &[f32], shape: [usize; 3], change: f32) -> Vec<bool> {
    let [_, height, width] = shape;
    let size = shape.iter().product::<usize>();
    assert_eq!((last.len(), truth.len()), (size, size), "{shape:?}");
    let mut mask = vec![false; height * width];
    for (index, (before, after)) in last.iter().zip(truth).enumerate() {
        if (after - before).abs() > change {
            let pixel = index % (height * width);
            let (y, x) = (pixel / width, pixel % width);
            for y in y.saturating_sub(MARGIN)..(y + MARGIN + 1).min(height) {
                let columns = x.saturating_sub(MARGIN)..(x + MARGIN + 1).min(width);
                mask[y * width..][columns].fill(true);
            }
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use super::super::region::reference::*;
    use super::*;

    #[test]
    fn as_scipy() {
        let mask = moving_beyond(&frame(0), &prediction(), SHAPE, 0.19);
        let inside = || (0..mask.len()).filter(|&pixel| mask[pixel]);
        assert_eq!((inside().count(), inside().sum::<usize>()), (217, 75421));
    }

    #[test]
    fn a_small_change_is_none_and_margins_stay_inside() {
        let mut truth = vec![0.5; 50];
        let last = truth.clone();
        truth[25 + 24] = 0.52;
        assert!(moving(&last, &truth, [2, 5, 5]).iter().all(|moved| !moved));
        truth[25 + 24] = 0.6;
        let mask = moving(&last, &truth, [2, 5, 5]);
        let expected = |i: usize| i / 5 >= 2 && i % 5 >= 2;
        assert!((0..25).all(|i| mask[i] == expected(i)));
    }
}
