//! Whether a file of pictures holds one, an animation, or a stream of them.

use image::ImageFormat;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Result, Seek, SeekFrom};
use std::path::Path;

/// A file of many parts is looked at no further: it holds several pictures.
const PARTS: usize = 100_000;

/// Whether the file has frames of its own: an animated WebP, PNG or GIF, or a
/// TIFF of several pages. A file that is broken is taken for one picture.
pub fn is_animated(path: &Path, format: ImageFormat) -> bool {
    let look = || -> Result<bool> {
        let mut file = BufReader::new(File::open(path)?);
        match format {
            ImageFormat::Png => png_frames(&mut file),
            ImageFormat::WebP => webp_frames(&mut file),
            ImageFormat::Gif => gif_frames(&mut file),
            ImageFormat::Tiff => tiff_pages(&mut file),
            _ => Ok(false),
        }
    };
    look().unwrap_or(false)
}

/// Whether whole pictures follow one another, as a camera or `ffmpeg -f
/// image2pipe` sends them. A photo with a preview, a depth map or a second
/// view behind it is no stream: those are smaller, or said in its header.
pub fn is_stream(path: &Path, format: ImageFormat) -> bool {
    let look = || -> Result<bool> {
        let mut file = BufReader::new(File::open(path)?);
        match format {
            ImageFormat::Jpeg => jpeg_follows(&mut file),
            ImageFormat::Png => png_follows(&mut file),
            ImageFormat::WebP => webp_follows(&mut file),
            ImageFormat::Bmp => bitmap_follows(&mut file),
            ImageFormat::Pnm => netpbm_follows(&mut file),
            _ => Ok(false),
        }
    };
    look().unwrap_or(false)
}

fn bytes<const N: usize>(file: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn skip(file: &mut BufReader<File>, count: u64) -> Result<()> {
    file.seek_relative(i64::try_from(count).map_err(std::io::Error::other)?)
}

/// The size in an IHDR, after the eight bytes of the signature.
fn png_size(file: &mut BufReader<File>) -> Result<[u8; 8]> {
    skip(file, 8 + 8)?;
    let size = bytes(file)?;
    skip(file, 5 + 4)?;
    Ok(size)
}

fn png_frames(file: &mut BufReader<File>) -> Result<bool> {
    skip(file, 8)?;
    for _ in 0..PARTS {
        let (length, name) = (u32::from_be_bytes(bytes(file)?), bytes(file)?);
        match &name {
            b"acTL" => return Ok(u32::from_be_bytes(bytes(file)?) > 1),
            b"IDAT" | b"IEND" => return Ok(false),
            _ => skip(file, u64::from(length) + 4)?,
        }
    }
    Ok(false)
}

fn png_follows(file: &mut BufReader<File>) -> Result<bool> {
    let size = png_size(file)?;
    loop {
        let (length, name): (_, [u8; 4]) = (u32::from_be_bytes(bytes(file)?), bytes(file)?);
        skip(file, u64::from(length) + 4)?;
        if &name == b"IEND" {
            break;
        }
    }
    let start = file.stream_position()?;
    if bytes(file)? != *b"\x89PNG\r\n\x1a\n" {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(start))?;
    Ok(png_size(file)? == size)
}

fn webp_frames(file: &mut BufReader<File>) -> Result<bool> {
    skip(file, 12)?;
    let mut frames = 0;
    while frames < 2 {
        let (name, length) = (bytes(file)?, u32::from_le_bytes(bytes(file)?));
        match &name {
            b"VP8 " | b"VP8L" => return Ok(false),
            b"ANMF" => frames += 1,
            _ => {}
        }
        skip(file, u64::from(length) + u64::from(length % 2))?;
    }
    Ok(true)
}

fn webp_follows(file: &mut BufReader<File>) -> Result<bool> {
    skip(file, 4)?;
    let length = u32::from_le_bytes(bytes(file)?);
    skip(file, u64::from(length) + u64::from(length % 2))?;
    let next: [u8; 12] = bytes(file)?;
    Ok(next.starts_with(b"RIFF") && next.ends_with(b"WEBP"))
}

fn gif_frames(file: &mut BufReader<File>) -> Result<bool> {
    // A table of colours, where the flags say that there is one.
    let table = |flags: u8| u64::from(flags >> 7) * (3 << ((flags & 7) + 1));
    let header: [u8; 13] = bytes(file)?;
    skip(file, table(header[10]))?;
    let mut frames = 0;
    while frames < 2 {
        match bytes(file)? {
            [0x2c] => {
                frames += 1;
                let place: [u8; 9] = bytes(file)?;
                skip(file, table(place[8]) + 1)?;
            }
            [0x21] => skip(file, 1)?,
            _ => return Ok(false),
        }
        loop {
            match bytes(file)? {
                [0] => break,
                [length] => skip(file, length.into())?,
            }
        }
    }
    Ok(true)
}

/// Whether a second page of the first one's size follows; previews are smaller.
fn tiff_pages(file: &mut BufReader<File>) -> Result<bool> {
    let head: [u8; 4] = bytes(file)?;
    let big = head.contains(&43);
    let mut reader = Tiff {
        file,
        little: head[0] == b'I',
        big,
    };
    if big {
        reader.number(4)?;
    }
    let (first, second) = reader.page()?;
    if second == 0 {
        return Ok(false);
    }
    reader.file.seek(SeekFrom::Start(second))?;
    Ok(reader.page_at(second)?.0 == first)
}

struct Tiff<'a> {
    file: &'a mut BufReader<File>,
    little: bool,
    /// BigTIFF: counts and places have eight bytes.
    big: bool,
}

