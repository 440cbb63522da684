//! The same footage seen from slightly elsewhere, so that a short film is not
//! learned by heart.

use super::clips::Window;
use crate::rng::Rng;

/// Moves each window by up to `shift` pixels down or up and right or left, and
/// with `mirror` mirrors half of them; all frames of a window alike.
pub fn vary(windows: &mut [Window], shift: usize, mirror: bool, rng: &mut Rng) {
    for window in windows {
        if shift > 0 {
            let mut draw = || rng.below(2 * shift + 1) as isize - shift as isize;
            window.moved = (draw(), draw());
        }
        if mirror {
            window.mirrored = rng.below(2) == 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Footage, batch};
    use super::*;
    use crate::rng::Seed;
    use candle_core::Device;
    use std::collections::BTreeSet;

    #[test]
    fn a_window_moves_as_one_and_keeps_its_pixels() {
        // Pixel (row, column) of frame t is 100 t + 10 row + column.
        let value = |i: usize| (100 * (i / 20) + 10 * (i / 5 % 4) + i % 5) as u8;
        let frames = (0..40).map(value).collect();
        let film = Footage::from_frames("film", frames, (2, 1, 4, 5), 25.0, vec![]).unwrap();
        let still = Window {
            file: 0,
            start: 0,
            moved: (0, 0),
            mirrored: false,
        };
        let mut windows = vec![still; 512];
        let mut rng = Seed(1).stream("test", 0);
        vary(&mut windows, 0, false, &mut rng);
        assert_eq!(windows, vec![still; 512]);
        vary(&mut windows, 2, true, &mut rng);
        let views: BTreeSet<_> = windows.iter().map(|w| (w.moved, w.mirrored)).collect();
        assert_eq!(
            views.len(),
            50,
            "not all views were drawn in 512: {views:?}"
        );
        let seen = batch(&[film], &windows, 2, &Device::Cpu).unwrap();
        for (film, window) in (seen * 255.0)
            .unwrap()
            .round()
            .unwrap()
            .flatten_from(1)
            .unwrap()
            .to_vec2::<f32>()
            .unwrap()
            .iter()
            .zip(&windows)
        {
            for (i, seen) in film.iter().enumerate() {
                let place = |at: usize, moved: isize, last: isize| {
                    (at as isize + moved).clamp(0, last) as usize
                };
                let row = place(i / 5 % 4, window.moved.0, 3);
                let seen_at = if window.mirrored { 4 - i % 5 } else { i % 5 };
                let column = place(seen_at, window.moved.1, 4);
                assert_eq!(*seen, (100 * (i / 20) + 10 * row + column) as f32);
            }
        }
    }
}
