//! Which part of a source picture goes where in a frame.

use super::settings::{Fit, ReadSettings};

/// One of the eight ways a picture can lie: rotated by quarter turns, mirrored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orientation {
    /// Rows become columns (applied first).
    pub transpose: bool,
    /// Then left and right are exchanged.
    pub mirror_x: bool,
    /// Then top and bottom are exchanged.
    pub mirror_y: bool,
}

impl Orientation {
    /// From a display matrix [a b u; c d v; x y w] in file order (ISO/IEC
    /// 14496-12, 6.2.2): a stored point (p, q) shows at (a·p + c·q, b·p + d·q).
    /// Angles between quarter turns go to the nearest.
    pub fn from_matrix(matrix: &[i32; 9]) -> Self {
        let [a, b, c, d] = [matrix[0], matrix[1], matrix[3], matrix[4]].map(i64::from);
        let transpose = b.abs() + c.abs() > a.abs() + d.abs();
        let (x, y) = if transpose { (c, b) } else { (a, d) };
        Self {
            transpose,
            mirror_x: x < 0,
            mirror_y: y < 0,
        }
    }

    /// Degrees clockwise that the stored picture is turned for display: 0, 90,
    /// 180 or 270; where it is mirrored too, left and right are exchanged first.
    pub fn degrees(self) -> u32 {
        match (self.transpose, self.mirror_x, self.mirror_y) {
            (false, false, false) | (false, true, false) => 0,
            (false, true, true) | (false, false, true) => 180,
            (true, true, _) => 90,
            (true, false, _) => 270,
        }
    }

    /// Whether the picture is mirrored, besides being turned.
    pub fn mirrored(self) -> bool {
        self.transpose ^ self.mirror_x ^ self.mirror_y
    }

    /// Where pixel (x, y) of a shown picture of `width` × `height` is stored.
    fn stored(self, x: usize, y: usize, width: usize, height: usize) -> (usize, usize) {
        let x = if self.mirror_x { width - 1 - x } else { x };
        let y = if self.mirror_y { height - 1 - y } else { y };
        if self.transpose { (y, x) } else { (x, y) }
    }
}

/// Which rectangle of the stored picture is kept, and how large it becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Left edge of what is kept, in stored pixels.
    pub left: usize,
    /// Top edge of what is kept.
    pub top: usize,
    /// Width of what is kept.
    pub width: usize,
    /// Height of what is kept.
    pub height: usize,
    /// Width after scaling, still as stored.
    pub scaled_width: usize,
    /// Height after scaling, still as stored.
    pub scaled_height: usize,
    orientation: Orientation,
}

impl Placement {
    /// For a stored picture of `width` × `height` pixels, each `aspect` times
    /// as wide as high.
    pub fn new(
        (width, height): (usize, usize),
        aspect: f64,
        orientation: Orientation,
        settings: &ReadSettings,
    ) -> Self {
        let (target_width, target_height) = if orientation.transpose {
            (settings.height, settings.width)
        } else {
            (settings.width, settings.height)
        };
        // The target's shape in stored pixels: how many columns per row.
        let columns = target_width as f64 / target_height as f64 / aspect;
        let whole = Self {
            left: 0,
            top: 0,
            width,
            height,
            scaled_width: target_width,
            scaled_height: target_height,
            orientation,
        };
        let part = |length: f64, limit: usize| (length.round() as usize).clamp(1, limit);
        // What is centred to the pixel is the picture as shown.
        let (mirror_x, mirror_y) = match orientation.transpose {
            false => (orientation.mirror_x, orientation.mirror_y),
            true => (orientation.mirror_y, orientation.mirror_x),
        };
        let centre =
            |kept: usize, all: usize, mirrored: bool| (all - kept + usize::from(mirrored)) / 2;
        let wide = width as f64 > height as f64 * columns;
        match settings.fit {
            Fit::Crop if wide => {
                let kept = part(height as f64 * columns, width);
                Self {
                    left: centre(kept, width, mirror_x),
                    width: kept,
                    ..whole
                }
            }
            Fit::Crop => {
                let kept = part(width as f64 / columns, height);
                Self {
                    top: centre(kept, height, mirror_y),
                    height: kept,
                    ..whole
                }
            }
            Fit::Letterbox if wide => Self {
                scaled_height: part(
                    target_height as f64 * height as f64 * columns / width as f64,
                    target_height,
                ),
                ..whole
            },
            Fit::Letterbox => Self {
                scaled_width: part(
                    target_width as f64 * width as f64 / columns / height as f64,
                    target_width,
                ),
                ..whole
            },
        }
    }

