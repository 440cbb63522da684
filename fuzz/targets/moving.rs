//! Pictures that move: GIF, PNG and WebP of several frames.

use super::films::watch;
use super::pictures::{file, picture};
use crate::case::Case;
use crate::chunks::{Chunk, join, split};
use crate::target::FuzzTarget;
use image::codecs::gif::GifEncoder;
use image::{Delay, Frame, ImageFormat};
use nextframe::{Error, Result};
use std::path::Path;

pub const ANIMATIONS: FuzzTarget = FuzzTarget {
    name: "animations",
    about: "GIF, PNG and WebP of several frames",
    kept: &[],
    seeds,
    read,
};

/// Frames of each.
const FRAMES: u32 = 4;

fn seeds() -> Result<Vec<Case>> {
    Ok(vec![
        Case::one("film.gif", gif()),
        Case::one("film.png", png()),
        Case::one("film.webp", webp()),
        Case::one("film.gif", include_bytes!("../seeds/moving.gif")),
        Case::one("film.gif", include_bytes!("../seeds/interlaced.gif")),
        Case::one("film.webp", include_bytes!("../seeds/moving.webp")),
    ])
}

fn gif() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    let frames = (0..FRAMES).map(|turn| {
        let delay = Delay::from_numer_denom_ms(40 + 40 * turn, 1);
        Frame::from_parts(picture(turn).to_rgba8(), 0, 0, delay)
    });
    encoder.encode_frames(frames).expect("writing to memory");
    drop(encoder);
    bytes
}

/// Frames after the first lie in `fdAT`, each with its place, size and delay in `fcTL`.
fn png() -> Vec<u8> {
    let mut all = Vec::new();
    let mut number = 0u32;
    for turn in 0..FRAMES {
        let chunks = split(&file(&picture(turn), ImageFormat::Png)).unwrap_or_default();
        let of = |kind: &'static [u8; 4]| chunks.iter().filter(move |chunk| &chunk.kind == kind);
        if turn == 0 {
            all.extend(of(b"IHDR").cloned());
            all.push(Chunk::new(
                b"acTL",
                [FRAMES, 0].map(u32::to_be_bytes).concat(),
            ));
        }
        let mut control = [number, 11, 9, 0, 0].map(u32::to_be_bytes).concat();
        control.extend([0, 8, 0, 100, 0, 0]);
        all.push(Chunk::new(b"fcTL", control));
        number += 1;
        for chunk in of(b"IDAT") {
            if turn == 0 {
                all.push(chunk.clone());
                continue;
            }
            let data = [&number.to_be_bytes()[..], &chunk.data].concat();
            all.push(Chunk::new(b"fdAT", data));
            number += 1;
        }
    }
    all.push(Chunk::new(b"IEND", []));
    join(&all)
}

/// RIFF chunks: `VP8X` with the animation's flag, `ANIM`, then one `ANMF` a frame.
fn webp() -> Vec<u8> {
    let chunk = |kind: &[u8; 4], data: &[u8]| {
        let length = (data.len() as u32).to_le_bytes();
        let even = &[0][..data.len() % 2];
        [&kind[..], &length, data, even].concat()
    };
    let size = |value: u32| value.to_le_bytes()[..3].to_vec();
    let canvas = [vec![0x12, 0, 0, 0], size(10), size(8)].concat();
    let mut body = b"WEBP".to_vec();
    body.extend(chunk(b"VP8X", &canvas));
    body.extend(chunk(b"ANIM", &[0; 6]));
    for turn in 0..FRAMES {
        let still = file(&picture(turn), ImageFormat::WebP);
        let mut frame = [size(0), size(0), size(10), size(8), size(80), vec![2]].concat();
        // After "RIFF", a length and "WEBP".
        frame.extend(&still[12..]);
        body.extend(chunk(b"ANMF", &frame));
    }
    chunk(b"RIFF", &body)
}

fn read(folder: &Path) -> Result<String> {
    let Some(path) = nextframe::files::entries(folder)?.pop() else {
        return Err(Error::input("the case", "no file", "give one"));
    };
    watch(&path, folder)
}
