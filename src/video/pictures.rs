//! Single pictures, folders of pictures, and animated GIF, WebP and PNG.

use super::frame::{Description, Frame, Frames};
use super::placement::{Orientation, Placement};
use super::settings::{Channels, ReadSettings, luma};
use crate::error::{Error, Result};
use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::imageops::{self, FilterType};
use image::{AnimationDecoder, DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Pictures per second where nothing says so.
pub const PICTURE_RATE: f64 = 25.0;

/// A sequence of pictures, one file each, in the order given.
pub struct Stills {
    files: std::vec::IntoIter<PathBuf>,
    settings: ReadSettings,
    description: Description,
    rate: f64,
    index: usize,
}

impl Stills {
    /// Reads each file when its turn comes; the first is looked at now.
    pub fn open(files: Vec<PathBuf>, settings: &ReadSettings) -> Result<Self> {
        let Some(first) = files.first() else {
            return Err(Error::input("pictures", "none", "give at least one"));
        };
        let rate = settings.frame_rate.unwrap_or(PICTURE_RATE);
        let mut description = describe(first)?;
        description.duration = Some(files.len() as f64 / rate);
        Ok(Self {
            description,
            rate,
            index: 0,
            files: files.into_iter(),
            settings: settings.clone(),
        })
    }
}

impl Frames for Stills {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        let Some(path) = self.files.next() else {
            return Ok(None);
        };
        let time = self.index as f64 / self.rate;
        self.index += 1;
        Ok(Some(Frame {
            time,
            pixels: fit(&load(&path)?, &self.settings),
            damaged: false,
            cut: false,
        }))
    }

    fn description(&self) -> &Description {
        &self.description
    }
}

/// An animated picture, each frame as shown (drawn over those before).
pub struct Animation {
    path: PathBuf,
    frames: image::Frames<'static>,
    description: Description,
    settings: ReadSettings,
    time: f64,
    count: usize,
    lost: usize,
}

impl Animation {
    /// Opens `path`, or None where it is a picture without frames.
    pub fn open(path: &Path, settings: &ReadSettings) -> Result<Option<Self>> {
        let refused = |error| refuse(path, &error);
        let (reader, format) = reader(path)?;
        let reader = reader.into_inner();
        let frames = match format {
            ImageFormat::Gif => GifDecoder::new(reader).map_err(refused)?.into_frames(),
            ImageFormat::WebP => {
                let decoder = WebPDecoder::new(reader).map_err(refused)?;
                if !decoder.has_animation() {
                    return Ok(None);
                }
                decoder.into_frames()
            }
            ImageFormat::Png => {
                let decoder = PngDecoder::new(reader).map_err(refused)?;
                if !decoder.is_apng().map_err(refused)? {
                    return Ok(None);
                }
                decoder.apng().map_err(refused)?.into_frames()
            }
            _ => return Ok(None),
        };
        Ok(Some(Self {
            description: describe(path)?,
            path: path.to_owned(),
            frames,
            settings: settings.clone(),
            time: 0.0,
            count: 0,
            lost: 0,
        }))
    }
}

impl Frames for Animation {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        let frame = match self.frames.next() {
            Some(Ok(frame)) => frame,
            Some(Err(error)) if self.count == 0 => return Err(refuse(&self.path, &error)),
            // Cut off in the middle: what came before is whole.
            Some(Err(_)) => {
                self.lost += 1;
                return Ok(None);
            }
            None => return Ok(None),
        };
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        let delay = f64::from(numerator) / f64::from(denominator.max(1)) / 1000.0;
        let time = self.time;
        // Browsers show frames that ask for 10 ms or less for 100 ms.
        self.time += if delay < 0.0109 { 0.1 } else { delay };
        self.count += 1;
        Ok(Some(Frame {
            time,
            pixels: fit(&frame.into_buffer().into(), &self.settings),
            damaged: false,
            cut: false,
        }))
    }

    fn description(&self) -> &Description {
        &self.description
    }

    fn lost(&self) -> usize {
        self.lost
    }
}

/// Reads one picture, upright.
pub fn load(path: &Path) -> Result<DynamicImage> {
    let refused = |error| refuse(path, &error);
    let (reader, _) = reader(path)?;
    let mut decoder = reader.into_decoder().map_err(refused)?;
    let orientation = decoder.orientation().map_err(refused)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(refused)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Crops or letterboxes and scales a picture to (C, H, W). Alpha is composited
/// on black.
pub fn fit(picture: &DynamicImage, settings: &ReadSettings) -> Vec<u8> {
    let mut solid = RgbImage::new(picture.width(), picture.height());
    if picture.color().has_alpha() {
        for (to, from) in solid.pixels_mut().zip(picture.to_rgba8().pixels()) {
            let alpha = u32::from(from[3]);
            to.0 = [0, 1, 2].map(|channel| ((u32::from(from[channel]) * alpha + 127) / 255) as u8);
        }
    } else {
        solid = picture.to_rgb8();
    }
    let size = (solid.width() as usize, solid.height() as usize);
    let place = Placement::new(size, 1.0, Orientation::default(), false, settings);
    let kept = imageops::crop_imm(
        &solid,
        place.left as u32,
        place.top as u32,
        place.width as u32,
        place.height as u32,
    );
    let wanted = (place.scaled_width as u32, place.scaled_height as u32);
    let scaled = if wanted == (place.width as u32, place.height as u32) {
        kept.to_image()
    } else {
        imageops::resize(&kept.to_image(), wanted.0, wanted.1, FilterType::Triangle)
    };
    let pixel = |x: usize, y: usize| scaled.get_pixel(x as u32, y as u32).0;
    match settings.channels {
        Channels::Colour => place.lay(settings, pixel),
        Channels::Grey => place.lay(settings, |x, y| [luma(pixel(x, y))]),
    }
}

fn describe(path: &Path) -> Result<Description> {
    let refused = |error| refuse(path, &error);
    let (reader, format) = reader(path)?;
    let decoder = reader.into_decoder().map_err(refused)?;
    let (width, height) = decoder.dimensions();
    Ok(Description {
        codec: format!("{format:?}").to_lowercase(),
        width: width as usize,
        height: height as usize,
        pixel_format: format!("{:?}", decoder.color_type()).to_lowercase(),
        orientation: Orientation::default(),
        pixel_aspect: 1.0,
        origin: 0.0,
        duration: None,
    })
}

fn reader(path: &Path) -> Result<(ImageReader<BufReader<File>>, ImageFormat)> {
    let reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| Error::io(path, error))?;
    let format = reader.format().ok_or_else(|| {
        Error::input(
            path.display().to_string(),
            "not a picture of a known kind",
            "give PNG, JPEG, GIF, WebP or BMP",
        )
    })?;
    Ok((reader, format))
}

fn refuse(path: &Path, error: &image::ImageError) -> Error {
    Error::input(
        path.display().to_string(),
        format!("the picture cannot be read ({error})"),
        "give a picture that a viewer shows, or take it out",
    )
}
