//! Damage of a film's file of which FFmpeg tells nobody.

use super::{jpeg, library};
use ffmpeg_next::Packet;
use ffmpeg_next::codec::Id;
use ffmpeg_next::format::context::Input;
use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};
use std::path::Path;

/// An Ogg page has less than 64 KiB and a header.
const OGG_PAGE: u64 = 1 << 17;

/// Counts the pieces of a film that are not whole.
pub struct Damage {
    jpeg: bool,
    broken: usize,
    /// The last piece is among them.
    last: bool,
    /// Where the last piece ends in the file.
    end: u64,
}

impl Damage {
    /// For a film of this codec.
    pub fn new(codec: Id) -> Self {
        library::ended_early();
        Self {
            jpeg: codec == Id::MJPEG,
            broken: 0,
            last: false,
            end: 0,
        }
    }

    /// Looks at the film's next piece.
    pub fn packet(&mut self, packet: &Packet) {
        let whole = || packet.data().is_none_or(jpeg::is_whole);
        self.last = packet.is_corrupt() || (self.jpeg && !whole());
        self.broken += usize::from(self.last);
        self.end = (packet.position().max(0) as u64).saturating_add(packet.size() as u64);
    }

    /// Looks at how the file ends, after its last piece.
    pub fn end(&mut self, path: &Path, input: &Input) {
        let cut = match input.format().name() {
            // Frames follow each other to the end.
            "dv" | "yuv4mpegpipe" => path.metadata().is_ok_and(|file| file.len() != self.end),
            "ogg" => is_cut_ogg(path).unwrap_or(false),
            _ => library::ended_early(),
        };
        if cut && !self.last {
            self.broken += 1;
            self.last = true;
        }
    }

    /// How many pieces there are beyond those that FFmpeg `told` of, which are
    /// the same ones.
    pub fn untold(&self, told: usize) -> usize {
        self.broken.saturating_sub(told)
    }
}

/// Whether an Ogg file ends within a page, or with one that is not a stream's
/// last.
fn is_cut_ogg(path: &Path) -> Result<bool> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(OGG_PAGE)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    let Some(at) = tail.windows(5).rposition(|bytes| bytes == b"OggS\0") else {
        return Ok(true);
    };
    let page = &tail[at..];
    let body = page
        .get(26)
        .and_then(|&count| page.get(27..27 + usize::from(count)));
    Ok(body.is_none_or(|sizes| {
        let size: usize = sizes.iter().map(|&size| usize::from(size)).sum();
        page.len() < 27 + sizes.len() + size || page[5] & 4 == 0
    }))
}

#[cfg(test)]
mod tests;
