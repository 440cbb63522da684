//! PNG files as chunks, and back with their checksums.

/// What every PNG file begins with.
const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// A chunk of a PNG file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    pub kind: [u8; 4],
    pub data: Vec<u8>,
}

impl Chunk {
    /// A chunk of this kind.
    pub fn new(kind: &[u8; 4], data: impl Into<Vec<u8>>) -> Self {
        Self {
            kind: *kind,
            data: data.into(),
        }
    }
}

/// The whole chunks of a PNG file; none where it is no such file.
pub fn split(file: &[u8]) -> Option<Vec<Chunk>> {
    let mut rest = file.strip_prefix(SIGNATURE)?;
    let mut chunks = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk() {
        let length = u32::from_be_bytes(*length) as usize;
        let (kind, after) = after.split_first_chunk()?;
        let Some((data, after)) = after.split_at_checked(length) else {
            break;
        };
        chunks.push(Chunk::new(kind, data));
        rest = after.get(4..).unwrap_or_default();
    }
    Some(chunks)
}

/// A PNG file of these chunks.
pub fn join(chunks: &[Chunk]) -> Vec<u8> {
    let mut file = SIGNATURE.to_vec();
    for chunk in chunks {
        let mut sum = flate2::Crc::new();
        sum.update(&chunk.kind);
        sum.update(&chunk.data);
        file.extend((chunk.data.len() as u32).to_be_bytes());
        file.extend(chunk.kind);
        file.extend(&chunk.data);
        file.extend(sum.sum().to_be_bytes());
    }
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_png_comes_back_from_its_chunks() {
        let mut file = std::io::Cursor::new(Vec::new());
        let picture = image::RgbImage::from_fn(5, 4, |x, y| [x as u8, y as u8, 9].into());
        picture
            .write_to(&mut file, image::ImageFormat::Png)
            .unwrap();
        let file = file.into_inner();
        let chunks = split(&file).unwrap();
        assert!(chunks.len() >= 3, "{chunks:?}");
        assert_eq!(join(&chunks), file);
        assert_eq!(split(b"GIF89a"), None);
    }
}
