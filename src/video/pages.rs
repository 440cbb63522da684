//! The pages of a TIFF file.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Result, Seek, SeekFrom};
use std::path::Path;

/// Pages that are looked for; a chain of pages may be a circle.
const MOST: usize = 1 << 24;
/// The tag that says what a page is for.
const PURPOSE: u64 = 254;

/// Where the pages of a TIFF file are.
pub struct Pages {
    /// Where each page's directory is.
    pub places: Vec<u64>,
    /// The file ends before its last page.
    pub cut: bool,
    layout: Layout,
}

/// How numbers are stored.
#[derive(Debug, Clone, Copy)]
struct Layout {
    little: bool,
    /// BigTIFF, with places of 8 bytes.
    big: bool,
}

impl Pages {
    /// Finds the pages of a file, without smaller copies of others.
    pub fn find(path: &Path) -> Result<Self> {
        let mut file = BufReader::new(File::open(path)?);
        let mut head = [0; 4];
        file.read_exact(&mut head)?;
        let layout = Layout {
            little: head.starts_with(b"II"),
            big: head.contains(&43),
        };
        let mut pages = Self {
            places: Vec::new(),
            cut: false,
            layout,
        };
        if layout.big {
            file.seek_relative(4)?;
        }
        let mut seen = std::collections::HashSet::new();
        let mut next = layout.number(&mut file, layout.place())?;
        while next != 0 && seen.insert(next) && seen.len() < MOST {
            let Ok((small, after)) = layout.directory(&mut file, next) else {
                pages.cut = true;
                break;
            };
            if !small {
                pages.places.push(next);
            }
            next = after;
        }
        Ok(pages)
    }

    /// The file as if the page at this place were its first.
    pub fn page(&self, path: &Path, place: u64) -> Result<impl BufRead + Seek + use<>> {
        let mut file = File::open(path)?;
        let layout = self.layout;
        let start = if layout.big { 8 } else { 4 };
        let mut head = vec![0; start + layout.place()];
        file.read_exact(&mut head)?;
        let bytes = match layout.little {
            true => place.to_le_bytes(),
            false => place.to_be_bytes(),
        };
        let bytes = match (layout.big, layout.little) {
            (true, _) => &bytes[..],
            (false, true) => &bytes[..4],
            (false, false) => &bytes[4..],
        };
        head[start..].copy_from_slice(bytes);
        file.rewind()?;
        Ok(BufReader::new(Headed { head, file, at: 0 }))
    }
}

impl Layout {
    fn place(self) -> usize {
        if self.big { 8 } else { 4 }
    }

    fn number(self, file: &mut impl Read, bytes: usize) -> Result<u64> {
        let mut read = [0; 8];
        file.read_exact(&mut read[..bytes])?;
        Ok(match self.little {
            true => u64::from_le_bytes(read),
            false => u64::from_be_bytes(read) >> (64 - 8 * bytes),
        })
    }

    /// Whether a directory's page is a smaller copy of another, and where the
    /// next directory is.
    fn directory(self, file: &mut BufReader<File>, at: u64) -> Result<(bool, u64)> {
        file.seek(SeekFrom::Start(at))?;
        let entries = self.number(file, if self.big { 8 } else { 2 })?;
        let mut small = false;
        for _ in 0..entries {
            let tag = self.number(file, 2)?;
            file.seek_relative(if self.big { 10 } else { 6 })?;
            let value = self.number(file, 4)?;
            small |= tag == PURPOSE && value & 1 == 1;
            file.seek_relative(if self.big { 4 } else { 0 })?;
        }
        Ok((small, self.number(file, self.place())?))
    }
}

/// A file with another beginning.
struct Headed {
    head: Vec<u8>,
    file: File,
    at: u64,
}

impl Read for Headed {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let rest = usize::try_from(self.at)
            .ok()
            .and_then(|at| self.head.get(at..))
            .unwrap_or_default();
        let count = if rest.is_empty() {
            self.file.seek(SeekFrom::Start(self.at))?;
            self.file.read(buffer)?
        } else {
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            count
        };
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Headed {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let to = match to {
            SeekFrom::Current(by) => {
                let at = self.at.checked_add_signed(by);
                SeekFrom::Start(at.ok_or(std::io::ErrorKind::InvalidInput)?)
            }
            to => to,
        };
        self.at = self.file.seek(to)?;
        Ok(self.at)
    }
}
