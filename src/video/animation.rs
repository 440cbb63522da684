//! Animated GIF, WebP and PNG, and TIFF of many pages.

use super::frame::{Description, Frame, Frames};
use super::pages::Pages;
use super::picture::{self, PictureHeader, StoredPicture, decoded};
use super::pictures::{PICTURE_RATE, lay};
use super::placement::Orientation;
use super::settings::ReadSettings;
use crate::error::{Error, Result};
use image::codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{AnimationDecoder, ImageDecoder, ImageFormat};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A picture that moves, each frame as shown (drawn over those before).
pub struct Animation {
    shown: Box<dyn Iterator<Item = Result<Shown>>>,
    description: Description,
    settings: ReadSettings,
    time: f64,
    count: usize,
    /// The file ends before its frames do.
    cut: bool,
    lost: usize,
    /// Why the first frame that is lost cannot be read.
    fault: Option<Error>,
}

/// A frame, and for how many seconds it is shown.
struct Shown {
    picture: StoredPicture,
    delay: f64,
}

impl Animation {
    /// Opens `path`, or None where it is a picture without frames.
    pub fn open(path: &Path, settings: &ReadSettings) -> Result<Option<Self>> {
        let header = PictureHeader::open(path)?;
        let description = header.describe();
        let (shown, cut) = if header.format == ImageFormat::Tiff {
            let pages = Pages::find(path).map_err(|error| Error::io(path, error))?;
            if pages.places.len() + usize::from(pages.cut) < 2 {
                return Ok(None);
            }
            let (cut, rate) = (pages.cut, settings.frame_rate.unwrap_or(PICTURE_RATE));
            (turned_over(path, pages, rate), cut)
        } else {
            drop(header);
            let Some(frames) = drawn(path)? else {
                return Ok(None);
            };
            let cut = is_cut_webp(path).map_err(|error| Error::io(path, error))?;
            (shown(path, description.orientation, frames), cut)
        };
        Ok(Some(Self {
            shown,
            description,
            settings: settings.clone(),
            time: 0.0,
            count: 0,
            cut,
            lost: 0,
            fault: None,
        }))
    }
}

impl Frames for Animation {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        for shown in &mut self.shown {
            let Shown { picture, delay } = match shown {
                Ok(shown) => shown,
                Err(error) => {
                    self.lost += 1;
                    self.fault.get_or_insert(error);
                    continue;
                }
            };
            let time = self.time;
            self.time += delay;
            self.count += 1;
            return Ok(Some(Frame {
                time,
                pixels: lay(&picture, &self.settings),
                damaged: picture.damaged,
                cut: false,
            }));
        }
        self.lost += usize::from(self.cut && self.lost == 0);
        match self.fault.take() {
            Some(error) if self.count == 0 => Err(error),
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

/// The pages of a TIFF file as pictures, this many per second.
fn turned_over(path: &Path, pages: Pages, rate: f64) -> Box<dyn Iterator<Item = Result<Shown>>> {
    let path = path.to_owned();
    let places = pages.places.clone();
    Box::new(places.into_iter().map(move |place| {
        let page = pages
            .page(&path, place)
            .map_err(|error| Error::io(&path, error))?;
        Ok(Shown {
            picture: PictureHeader::read(&path, page, ImageFormat::Tiff)?.decode(&path)?,
            delay: 1.0 / rate,
        })
    }))
}

/// The frames of a picture that is drawn over and over, or None where it is
/// a still one.
fn drawn(path: &Path) -> Result<Option<image::Frames<'static>>> {
    let (reader, format) = picture::open(path)?;
    Ok(Some(match format {
        ImageFormat::Gif => {
            let mut decoder = decoded(path, || GifDecoder::new(reader))?;
            picture::check_size(path, &decoder, picture::ANIMATED)?;
            decoded(path, || decoder.set_limits(picture::limits()))?;
            decoder.into_frames()
        }
        ImageFormat::WebP => {
            let decoder = decoded(path, || WebPDecoder::new(reader))?;
            if !decoder.has_animation() {
                return Ok(None);
            }
            picture::check_size(path, &decoder, picture::ANIMATED)?;
            decoder.into_frames()
        }
        ImageFormat::Png => {
            let decoder = decoded(path, || PngDecoder::with_limits(reader, picture::limits()))?;
            if !decoded(path, || decoder.is_apng())? {
                return Ok(None);
            }
            picture::check_size(path, &decoder, picture::ANIMATED)?;
            decoded(path, || decoder.apng())?.into_frames()
        }
        _ => return Ok(None),
    }))
}

/// What is shown of drawn frames, up to the first that cannot be read: those
/// after it are drawn over it.
fn shown(
    path: &Path,
    orientation: Orientation,
    mut frames: image::Frames<'static>,
) -> Box<dyn Iterator<Item = Result<Shown>>> {
    let path = path.to_owned();
    let mut whole = true;
    let frames = std::iter::from_fn(move || {
        if !whole {
            return None;
        }
        let frame = match decoded(&path, || frames.next().transpose()) {
            Ok(frame) => frame?,
            Err(error) => {
                whole = false;
                return Some(Err(error));
            }
        };
        let (numerator, denominator) = frame.delay().numer_denom_ms();
        let delay = f64::from(numerator) / f64::from(denominator.max(1)) / 1000.0;
        Some(Ok(Shown {
            picture: StoredPicture {
                image: frame.into_buffer().into(),
                orientation,
                damaged: false,
            },
            // Browsers show frames that ask for 10 ms or less for 100 ms.
            delay: if delay < 0.0109 { 0.1 } else { delay },
        }))
    });
    Box::new(frames)
}

/// Whether a WebP file is shorter than it says: its decoder leaves out what
/// does not come.
fn is_cut_webp(path: &Path) -> std::io::Result<bool> {
    let mut file = File::open(path)?;
    let mut head = [0; 8];
    file.read_exact(&mut head)?;
    let [b'R', b'I', b'F', b'F', stated @ ..] = head else {
        return Ok(false);
    };
    Ok(file.metadata()?.len() < u64::from(u32::from_le_bytes(stated)) + 8)
}
