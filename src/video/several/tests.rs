use super::*;
use image::{Delay, DynamicImage, ImageFormat::*, RgbImage, RgbaImage};
use std::io::Cursor;

fn animated(content: &[u8], format: ImageFormat) -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    is_animated(file.path(), format)
}

fn stream(content: &[u8], format: ImageFormat) -> bool {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    is_stream(file.path(), format)
}

fn picture(width: u32, format: ImageFormat) -> Vec<u8> {
    let pixel = |x, y| image::Rgb([x as u8, y as u8, (x * y) as u8]);
    let picture: DynamicImage = RgbImage::from_fn(width, 24, pixel).into();
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[test]
fn pictures_in_a_row_are_a_stream() {
    for format in [Jpeg, Png, Bmp, WebP] {
        let one = picture(32, format);
        assert!(!stream(&one, format), "{format:?}");
        assert!(stream(&[&one[..], &one].concat(), format), "{format:?}");
    }
    let grey = b"P5 # a comment\n2 2\n255\nabcd";
    assert!(!stream(grey, Pnm));
    assert!(stream(&[&grey[..], grey].concat(), Pnm));
    let words = b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 1\nMAXVAL 255\nENDHDR\nabcd";
    assert!(!stream(words, Pnm));
    assert!(stream(&[&words[..], words].concat(), Pnm));
}

#[test]
fn a_photo_with_more_behind_it_is_one_picture() {
    let (photo, preview) = (picture(320, Jpeg), picture(32, Jpeg));
    assert!(!stream(&[&photo[..], &preview].concat(), Jpeg));
    assert!(!stream(&[&photo[..], b"\0\0\0\x18ftypmp42"].concat(), Jpeg));
    assert!(!stream(&[&photo[..], &[0; 500]].concat(), Jpeg));
    // A header that says so, as in a camera's MPO.
    let header = b"\xff\xe2\x00\x08MPF\0\0\0";
    let views = [&photo[..2], header, &photo[2..]].concat();
    assert!(!stream(&[&views[..], &views].concat(), Jpeg));
    // A preview inside the header, with a start and an end of its own.
    let inside = [&b"\xff\xe1\x00\x0c\xff\xd8\xff\xd9\xff\xd8\xff\xdb\0\0"[..]].concat();
    let with_preview = [&photo[..2], &inside, &photo[2..]].concat();
    assert!(!stream(&with_preview, Jpeg));
    // Padding between pictures is a camera's.
    assert!(stream(&[&photo[..], &[0; 37], &photo].concat(), Jpeg));
}

#[test]
fn animations_are_told_from_single_pictures() {
    for frames in [1, 2] {
        let mut gif = Vec::new();
        let mut encoder = image::codecs::gif::GifEncoder::new(&mut gif);
        for shade in 0..frames {
            let buffer = RgbaImage::from_pixel(8, 8, image::Rgba([shade * 99, 0, 0, 255]));
            let frame = image::Frame::from_parts(buffer, 0, 0, Delay::from_numer_denom_ms(100, 1));
            encoder.encode_frame(frame).unwrap();
        }
        drop(encoder);
        assert_eq!(animated(&gif, Gif), frames > 1);

        let png = picture(32, Png);
        let count = u32::from(frames).to_be_bytes();
        let chunk = [b"\0\0\0\x08acTL", &count[..], &[0; 8]].concat();
        let png = [&png[..33], &chunk, &png[33..]].concat();
        assert_eq!(animated(&png, Png), frames > 1);

        let head = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\0\0\0\0\0\0";
        let frame = b"ANMF\x03\0\0\0abc\0";
        let webp = [&head[..], &frame.repeat(frames.into())].concat();
        assert_eq!(animated(&webp, WebP), frames > 1);
    }
    assert!(!animated(&picture(32, Png), Png));
    assert!(!animated(&picture(32, WebP), WebP));
    assert!(!animated(b"GIF89a", Gif));
}

#[test]
fn pages_of_one_size_are_an_animation_and_a_preview_is_not() {
    let page = |width: u16, next: u32| {
        let field = |tag: u16, value: u16| [tag, 3, 1, 0, value, 0].map(u16::to_le_bytes).concat();
        [
            &2u16.to_le_bytes()[..],
            &field(256, width),
            &field(257, 24),
            &next.to_le_bytes(),
        ]
        .concat()
    };
    let head = b"II*\0\x08\0\0\0";
    let first = page(32, 8 + 30);
    assert_eq!(first.len(), 30);
    let tiff = |second: u16| [&head[..], &first, &page(second, 0)].concat();
    assert!(animated(&tiff(32), Tiff));
    assert!(!animated(&tiff(16), Tiff));
    assert!(!animated(&[&head[..], &page(32, 0)].concat(), Tiff));
}
