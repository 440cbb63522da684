//! FFmpeg's scaler: a decoded picture of any format to a frame's pixels.

use super::placement::{Orientation, Placement};
use super::settings::{Channels, ReadSettings};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::software::scaling::{Context, Flags};
use ffmpeg_next::util::color::{Range, Space};
use ffmpeg_next::util::frame::Video;
use ffmpeg_next::{Error, ffi};

/// What a scaler was built for; another picture needs another scaler.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Source {
    width: u32,
    height: u32,
    format: Pixel,
    space: Space,
    range: Range,
    aspect: f64,
}

/// Crops, scales by area, converts colours, turns upright. Alpha is composited
/// on black.
pub struct Scaler {
    settings: ReadSettings,
    orientation: Orientation,
    built: Option<(Source, Steps)>,
    /// Alpha other than 0 has come. Until then a film's fourth values are
    /// padding, which many writers leave at 0: a film that is nowhere to be
    /// seen would be of no use. From then on a frame may be transparent.
    transparent: bool,
}

/// What leads from a picture to a frame.
struct Steps {
    placement: Placement,
    /// The whole picture as bytes of red, green and blue.
    solid: Option<(Context, Video)>,
    scale: Context,
    scaled: Video,
}

impl Scaler {
    /// A scaler for a stream that is shown in `orientation`.
    pub fn new(settings: &ReadSettings, orientation: Orientation) -> Self {
        Self {
            settings: settings.clone(),
            orientation,
            built: None,
            transparent: false,
        }
    }

    /// The picture as (C, H, W) bytes. `aspect` is a pixel's width over its
    /// height. Consumes the picture's borders: they are cropped in place.
    pub fn run(&mut self, picture: &mut Video, aspect: f64) -> Result<Vec<u8>, Error> {
        let source = Source {
            width: picture.width(),
            height: picture.height(),
            format: picture.format(),
            space: picture.color_space(),
            range: picture.color_range(),
            aspect,
        };
        if self.built.as_ref().is_none_or(|(for_, ..)| *for_ != source) {
            self.built = Some((source, self.build(source)?));
        }
        let Some((_, steps)) = self.built.as_mut() else {
            return Err(Error::Bug);
        };
        if let Some((convert, solid)) = &mut steps.solid {
            convert.run(picture, solid)?;
            // What is cropped is another view: the buffer is written again.
            let mut view = Video::empty();
            // SAFETY: both frames are valid and owned here; the view counts as
            // another owner of the buffer.
            let code = unsafe { ffi::av_frame_ref(view.as_mut_ptr(), solid.as_ptr()) };
            if code < 0 {
                return Err(Error::from(code));
            }
            if view.format() == Pixel::RGBA {
                self.transparent |= composite(&mut view, self.transparent);
                view.set_format(OPAQUE);
            }
            crop(&mut view, &steps.placement)?;
            steps.scale.run(&view, &mut steps.scaled)?;
        } else {
            crop(picture, &steps.placement)?;
            steps.scale.run(picture, &mut steps.scaled)?;
        }
        let plane = |index| (steps.scaled.data(index), steps.scaled.stride(index));
        let placement = &steps.placement;
        Ok(match self.settings.channels {
            Channels::Colour => placement.lay_planes(&self.settings, [2, 0, 1].map(plane)),
            Channels::Grey => placement.lay_planes(&self.settings, [plane(0)]),
        })
    }

    fn build(&self, source: Source) -> Result<Steps, Error> {
        // FFmpeg would end the process where a Bayer picture has one line.
        let least = if has(source.format, ffi::AV_PIX_FMT_FLAG_BAYER) {
            2
        } else {
            1
        };
        if source.width.min(source.height) < least || source.format == Pixel::None {
            return Err(Error::InvalidData);
        }
        let size = (source.width as usize, source.height as usize);
        let placement = Placement::new(size, source.aspect, self.orientation, &self.settings);
        let solid = match (crops(source.format, &placement), alpha(source.format)) {
            (true, _) => None,
            (false, true) => Some(Pixel::RGBA),
            (false, false) => Some(Pixel::RGB24),
        };
        let context =
            |from, (width, height): (usize, usize), to, (wide, high): (usize, usize), flags| {
                Context::get(
                    from,
                    width as u32,
                    height as u32,
                    to,
                    wide as u32,
                    high as u32,
                    flags,
                )
            };
        let convert = match solid {
            // FFmpeg's own choice where its program converts.
            Some(solid) => {
                let mut convert = context(source.format, size, solid, size, Flags::BICUBIC)?;
                colours(&mut convert, source);
                Some((convert, Video::empty()))
            }
            None => None,
        };
        let from = match solid {
            Some(Pixel::RGBA) => OPAQUE,
            Some(solid) => solid,
            None => source.format,
        };
        let to = match self.settings.channels {
            Channels::Grey => Pixel::GRAY8,
            // FFmpeg makes planes faster than it makes RGB24.
            Channels::Colour => Pixel::GBRP,
        };
        let kept = (placement.width, placement.height);
        let wanted = (placement.scaled_width, placement.scaled_height);
        // FFmpeg would take the colours of every other pixel only.
        let full = Flags::FULL_CHR_H_INP | Flags::FULL_CHR_H_INT;
        let flags = Flags::AREA | Flags::ACCURATE_RND | full;
        let mut scale = context(from, kept, to, wanted, flags)?;
        colours(
            &mut scale,
            Source {
                format: from,
                ..source
            },
        );
        Ok(Steps {
            placement,
            solid: convert,
            scale,
            scaled: Video::empty(),
        })
    }
}

