//! Changes to PNG files: their chunks, whose lengths and checksums stay right.

use super::bytes;
use super::packed::{deflated, inflated};
use crate::chunks::{Chunk, join, split};
use nextframe::rng::Rng;

/// Changes a chunk, or what is packed in it; nothing where there is none.
pub fn change(file: &mut Vec<u8>, rng: &mut Rng) -> bool {
    let Some(mut chunks) = split(file) else {
        return false;
    };
    if chunks.is_empty() {
        return false;
    }
    let at = rng.below(chunks.len());
    match rng.below(8) {
        0 => drop(chunks.remove(at)),
        1 => {
            let to = rng.below(chunks.len());
            chunks.swap(at, to);
        }
        2 => {
            let copies = vec![chunks[at].clone(); 1 << rng.below(6)];
            chunks.splice(at..at, copies);
        }
        3 => chunks[at].kind = chunks[rng.below(chunks.len())].kind,
        4 | 5 if repack(&mut chunks[at], rng) => {}
        _ => bytes::change(&mut chunks[at].data, &[], rng),
    }
    *file = join(&chunks);
    true
}

/// Changes the rows of pixels before they are packed.
fn repack(chunk: &mut Chunk, rng: &mut Rng) -> bool {
    let before = match &chunk.kind {
        b"IDAT" => 0,
        b"fdAT" => 4,
        _ => return false,
    };
    let Some((number, packed)) = chunk.data.split_at_checked(before) else {
        return false;
    };
    let Some(mut rows) = inflated(packed) else {
        return false;
    };
    bytes::change(&mut rows, &[], rng);
    chunk.data = [number, &deflated(&rows)].concat();
    true
}
