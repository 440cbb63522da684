//! Pictures in order, one file each, and how a picture becomes a frame.

use super::frame::{Description, Frame, Frames};
use super::picture::{self, PictureHeader, StoredPicture};
use super::placement::{Orientation, Placement};
use super::settings::{Channels, ReadSettings, luma};
use crate::error::{Error, Result};
use image::imageops::{self, FilterType};
use image::{DynamicImage, RgbImage};
use std::borrow::Cow;
use std::path::PathBuf;

/// Pictures per second where nothing says so.
pub const PICTURE_RATE: f64 = 25.0;

/// A sequence of pictures, one file each, in the order given. Those that
/// cannot be read are left out and counted, or refused by a strict reader.
pub struct Stills {
    files: std::vec::IntoIter<PathBuf>,
    strict: bool,
    settings: ReadSettings,
    description: Description,
    rate: f64,
    index: usize,
    lost: usize,
    /// Why the first that is left out cannot be read.
    fault: Option<Error>,
}

impl Stills {
    /// Reads each file when its turn comes; the first is looked at now.
    pub fn open(files: Vec<PathBuf>, strict: bool, settings: &ReadSettings) -> Result<Self> {
        // The first that can be read describes them all.
        let mut described = files.iter().map(|file| PictureHeader::open(file));
        let first = described
            .next()
            .ok_or_else(|| Error::input("pictures", "none", "give at least one"))?;
        let header = first.or_else(|error| described.find_map(Result::ok).ok_or(error))?;
        let mut description = header.describe();
        let rate = settings.frame_rate.unwrap_or(PICTURE_RATE);
        description.duration = Some(files.len() as f64 / rate);
        Ok(Self {
            description,
            rate,
            index: 0,
            files: files.into_iter(),
            strict,
            settings: settings.clone(),
            lost: 0,
            fault: None,
        })
    }
}

impl Frames for Stills {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        while let Some(path) = self.files.next() {
            let time = self.index as f64 / self.rate;
            self.index += 1;
            match picture::load(&path) {
                Ok(picture) => {
                    return Ok(Some(Frame {
                        time,
                        pixels: lay(&picture, &self.settings),
                        damaged: picture.damaged,
                        cut: false,
                    }));
                }
                // The file system's errors are not the picture's.
                Err(error @ Error::Io { .. }) => return Err(error),
                Err(error) if self.strict => return Err(error),
                Err(error) => {
                    self.lost += 1;
                    let several = self.index > 1 || self.files.len() > 0;
                    if several && self.fault.is_none() {
                        tracing::warn!("{error}; it is left out, and so are others like it");
                    }
                    self.fault.get_or_insert(error);
                }
            }
        }
        match self.fault.take() {
            Some(error) if self.lost == self.index => Err(error),
            _ => Ok(None),
        }
    }

    fn description(&self) -> &Description {
        &self.description
    }

    fn lost(&self) -> usize {
        self.lost
    }
}

/// [`lay`] for a picture that lies as it is shown.
pub fn fit(image: &DynamicImage, settings: &ReadSettings) -> Vec<u8> {
    place(image, Orientation::default(), settings)
}

/// Turns a picture upright, crops or letterboxes and scales it to (C, H, W).
/// Alpha is composited on black.
pub fn lay(picture: &StoredPicture, settings: &ReadSettings) -> Vec<u8> {
    place(&picture.image, picture.orientation, settings)
}

fn place(image: &DynamicImage, orientation: Orientation, settings: &ReadSettings) -> Vec<u8> {
    let solid = match image {
        DynamicImage::ImageRgb8(solid) => Cow::Borrowed(solid),
        _ if image.color().has_alpha() => Cow::Owned(over_black(image)),
        _ => Cow::Owned(image.to_rgb8()),
    };
    let size = (solid.width() as usize, solid.height() as usize);
    let place = Placement::new(size, 1.0, orientation, settings);
    let kept = imageops::crop_imm(
        &*solid,
        place.left as u32,
        place.top as u32,
        place.width as u32,
        place.height as u32,
    );
    let wanted = (place.scaled_width as u32, place.scaled_height as u32);
    let scaled = if wanted == (place.width as u32, place.height as u32) {
        kept.to_image()
    } else {
        imageops::resize(&*kept, wanted.0, wanted.1, FilterType::Triangle)
    };
    let pixel = |x: usize, y: usize| scaled.get_pixel(x as u32, y as u32).0;
    match settings.channels {
        Channels::Colour => place.lay(settings, pixel),
        Channels::Grey => place.lay(settings, |x, y| [luma(pixel(x, y))]),
    }
}

fn over_black(image: &DynamicImage) -> RgbImage {
    let mut solid = RgbImage::new(image.width(), image.height());
    let pixels = match image {
        DynamicImage::ImageRgba8(pixels) => Cow::Borrowed(pixels),
        _ => Cow::Owned(image.to_rgba8()),
    };
    for (to, from) in solid.pixels_mut().zip(pixels.pixels()) {
        let alpha = u32::from(from[3]);
        to.0 = [0, 1, 2].map(|channel| ((u32::from(from[channel]) * alpha + 127) / 255) as u8);
    }
    solid
}
