use crate::error::Result;
use crate::video::placement::Orientation;
use crate::video::{Frame, ReadSettings, Source};
use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::metadata::Orientation as Turn;
use image::{DynamicImage, ImageEncoder, Rgb, RgbImage};
use std::path::{Path, PathBuf};

/// Red and green above blue and white.
fn picture() -> RgbImage {
    RgbImage::from_fn(32, 16, |x, y| match (x < 16, y < 8) {
        (true, true) => Rgb([250, 0, 0]),
        (false, true) => Rgb([0, 250, 0]),
        (true, false) => Rgb([0, 0, 250]),
        (false, false) => Rgb([250, 250, 250]),
    })
}

/// EXIF notes of one entry.
fn exif(turn: u8) -> Vec<u8> {
    let mut notes = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    notes.extend([turn, 0, 0, 0, 0, 0, 0, 0]);
    notes
}

/// A TIFF file of grey pages, 8 × 8, each of one shade, all turned.
fn tiff(shades: &[u8], turn: u8) -> Vec<u8> {
    let mut bytes = b"II*\0\x08\0\0\0".to_vec();
    for (index, &shade) in shades.iter().enumerate() {
        let at = bytes.len() as u32;
        let entries = [
            (256, 8),
            (257, 8),
            (258, 8),
            (259, 1),
            (262, 1),
            (273, at + 126),
            (274, turn.into()),
            (277, 1),
            (278, 8),
            (279, 64),
        ];
        bytes.extend((entries.len() as u16).to_le_bytes());
        for (tag, value) in entries {
            bytes.extend(u16::to_le_bytes(tag));
            bytes.extend([4, 0, 1, 0, 0, 0]);
            bytes.extend(u32::to_le_bytes(value));
        }
        let next = if index + 1 < shades.len() {
            at + 126 + 64
        } else {
            0
        };
        bytes.extend(next.to_le_bytes());
        bytes.extend([shade; 64]);
    }
    bytes
}

fn settings() -> ReadSettings {
    ReadSettings {
        width: 16,
        height: 16,
        ..ReadSettings::default()
    }
}

struct Read {
    frames: Vec<Frame>,
    lost: usize,
    orientation: Orientation,
}

fn read(source: &Source) -> Result<Read> {
    let mut reader = source.open(&settings())?;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        frames.push(frame);
    }
    Ok(Read {
        frames,
        lost: reader.lost(),
        orientation: reader.description().orientation,
    })
}

fn one(path: &Path) -> Result<Read> {
    read(&Source::file(path)?)
}

fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn exif_turns_a_picture_once_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let picture = picture();
    for turn in 1..=8u8 {
        let mut upright = DynamicImage::from(picture.clone());
        upright.apply_orientation(Turn::from_exif(turn).unwrap());
        let right = crate::video::pictures::fit(&upright, &settings());
        let prefixed = [b"Exif\0\0", &exif(turn)[..]].concat();
        let mut files = Vec::new();
        for (name, notes) in [("", exif(turn)), ("prefix-", prefixed)] {
            let mut png = Vec::new();
            let mut encoder = PngEncoder::new(&mut png);
            encoder.set_exif_metadata(notes.clone()).unwrap();
            picture.write_with_encoder(encoder).unwrap();
            files.push(file(&folder, &format!("{name}{turn}.png"), &png));
            let mut webp = Vec::new();
            let mut encoder = WebPEncoder::new_lossless(&mut webp);
            encoder.set_exif_metadata(notes).unwrap();
            picture.write_with_encoder(encoder).unwrap();
            files.push(file(&folder, &format!("{name}{turn}.webp"), &webp));
        }
        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 98);
        encoder.set_exif_metadata(exif(turn)).unwrap();
        picture.write_with_encoder(encoder).unwrap();
        files.push(file(&folder, &format!("{turn}.jpg"), &jpeg));
        for path in files {
            for source in [
                Source::file(&path).unwrap(),
                Source::stills(vec![path.clone()]),
            ] {
                let read = read(&source).unwrap();
                let apart = right.iter().zip(&read.frames[0].pixels);
                let worst = apart.map(|(&a, &b)| a.abs_diff(b)).max().unwrap();
                // JPEG's chroma is coarse.
                assert!(worst < 90, "{path:?}: {worst}");
                let (degrees, mirrored) = [
                    (0, false),
                    (0, true),
                    (180, false),
                    (180, true),
                    (270, true),
                    (90, false),
                    (90, true),
                    (270, false),
                ][usize::from(turn) - 1];
                let told = read.orientation;
                assert_eq!(
                    (told.degrees(), told.mirrored()),
                    (degrees, mirrored),
                    "{path:?}"
                );
            }
        }
        let path = file(&folder, &format!("{turn}.tif"), &tiff(&[9], turn));
        assert_eq!(one(&path).unwrap().orientation, super::turned(&exif(turn)));
    }
}

