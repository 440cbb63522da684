//! The connected pieces of a mask.

use crate::horizon::connected;

/// The sizes, in pixels, of the pieces of a mask (H, W) of `width` columns: pixels that
/// touch at a side or a corner are one piece (8-connected). Pieces come in the order of
/// their first pixels.
pub(super) fn pieces(mask: &[bool], width: usize) -> Vec<usize> {
    let pieces = connected(mask.to_vec(), width, 1).into_iter();
    pieces.map(|pixels| pixels.len()).collect()
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
