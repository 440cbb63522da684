//! Windows over time, and the parts of footage for training, validation and
//! test.

use super::footage::Footage;
use super::light::Light;
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::video::Orientation;
use candle_core::{Device, Tensor};
use std::ops::Range;

/// From so many files on, whole files are held back for validation and test.
const FILES_TO_SPLIT: usize = 8;

/// Shares of validation and test.
const SHARES: (f64, f64) = (0.1, 0.2);

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

    /// A number that says which frames these are and from where they are seen, whatever the
    /// light.
    pub fn name(&self) -> u64 {
        let aside = |by: isize| u64::from(by as u8);
        let (down, right) = (aside(self.moved.0), aside(self.moved.1));
        let Orientation {
            transpose,
            mirror_x,
            mirror_y,
        } = self.lies;
        let sides = u64::from(mirror_y) << 63 | u64::from(transpose) << 62;
        let frames = (self.file as u64) << 47 | (self.start as u64) << 17;
        sides | frames | down << 9 | right << 1 | u64::from(mirror_x)
    }
}

/// Stretches of footage without a cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Part {
    stretches: Vec<(usize, Range<usize>)>,
}

impl Part {
    /// How many windows of `length` frames there are.
    pub fn count(&self, length: usize) -> usize {
        self.stretches
            .iter()
            .map(|(_, range)| (range.len() + 1).saturating_sub(length))
            .sum()
    }

    /// Window `index` of [`Self::count`], in the order of the footage.
    fn window(&self, mut index: usize, length: usize) -> Window {
        for (file, range) in &self.stretches {
            let here = (range.len() + 1).saturating_sub(length);
            if index < here {
                return Window::new(*file, range.start + index);
            }
            index -= here;
        }
        unreachable!("a window past the part's end")
    }

    /// `count` windows drawn uniformly. Panics where there is none.
    pub fn draw(&self, length: usize, count: usize, rng: &mut Rng) -> Vec<Window> {
        let all = self.count(length);
        (0..count)
            .map(|_| self.window(rng.below(all), length))
            .collect()
    }

    /// At most `count` windows, evenly spread over all of them.
    pub fn spread(&self, length: usize, count: usize) -> Vec<Window> {
        let all = self.count(length);
        let count = count.min(all);
        (0..count)
            .map(|index| {
                let last = count.max(2) - 1;
                self.window(index * (all - 1) / last, length)
            })
            .collect()
    }

    /// Frames in all.
    pub fn frames(&self) -> usize {
        self.stretches.iter().map(|(_, range)| range.len()).sum()
    }
}

/// Footage in three parts that share no frame; between parts of the same film
/// lies a gap of at least one training window, so no test frame is in a
/// training window and none borders on one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    /// For the weights.
    pub train: Part,
    /// For watching training.
    pub validation: Part,
    /// For the figures; never looked at before.
    pub test: Part,
}