#[test]
fn a_png_may_be_turned_after_its_pixels() {
    let folder = tempfile::tempdir().unwrap();
    let mut png = Vec::new();
    picture()
        .write_with_encoder(PngEncoder::new(&mut png))
        .unwrap();
    let end = png.split_off(png.len() - 12);
    let notes = exif(6);
    png.extend((notes.len() as u32).to_be_bytes());
    png.extend(b"eXIf");
    png.extend(notes);
    png.extend([0; 4]);
    png.extend(end);
    let read = one(&file(&folder, "late.png", &png)).unwrap();
    assert_eq!(read.orientation.degrees(), 90);
}

#[test]
fn pages_of_a_tiff_are_frames() {
    let folder = tempfile::tempdir().unwrap();
    let whole = tiff(&[10, 20, 30, 40, 50], 1);
    let read = one(&file(&folder, "stack.tif", &whole)).unwrap();
    let shades: Vec<u8> = read.frames.iter().map(|frame| frame.pixels[0]).collect();
    assert_eq!(shades, [10, 20, 30, 40, 50]);
    assert!((read.frames[3].time - 0.12).abs() < 1e-9);
    assert_eq!(read.lost, 0);
    for part in [50, 75, 97] {
        let cut = &whole[..whole.len() * part / 100];
        let read = one(&file(&folder, "cut.tif", cut)).unwrap();
        assert_eq!((read.frames.len(), read.lost), (part / 20, 1), "{part}");
    }
    // A chain of pages that is a circle.
    let mut round = whole;
    let last = round.len() - 68;
    round[last..last + 4].copy_from_slice(&8u32.to_le_bytes());
    assert_eq!(
        one(&file(&folder, "round.tif", &round))
            .unwrap()
            .frames
            .len(),
        5
    );
}

#[test]
fn a_picture_that_cannot_be_read_is_left_out_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let (mut png, mut jpeg) = (Vec::new(), Vec::new());
    picture()
        .write_with_encoder(PngEncoder::new(&mut png))
        .unwrap();
    let noise = RgbImage::from_fn(90, 70, |x, y| Rgb([x * 7, y * 9, x * y].map(|it| it as u8)));
    noise
        .write_with_encoder(JpegEncoder::new(&mut jpeg))
        .unwrap();
    let whole = file(&folder, "1.png", &png);
    let cut = file(&folder, "0.png", &png[..png.len() / 2]);
    let half = file(&folder, "2.jpg", &jpeg[..jpeg.len() * 9 / 10]);
    let found = Source::stills(vec![cut.clone(), whole.clone(), half, whole]).found();
    let read = read(&found).unwrap();
    assert_eq!((read.frames.len(), read.lost), (3, 1));
    let damaged: Vec<bool> = read.frames.iter().map(|frame| frame.damaged).collect();
    assert_eq!(damaged, [false, true, false]);
    assert!((read.frames[0].time - 0.04).abs() < 1e-9);
    let refused = one(&cut).err().unwrap().to_string();
    assert!(
        refused.contains("0.png") && !refused.contains('\n'),
        "{refused}"
    );
}

#[test]
fn sizes_are_checked_before_memory_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let mut jpeg = Vec::new();
    picture()
        .write_with_encoder(JpegEncoder::new(&mut jpeg))
        .unwrap();
    let at = jpeg.windows(2).position(|two| two == [0xff, 0xc0]).unwrap();
    jpeg[at + 5..at + 9].fill(0xff);
    let mut page = tiff(&[9], 1);
    for entry in [18, 30] {
        page[entry..entry + 4].fill(0x7f);
    }
    let mut gif =
        b"GIF89a\xff\xff\xff\xff\x80\0\0\0\0\0\x09\x09\x09,\0\0\0\0\xff\xff\xff\xff\0\x02\x02\x4c\x01\0;".to_vec();
    let animated = file(&folder, "large.gif", &gif);
    gif[6..10].copy_from_slice(&[8, 0, 8, 0]);
    let mut no_screen = gif.clone();
    no_screen[6..10].fill(0);
    // A few bytes that would be drawn as frames of 75 million pixels.
    let mut long = gif.clone();
    long[6..10].copy_from_slice(&[0xff, 0x7f, 0xff, 8]);
    for path in [
        animated,
        file(&folder, "no-screen.gif", &no_screen),
        file(&folder, "long.gif", &long),
        file(&folder, "large-frame.gif", &gif),
        file(&folder, "large.jpg", &jpeg),
        file(&folder, "large.tif", &page),
        file(&folder, "large.ppm", b"P6 2147483647 2147483647 255\n"),
    ] {
        let refused = one(&path).err().unwrap().to_string();
        let says = [
            "GB",
            "Memory limit",
            "inconsistent sizes",
            "expected at least 1",
        ];
        assert!(says.iter().any(|says| refused.contains(says)), "{refused}");
        assert!(!refused.contains('\n'), "{refused}");
    }
}
