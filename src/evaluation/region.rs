//! Which values of a frame count.

use std::borrow::Cow;

/// The values of `frame`, (C, H, W), at the pixels of `mask`, (H, W), channel
/// after channel; all without a mask.
pub(super) fn values<'a>(frame: &'a [f32], mask: Option<&[bool]>) -> Cow<'a, [f32]> {
    let Some(mask) = mask else {
        return Cow::Borrowed(frame);
    };
    assert!(
        !mask.is_empty() && frame.len().is_multiple_of(mask.len()),
        "a mask of {} pixels for a frame of {} values",
        mask.len(),
        frame.len()
    );
    let inside = |plane: &'a [f32]| {
        let pairs = plane.iter().zip(mask).filter(|(_, inside)| **inside);
        pairs.map(|(value, _)| *value).collect::<Vec<_>>()
    };
    Cow::Owned(frame.chunks_exact(mask.len()).flat_map(inside).collect())
}

/// Frames that the metrics' tests share with this script, whose figures they
/// quote (numpy 2, scikit-image 0.26, properscoring 0.1):
///
/// ```python
/// import numpy as np, itertools, properscoring
/// from skimage.metrics import structural_similarity, peak_signal_noise_ratio
/// def frame(k, c=3, h=20, w=24):
///     i = np.arange(c * h * w, dtype=np.float64)
///     x = 0.5 + 0.3 * np.sin(0.37 * i + k) + 0.2 * np.cos(0.011 * i * (k + 1))
///     return x.astype(np.float32).reshape(c, h, w)
/// t, p = frame(0), (0.7 * frame(0) + 0.3 * frame(1)).astype(np.float32)
/// y, x = np.mgrid[:20, :24]
/// mask, one = (x + 2 * y) % 5 < 2, np.ones((20, 24), bool)
/// f64 = lambda v: v.astype(np.float64)
/// # psnr
/// print(peak_signal_noise_ratio(f64(t), f64(p), data_range=1),
///       10 * np.log10(1 / np.mean(((f64(t) - f64(p))**2)[:, mask])))
/// # ssim
/// s, full = structural_similarity(f64(t), f64(p), gaussian_weights=True, sigma=1.5,
///     use_sample_covariance=False, data_range=1, channel_axis=0, full=True)
/// print(s, full.mean(0)[mask].mean())
/// # sharpness
/// def gradient(f, m):
///     f = f64(f)
///     dx, dy = f[:, :-1, 1:] - f[:, :-1, :-1], f[:, 1:, :-1] - f[:, :-1, :-1]
///     return np.sqrt(dx**2 + dy**2)[:, m[:-1, :-1]].mean()
/// print(gradient(t, one), *(gradient(p, m) / gradient(t, m) for m in (one, mask)))
/// # crps: properscoring divides the spread by m², the fair one by m(m - 1)
/// xs, m = np.stack([frame(k) for k in range(1, 6)]), 5
/// spread = np.abs(f64(xs)[:, None] - f64(xs)[None]).sum((0, 1)) / 2
/// fair = properscoring.crps_ensemble(f64(t), f64(xs), axis=0)
/// fair += spread / m**2 - spread / (m * (m - 1))
/// print(fair.mean(), fair[:, mask].mean())
/// # energy score
/// def energy(m):
///     f = lambda v: f64(v)[:, m].ravel()
///     d = lambda a, b: np.linalg.norm(f(a) - f(b)) / np.sqrt(f(a).size)
///     pairs = [d(a, b) for a, b in itertools.permutations(xs, 2)]
///     return np.mean([d(v, t) for v in xs]) - np.mean(pairs) / 2
/// print(energy(one), energy(mask))
/// # best of n
/// scores = [3., 1., 4., 1.5, 5., 9.]
/// print([np.mean([max(c) for c in itertools.combinations(scores, n)]) for n in (1, 3, 6)])
/// # moving
/// from scipy.ndimage import binary_dilation
/// moved = (np.abs(p - t) > 0.19).any(0)
/// wide = binary_dilation(moved, np.ones((5, 5)))
/// print(wide.sum(), (wide * np.arange(480).reshape(20, 24)).sum())
/// ```
#[cfg(test)]
pub(super) mod reference {
    pub const SHAPE: [usize; 3] = [3, 20, 24];

    pub fn frame(k: usize) -> Vec<f32> {
        let value = |i: usize| {
            let (i, k) = (i as f64, k as f64);
            (0.5 + 0.3 * (0.37 * i + k).sin() + 0.2 * (0.011 * i * (k + 1.0)).cos()) as f32
        };
        (0..SHAPE.iter().product()).map(value).collect()
    }

    pub fn prediction() -> Vec<f32> {
        let pairs = frame(0).into_iter().zip(frame(1));
        pairs.map(|(a, b)| 0.7 * a + 0.3 * b).collect()
    }

    pub fn mask() -> Vec<bool> {
        let [_, height, width] = SHAPE;
        (0..height * width)
            .map(|i| (i % width + 2 * (i / width)) % 5 < 2)
            .collect()
    }

    pub fn nothing() -> Vec<bool> {
        vec![false; SHAPE[1] * SHAPE[2]]
    }

    #[track_caller]
    pub fn close(actual: Option<f64>, expected: f64) {
        let actual = actual.expect("a figure");
        assert!((actual - expected).abs() < 1e-6, "{actual} and {expected}");
    }
}
