//! Frames stored as an array of NumPy.

use super::frame::{Description, Frame, Frames};
use super::layout::{Layout, Order};
use super::npy::Array;
use super::pictures::{PICTURE_RATE, fit};
use super::placement::Orientation;
use super::settings::ReadSettings;
use crate::error::{Error, Result};
use crate::interrupt;
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};
use std::path::{Path, PathBuf};

/// Numbers looked at together.
const PIECE: usize = 1 << 17;
/// Places where it is compared which axis is time.
const PLACES: usize = 8;
/// Cells of a picture, across and down, when two are compared.
const CELLS: usize = 4;

/// Frames of an array: which axis is what, its shape says, and where that
/// leaves two orders, its content. Each of N sequences is a scene of its own.
pub struct Arrays {
    path: PathBuf,
    array: Array,
    layout: Layout,
    /// What a number is multiplied by, to reach from 0 to 255.
    scale: f64,
    rate: f64,
    description: Description,
    settings: ReadSettings,
    index: usize,
}

impl Arrays {
    /// Opens `path`, and finds out what its axes are and how far its numbers
    /// reach.
    pub fn open(path: &Path, settings: &ReadSettings) -> Result<Self> {
        let name = path.display().to_string();
        let mut array = Array::open(path)?;
        let mut layout = Layout::of(&array.shape).map_err(|problem| {
            let problem = format!("an array of shape {:?}: {problem}", array.shape);
            Error::input(
                &name,
                problem,
                "store (T,H,W), (T,H,W,3), (N,T,H,W), or `frames` (N,T,C,H,W) in a .safetensors",
            )
        })?;
        let io = |error| Error::io(path, error);
        if layout.order == Order::Either {
            let [first, second] = likeness(&mut array, &layout).map_err(io)?;
            layout.settle(first, second).map_err(|problem| {
                let problem = format!("an array of shape {:?}: {problem}", array.shape);
                Error::input(
                    &name,
                    problem,
                    "store `frames` (N,T,C,H,W) in a .safetensors",
                )
            })?;
        }
        let scale = scale(path, &mut array)?;
        tracing::info!(
            "array of {}, shape {:?}, read as {}, values times {:.4}",
            array.element.name(),
            array.shape,
            layout.describe(),
            scale
        );
        let rate = settings.frame_rate.unwrap_or(PICTURE_RATE);
        let pixels = match layout.channels {
            1 => "grey",
            3 => "rgb",
            _ => "rgba",
        };
        let description = Description {
            codec: "npy".to_owned(),
            width: layout.width,
            height: layout.height,
            pixel_format: format!("{pixels} {}", array.element.name()),
            orientation: Orientation::default(),
            pixel_aspect: 1.0,
            origin: 0.0,
            duration: Some(layout.frames() as f64 / rate),
        };
        Ok(Self {
            path: path.to_owned(),
            array,
            layout,
            scale,
            rate,
            description,
            settings: settings.clone(),
            index: 0,
        })
    }

    /// Frame `index` with its channels as planes.
    fn planes(&mut self, index: usize) -> std::io::Result<Vec<u8>> {
        let layout = self.layout;
        let plane = layout.height * layout.width;
        let mut planes = Vec::with_capacity(layout.channels * plane);
        for (first, count) in layout.pieces(index) {
            let numbers = self.array.read(first, count)?;
            // Rounds, and keeps to 0 and 255.
            planes.extend(
                numbers
                    .iter()
                    .map(|number| (number * self.scale).round() as u8),
            );
        }
        if layout.interleaved {
            let mixed = planes;
            let channels = 0..layout.channels;
            planes = channels
                .flat_map(|channel| mixed.iter().skip(channel).step_by(layout.channels))
                .copied()
                .collect();
        }
        Ok(planes)
    }
}

impl Frames for Arrays {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        if self.index == self.layout.frames() {
            return Ok(None);
        }
        let planes = self.planes(self.index);
        let planes = planes.map_err(|error| Error::io(&self.path, error))?;
        let Layout {
            channels,
            height,
            width,
            ..
        } = self.layout;
        let pixels = match (channels, height, width) == self.settings.shape() {
            true => planes,
            false => fit(&picture(&planes, channels, width, height), &self.settings),
        };
        let frame = Frame {
            time: self.index as f64 / self.rate,
            pixels,
            damaged: false,
            cut: self.index > 0 && self.index.is_multiple_of(self.layout.length),
        };
        self.index += 1;
        Ok(Some(frame))
    }

    fn description(&self) -> &Description {
        &self.description
    }
}