impl Tiff<'_> {
    fn number(&mut self, size: usize) -> Result<u64> {
        let mut bytes = [0; 8];
        self.file.read_exact(&mut bytes[..size])?;
        if !self.little {
            bytes[..size].reverse();
        }
        Ok(u64::from_le_bytes(bytes))
    }

    fn place(&mut self) -> Result<u64> {
        self.number(if self.big { 8 } else { 4 })
    }

    /// Follows a place, and reads the page there.
    fn page(&mut self) -> Result<([u64; 2], u64)> {
        let place = self.place()?;
        self.page_at(place)
    }

    /// Width and height of the page at `place`, and where the next one lies.
    fn page_at(&mut self, place: u64) -> Result<([u64; 2], u64)> {
        self.file.seek(SeekFrom::Start(place))?;
        let count = self.number(if self.big { 8 } else { 2 })?;
        let mut size = [0; 2];
        for _ in 0..count.min(PARTS as u64) {
            let (tag, kind) = (self.number(2)?, self.number(2)?);
            self.place()?;
            let field = if self.big { 8 } else { 4 };
            let used = if kind == 3 { 2 } else { 4 };
            let value = self.number(used)?;
            skip(self.file, (field - used) as u64)?;
            match tag {
                256 => size[0] = value,
                257 => size[1] = value,
                _ => {}
            }
        }
        Ok((size, self.place()?))
    }
}

/// What the header of a JPEG says.
struct Jpeg {
    /// Height and width.
    size: [u8; 4],
    /// Whether it says that other pictures belong to it.
    album: bool,
}

/// Reads a JPEG, from behind its first marker to the start of its pixels.
fn jpeg_header(file: &mut BufReader<File>) -> Result<Jpeg> {
    let mut found = Jpeg {
        size: [0; 4],
        album: false,
    };
    for _ in 0..PARTS {
        let marker = jpeg_marker(file)?;
        if matches!(marker, 0x01 | 0xd0..=0xd9) {
            continue;
        }
        let length = u64::from(u16::from_be_bytes(bytes(file)?).saturating_sub(2));
        let mut rest = vec![0; length as usize];
        file.read_exact(&mut rest)?;
        let mentions = |words: &[u8]| rest.windows(words.len()).any(|window| window == words);
        match marker {
            0xc4 | 0xc8 | 0xcc => {}
            0xc0..=0xcf => found
                .size
                .copy_from_slice(rest.get(1..5).unwrap_or(&[0; 4])),
            0xe1 => found.album |= mentions(b"Container:Directory") || mentions(b"GImage:"),
            0xe2 => found.album |= rest.starts_with(b"MPF\0"),
            0xda => return Ok(found),
            _ => {}
        }
    }
    Err(std::io::ErrorKind::InvalidData.into())
}

