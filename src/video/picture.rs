//! One picture of a file: its header, its pixels, and whether it is whole.

use super::frame::Description;
use super::jpeg;
use super::placement::Orientation;
use crate::error::{Error, Result};
use crate::memory;
use crate::panics::caught;
use image::metadata::Orientation as Turn;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, ImageResult, Limits};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// A moving picture's frames have at most so many pixels, as a film of 8K has: a file of a few
/// hundred bytes would hold frames enough for minutes.
const MOST_MOVING: u64 = 1 << 25;

/// Bytes that a picture's decoding may take.
const ROOM: u64 = 7 << 28;
/// Less than this is there without asking.
const SMALL: u64 = 1 << 28;
/// How many times its own size a still picture takes: the decoder's buffers
/// and the copy with 8 bits are there at once.
const STILL: u64 = 3;
/// The same for an animated picture, which is drawn on those before.
pub const ANIMATED: u64 = 5;

/// A picture as stored, and how it is turned for display.
pub struct StoredPicture {
    /// The pixels as stored.
    pub image: DynamicImage,
    /// How they are turned for display.
    pub orientation: Orientation,
    /// Parts of it are missing.
    pub damaged: bool,
}

/// A picture whose header is read.
pub struct PictureHeader {
    decoder: Box<dyn ImageDecoder>,
    /// How the file is coded.
    pub format: ImageFormat,
    /// How the picture is turned for display.
    pub orientation: Orientation,
}

impl PictureHeader {
    /// Reads the header of the picture in a file.
    pub fn open(path: &Path) -> Result<Self> {
        let (reader, format) = open(path)?;
        let mut header = Self::read(path, reader, format)?;
        if format == ImageFormat::Png && header.orientation == Orientation::default() {
            header.orientation = png_exif(path).map(|exif| turned(&exif)).unwrap_or_default();
        }
        Ok(header)
    }

    /// Reads the header of a picture of this format.
    pub fn read(
        path: &Path,
        reader: impl BufRead + Seek + 'static,
        format: ImageFormat,
    ) -> Result<Self> {
        let mut reader = ImageReader::with_format(reader, format);
        reader.limits(limits());
        let decoder = decoded(path, || reader.into_decoder())?;
        let mut decoder: Box<dyn ImageDecoder> = Box::new(decoder);
        check_size(path, &decoder, STILL)?;
        decoded(path, || decoder.set_limits(limits()))?;
        // Damaged notes about a picture do not damage the picture.
        let orientation = match format {
            ImageFormat::Tiff => decoder.orientation().map(from_turn).unwrap_or_default(),
            _ => match decoder.exif_metadata() {
                Ok(Some(exif)) => turned(&exif),
                _ => Orientation::default(),
            },
        };
        Ok(Self {
            decoder,
            format,
            orientation,
        })
    }

    /// What the header says.
    pub fn describe(&self) -> Description {
        let (width, height) = self.decoder.dimensions();
        Description {
            codec: format!("{:?}", self.format).to_lowercase(),
            width: width as usize,
            height: height as usize,
            pixel_format: format!("{:?}", self.decoder.color_type()).to_lowercase(),
            orientation: self.orientation,
            pixel_aspect: 1.0,
            origin: 0.0,
            duration: None,
        }
    }

    /// Reads the pixels.
    pub fn decode(self, path: &Path) -> Result<StoredPicture> {
        Ok(StoredPicture {
            image: decoded(path, || DynamicImage::from_decoder(self.decoder))?,
            orientation: self.orientation,
            damaged: false,
        })
    }
}

/// Reads the picture of a file.
pub fn load(path: &Path) -> Result<StoredPicture> {
    let header = PictureHeader::open(path)?;
    let jpeg = header.format == ImageFormat::Jpeg;
    let mut picture = header.decode(path)?;
    if jpeg {
        let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
        picture.damaged = !jpeg::is_whole(&bytes);
    }
    Ok(picture)
}

