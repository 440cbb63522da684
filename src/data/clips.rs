//! Windows over time, and what they show.

use super::footage::Footage;
use super::light::Light;
use super::split::Part;
use crate::error::{Error, Result};
use crate::video::Orientation;
use candle_core::{Device, Tensor};

/// A run of consecutive frames: footage `file`, first frame `start`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    /// Index into the footage.
    pub file: usize,
    /// Its first frame.
    pub start: usize,
    /// Rows and columns by which its frames are seen from further down and
    /// right; the border's pixels are repeated.
    pub moved: (isize, isize),
    /// How what is seen lies: stored so, it would be shown as the frame is. Rows become
    /// columns in square frames only.
    pub lies: Orientation,
    /// How each channel is lit.
    pub light: [Light; 3],
}

impl Window {
    /// From frame `start` of footage `file` on, seen as it is.
    pub fn new(file: usize, start: usize) -> Self {
        Self {
            file,
            start,
            moved: (0, 0),
            lies: Orientation::default(),
            light: [Light::PLAIN; 3],
        }
    }

    /// The same begun up to `most` frames earlier in its film, and how many those are.
    pub fn earlier(&self, most: usize) -> (Self, usize) {
        let frames = self.start.min(most);
        let start = self.start - frames;
        (Self { start, ..*self }, frames)
    }
}

/// Windows of `length` frames as a tensor (B, T, C, H, W) in [0, 1].
pub fn batch(
    footage: &[Footage],
    windows: &[Window],
    length: usize,
    device: &Device,
) -> Result<Tensor> {
    let (channels, height, width) = footage.first().map_or((0, 0, 0), |film| film.shape());
    let mut values = Vec::with_capacity(windows.len() * length * channels * height * width);
    for window in windows {
        for offset in 0..length {
            let frame = footage[window.file].frame(window.start + offset)?;
            see(&frame, (height, width), window, &mut values);
        }
    }
    let shape = (windows.len(), length, channels, height, width);
    Ok(Tensor::from_vec(values, shape, device)?)
}

/// Adds a frame (C, H, W) of bytes as numbers, seen from elsewhere.
fn see(frame: &[u8], (height, width): (usize, usize), window: &Window, values: &mut Vec<f32>) {
    let (down, right) = window.moved;
    let planes = frame.chunks_exact(height * width).zip(window.light);
    if window.moved == (0, 0) && window.lies == Orientation::default() {
        for (plane, light) in planes {
            values.extend(plane.iter().map(|&byte| light.see(byte)));
        }
        return;
    }
    let from = |place: usize, moved: isize, length: usize| {
        place.saturating_add_signed(moved).min(length - 1)
    };
    // In each row: the border's pixel repeated, then what is still in sight,
    // then the border's pixel repeated.
    let left = from(0, -right, width + 1);
    let rest = from(0, right, width + 1);
    for (plane, light) in planes {
        let number = |&byte: &u8| light.see(byte);
        let first = values.len();
        for row in 0..height {
            let line = &plane[from(row, down, height) * width..][..width];
            values.extend(std::iter::repeat_n(number(&line[0]), left));
            values.extend(line[rest..width - left].iter().map(number));
            values.extend(std::iter::repeat_n(number(&line[width - 1]), rest));
            if window.lies.mirror_x {
                let start = values.len() - width;
                values[start..].reverse();
            }
        }
        let seen = &mut values[first..];
        if window.lies.mirror_y {
            for row in 0..height / 2 {
                let (above, below) = seen.split_at_mut((height - 1 - row) * width);
                above[row * width..][..width].swap_with_slice(&mut below[..width]);
            }
        }
        if window.lies.transpose {
            for row in 0..height {
                (0..row).for_each(|column| seen.swap(row * width + column, column * width + row));
            }
        }
    }
}

/// σ: the standard deviation of a pixel's change between neighbouring frames
/// of `part`, over at most 512 pairs, on the scale where pixels lie in [0, 1].
///
/// # Errors
/// If nothing ever changes.
pub fn typical_change(footage: &[Footage], part: &Part) -> Result<f64> {
    let change = any_change(footage, part)?;
    if change < STILL {
        let name = footage.first().map_or("the footage", Footage::name);
        return Err(Error::input(
            name,
            "nothing moves in its training part, so there is nothing to predict",
            "give a video in which something changes",
        ));
    }
    Ok(change)
}

/// A change of less is none.
const STILL: f64 = 1e-5;

/// The same, 0 where nothing changes.
pub(super) fn any_change(footage: &[Footage], part: &Part) -> Result<f64> {
    let (mut sum, mut count) = (0f64, 0usize);
    for window in part.spread(2, 512) {
        let film = &footage[window.file];
        sum += squared_change(film, window.start)? as f64;
        count += film.frame_bytes();
    }
    Ok((sum / count.max(1) as f64).sqrt() / 255.0)
}

/// The sum over pixels of the squared change from a frame to the next.
pub(super) fn squared_change(film: &Footage, frame: usize) -> Result<u64> {
    let (before, after) = (film.frame(frame)?, film.frame(frame + 1)?);
    let each = before.iter().zip(after.iter());
    Ok(each.map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;
    use crate::rng::Seed;

    fn film(frames: usize, cuts: Vec<usize>) -> Footage {
        let pixels = (0..frames).map(|t| (t % 256) as u8).collect();
        Footage::from_frames("film", pixels, (frames, 1, 1, 1), 25.0, cuts).unwrap()
    }

    #[test]
    fn batches_hold_the_frames_in_order() {
        let footage = [film(100, vec![])];
        let split = Split::new(&footage, 4, 5).unwrap();
        let mut rng = Seed(1).stream("test", 0);
        let windows = split.train.draw(3, 5, &mut rng);
        let x = batch(&footage, &windows, 3, &Device::Cpu).unwrap();
        assert_eq!(x.dims(), [5, 3, 1, 1, 1]);
        let x = x.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        for (row, window) in x.chunks(3).zip(&windows) {
            for (offset, value) in row.iter().enumerate() {
                assert_eq!((value * 255.0).round() as usize, window.start + offset);
            }
        }
        let spread = split.train.spread(3, 4);
        assert_eq!((spread[0].start, spread[3].start), (0, 67));
        assert!((typical_change(&footage, &split.train).unwrap() - 1.0 / 255.0).abs() < 1e-9);
        assert!(typical_change(&[film(1, vec![])], &Part::default()).is_err());
    }
}
