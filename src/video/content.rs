//! What a file is, by its first bytes.

use super::signatures::{FILMS, OTHERS, PLAYS, PNG, RARE, TEXTS};
use crate::error::{Error, Result};
use image::ImageFormat;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes that are looked at.
pub(super) const HEAD: usize = 4096;

/// What the first bytes of a file say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// A picture, or several in one file.
    Picture(ImageFormat),
    /// A `.safetensors`.
    Tensors,
    /// A `.npy` or `.npz`.
    Arrays,
    /// A film, for FFmpeg.
    Film,
    /// A picture of a kind that only FFmpeg reads.
    RarePicture(&'static str),
    /// Something else that is known: what it is, and what helps.
    Other(&'static str, &'static str),
    /// No signature says what it is.
    Unknown,
}

impl Content {
    /// The error about `path`, where its content is of no use here.
    pub fn refusal(self, path: &Path) -> Option<Error> {
        let Self::Other(what, hint) = self else {
            return None;
        };
        let path = path.display().to_string();
        Some(Error::input(path, format!("it is {what}"), hint))
    }
}

/// Reads the first bytes of `path` and says what they are.
///
/// # Errors
/// A file that is empty or cannot be read.
pub fn look(path: &Path) -> Result<Content> {
    let io = |error| Error::io(path, error);
    let mut head = Vec::new();
    let file = File::open(path).map_err(io)?;
    file.take(HEAD as u64).read_to_end(&mut head).map_err(io)?;
    if head.is_empty() {
        return Err(empty(path));
    }
    Ok(tell(&head))
}

pub(super) fn empty(path: &Path) -> Error {
    Error::input(
        path.display().to_string(),
        "the file is empty (0 bytes)",
        "give a file with a video that plays",
    )
}

/// What a file that begins with `head` is.
pub fn tell(head: &[u8]) -> Content {
    if let Some(format) = picture(head) {
        return Content::Picture(format);
    }
    if head.get(8..10) == Some(b"{\"") {
        return Content::Tensors;
    }
    if head.starts_with(b"\x93NUMPY") || (head.starts_with(b"PK\x03\x04") && holds_arrays(head)) {
        return Content::Arrays;
    }
    if let Some(brand) = head.get(4..12).and_then(|box_| box_.strip_prefix(b"ftyp")) {
        return branded(head, brand);
    }
    if let Some(&(_, _, what)) = RARE.iter().find(|(at, magic, _)| has(head, *at, magic)) {
        return Content::RarePicture(what);
    }
    if FILMS.iter().any(|(at, magic)| has(head, *at, magic))
        || is_transport_stream(head)
        || is_multipart(head)
    {
        return Content::Film;
    }
    let other = OTHERS.iter().find(|(at, magic, ..)| has(head, *at, magic));
    if let Some(&(_, _, what, hint)) = other {
        return Content::Other(what, hint);
    }
    if is_icon(head) {
        return Content::Other("an icon, no video", PNG);
    }
    if let Some((what, hint)) = text(head) {
        return Content::Other(what, hint);
    }
    match head.iter().all(|&byte| byte == 0) {
        true => Content::Other("nothing but zero bytes", PLAYS),
        false => Content::Unknown,
    }
}

fn has(head: &[u8], at: usize, magic: &[u8]) -> bool {
    head.get(at..).is_some_and(|rest| rest.starts_with(magic))
}