    /// Turns a scaled picture upright, centres it in the frame and splits it
    /// into planes. `pixel(x, y)` is the scaled picture's, as stored.
    pub fn lay<const C: usize>(
        &self,
        settings: &ReadSettings,
        pixel: impl Fn(usize, usize) -> [u8; C],
    ) -> Vec<u8> {
        let (width, height) = if self.orientation.transpose {
            (self.scaled_height, self.scaled_width)
        } else {
            (self.scaled_width, self.scaled_height)
        };
        let left = (settings.width - width) / 2;
        let top = (settings.height - height) / 2;
        let plane = settings.width * settings.height;
        let mut pixels = vec![0; C * plane];
        for y in 0..height {
            for x in 0..width {
                let (p, q) = self.orientation.stored(x, y, width, height);
                let at = (top + y) * settings.width + left + x;
                for (channel, value) in pixel(p, q).into_iter().enumerate() {
                    pixels[channel * plane + at] = value;
                }
            }
        }
        pixels
    }

    /// [`lay`](Self::lay) for a scaled picture that lies in planes, each with
    /// the bytes from one of its rows to the next.
    pub fn lay_planes<const C: usize>(
        &self,
        settings: &ReadSettings,
        planes: [(&[u8], usize); C],
    ) -> Vec<u8> {
        let size = (self.scaled_width, self.scaled_height);
        if self.orientation != Orientation::default() || size != (settings.width, settings.height) {
            return self.lay(settings, |x, y| {
                planes.map(|(data, stride)| data[y * stride + x])
            });
        }
        let mut pixels = Vec::with_capacity(settings.frame_bytes());
        for (data, stride) in planes {
            for row in data.chunks(stride).take(size.1) {
                pixels.extend_from_slice(&row[..size.0]);
            }
        }
        pixels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(size: (usize, usize), aspect: f64, orientation: Orientation, fit: Fit) -> Placement {
        let settings = ReadSettings {
            width: 32,
            height: 16,
            fit,
            ..ReadSettings::default()
        };
        Placement::new(size, aspect, orientation, &settings)
    }

    fn turned(degrees: usize) -> Orientation {
        let one = 1 << 16;
        let matrix = [
            [one, 0, 0, one],
            [0, one, -one, 0],
            [-one, 0, 0, -one],
            [0, -one, one, 0],
        ][degrees / 90];
        let [a, b, c, d] = matrix;
        Orientation::from_matrix(&[a, b, 0, c, d, 0, 0, 0, 1 << 30])
    }

    #[test]
    fn crops_to_the_shape_and_letterboxes_into_it() {
        let upright = Orientation::default();
        let kept = |place: Placement| (place.left, place.top, place.width, place.height);
        let scaled = |place: Placement| (place.scaled_width, place.scaled_height);
        assert_eq!(
            kept(place((100, 100), 1.0, upright, Fit::Crop)),
            (0, 25, 100, 50)
        );
        assert_eq!(
            kept(place((400, 100), 1.0, upright, Fit::Crop)),
            (100, 0, 200, 100)
        );
        assert_eq!(
            kept(place((100, 100), 2.0, upright, Fit::Crop)),
            (0, 0, 100, 100)
        );
        assert_eq!(
            kept(place((100, 100), 1.0, turned(90), Fit::Crop)),
            (25, 0, 50, 100)
        );
        assert_eq!(
            scaled(place((100, 100), 1.0, upright, Fit::Letterbox)),
            (16, 16)
        );
        assert_eq!(
            scaled(place((400, 100), 1.0, upright, Fit::Letterbox)),
            (32, 8)
        );
        assert_eq!(
            scaled(place((100, 400), 1.0, turned(270), Fit::Letterbox)),
            (8, 32)
        );
        assert_eq!(
            scaled(place((1, 4000), 1.0, upright, Fit::Letterbox)),
            (1, 16)
        );
    }

    #[test]
    fn turns_and_mirrors() {
        let settings = ReadSettings {
            width: 2,
            height: 2,
            ..ReadSettings::default()
        };
        // Stored: 1 2 / 3 4.
        let shown = |orientation| {
            Placement::new((2, 2), 1.0, orientation, &settings)
                .lay(&settings, |x, y| [1 + x as u8 + 2 * y as u8])
        };
        for (degrees, expected) in [
            (0, [1, 2, 3, 4]),
            (90, [3, 1, 4, 2]),
            (180, [4, 3, 2, 1]),
            (270, [2, 4, 1, 3]),
        ] {
            assert_eq!(shown(turned(degrees)), expected, "{degrees}");
            assert_eq!(turned(degrees).degrees() as usize, degrees);
            assert!(!turned(degrees).mirrored());
            // Exchanging left and right first gives the mirrored four.
            let mirror = |pixel: u8| [2, 1, 4, 3][usize::from(pixel) - 1];
            let expected = expected.map(mirror);
            let all = [false, true].into_iter().flat_map(|transpose| {
                [false, true].into_iter().flat_map(move |mirror_x| {
                    [false, true].map(|mirror_y| Orientation {
                        transpose,
                        mirror_x,
                        mirror_y,
                    })
                })
            });
            let same: Vec<_> = all
                .filter(|way| way.mirrored() && way.degrees() as usize == degrees)
                .map(shown)
                .collect();
            assert_eq!(same, [expected], "mirrored {degrees}");
        }
    }
}
