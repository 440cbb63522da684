//! Frames stored as a `.safetensors` tensor.

use super::frame::{Description, Frame, Frames};
use super::mapped::map;
use super::pictures::{PICTURE_RATE, fit};
use super::placement::Orientation;
use super::settings::ReadSettings;
use crate::error::{Error, Result};
use image::{DynamicImage, GrayImage, RgbImage};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::path::Path;

/// The tensor `frames`, u8, (T, C, H, W) or (N, T, C, H, W) with C of 1 or 3:
/// each of the N is a scene of its own.
pub struct Tensors {
    map: Mmap,
    /// Where the tensor's bytes lie in the file.
    offset: usize,
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
        let map = map(path)?;
        let file = SafeTensors::deserialize(&map)
            .map_err(|error| refuse(format!("not a whole safetensors file ({error})")))?;
        let frames = file.tensor("frames").map_err(|_| {
            let mut names = file.names();
            names.sort_unstable();
            refuse(format!("has no tensor `frames`, only {names:?}"))
        })?;
        let (sequences, length, shape) = match *frames.shape() {
            [t, c, h, w] => (1, t, (c, h, w)),
            [n, t, c, h, w] => (n, t, (c, h, w)),
            _ => return Err(refuse(format!("`frames` has shape {:?}", frames.shape()))),
        };
        if frames.dtype() != Dtype::U8 || !matches!(shape.0, 1 | 3) || shape.1 * shape.2 == 0 {
            let (dtype, shape) = (frames.dtype(), frames.shape());
            return Err(refuse(format!("`frames` is {dtype:?} of shape {shape:?}")));
        }
        let offset = frames.data().as_ptr() as usize - map.as_ptr() as usize;
        let rate = settings.frame_rate.unwrap_or(PICTURE_RATE);
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
            map,
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
        let bytes = &self.map[self.offset + self.index * channels * plane..][..channels * plane];
        let pixels = if self.shape == self.settings.shape() {
            bytes.to_vec()
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