fn picture(planes: &[u8], channels: usize, width: usize, height: usize) -> DynamicImage {
    let plane = width * height;
    let at =
        |x: u32, y: u32, channel: usize| planes[channel * plane + y as usize * width + x as usize];
    let (w, h) = (width as u32, height as u32);
    match channels {
        1 => GrayImage::from_fn(w, h, |x, y| [at(x, y, 0)].into()).into(),
        3 => RgbImage::from_fn(w, h, |x, y| [0, 1, 2].map(|c| at(x, y, c)).into()).into(),
        _ => RgbaImage::from_fn(w, h, |x, y| [0, 1, 2, 3].map(|c| at(x, y, c)).into()).into(),
    }
}

/// What brings the array's numbers to 0 to 255, by how far they reach.
fn scale(path: &Path, array: &mut Array) -> Result<f64> {
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut first = 0;
    while first < array.len() {
        interrupt::check()?;
        let count = PIECE.min(array.len() - first);
        let numbers = array
            .read(first, count)
            .map_err(|error| Error::io(path, error))?;
        for number in numbers {
            if !number.is_finite() {
                return Err(refuse(path, format!("it holds {number}")));
            }
            least = least.min(number);
            most = most.max(number);
        }
        first += count;
    }
    factor(array.element.is_float(), least, most)
        .ok_or_else(|| refuse(path, format!("its values reach from {least} to {most}")))
}

/// A little beyond the ends is rounding's.
const BEYOND: f64 = 1e-3;

fn factor(float: bool, least: f64, most: f64) -> Option<f64> {
    let ends: &[f64] = match float {
        true => &[1.0, 255.0],
        // 10, 12, 14 and 16 bits of a camera.
        false => &[1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0],
    };
    let end = ends.iter().find(|&&end| most <= end * (1.0 + BEYOND))?;
    (least >= -BEYOND).then(|| 255.0 / end)
}

fn refuse(path: &Path, problem: String) -> Error {
    Error::input(
        path.display().to_string(),
        problem,
        "store numbers from 0 to 255, or fractions from 0 to 1",
    )
}

/// How much pictures differ from their neighbours along the first axis, and
/// along the second: coarse pictures, so that a small thing that moves on
/// differs little.
fn likeness(array: &mut Array, layout: &Layout) -> std::io::Result<[f64; 2]> {
    let [first, second] = layout.outer;
    let size = layout.channels * layout.height * layout.width;
    let places = |axis: usize| {
        let count = PLACES.min(axis - 1);
        (0..count).map(move |place| place * (axis - 1) / count)
    };
    let mut sums = [0.0; 2];
    for row in places(first) {
        for column in places(second) {
            let mut coarse = |row: usize, column: usize| {
                let numbers = array.read((row * second + column) * size, size)?;
                Ok::<_, std::io::Error>(cells(&numbers, layout))
            };
            let here = coarse(row, column)?;
            let others = [coarse(row + 1, column)?, coarse(row, column + 1)?];
            for (sum, other) in sums.iter_mut().zip(others) {
                *sum += (here.iter().zip(&other))
                    .map(|(a, b)| (a - b).abs())
                    .sum::<f64>();
            }
        }
    }
    Ok(sums)
}

/// Sums over the cells of a picture, all channels together.
fn cells(numbers: &[f64], layout: &Layout) -> Vec<f64> {
    let plane = layout.height * layout.width;
    let mut cells = vec![0.0; CELLS * CELLS];
    for (index, &number) in numbers.iter().enumerate() {
        let pixel = match layout.interleaved {
            true => index / layout.channels,
            false => index % plane,
        };
        let (x, y) = (pixel % layout.width, pixel / layout.width);
        cells[y * CELLS / layout.height * CELLS + x * CELLS / layout.width] += number;
    }
    cells
}

#[cfg(test)]
mod tests {
    use super::super::npy::tests::npy;
    use super::*;
    use crate::video::Channels;

