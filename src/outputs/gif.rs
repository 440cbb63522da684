//! Animated GIFs that store only what changed.

use crate::error::{Error, Result};
use crate::{files, interrupt};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Writes `pictures`, each (H, W, 3) of `size` = [H, W], as an endless
/// animation. A frame with at most 256 colours where it differs from the one
/// before is exact; others get the 256 that suit them best.
pub(super) fn write(
    path: &Path,
    pictures: impl Iterator<Item = Vec<u8>>,
    size: [usize; 2],
    frame_rate: f64,
) -> Result<()> {
    let fail = |error: gif::EncodingError| Error::io(path, std::io::Error::other(error));
    let [height, width] = match size.map(u16::try_from) {
        [Ok(height), Ok(width)] => [height, width],
        _ => {
            return Err(Error::input(
                path.display().to_string(),
                format!("{}x{} pixels are too many for a GIF", size[1], size[0]),
                "write a smaller one, or an .mp4",
            ));
        }
    };
    files::replace(path, |file| {
        let mut encoder =
            gif::Encoder::new(BufWriter::new(file), width, height, &[]).map_err(fail)?;
        encoder.set_repeat(gif::Repeat::Infinite).map_err(fail)?;
        let mut before: Option<Vec<u8>> = None;
        // Delays are whole centiseconds; the rounding does not add up. Players
        // show one of 1 for 10: a picture that short is left out.
        let moment = |time: usize| (100.0 * time as f64 / frame_rate).round();
        let mut shown = 0.0;
        for (time, picture) in pictures.enumerate() {
            interrupt::check()?;
            let delay = moment(time + 1) - shown;
            if delay < 2.0 {
                continue;
            }
            shown += delay;
            let change = match &before {
                Some(before) => Change::between(before, &picture, size[1]),
                None => Change {
                    top: 0,
                    left: 0,
                    bottom: size[0],
                    right: size[1],
                },
            };
            let (frame_width, frame_height) =
                (change.right - change.left, change.bottom - change.top);
            let mut frame = gif::Frame::from_rgb_speed(
                frame_width as u16,
                frame_height as u16,
                &change.cut(&picture, size[1]),
                10,
            );
            (frame.left, frame.top) = (change.left as u16, change.top as u16);
            frame.delay = delay.min(65535.0) as u16;
            encoder.write_frame(&frame).map_err(fail)?;
            before = Some(picture);
        }
        let mut file = encoder.into_inner().map_err(fail)?;
        file.flush().map_err(|error| Error::io(path, error))
    })
}

/// The rectangle in which two pictures differ.
struct Change {
    top: usize,
    left: usize,
    bottom: usize,
    right: usize,
}

impl Change {
    /// Of at least one pixel, since a GIF has no empty frames.
    fn between(before: &[u8], after: &[u8], width: usize) -> Self {
        let (mut top, mut left, mut bottom, mut right) = (usize::MAX, usize::MAX, 0, 0);
        let pixels = before.chunks_exact(3).zip(after.chunks_exact(3));
        for (index, _) in pixels.enumerate().filter(|(_, (old, new))| old != new) {
            let (x, y) = (index % width, index / width);
            (top, left) = (top.min(y), left.min(x));
            (bottom, right) = (bottom.max(y + 1), right.max(x + 1));
        }
        if bottom == 0 {
            (top, left, bottom, right) = (0, 0, 1, 1);
        }
        Self {
            top,
            left,
            bottom,
            right,
        }
    }

    fn cut(&self, picture: &[u8], width: usize) -> Vec<u8> {
        (self.top..self.bottom)
            .flat_map(|y| &picture[3 * (y * width + self.left)..3 * (y * width + self.right)])
            .copied()
            .collect()
    }
}