fn jpeg_marker(file: &mut BufReader<File>) -> Result<u8> {
    let mut byte = bytes::<1>(file)?;
    if byte != [0xff] {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    while byte == [0xff] {
        byte = bytes(file)?;
    }
    Ok(byte[0])
}

fn jpeg_follows(file: &mut BufReader<File>) -> Result<bool> {
    skip(file, 2)?;
    let first = jpeg_header(file)?;
    if first.album {
        return Ok(false);
    }
    // To the next picture's start: through the pixels, other scans of a
    // progressive picture, the end, and a camera's padding.
    let mut ended = false;
    loop {
        let buffer = file.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let at = buffer.iter().position(|&byte| byte == 0xff);
        let passed = at.unwrap_or(buffer.len());
        if ended
            && buffer[..passed]
                .iter()
                .any(|byte| !matches!(byte, 0 | b'\r' | b'\n'))
        {
            return Ok(false);
        }
        file.consume(passed);
        if at.is_none() {
            continue;
        }
        match jpeg_marker(file)? {
            0x00 | 0x01 | 0xd0..=0xd7 if !ended => {}
            0xd8 => break,
            0xd9 => ended = true,
            _ if ended => return Ok(false),
            _ => {
                let length = u16::from_be_bytes(bytes(file)?).saturating_sub(2);
                skip(file, length.into())?;
            }
        }
    }
    Ok(jpeg_header(file)?.size == first.size)
}

fn bitmap_follows(file: &mut BufReader<File>) -> Result<bool> {
    skip(file, 2)?;
    let size = u32::from_le_bytes(bytes(file)?);
    if size < 26 {
        return Ok(false);
    }
    file.seek(SeekFrom::Start(size.into()))?;
    let next: [u8; 18] = bytes(file)?;
    Ok(next.starts_with(b"BM") && super::content::bitmap_header(&next))
}

fn netpbm_follows(file: &mut BufReader<File>) -> Result<bool> {
    let magic: [u8; 2] = bytes(file)?;
    let (samples, bits) = match magic[1] {
        b'4' => (1, true),
        b'5' => (1, false),
        b'6' => (3, false),
        b'7' => return arbitrary_follows(file),
        _ => return Ok(false),
    };
    let (width, height) = (netpbm_number(file)?, netpbm_number(file)?);
    let highest = if bits { 1 } else { netpbm_number(file)? };
    let row = match bits {
        true => width.div_ceil(8),
        false => width.saturating_mul(samples * if highest > 255 { 2 } else { 1 }),
    };
    skip(file, row.saturating_mul(height))?;
    Ok(bytes(file)? == magic)
}

/// The same of a PAM, whose header has words.
fn arbitrary_follows(file: &mut BufReader<File>) -> Result<bool> {
    let mut size: u64 = 1;
    for _ in 0..64 {
        let mut line = String::new();
        file.take(256).read_line(&mut line)?;
        let mut words = line.split_whitespace();
        let (name, value) = (
            words.next(),
            words.next().and_then(|word| word.parse().ok()),
        );
        match (name, value) {
            (Some("WIDTH" | "HEIGHT" | "DEPTH"), Some(value)) => size = size.saturating_mul(value),
            (Some("MAXVAL"), Some(256u64..)) => size = size.saturating_mul(2),
            (Some("ENDHDR"), _) => {
                skip(file, size)?;
                return Ok(bytes(file)? == *b"P7");
            }
            _ => {}
        }
    }
    Ok(false)
}

/// A number of a header, after blanks and comments; one blank behind it is read.
fn netpbm_number(file: &mut BufReader<File>) -> Result<u64> {
    let mut digits = String::new();
    while digits.len() < 20 {
        match bytes(file)? {
            [b'#'] => {
                let mut comment = Vec::new();
                file.take(4096).read_until(b'\n', &mut comment)?;
            }
            [digit @ b'0'..=b'9'] => digits.push(digit.into()),
            [blank] if blank.is_ascii_whitespace() && digits.is_empty() => {}
            [blank] if blank.is_ascii_whitespace() => break,
            _ => return Err(std::io::ErrorKind::InvalidData.into()),
        }
    }
    digits.parse().map_err(std::io::Error::other)
}

#[cfg(test)]
mod tests;