    fn read(
        kind: &str,
        shape: &[usize],
        bytes: &[u8],
    ) -> Result<(Vec<Vec<u8>>, Vec<usize>), String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        let axes = format!("{shape:?}").replace('[', "(").replace(']', ")");
        std::fs::write(&path, npy(kind, false, &axes, bytes)).unwrap();
        let settings = ReadSettings {
            width: 8,
            height: 8,
            channels: Channels::Grey,
            ..ReadSettings::default()
        };
        let mut arrays = Arrays::open(&path, &settings).map_err(|error| error.to_string())?;
        let (mut frames, mut cuts) = (Vec::new(), Vec::new());
        while let Some(frame) = arrays.next_frame().map_err(|error| error.to_string())? {
            if frame.cut {
                cuts.push(frames.len());
            }
            frames.push(frame.pixels);
        }
        Ok((frames, cuts))
    }

    /// A dot that moves on by a pixel; every sequence starts elsewhere.
    fn dots(sequences: usize, length: usize) -> Vec<Vec<u8>> {
        let frame = |index: usize| {
            let mut frame = vec![0; 64];
            let start = index / length * 29 % 64;
            frame[(start + index % length) % 64] = 200;
            frame
        };
        (0..sequences * length).map(frame).collect()
    }

    #[test]
    fn sequences_are_told_from_time_by_their_content() {
        let (sequences, length) = (5, 12);
        let frames = dots(sequences, length);
        let expected = Ok((frames.clone(), vec![12, 24, 36, 48]));
        assert_eq!(read("|u1", &[5, 12, 8, 8], &frames.concat()), expected);
        assert_eq!(read("|u1", &[5, 12, 1, 8, 8], &frames.concat()), expected);
        // As Moving MNIST is stored.
        let turned: Vec<u8> = (0..length)
            .flat_map(|time| (0..sequences).flat_map(move |n| dots(5, 12)[n * 12 + time].clone()))
            .collect();
        assert_eq!(read("|u1", &[12, 5, 8, 8], &turned), expected);
        assert_eq!(read("|u1", &[12, 5, 8, 8, 1], &turned), expected);
    }

    #[test]
    fn numbers_of_any_reach_become_levels() {
        let shape = [2, 8, 8];
        let levels: Vec<u8> = (0..128).map(|level| level * 2).collect();
        let levels = [&levels[..127], &[255]].concat();
        let expected = Ok((levels.chunks(64).map(<[u8]>::to_vec).collect(), vec![]));
        assert_eq!(read("|u1", &shape, &levels), expected);
        let wide = |to: fn(u8) -> Vec<u8>| levels.iter().copied().flat_map(to).collect::<Vec<_>>();
        let bits = wide(|level| (u16::from(level) * 257).to_le_bytes().to_vec());
        assert_eq!(read("<u2", &shape, &bits), expected);
        let parts = wide(|level| (f32::from(level) / 255.0).to_le_bytes().to_vec());
        assert_eq!(read("<f4", &shape, &parts), expected);
        let plain = wide(|level| i64::from(level).to_le_bytes().to_vec());
        assert_eq!(read("<i8", &shape, &plain), expected);
        let mask = read(
            "|b1",
            &shape,
            &levels.iter().map(|level| level & 1).collect::<Vec<_>>(),
        );
        assert!(
            mask.unwrap()
                .0
                .concat()
                .iter()
                .all(|level| matches!(level, 0 | 255))
        );
        for (number, says) in [(-1.0f64, "from -1"), (f64::NAN, "NaN"), (300.0, "300")] {
            let bytes = vec![number; 128]
                .iter()
                .flat_map(|n| n.to_le_bytes())
                .collect::<Vec<_>>();
            let error = read("<f8", &shape, &bytes).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn channels_are_found_where_they_lie() {
        let colours = |x: usize| [x as u8, 100, 7];
        let mixed: Vec<u8> = (0..2 * 64).flat_map(colours).collect();
        let planes: Vec<u8> = (0..2usize)
            .flat_map(|t| (0..3).flat_map(move |c| (0..64).map(move |p| colours(t * 64 + p)[c])))
            .collect();
        let (last, _) = read("|u1", &[2, 8, 8, 3], &mixed).unwrap();
        let (second, _) = read("|u1", &[2, 3, 8, 8], &planes).unwrap();
        assert_eq!(last, second);
        assert_eq!(last[1][5], crate::video::settings::luma(colours(69)));
    }
}
