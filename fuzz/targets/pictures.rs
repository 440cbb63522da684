//! Pictures, one file each, and folders of them.

use super::films::watch;
use crate::case::Case;
use crate::chunks::{Chunk, join, split};
use crate::target::FuzzTarget;
use image::{DynamicImage, ImageFormat};
use nextframe::Result;
use std::io::Cursor;
use std::path::Path;

pub const PICTURES: FuzzTarget = FuzzTarget {
    name: "pictures",
    about: "single pictures: PNG, JPEG, WebP, BMP, TIFF, PNM, some with an orientation",
    kept: &[],
    seeds,
    read,
};

/// Kinds that cannot be written here: name and bytes.
const OTHERS: [(&str, &[u8]); 7] = [
    (
        "progressive.jpg",
        include_bytes!("../seeds/progressive.jpg"),
    ),
    ("four.jpg", include_bytes!("../seeds/four.jpg")),
    ("lossy.webp", include_bytes!("../seeds/lossy.webp")),
    ("palette.png", include_bytes!("../seeds/palette.png")),
    ("bits.png", include_bytes!("../seeds/bits.png")),
    ("palette.bmp", include_bytes!("../seeds/palette.bmp")),
    ("bits.bmp", include_bytes!("../seeds/bits.bmp")),
];

/// A small picture, nowhere the same.
pub fn picture(turn: u32) -> DynamicImage {
    let pixel = |x: u32, y: u32| {
        let x = x + turn;
        [x * 23, y * 28, (x + y) * 13, 255 - x * 9].map(|value| (value % 256) as u8)
    };
    image::RgbaImage::from_fn(11, 9, |x, y| pixel(x, y).into()).into()
}

/// A picture as a file.
pub fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let written = picture.write_to(&mut bytes, format);
    written.expect("these kinds can be written");
    bytes.into_inner()
}

fn seeds() -> Result<Vec<Case>> {
    let all = picture(0);
    let plain = DynamicImage::from(all.to_rgb8());
    let written = [
        ("colour.png", &plain, ImageFormat::Png),
        ("clear.png", &all, ImageFormat::Png),
        (
            "deep.png",
            &DynamicImage::from(all.to_rgb16()),
            ImageFormat::Png,
        ),
        (
            "grey.png",
            &DynamicImage::from(all.to_luma8()),
            ImageFormat::Png,
        ),
        ("colour.jpg", &plain, ImageFormat::Jpeg),
        (
            "grey.jpg",
            &DynamicImage::from(all.to_luma8()),
            ImageFormat::Jpeg,
        ),
        ("clear.webp", &all, ImageFormat::WebP),
        ("colour.bmp", &plain, ImageFormat::Bmp),
        ("clear.bmp", &all, ImageFormat::Bmp),
        ("colour.tiff", &plain, ImageFormat::Tiff),
        (
            "deep.tiff",
            &DynamicImage::from(plain.to_rgb16()),
            ImageFormat::Tiff,
        ),
        ("colour.ppm", &plain, ImageFormat::Pnm),
        (
            "grey.pgm",
            &DynamicImage::from(all.to_luma8()),
            ImageFormat::Pnm,
        ),
    ];
    let mut seeds: Vec<Case> = written
        .into_iter()
        .map(|(name, picture, format)| Case::one(name, file(picture, format)))
        .collect();
    seeds.extend(OTHERS.map(|(name, bytes)| Case::one(name, bytes)));
    let jpeg = file(&plain, ImageFormat::Jpeg);
    seeds.push(Case::one("turned.jpg", turned_jpeg(&jpeg, 6)));
    seeds.push(Case::one(
        "turned.png",
        turned_png(&file(&plain, ImageFormat::Png), 3),
    ));
    seeds.push(Case::one("a-1.png", file(&all, ImageFormat::Png)).with("a-2.jpg", jpeg));
    Ok(seeds)
}

/// An Exif block that holds an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    block.extend([orientation, 0, 0, 0, 0, 0, 0]);
    block
}

fn turned_jpeg(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let block = [b"Exif\0\0", exif(orientation).as_slice()].concat();
    let length = (block.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &block, &jpeg[2..]].concat()
}

fn turned_png(png: &[u8], orientation: u8) -> Vec<u8> {
    let mut chunks = split(png).unwrap_or_default();
    chunks.insert(1, Chunk::new(b"eXIf", exif(orientation)));
    join(&chunks)
}

fn read(folder: &Path) -> Result<String> {
    // The folder as one film, where there are several.
    let mut entries = nextframe::files::entries(folder)?;
    match (entries.pop(), entries.is_empty()) {
        (Some(only), true) => watch(&only, folder),
        _ => watch_folder(folder),
    }
}

fn watch_folder(folder: &Path) -> Result<String> {
    let input = folder.display().to_string();
    let mut holds = Vec::new();
    for source in nextframe::video::inputs::expand(&[input])? {
        let found = nextframe::data::inspect(&source)?;
        holds.push(format!("{} {}", found.codec, found.damaged_frames.min(1)));
    }
    Ok(holds.join(", "))
}