/// Four bytes, of which the last means nothing.
const OPAQUE: Pixel = Pixel::RGBZ;

/// Tells a context how the colours of what it reads are coded.
fn colours(context: &mut Context, source: Source) {
    let matrix = match source.space {
        Space::BT709 => ffi::SWS_CS_ITU709,
        Space::FCC => ffi::SWS_CS_FCC,
        Space::SMPTE240M => ffi::SWS_CS_SMPTE240M,
        Space::BT2020NCL | Space::BT2020CL => ffi::SWS_CS_BT2020,
        // Players take unmarked HD for BT.709.
        Space::Unspecified if source.height > 576 => ffi::SWS_CS_ITU709,
        _ => ffi::SWS_CS_ITU601,
    };
    let full = source.range == Range::JPEG || is_full_range(source.format);
    // SAFETY: the context is alive and initialised; the coefficient tables
    // are FFmpeg's own statics. A format without YUV makes this a no-op.
    unsafe {
        ffi::sws_setColorspaceDetails(
            context.as_mut_ptr(),
            ffi::sws_getCoefficients(matrix),
            i32::from(full),
            ffi::sws_getCoefficients(ffi::SWS_CS_DEFAULT),
            1,
            0,
            1 << 16,
            1 << 16,
        );
    }
}

/// Whether a picture may be cropped and scaled as it is stored, which is much
/// faster than to convert all of it first. It may where that shows no
/// difference: where chroma is cropped between its own pixels, and where pixels are
/// averaged or have no chroma, so that how it is interpolated does not count.
fn crops(format: Pixel, placement: &Placement) -> bool {
    // SAFETY: the descriptor is a static table entry or null.
    let Some(known) = (unsafe { ffi::av_pix_fmt_desc_get(format.into()).as_ref() }) else {
        return false;
    };
    let grey = known.nb_components == 1;
    let averaged = placement.width >= 2 * placement.scaled_width
        && placement.height >= 2 * placement.scaled_height;
    let aligned = |at: usize, shift: u8| at.is_multiple_of(1 << shift);
    let special = ffi::AV_PIX_FMT_FLAG_PAL
        | ffi::AV_PIX_FMT_FLAG_BITSTREAM
        | ffi::AV_PIX_FMT_FLAG_BAYER
        | ffi::AV_PIX_FMT_FLAG_FLOAT;
    !alpha(format)
        && !has(format, special)
        && known.comp[0].depth >= 8
        && known.log2_chroma_h <= known.log2_chroma_w
        && aligned(placement.left | placement.width, known.log2_chroma_w)
        && aligned(placement.top | placement.height, known.log2_chroma_h)
        && (grey || averaged)
}

fn alpha(format: Pixel) -> bool {
    has(format, ffi::AV_PIX_FMT_FLAG_ALPHA)
}

/// Whether a format has one of these flags.
fn has(format: Pixel, flags: i32) -> bool {
    // SAFETY: the descriptor is a static table entry or null.
    let known = unsafe { ffi::av_pix_fmt_desc_get(format.into()).as_ref() };
    known.is_some_and(|known| known.flags & flags as u64 != 0)
}

/// Puts a picture of red, green, blue and alpha on black; says whether any of
/// it is to be seen. Where none is, it stays as it is unless `transparent`.
fn composite(picture: &mut Video, transparent: bool) -> bool {
    let (width, height, stride) = (
        picture.width() as usize,
        picture.height() as usize,
        picture.stride(0),
    );
    let rows = picture.data_mut(0).chunks_mut(stride).take(height);
    let mut rows: Vec<&mut [[u8; 4]]> =
        rows.map(|row| row[..4 * width].as_chunks_mut().0).collect();
    let seen = transparent || rows.iter().any(|row| row.iter().any(|pixel| pixel[3] > 0));
    if seen {
        for pixel in rows.iter_mut().flat_map(|row| row.iter_mut()) {
            let alpha = u32::from(pixel[3]);
            for value in &mut pixel[..3] {
                *value = ((u32::from(*value) * alpha + 127) / 255) as u8;
            }
        }
    }
    seen
}

/// Formats that are full range unless marked otherwise: those whose name says so,
/// and grey ones of any depth, with or without alpha.
fn is_full_range(format: Pixel) -> bool {
    let grey = |name: &str| name.starts_with("gray") || name.starts_with("ya");
    let descriptor = format.descriptor();
    descriptor.is_some_and(|known| grey(known.name()))
        || matches!(
            format,
            Pixel::YUVJ420P | Pixel::YUVJ422P | Pixel::YUVJ444P | Pixel::YUVJ440P | Pixel::YUVJ411P
        )
}

fn crop(picture: &mut Video, placement: &Placement) -> Result<(), Error> {
    let right = picture.width() as usize - placement.left - placement.width;
    let bottom = picture.height() as usize - placement.top - placement.height;
    // SAFETY: the frame is valid and owned here; FFmpeg moves its plane
    // pointers by offsets that lie inside the picture, as computed above, and
    // the reference to the buffer itself stays.
    let code = unsafe {
        let frame = picture.as_mut_ptr();
        (*frame).crop_left = placement.left;
        (*frame).crop_top = placement.top;
        (*frame).crop_right = right;
        (*frame).crop_bottom = bottom;
        ffi::av_frame_apply_cropping(frame, ffi::AV_FRAME_CROP_UNALIGNED as i32)
    };
    if code < 0 {
        Err(Error::from(code))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
