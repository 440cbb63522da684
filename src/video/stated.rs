//! What a film's container and codec state about its pictures.

use super::placement::Orientation;
use ffmpeg_next::codec::{self, packet::side_data::Type as SideData};
use ffmpeg_next::{Rational, format};

/// An aspect ratio that can be meant.
pub fn positive(ratio: Rational) -> Option<f64> {
    Some(f64::from(ratio)).filter(|ratio| (0.01..=100.0).contains(ratio))
}

/// The codec's short name, or the container's four letters for one that this
/// FFmpeg does not know.
pub fn codec_name(parameters: &codec::Parameters) -> String {
    if parameters.id() != codec::Id::None {
        return parameters.id().name().to_owned();
    }
    // SAFETY: the parameters are alive; a plain number is read.
    let tag = unsafe { (*parameters.as_ptr()).codec_tag };
    let letters = tag.to_le_bytes().into_iter().filter(u8::is_ascii_graphic);
    letters.map(char::from).collect()
}

/// The name of a pixel format, such as yuv420p.
pub fn pixel_name(format: format::Pixel) -> String {
    format
        .descriptor()
        .map_or_else(|| "unknown".to_owned(), |known| known.name().to_owned())
}

/// How a stream's pictures are turned for display.
pub fn orientation(stream: &ffmpeg_next::Stream) -> Orientation {
    stream
        .side_data()
        .filter(|data| data.kind() == SideData::DisplayMatrix)
        .find_map(|data| {
            let bytes = data.data().get(..36)?;
            let mut matrix = [0; 9];
            for (entry, four) in matrix.iter_mut().zip(bytes.chunks_exact(4)) {
                *entry = i32::from_ne_bytes(four.try_into().ok()?);
            }
            Some(Orientation::from_matrix(&matrix))
        })
        .unwrap_or_default()
}
