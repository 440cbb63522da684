//! Changes to arrays of NumPy: the header's text, whose length stays right, and with it the
//! length of the data.

use super::{bytes, lines};
use nextframe::rng::Rng;

/// What every such file begins with, before its version.
const MAGIC: &[u8] = b"\x93NUMPY";
/// The most bytes of data that a changed shape gets.
const MOST: usize = 1 << 17;

/// Changes the header or the numbers; nothing where there is no header.
pub fn change(file: &mut Vec<u8>, rng: &mut Rng) -> bool {
    let Some((mut header, mut data)) = split(file) else {
        return false;
    };
    match rng.below(4) {
        0 => bytes::overwrite(&mut data, rng),
        _ => {
            if !lines::change(&mut header, &[], rng) {
                return false;
            }
        }
    }
    if rng.below(2) == 0
        && let Some(size) = size(&String::from_utf8_lossy(&header))
    {
        data.resize(size, 7);
    }
    *file = join(&header, &data);
    true
}

/// Header and data.
fn split(file: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let (version, rest) = file.strip_prefix(MAGIC)?.split_first_chunk::<2>()?;
    let (length, rest) = match version {
        [1, _] => rest
            .split_first_chunk()
            .map(|(n, rest)| (u16::from_le_bytes(*n).into(), rest))?,
        _ => rest
            .split_first_chunk()
            .map(|(n, rest)| (u32::from_le_bytes(*n), rest))?,
    };
    let (header, data) = rest.split_at_checked(length as usize)?;
    Some((header.to_vec(), data.to_vec()))
}

/// A file of the second version, whose headers may be long.
pub fn join(header: &[u8], data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u32).to_le_bytes();
    [MAGIC, &[2, 0], &length, header, data].concat()
}

/// Bytes that the shape and the type in a header make, where they are few.
fn size(header: &str) -> Option<usize> {
    let (_, shape) = header.split_once("'shape': (")?;
    let (shape, _) = shape.split_once(')')?;
    let sides = shape
        .split(',')
        .map(str::trim)
        .filter(|side| !side.is_empty());
    let (_, kind) = header.split_once("'descr': '")?;
    let (kind, _) = kind.split_once('\'')?;
    let width = kind.get(2..)?.parse().ok()?;
    let size = sides
        .map(str::parse::<usize>)
        .try_fold(width, |size: usize, side| size.checked_mul(side.ok()?));
    size.filter(|size| *size <= MOST)
}
