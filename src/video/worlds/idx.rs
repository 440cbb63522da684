//! MNIST's files: grey images in the idx format, as they are or gzipped.

use crate::error::{Error, Result};
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

/// No more is read: MNIST's 60,000 images take 47 MB.
const MOST_BYTES: u64 = 1 << 28;
/// Bytes before the pixels.
const HEADER: usize = 16;

/// Grey images of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Images {
    /// How many.
    pub count: usize,
    /// Rows of each.
    pub height: usize,
    /// Columns of each.
    pub width: usize,
    /// (N, H, W), 0 to 255.
    pub pixels: Vec<u8>,
}

impl Images {
    /// Reads `path`: four bytes 0, 0, 8, 3, then the numbers of images, rows and
    /// columns, each of four bytes, the highest first, then the pixels.
    ///
    /// # Errors
    /// A file that cannot be read, is of another kind or has another length than
    /// it says.
    pub fn read(path: &Path) -> Result<Self> {
        let fail = |error| Error::io(path, error);
        let mut file = BufReader::new(File::open(path).map_err(fail)?);
        let gzipped = file.fill_buf().map_err(fail)?.starts_with(&[0x1f, 0x8b]);
        let read: &mut dyn Read = match gzipped {
            true => &mut GzDecoder::new(file),
            false => &mut file,
        };
        let parsed = Self::parse(read).map_err(fail)?;
        parsed.map_err(|problem| {
            Error::input(
                path.display().to_string(),
                problem,
                "give MNIST's train-images-idx3-ubyte, gzipped or not",
            )
        })
    }

    /// What is wrong, where nothing fails but the content. No more is read than the header
    /// says.
    fn parse(read: &mut dyn Read) -> std::io::Result<Result<Self, String>> {
        let mut header = Vec::new();
        read.take(HEADER as u64).read_to_end(&mut header)?;
        let &[kind, count, height, width] = header.as_chunks::<4>().0 else {
            let length = header.len();
            return Ok(Err(format!("{length} bytes are no idx file of images")));
        };
        if kind != [0, 0, 8, 3] {
            return Ok(Err(format!(
                "it starts with the bytes {kind:?}; an idx file of images starts with [0, 0, 8, 3]"
            )));
        }
        let [count, height, width] =
            [count, height, width].map(|word| u32::from_be_bytes(word) as usize);
        let says = format!("it says {count} images of {height}×{width}");
        let size = (count as u64).checked_mul(height as u64);
        let size = size.and_then(|size| size.checked_mul(width as u64));
        let Some(size) = size.filter(|size| (1..=MOST_BYTES).contains(size)) else {
            return Ok(Err(format!(
                "{says}; expected 1 to {MOST_BYTES} pixels in all"
            )));
        };
        let mut pixels = Vec::new();
        read.take(size + 1).read_to_end(&mut pixels)?;
        let found = match pixels.len() as u64 {
            found if found == size => {
                return Ok(Ok(Self {
                    count,
                    height,
                    width,
                    pixels,
                }));
            }
            found if found > size => "more".to_owned(),
            found => found.to_string(),
        };
        Ok(Err(format!("{says}, and holds {found} bytes of pixels")))
    }

    /// Image `index` in `side` × `side` pixels in [0, 1], bilinear between the
    /// middles of pixels (PyTorch's `interpolate` with `align_corners=False`).
    /// Panics past the last image.
    pub fn resized(&self, index: usize, side: usize) -> Vec<f32> {
        let size = self.height * self.width;
        let image = &self.pixels[index * size..(index + 1) * size];
        let places = |length: usize| -> Vec<(usize, usize, f32)> {
            let scale = length as f32 / side as f32;
            let place = |to: usize| {
                let from = ((to as f32 + 0.5) * scale - 0.5).max(0.0);
                let low = (from as usize).min(length - 1);
                (low, (low + 1).min(length - 1), from - low as f32)
            };
            (0..side).map(place).collect()
        };
        let (rows, columns) = (places(self.height), places(self.width));
        let mut resized = Vec::with_capacity(side * side);
        for &(top, bottom, down) in &rows {
            for &(left, right, aside) in &columns {
                let at = |y: usize, x: usize| f32::from(image[y * self.width + x]) / 255.0;
                let upper = at(top, left) * (1.0 - aside) + at(top, right) * aside;
                let lower = at(bottom, left) * (1.0 - aside) + at(bottom, right) * aside;
                resized.push(upper * (1.0 - down) + lower * down);
            }
        }
        resized
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn file(count: u32, pixels: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, 3];
        for number in [count, 2, 3] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(pixels);
        bytes
    }

    #[test]
    fn plain_and_gzipped_are_the_same_and_bad_files_say_why() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images");
        let pixels: Vec<u8> = (0..12).collect();
        let whole = file(2, &pixels);
        std::fs::write(&path, &whole).unwrap();
        let images = Images::read(&path).unwrap();
        assert_eq!((images.count, images.height, images.width), (2, 2, 3));
        assert_eq!(images.pixels, pixels);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&whole).unwrap();
        std::fs::write(&path, gzip.finish().unwrap()).unwrap();
        assert_eq!(Images::read(&path).unwrap(), images);
        for (bytes, said) in [
            (file(3, &pixels), "3 images of 2×3, and holds 12 bytes"),
            (
                b"not an image file at all".to_vec(),
                "starts with the bytes",
            ),
            (vec![0, 0, 8], "3 bytes are no idx file"),
            (file(0, &[]), "0 images"),
            (file(1, &pixels), "1 images of 2×3, and holds more bytes"),
            (file(u32::MAX, &pixels), "expected 1 to 268435456 pixels"),
        ] {
            std::fs::write(&path, bytes).unwrap();
            let message = Images::read(&path).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
        std::fs::write(&path, [0x1f, 0x8b, 0, 1]).unwrap();
        assert!(Images::read(&path).is_err());
        // What has no end is not read to it.
        let endless = Path::new("/dev/zero");
        if endless.exists() {
            let message = Images::read(endless).unwrap_err().to_string();
            assert!(message.contains("starts with the bytes"), "{message}");
        }
    }

    #[test]
    fn resizing_is_pytorchs() {
        // import torch, torch.nn.functional as F
        // x = torch.arange(6).float().reshape(1, 1, 2, 3) * 51 / 255
        // print(F.interpolate(x, size=(4, 4), mode="bilinear", align_corners=False).flatten())
        let expected = [
            0.0000, 0.1250, 0.2750, 0.4000, 0.1500, 0.2750, 0.4250, 0.5500, 0.4500, 0.5750, 0.7250,
            0.8500, 0.6000, 0.7250, 0.8750, 1.0000,
        ];
        let images = Images {
            count: 1,
            height: 2,
            width: 3,
            pixels: (0..6).map(|i| i * 51).collect(),
        };
        for (found, expected) in images.resized(0, 4).into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