impl Split {
    /// By file from `FILES_TO_SPLIT` files on, else by time within each:
    /// the first 70% train, then 10% validation, then 20% test. `window` is
    /// the length of a training window, `longest` that of the longest test
    /// window.
    ///
    /// # Errors
    /// If a part has no window.
    pub fn new(footage: &[Footage], window: usize, longest: usize) -> Result<Self> {
        let mut split = Self {
            train: Part::default(),
            validation: Part::default(),
            test: Part::default(),
        };
        let files = footage.len();
        let held = |share: f64| ((files as f64 * share).round() as usize).max(1);
        for (file, film) in footage.iter().enumerate() {
            let frames = film.len();
            let cut = |share: f64| (frames as f64 * share).round() as usize;
            let (validation, test) = if files < FILES_TO_SPLIT {
                (cut(1.0 - SHARES.0 - SHARES.1), cut(1.0 - SHARES.1))
            } else if file + held(SHARES.1) >= files {
                (0, 0)
            } else if file + held(SHARES.1) + held(SHARES.0) >= files {
                (0, frames)
            } else {
                (frames, frames)
            };
            let gap = |start: usize| if start > 0 { start + window } else { 0 };
            for (part, range) in [
                (&mut split.train, 0..validation),
                (&mut split.validation, gap(validation)..test),
                (&mut split.test, gap(test)..frames),
            ] {
                for scene in film.scenes() {
                    let clipped = scene.start.max(range.start)..scene.end.min(range.end);
                    if !clipped.is_empty() {
                        part.stretches.push((file, clipped));
                    }
                }
            }
        }
        for (part, length, name) in [
            (&split.train, window, "training"),
            (&split.validation, window, "validation"),
            (&split.test, longest, "test"),
        ] {
            if part.count(length) == 0 {
                let names: Vec<_> = footage.iter().map(Footage::name).take(3).collect();
                let frames: usize = footage.iter().map(Footage::len).sum();
                return Err(Error::input(
                    names.join(", "),
                    format!(
                        "too short: of its {frames} frames the {name} part gets {}, a window needs {length} without a cut",
                        part.frames()
                    ),
                    format!(
                        "give a longer video (about {} frames), or lower model.context or evaluation.horizon",
                        ((longest + window) as f64 / SHARES.1)
                            .ceil()
                            .max((2 * window) as f64 / SHARES.0)
                    ),
                ));
            }
        }
        Ok(split)
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
            let frame = footage[window.file].frame(window.start + offset);
            see(frame, (height, width), window, &mut values);
        }
    }
    for (file, film) in footage.iter().enumerate() {
        if windows.iter().any(|window| window.file == file) {
            film.release();
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
    let (mut sum, mut count) = (0f64, 0usize);
    for window in part.spread(2, 512) {
        let film = &footage[window.file];
        let (before, after) = (film.frame(window.start), film.frame(window.start + 1));
        for (a, b) in before.iter().zip(after) {
            sum += (f64::from(*b) - f64::from(*a)).powi(2);
        }
        count += before.len();
    }
    let change = (sum / count.max(1) as f64).sqrt() / 255.0;
    if change < 1e-5 {
        let name = footage.first().map_or("the footage", Footage::name);
        return Err(Error::input(
            name,
            "nothing moves in its training part, so there is nothing to predict",
            "give a video in which something changes",
        ));
    }
    Ok(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn film(frames: usize, cuts: Vec<usize>) -> Footage {
        let pixels = (0..frames).map(|t| (t % 256) as u8).collect();
        Footage::from_frames("film", pixels, (frames, 1, 1, 1), 25.0, cuts).unwrap()
    }

    fn frames_of(part: &Part, length: usize) -> Vec<(usize, usize)> {
        (0..part.count(length))
            .flat_map(|index| {
                let window = part.window(index, length);
                (0..length).map(move |offset| (window.file, window.start + offset))
            })
            .collect()
    }

    #[test]
    fn parts_share_no_frame_and_keep_a_window_apart() {
        let footage = [film(300, vec![40, 250])];
        let split = Split::new(&footage, 6, 20).unwrap();
        let train = frames_of(&split.train, 6);
        let test = frames_of(&split.test, 20);
        let last_train = train.iter().map(|f| f.1).max().unwrap();
        let first_validation = frames_of(&split.validation, 6)[0].1;
        assert!(first_validation - last_train > 6);
        assert!(test.iter().all(|f| f.1 >= 246));
        for part in [&split.train, &split.test] {
            for index in 0..part.count(6) {
                let start = part.window(index, 6).start;
                for cut in [40, 250] {
                    assert!(start >= cut || start + 6 <= cut, "a window spans a cut");
                }
            }
        }
    }

    #[test]
    fn many_files_are_split_by_file() {
        let footage: Vec<_> = (0..10).map(|_| film(60, vec![])).collect();
        let split = Split::new(&footage, 6, 20).unwrap();
        let files = |part: &Part| {
            let mut files: Vec<_> = part.stretches.iter().map(|s| s.0).collect();
            files.dedup();
            files
        };
        assert_eq!(files(&split.train), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(files(&split.validation), [7]);
        assert_eq!(files(&split.test), [8, 9]);
    }

    #[test]
    fn short_footage_says_what_is_missing() {
        let message = Split::new(&[film(30, vec![])], 6, 20)
            .unwrap_err()
            .to_string();
        assert!(message.contains("too short: of its 30 frames"), "{message}");
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