/// Opens a file of a picture and tells its format.
pub fn open(path: &Path) -> Result<(BufReader<File>, ImageFormat)> {
    let reader = ImageReader::open(path)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| Error::io(path, error))?;
    let format = reader.format().ok_or_else(|| {
        Error::input(
            path.display().to_string(),
            "not a picture of a known kind",
            "give PNG, JPEG, GIF, WebP, BMP, TIFF or PNM",
        )
    })?;
    Ok((reader.into_inner(), format))
}

/// What decoders may take; those that do not ask are checked by
/// [`check_size`].
pub fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(ROOM);
    limits
}

/// Refuses a picture without pixels, and one whose decoding takes more memory than there is; it
/// takes `times` what its pixels take. A moving one has at most [`MOST_MOVING`] pixels.
pub fn check_size(path: &Path, decoder: &impl ImageDecoder, times: u64) -> Result<()> {
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || (times == ANIMATED && pixels > MOST_MOVING) {
        return Err(Error::input(
            path.display().to_string(),
            format!(
                "its header says {width} × {height} pixels; expected at least 1, and at most \
                 {MOST_MOVING} where it moves"
            ),
            "make the picture anew, or take it out",
        ));
    }
    let need = decoder.total_bytes().saturating_mul(times);
    let room = if need < SMALL {
        ROOM
    } else {
        ROOM.min(memory::available() as u64)
    };
    if need <= room {
        return Ok(());
    }
    Err(Error::input(
        path.display().to_string(),
        format!(
            "its header says {width} × {height} pixels, which take {:.1} GB to read; \
             at most {:.1} GB are taken",
            need as f64 / 1e9,
            room as f64 / 1e9
        ),
        "make the picture smaller, or take it out",
    ))
}

/// How EXIF notes say that a picture is turned.
pub fn turned(exif: &[u8]) -> Orientation {
    // Some writers put the name of JPEG's segment before them.
    let notes = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    Turn::from_exif_chunk(notes)
        .map(from_turn)
        .unwrap_or_default()
}

fn from_turn(turn: Turn) -> Orientation {
    let (transpose, mirror_x, mirror_y) = match turn {
        Turn::NoTransforms => (false, false, false),
        Turn::FlipHorizontal => (false, true, false),
        Turn::Rotate180 => (false, true, true),
        Turn::FlipVertical => (false, false, true),
        Turn::Rotate90FlipH => (true, false, false),
        Turn::Rotate90 => (true, true, false),
        Turn::Rotate270FlipH => (true, true, true),
        Turn::Rotate270 => (true, false, true),
    };
    Orientation {
        transpose,
        mirror_x,
        mirror_y,
    }
}

/// The EXIF notes of a PNG file, which may come after the pixels.
fn png_exif(path: &Path) -> Option<Vec<u8>> {
    let mut file = BufReader::new(File::open(path).ok()?);
    file.seek(SeekFrom::Start(8)).ok()?;
    loop {
        let mut head = [0; 8];
        file.read_exact(&mut head).ok()?;
        let length = u32::from_be_bytes(*head.first_chunk()?);
        if head.ends_with(b"eXIf") {
            let mut notes = Vec::new();
            file.take(length.into()).read_to_end(&mut notes).ok()?;
            return Some(notes);
        }
        // Its checksum is 4 bytes.
        file.seek_relative(i64::from(length) + 4).ok()?;
    }
}

/// What a decoder gives for the picture at `path`. Some decoders panic on damaged pictures.
pub fn decoded<T>(path: &Path, work: impl FnOnce() -> ImageResult<T>) -> Result<T> {
    match caught(work) {
        Ok(result) => result.map_err(|error| refuse(path, &error)),
        Err(said) => Err(Error::input(
            path.display().to_string(),
            format!("the picture cannot be read (its decoder fails: {said})"),
            "give a picture that a viewer shows, or take it out",
        )),
    }
}

/// What is said where a picture cannot be read.
fn refuse(path: &Path, error: &image::ImageError) -> Error {
    Error::input(
        path.display().to_string(),
        format!("the picture cannot be read ({error})"),
        match error {
            image::ImageError::Unsupported(_) => "convert it to PNG with 8 or 16 bits a value",
            _ => "give a picture that a viewer shows, or take it out",
        },
    )
}

#[cfg(test)]
mod tests;
