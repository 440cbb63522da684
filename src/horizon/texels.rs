//! Pictures that are moved: colour times opacity, and opacity.

use super::spline::{Spline, add, cubic, cubic_slope};

/// Red, green and blue, each times the opacity, and the opacity. Grey is the same in all three.
pub type Texel = [f32; 4];

/// Four rows or columns.
type Four = std::ops::Range<isize>;

/// A picture of texels that lies somewhere in a frame.
///
/// Places are (y, x) in the model's pixels: whole numbers are the centres of pixels of the frame at
/// which z is found. A texel is `pitch` of these wide, so the same z moves a picture of any size.
#[derive(Debug, Clone, PartialEq)]
pub struct Texels {
    /// Rows and columns.
    pub size: (usize, usize),
    /// Row after row.
    pub values: Vec<Texel>,
    /// The width of a texel in the model's pixels.
    pub pitch: f64,
    /// Where the upper left corner of the first texel lies.
    pub corner: (f64, f64),
    spline: Spline,
}

/// A texel between the others, and how it changes with its place.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sampled {
    /// The texel.
    pub value: Texel,
    /// Its slope down, per model pixel.
    pub down: Texel,
    /// Its slope to the right, per model pixel.
    pub right: Texel,
}

impl Texels {
    /// A picture of `size` rows and columns whose texels are `pitch` wide, with its upper left `corner` there.
    pub fn new(size: (usize, usize), values: Vec<Texel>, pitch: f64, corner: (f64, f64)) -> Self {
        Self {
            size,
            values,
            pitch,
            corner,
            spline: Spline::default(),
        }
    }

    /// A frame (C, H, W) in [0, 1], opaque, whose texels are `pitch` wide.
    pub fn of_frame(frame: &[f32], (height, width): (usize, usize), pitch: f64) -> Self {
        let plane = height * width;
        let channels = (frame.len() / plane.max(1)).max(1);
        let channel = |at: usize, c: usize| frame[c.min(channels - 1) * plane + at];
        let values = (0..plane).map(|at| [channel(at, 0), channel(at, 1), channel(at, 2), 1.0]);
        Self::new((height, width), values.collect(), pitch, (-0.5, -0.5))
    }

    /// The frame (C, H, W) of an opaque picture, in [0, 1].
    pub fn frame(&self, channels: usize) -> Vec<f32> {
        let planes = (0..channels).flat_map(|c| self.values.iter().map(move |texel| texel[c]));
        planes.map(|value| value.clamp(0.0, 1.0)).collect()
    }

    /// The centre of a texel.
    pub fn centre(&self, row: usize, column: usize) -> (f64, f64) {
        let (top, left) = self.corner;
        let along = |start: f64, index: usize| start + (index as f64 + 0.5) * self.pitch;
        (along(top, row), along(left, column))
    }

    /// Where a place lies, in texels: whole numbers are their centres.
    pub fn index(&self, (y, x): (f64, f64)) -> (f64, f64) {
        let (top, left) = self.corner;
        let along = |place: f64, start: f64| (place - start) / self.pitch - 0.5;
        (along(y, top), along(x, left))
    }

    /// The picture at a place, by a cubic spline through the texels: it keeps sharpness where linear interpolation
    /// blurs. Outside of the picture all is 0. Values must not be changed after the first call.
    pub fn sample(&self, place: (f64, f64)) -> Texel {
        let (y, x) = self.index(place);
        let Some((rows, columns)) = self.near(y, x) else {
            return [0.0; 4];
        };
        let (wy, wx) = (cubic(y - y.floor()), cubic(x - x.floor()));
        let spline = self.spline.of(&self.values, self.size);
        let mut value = [0.0; 4];
        for (row, wy) in rows.zip(wy) {
            let mut line = [0.0; 4];
            for (texel, wx) in self.four(spline, row, columns.start).into_iter().zip(wx) {
                add(&mut line, wx, texel);
            }
            add(&mut value, wy, line);
        }
        value
    }