/// The kind of a picture that the crate `image` reads.
fn picture(head: &[u8]) -> Option<ImageFormat> {
    let has = |at, magic: &[u8]| has(head, at, magic);
    let after_name = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'#';
    Some(if has(0, b"\x89PNG\r\n\x1a\n") {
        ImageFormat::Png
    } else if has(0, b"\xff\xd8\xff") {
        ImageFormat::Jpeg
    } else if has(0, b"GIF87a") || has(0, b"GIF89a") {
        ImageFormat::Gif
    } else if has(0, b"RIFF") && has(8, b"WEBP") {
        ImageFormat::WebP
    } else if has(0, b"BM") && bitmap_header(head) {
        ImageFormat::Bmp
    } else if [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"]
        .iter()
        .any(|magic| has(0, *magic))
    {
        ImageFormat::Tiff
    } else if head.first() == Some(&b'P')
        && head.get(1).is_some_and(|kind| (b'1'..=b'7').contains(kind))
        && head.get(2).is_some_and(after_name)
    {
        ImageFormat::Pnm
    } else {
        return None;
    })
}

/// Whether the second header of a BMP has one of its known sizes.
pub(super) fn bitmap_header(head: &[u8]) -> bool {
    let size = head.get(14..18).and_then(|four| four.try_into().ok());
    size.is_some_and(|size| {
        matches!(
            u32::from_le_bytes(size),
            12 | 16 | 40 | 52 | 56 | 64 | 108 | 124
        )
    })
}

/// Whether the first file of a ZIP archive is an array, as in a `.npz`.
fn holds_arrays(head: &[u8]) -> bool {
    let length = head
        .get(26..28)
        .map(|two| usize::from(u16::from_le_bytes([two[0], two[1]])));
    let name = length.and_then(|length| head.get(30..30 + length));
    name.is_some_and(|name| name.ends_with(b".npy"))
}

/// What a file of the family of MP4 is: pictures belong to it too.
fn branded(head: &[u8], brand: &[u8]) -> Content {
    match brand {
        b"heic" | b"heix" | b"heim" | b"heis" | b"mif1" if !has_brand(head, b"avif") => {
            Content::Other(
                "an HEIC picture, no video",
                "convert it to PNG: heif-convert FILE FILE.png",
            )
        }
        b"avif" | b"mif1" => Content::RarePicture(AVIF),
        b"jp2 " => Content::RarePicture("a JPEG 2000 picture"),
        b"crx " => Content::Other("a camera's raw picture", PNG),
        _ => Content::Film,
    }
}

/// What a picture in AVIF is called.
pub const AVIF: &str = "an AVIF picture";

fn has_brand(head: &[u8], brand: &[u8]) -> bool {
    let size = head.get(..4).and_then(|four| four.try_into().ok());
    let size = size.map_or(0, u32::from_be_bytes).min(256) as usize;
    let brands = head.get(16..size.min(head.len())).unwrap_or_default();
    brands.chunks(4).any(|one| one == brand)
}

/// Packets of 188 bytes, perhaps with four more before or sixteen behind each.
fn is_transport_stream(head: &[u8]) -> bool {
    [(0, 188), (4, 192), (0, 204)]
        .iter()
        .any(|&(first, size)| (0..4).all(|packet| head.get(first + packet * size) == Some(&0x47)))
}

/// JPEG pictures as a camera sends them by HTTP, each with a header of text.
fn is_multipart(head: &[u8]) -> bool {
    let begin = head[..head.len().min(512)].trim_ascii_start();
    let words = b"content-type: image/";
    begin.starts_with(b"--")
        && begin
            .windows(words.len())
            .any(|window| window.eq_ignore_ascii_case(words))
}

/// Whether it is a Windows icon or cursor: its entries say so; MPEG streams
/// begin with the same four bytes.
fn is_icon(head: &[u8]) -> bool {
    let word = |at: usize| {
        head.get(at..at + 2)
            .map(|two| u16::from_le_bytes([two[0], two[1]]))
    };
    let (Some(0), Some(1 | 2), Some(count @ 1..=512)) = (word(0), word(2), word(4)) else {
        return false;
    };
    let places = head.get(18..22).and_then(|four| four.try_into().ok());
    places.is_some_and(|four| u32::from_le_bytes(four) >= 6 + 16 * u32::from(count))
}

/// What a text is, or None where the bytes are no text.
fn text(head: &[u8]) -> Option<(&'static str, &'static str)> {
    const UTF16: (&str, &str) = ("UTF-16 text, no video", PLAYS);
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") || is_wide_text(head) {
        return Some(UTF16);
    }
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let control = |byte: &u8| *byte < 0x20 && !matches!(byte, 0x08..=0x0d | 0x1b) || *byte == 0x7f;
    // Old texts are no UTF-8: a few letters with accents are no ASCII.
    let foreign = head.iter().filter(|byte| !byte.is_ascii()).count();
    let whole = match std::str::from_utf8(head) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none() && error.valid_up_to() > 0,
    };
    if head.iter().any(control) || !(whole || foreign * 4 < head.len()) {
        return None;
    }
    let begin = String::from_utf8_lossy(&head[..head.len().min(1024)]).to_lowercase();
    let begin = begin.trim_start();
    // Past the declaration that XML begins with.
    let inner = match begin.starts_with("<?xml") {
        true => begin
            .find("?>")
            .map_or(begin, |end| begin[end + 2..].trim_start()),
        false => begin,
    };
    let known = TEXTS.iter().find(|(start, ..)| inner.starts_with(start));
    let stated = known.map(|&(_, what, hint)| (what, hint));
    Some(match stated {
        Some(stated) => stated,
        None if begin.starts_with("<?xml") && begin.contains("<svg") => {
            ("a drawing (SVG), no video", PNG)
        }
        None if is_timed(begin) => ("subtitles, no video", PLAYS),
        None => (
            "text, no video",
            "give the videos themselves, not a list of them",
        ),
    })
}

