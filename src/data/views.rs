//! The same footage seen from slightly elsewhere, so that a short film is not
//! learned by heart.

use super::clips::Window;
use super::light::Light;
use crate::rng::Rng;

/// How windows may be seen.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Views {
    /// From up to so many pixels further down or up, right or left.
    pub shift: usize,
    /// Mirrored, half of them.
    pub mirror: bool,
    /// Upside down, half of them, and rows for columns, half of them; square frames only.
    pub turn: bool,
    /// How differently windows are lit: brighter or darker by up to exp(±this); 0 leaves all
    /// as it is.
    pub light: f64,
}

/// Sees each window in one of its `views`, all frames of a window alike.
pub fn vary(windows: &mut [Window], views: Views, rng: &mut Rng) {
    let shift = views.shift;
    for window in windows {
        if shift > 0 {
            let mut draw = || rng.below(2 * shift + 1) as isize - shift as isize;
            window.moved = (draw(), draw());
        }
        if views.mirror {
            window.lies.mirror_x = rng.below(2) == 1;
        }
        if views.turn {
            window.lies.mirror_y = rng.below(2) == 1;
            window.lies.transpose = rng.below(2) == 1;
        }
        if views.light > 0.0 {
            window.light = Light::drawn(views.light, rng);
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
        let still = Window::new(0, 0);
        let mut windows = vec![still; 512];
        let mut rng = Seed(1).stream("test", 0);
        vary(&mut windows, Views::default(), &mut rng);
        assert_eq!(windows, vec![still; 512]);
        let views = Views {
            shift: 2,
            mirror: true,
            ..Views::default()
        };
        vary(&mut windows, views, &mut rng);
        let views: BTreeSet<_> = windows.iter().map(|w| (w.moved, w.lies.mirror_x)).collect();
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
                let seen_at = if window.lies.mirror_x {
                    4 - i % 5
                } else {
                    i % 5
                };
                let column = place(seen_at, window.moved.1, 4);
                assert_eq!(*seen, (100 * (i / 20) + 10 * row + column) as f32);
            }
        }
    }

    #[test]
    fn a_square_lies_in_eight_ways() {
        let frames = (0..18).collect();
        let film = Footage::from_frames("film", frames, (2, 1, 3, 3), 25.0, vec![]).unwrap();
        let mut windows = vec![Window::new(0, 0); 64];
        let views = Views {
            mirror: true,
            turn: true,
            ..Views::default()
        };
        vary(&mut windows, views, &mut Seed(1).stream("test", 0));
        let seen = batch(&[film], &windows, 2, &Device::Cpu).unwrap();
        let seen = (seen * 255.0).unwrap().round().unwrap();
        let seen = seen.flatten_from(1).unwrap().to_vec2::<f32>().unwrap();
        let ways: BTreeSet<String> = seen.iter().map(|seen| format!("{seen:?}")).collect();
        assert_eq!(ways.len(), 8);
        for (seen, window) in seen.iter().zip(&windows) {
            for (i, &seen) in seen.iter().enumerate() {
                let (mut row, mut column) = (i / 3 % 3, i % 3);
                if window.lies.transpose {
                    (row, column) = (column, row);
                }
                if window.lies.mirror_y {
                    row = 2 - row;
                }
                if window.lies.mirror_x {
                    column = 2 - column;
                }
                assert_eq!(seen, (9 * (i / 9) + 3 * row + column) as f32, "{window:?}");
            }
        }
    }

    #[test]
    fn a_window_is_lit_as_one_and_each_channel_otherwise() {
        let frames: Vec<u8> = (0..2 * 3 * 256).map(|i| (i % 256) as u8).collect();
        let film = Footage::from_frames("film", frames, (2, 3, 16, 16), 25.0, vec![]).unwrap();
        let plain = Window::new(0, 0);
        let mut windows = vec![plain; 200];
        let views = Views {
            light: 0.3,
            ..Views::default()
        };
        vary(&mut windows, views, &mut Seed(1).stream("test", 0));
        let (mut least, mut most) = (f32::INFINITY, 0f32);
        for window in &windows {
            let as_lit = |i: usize, light: Light| {
                (light.gain * (i % 256) as f32 / 255.0 + light.add).clamp(0.0, 1.0)
            };
            let seen = batch(std::slice::from_ref(&film), &[*window], 2, &Device::Cpu).unwrap();
            let seen = seen.flatten_all().unwrap().to_vec1::<f32>().unwrap();
            for (i, &seen) in seen.iter().enumerate() {
                let expected = as_lit(i, window.light[i / 256 % 3]);
                assert!(
                    (seen - expected).abs() < 1e-6,
                    "{i}: {seen}, not {expected}"
                );
            }
            for light in window.light {
                (least, most) = (least.min(light.gain), most.max(light.gain));
                assert!(light.add.abs() <= 0.3 * 0.45 + 1e-6, "{light:?}");
            }
            assert_ne!(window.light[0], window.light[1]);
        }
        let widest = 0.45f32.exp();
        assert!(most < widest && most > 0.8 * widest, "{most}");
        assert!(least > 1.0 / widest && least < 1.25 / widest, "{least}");
    }
}