    /// [`Self::sample`], and its slopes.
    pub fn sample_with_slopes(&self, place: (f64, f64)) -> Sampled {
        let (y, x) = self.index(place);
        let Some((rows, columns)) = self.near(y, x) else {
            return Sampled::default();
        };
        let (fy, fx) = (y - y.floor(), x - x.floor());
        let (wy, wx, sy, sx) = (cubic(fy), cubic(fx), cubic_slope(fy), cubic_slope(fx));
        let spline = self.spline.of(&self.values, self.size);
        let mut sampled = Sampled::default();
        for (row, (wy, sy)) in rows.zip(wy.into_iter().zip(sy)) {
            let (mut line, mut slope) = ([0.0; 4], [0.0; 4]);
            let texels = self.four(spline, row, columns.start).into_iter();
            for (texel, (wx, sx)) in texels.zip(wx.into_iter().zip(sx)) {
                add(&mut line, wx, texel);
                add(&mut slope, sx, texel);
            }
            add(&mut sampled.value, wy, line);
            add(&mut sampled.down, sy, line);
            add(&mut sampled.right, wy, slope);
        }
        let per_pixel = (1.0 / self.pitch) as f32;
        for slope in [&mut sampled.down, &mut sampled.right] {
            *slope = slope.map(|value| value * per_pixel);
        }
        sampled
    }

    /// The rows and columns of the 4×4 texels around; none where all are outside.
    fn near(&self, y: f64, x: f64) -> Option<(Four, Four)> {
        let around = |at: f64, length: usize| {
            let inside = at > -2.0 && at < length as f64 + 1.0;
            let first = at.floor() as isize - 1;
            inside.then_some(first..first + 4)
        };
        Some((around(y, self.size.0)?, around(x, self.size.1)?))
    }

    /// Four texels of a row, from a column on; 0 outside.
    #[inline]
    fn four(&self, texels: &[Texel], row: isize, column: isize) -> [Texel; 4] {
        let (height, width) = self.size;
        if row < 0 || row >= height as isize {
            return [[0.0; 4]; 4];
        }
        let line = &texels[row as usize * width..][..width];
        let whole = usize::try_from(column)
            .ok()
            .and_then(|from| line.get(from..from + 4));
        match whole {
            Some(&[a, b, c, d]) => [a, b, c, d],
            _ => [0, 1, 2, 3].map(|by| {
                let at = usize::try_from(column + by).ok();
                at.and_then(|at| line.get(at)).copied().unwrap_or([0.0; 4])
            }),
        }
    }

    /// One of as many texels as there are values; 0 outside.
    fn texel(&self, texels: &[Texel], row: isize, column: isize) -> Texel {
        let (height, width) = self.size;
        let inside = (0..height as isize).contains(&row) && (0..width as isize).contains(&column);
        match inside {
            true => texels[row as usize * width + column as usize],
            false => [0.0; 4],
        }
    }

    /// The same picture in texels twice as wide, each the mean of four. Its corner lies on the coarser grid of the
    /// frame; what is outside counts as 0, but for an opaque frame of odd size, whose last row
    /// and column are repeated.
    pub fn halved(&self, repeat: bool) -> Self {
        let pitch = 2.0 * self.pitch;
        let start = |corner: f64| ((corner + 0.5) / pitch).floor() * pitch - 0.5;
        let corner = (start(self.corner.0), start(self.corner.1));
        let skipped = |corner: f64, start: f64| ((corner - start) / self.pitch).round() as isize;
        let (top, left) = (
            skipped(self.corner.0, corner.0),
            skipped(self.corner.1, corner.1),
        );
        let size = (
            (self.size.0 + top as usize).div_ceil(2),
            (self.size.1 + left as usize).div_ceil(2),
        );
        let at = |row: isize, column: isize| match repeat {
            true => self.texel(
                &self.values,
                row.min(self.size.0 as isize - 1),
                column.min(self.size.1 as isize - 1),
            ),
            false => self.texel(&self.values, row, column),
        };
        let mut values = Vec::with_capacity(size.0 * size.1);
        for row in 0..size.0 as isize {
            for column in 0..size.1 as isize {
                let (y, x) = (2 * row - top, 2 * column - left);
                let mut mean = [0.0; 4];
                for (down, right) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                    add(&mut mean, 0.25, at(y + down, x + right));
                }
                values.push(mean);
            }
        }
        Self::new(size, values, pitch, corner)
    }
}
