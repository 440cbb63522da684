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
    built: Option<(Source, Context, Placement)>,
    output: Video,
}

impl Scaler {
    /// A scaler for a stream that is shown in `orientation`.
    pub fn new(settings: &ReadSettings, orientation: Orientation) -> Self {
        Self {
            settings: settings.clone(),
            orientation,
            built: None,
            output: Video::empty(),
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
            let (context, placement) = self.build(source)?;
            self.output = Video::empty();
            self.built = Some((source, context, placement));
        }
        let Some((_, context, placement)) = self.built.as_mut() else {
            return Err(Error::Bug);
        };
        crop(picture, placement)?;
        context.run(picture, &mut self.output)?;
        let plane = |index| (self.output.data(index), self.output.stride(index));
        let (data, stride) = plane(0);
        Ok(match (self.output.format(), self.settings.channels) {
            (Pixel::RGBA, Channels::Colour) => {
                placement.lay(&self.settings, |x, y| over_black(data, y * stride + 4 * x))
            }
            (Pixel::RGBA, Channels::Grey) => placement.lay(&self.settings, |x, y| {
                [super::settings::luma(over_black(data, y * stride + 4 * x))]
            }),
            (Pixel::GBRP, _) => placement.lay_planes(&self.settings, [2, 0, 1].map(plane)),
            _ => placement.lay_planes(&self.settings, [plane(0)]),
        })
    }

    fn build(&self, source: Source) -> Result<(Context, Placement), Error> {
        if source.width == 0 || source.height == 0 || source.format == Pixel::None {
            return Err(Error::InvalidData);
        }
        let format = source.format.into();
        // SAFETY: the descriptor is a static table entry or null, checked here.
        let description = unsafe { ffi::av_pix_fmt_desc_get(format).as_ref() };
        let description = description.ok_or(Error::InvalidData)?;
        let placement = Placement::new(
            (source.width as usize, source.height as usize),
            source.aspect,
            self.orientation,
            description.log2_chroma_w > 0 || description.log2_chroma_h > 0,
            &self.settings,
        );
        let alpha = description.flags & ffi::AV_PIX_FMT_FLAG_ALPHA as u64 != 0;
        let output = match self.settings.channels {
            _ if alpha => Pixel::RGBA,
            Channels::Grey => Pixel::GRAY8,
            // FFmpeg makes planes faster than it makes RGB24.
            Channels::Colour => Pixel::GBRP,
        };
        let mut context = Context::get(
            source.format,
            placement.width as u32,
            placement.height as u32,
            output,
            placement.scaled_width as u32,
            placement.scaled_height as u32,
            Flags::AREA | Flags::FULL_CHR_H_INT | Flags::ACCURATE_RND,
        )?;
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
        Ok((context, placement))
    }
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

fn over_black(data: &[u8], at: usize) -> [u8; 3] {
    let alpha = u32::from(data[at + 3]);
    [0, 1, 2].map(|channel| ((u32::from(data[at + channel]) * alpha + 127) / 255) as u8)
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