/// Whether a text has times with an arrow between them, as subtitles have.
fn is_timed(text: &str) -> bool {
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let parts = text.split_once(" --> ");
    parts.is_some_and(|(from, to)| digit(from.chars().next_back()) && digit(to.chars().next()))
}

/// UTF-16 without its mark: every other byte of Latin letters is zero.
fn is_wide_text(head: &[u8]) -> bool {
    let pairs = head.len() / 2;
    [0, 1].into_iter().any(|zero| {
        let fits = head.chunks_exact(2).filter(|pair| {
            let letter = pair[1 - zero];
            pair[zero] == 0 && (letter.is_ascii_graphic() || letter.is_ascii_whitespace())
        });
        pairs >= 8 && fits.count() * 10 >= pairs * 9
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_other(head: &[u8], word: &str) {
        match tell(head) {
            Content::Other(what, _) => assert!(what.contains(word), "{what}, not {word}"),
            found => panic!("{found:?}, not {word}"),
        }
    }

    #[test]
    fn what_is_no_film_is_called_by_its_name() {
        let icon = b"\0\0\x01\0\x01\0\x10\x10\0\0\x01\0\x20\0\x68\x04\0\0\x16\0\0\0\x28\0\0\0";
        is_other(icon, "icon");
        is_other(b"clips/a.avi 1\nclips/b.avi 2\n", "text");
        is_other("Caf\u{e9} et th\u{e9}\n".as_bytes(), "text");
        is_other(b"Une vid\xe9o de caf\xe9 et de th\xe9, sans fin\n", "text");
        is_other(b"\xff\xfea\0b\0c\0", "UTF-16");
        is_other(b"a\0 \0l\0i\0s\0t\0 \0o\0f\0 \0c\0", "UTF-16");
        is_other(b"#EXTM3U\n#EXT-X-VERSION:3\n", "playlist");
        is_other(b"ffconcat version 1.0\nfile a.mp4\n", "list");
        is_other(
            b"1\r\n00:00:01,000 --> 00:00:02,000\r\nHello\r\n",
            "subtitles",
        );
        is_other(b"<?xml version=\"1.0\"?>\n<svg width=\"1\"/>", "drawing");
        is_other(b"\n<!DOCTYPE html><html></html>", "web page");
        is_other(b"\x89HDF\r\n\x1a\n\0\0\0\0", "HDF5");
        is_other(b"PK\x03\x04\x14\0\0\0\0\0", "ZIP");
        is_other(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC");
        is_other(b"BMW and other makers\n", "text");
        is_other(
            b"P6 is a kind of picture, P5 too\n".get(1..).unwrap(),
            "text",
        );
        is_other(&[0; 4096], "zero");
    }

    #[test]
    fn films_and_pictures_are_told_by_their_first_bytes() {
        let films: [&[u8]; 6] = [
            b"\0\0\0\x20ftypisom\0\0\x02\0isom",
            b"\x1a\x45\xdf\xa3\x01\0\0\0",
            b"RIFF\0\0\0\0AVI LIST",
            b"YUV4MPEG2 W64 H64 F25:1 Ip A0:0 C420jpeg\nFRAME\nAAAAAAAA",
            b"\0\0\x01\xb0\x01\0\0\x01\xb5",
            b"\0\0\0\x2cftypavis\0\0\0\0avisavif",
        ];
        for head in films {
            assert_eq!(tell(head), Content::Film, "{head:?}");
        }
        let mut packets = vec![0xff; 188 * 4];
        packets
            .iter_mut()
            .step_by(188)
            .for_each(|byte| *byte = 0x47);
        assert_eq!(tell(&packets), Content::Film);
        assert_eq!(
            tell(b"\xff\xd8\xff\xe0"),
            Content::Picture(ImageFormat::Jpeg)
        );
        assert_eq!(tell(b"P5\n2 2\n255\n"), Content::Picture(ImageFormat::Pnm));
        assert_eq!(
            tell(b"II*\0\x08\0\0\0"),
            Content::Picture(ImageFormat::Tiff)
        );
        assert_eq!(tell(b"\x93NUMPY\x01\0"), Content::Arrays);
        // A stream of MPEG-4 whose first picture has the number of an icon.
        assert_eq!(tell(b"\0\0\x01\0\0\0\x01\x20\0\xc4"), Content::Unknown);
        assert_eq!(
            tell(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf"),
            Content::RarePicture(AVIF)
        );
    }
}
