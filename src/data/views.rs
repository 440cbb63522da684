//! The same footage seen from slightly elsewhere, so that a short film is not
//! learned by heart.

use crate::error::Result;
use crate::rng::Rng;
use candle_core::Tensor;

/// Windows (B, T, C, H, W), each moved by up to `shift` pixels down or up and
/// right or left, all its frames alike; the border's pixels are repeated.
pub fn vary(windows: &Tensor, shift: usize, rng: &mut Rng) -> Result<Tensor> {
    if shift == 0 {
        return Ok(windows.clone());
    }
    let (batch, time, channels, height, width) = windows.dims5()?;
    let old = windows.flatten_all()?.to_vec1::<f32>()?;
    let mut values = Vec::with_capacity(old.len());
    let plane = height * width;
    for window in old.chunks_exact((time * channels * plane).max(1)) {
        let mut draw = || rng.below(2 * shift + 1);
        let (down, across) = (draw(), draw());
        let from = |place: usize, moved: usize, length: usize| {
            (place + moved).saturating_sub(shift).min(length - 1)
        };
        let columns: Vec<usize> = (0..width)
            .map(|column| from(column, across, width))
            .collect();
        for frame in window.chunks_exact(plane) {
            for row in 0..height {
                let line = &frame[from(row, down, height) * width..][..width];
                values.extend(columns.iter().map(|&column| line[column]));
            }
        }
    }
    let shape = (batch, time, channels, height, width);
    Ok(Tensor::from_vec(values, shape, windows.device())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use candle_core::Device;

    #[test]
    fn a_window_moves_as_one_and_keeps_its_pixels() {
        // Pixel (row, column) of frame t is 100 t + 10 row + column.
        let value = |i: usize| (100 * (i / 20 % 2) + 10 * (i / 5 % 4) + i % 5) as f32;
        let values: Vec<f32> = (0..64 * 40).map(|i| value(i % 40)).collect();
        let windows = Tensor::from_vec(values, (64, 2, 1, 4, 5), &Device::Cpu).unwrap();
        let mut rng = Seed(1).stream("test", 0);
        let same = vary(&windows, 0, &mut rng).unwrap();
        let list = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(list(&same), list(&windows));
        let varied = vary(&windows, 1, &mut rng).unwrap();
        let mut middles = std::collections::BTreeSet::new();
        for window in list(&varied).chunks(40) {
            let (first, second) = window.split_at(20);
            for (a, b) in first.iter().zip(second) {
                assert_eq!(a + 100.0, *b, "frames moved apart");
            }
            assert_eq!(first[8] - first[7], 1.0);
            assert_eq!(first[12] - first[7], 10.0);
            middles.insert(first[7] as i32);
        }
        // The pixel in row 1 and column 2, moved three ways down and across.
        assert!(middles.iter().eq(&[1, 2, 3, 11, 12, 13, 21, 22, 23]));
    }
}
