//! The connected pieces of a mask.

/// The sizes, in pixels, of the pieces of a mask (H, W) of `width` columns: pixels that
/// touch at a side or a corner are one piece (8-connected). Pieces come in the order of
/// their first pixels.
pub(super) fn pieces(mask: &[bool], width: usize) -> Vec<usize> {
    let mut left = mask.to_vec();
    let mut sizes = Vec::new();
    let mut open = Vec::new();
    for first in 0..left.len() {
        if !std::mem::take(&mut left[first]) {
            continue;
        }
        open.push(first);
        let mut size = 0;
        while let Some(pixel) = open.pop() {
            size += 1;
            let (y, x) = (pixel / width, pixel % width);
            for y in y.saturating_sub(1)..(y + 2).min(left.len() / width) {
                for x in x.saturating_sub(1)..(x + 2).min(width) {
                    let near = y * width + x;
                    if std::mem::take(&mut left[near]) {
                        open.push(near);
                    }
                }
            }
        }
        sizes.push(size);
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// import numpy as np
    /// from scipy.ndimage import label
    /// h, w = 24, 30
    /// i = np.arange(h * w)
    /// mask = ((i * i * 7 + i // w * 13) % 31 < 11).reshape(h, w)
    /// sizes = np.bincount(label(mask, np.ones((3, 3)))[0].ravel())[1:]
    /// print(mask.sum(), [(sizes >= least).sum() for least in (1, 3, 6, 10)], sizes.max())
    #[test]
    fn as_scipy() {
        let mask: Vec<bool> = (0..24 * 30usize)
            .map(|i| (i * i * 7 + i / 30 * 13) % 31 < 11)
            .collect();
        let sizes = pieces(&mask, 30);
        assert_eq!(sizes.iter().sum::<usize>(), 257);
        let least = [1, 3, 6, 10].map(|least| sizes.iter().filter(|&&s| s >= least).count());
        assert_eq!((least, sizes.iter().max()), ([81, 36, 12, 2], Some(&18)));
    }

    #[test]
    fn a_ring_is_one_and_nothing_is_none() {
        let ring: Vec<bool> = (0..25).map(|i| i / 5 % 4 == 0 || i % 5 % 4 == 0).collect();
        assert_eq!(pieces(&ring, 5), [16]);
        assert_eq!(pieces(&[false; 10], 5), [0; 0]);
        assert_eq!(pieces(&[], 0), [0; 0]);
    }
}
