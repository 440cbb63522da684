//! Frames stored as a `.safetensors` tensor.

use super::frame::{Description, Frame, Frames};
use super::pictures::{PICTURE_RATE, fit};
use super::placement::Orientation;
use super::settings::{FRAME_RATES, ReadSettings};
use super::stored::Stored;
use crate::error::{Error, Result};
use image::{DynamicImage, GrayImage, RgbImage};
use safetensors::Dtype;
use std::path::Path;

/// A side of more pixels than this is no frame.
const LARGEST_SIDE: usize = 16_384;

/// The tensor `frames`, u8, (T, C, H, W) or (N, T, C, H, W) with C of 1 or 3:
/// each of the N is a scene of its own.
pub struct Tensors {
    file: Stored,
    /// Where the tensor's bytes lie in the file.
    offset: u64,
    /// Frames in each sequence.
    length: usize,
    count: usize,
    shape: (usize, usize, usize),
    rate: f64,
    description: Description,
    settings: ReadSettings,
    index: usize,
}

impl Tensors {
    /// Opens `path` and checks the tensor's type and shape.
    pub fn open(path: &Path, settings: &ReadSettings) -> Result<Self> {
        let refuse = |problem: String| {
            Error::input(
                path.display().to_string(),
                problem,
                "store `frames` as u8 (T,C,H,W) or (N,T,C,H,W), with C of 1 or 3",
            )
        };
        let file = Stored::open(path)?;
        let (start, header) = file
            .tensors()
            .map_err(|problem| refuse(format!("not a whole safetensors file ({problem})")))?;
        let frames = header.info("frames").ok_or_else(|| {
            let mut names = header.offset_keys();
            names.sort_unstable();
            names.truncate(5);
            refuse(format!("has no tensor `frames`, but {names:?}"))
        })?;
        let (sequences, length, shape) = match *frames.shape.as_slice() {
            [t, c, h, w] => (1, t, (c, h, w)),
            [n, t, c, h, w] => (n, t, (c, h, w)),
            _ => return Err(refuse(format!("`frames` has shape {:?}", frames.shape))),
        };
        let sides = [shape.1, shape.2];
        if frames.dtype != Dtype::U8
            || !matches!(shape.0, 1 | 3)
            || sides.iter().any(|side| !(1..=LARGEST_SIDE).contains(side))
            || frames.shape.contains(&0)
        {
            let (dtype, shape) = (frames.dtype, &frames.shape);
            return Err(refuse(format!("`frames` is {dtype:?} of shape {shape:?}")));
        }
        let offset = start + frames.data_offsets.0 as u64;
        let notes = header.metadata().as_ref();
        let noted = notes.and_then(|notes| notes.get("frame_rate")?.parse().ok());
        let noted = noted.filter(|rate| FRAME_RATES.contains(rate));
        let rate = settings.frame_rate.or(noted).unwrap_or(PICTURE_RATE);
        let count = sequences * length;
        let description = Description {
            codec: "safetensors".to_owned(),
            width: shape.2,
            height: shape.1,
            pixel_format: if shape.0 == 1 { "grey" } else { "rgb planes" }.to_owned(),
            orientation: Orientation::default(),
            pixel_aspect: 1.0,
            origin: 0.0,
            duration: Some(count as f64 / rate),
        };
        Ok(Self {
            offset,
            rate,
            description,
            length,
            count,
            shape,
            settings: settings.clone(),
            index: 0,
            file,
        })
    }
}

impl Frames for Tensors {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        if self.index == self.count {
            return Ok(None);
        }
        let (channels, height, width) = self.shape;
        let plane = height * width;
        let size = channels * plane;
        let mut bytes = vec![0; size];
        let offset = self.offset + (self.index * size) as u64;
        self.file.read(offset, &mut bytes)?;
        let pixels = if self.shape == self.settings.shape() {
            bytes
        } else {
            let at = |x: u32, y: u32, channel: usize| {
                bytes[channel * plane + y as usize * width + x as usize]
            };
            let (w, h) = (width as u32, height as u32);
            let picture: DynamicImage = if channels == 1 {
                GrayImage::from_fn(w, h, |x, y| [at(x, y, 0)].into()).into()
            } else {
                RgbImage::from_fn(w, h, |x, y| [at(x, y, 0), at(x, y, 1), at(x, y, 2)].into())
                    .into()
            };
            fit(&picture, &self.settings)
        };
        let frame = Frame {
            time: self.index as f64 / self.rate,
            pixels,
            damaged: false,
            cut: self.index > 0 && self.index.is_multiple_of(self.length),
        };
        self.index += 1;
        Ok(Some(frame))
    }

    fn description(&self) -> &Description {
        &self.description
    }
}
