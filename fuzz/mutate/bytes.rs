//! Changes to bytes of any kind.

use nextframe::rng::Rng;

/// Numbers at which sizes and counts go wrong.
pub const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x1_0000,
    0x00ff_ffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    1 << 32,
    1 << 48,
    i64::MAX as u64,
    u64::MAX,
];

/// Fractions that are none, or too large.
const FRACTIONS: [f64; 6] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -1.0,
    1e30,
    f64::MIN_POSITIVE,
];

/// Changes bytes somewhere; `other` is a file of the same kind to take from.
pub fn change(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    if bytes.is_empty() {
        bytes.extend(other);
        bytes.push(rng.bits() as u8);
        return;
    }
    let at = place(bytes.len(), rng);
    match rng.below(10) {
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => bytes[at] = rng.bits() as u8,
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.below(5)],
        3 | 4 => write(bytes, at, &number(rng)),
        5 => bytes.truncate(at),
        6 => {
            let end = at + few(bytes.len() - at, rng);
            bytes.drain(at..end);
        }
        7 => {
            let piece = bytes[at..at + few(bytes.len() - at, rng)].to_vec();
            let to = rng.below(bytes.len() + 1);
            bytes.splice(to..to, piece);
        }
        8 if !other.is_empty() => splice(bytes, other, at, rng),
        _ => {
            let count = few(300, rng);
            let fill = [0, 0xff, b' ', rng.bits() as u8][rng.below(4)];
            bytes.splice(at..at, std::iter::repeat_n(fill, count));
        }
    }
}

/// Writes a number at an edge over others.
pub fn overwrite(bytes: &mut [u8], rng: &mut Rng) {
    if bytes.is_empty() {
        return;
    }
    // Numbers lie where their width divides the place, as a rule.
    let at = rng.below(bytes.len()) & !(rng.below(2) * 7);
    let number = number(rng);
    for turn in 0..1 << (rng.below(2) * rng.below(5)) {
        if let Some(bytes) = bytes.get_mut(at + turn * number.len()..) {
            write(bytes, 0, &number);
        }
    }
}

/// A place: the beginning, where headers are, as often as all of the rest.
fn place(length: usize, rng: &mut Rng) -> usize {
    match rng.below(2) {
        0 => rng.below(length.min(64)),
        _ => rng.below(length),
    }
}

/// From 1 to `most`, which is at least 1; mostly few.
pub fn few(most: usize, rng: &mut Rng) -> usize {
    let most = most.min(1 << rng.below(12));
    1 + rng.below(most)
}

fn write(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (to, from) in bytes[at..].iter_mut().zip(value) {
        *to = *from;
    }
}

/// A number at an edge, in 1, 2, 4 or 8 bytes of either order.
fn number(rng: &mut Rng) -> Vec<u8> {
    if rng.below(6) == 0 {
        let value = FRACTIONS[rng.below(FRACTIONS.len())];
        return match rng.below(2) {
            0 => value.to_le_bytes().to_vec(),
            _ => (value as f32).to_le_bytes().to_vec(),
        };
    }
    let value = NUMBERS[rng.below(NUMBERS.len())].to_le_bytes();
    let mut value = value[..1 << rng.below(4)].to_vec();
    if rng.below(2) == 0 {
        value.reverse();
    }
    value
}

/// The beginning of the one with the end of the other, or a piece of the other inside.
fn splice(bytes: &mut Vec<u8>, other: &[u8], at: usize, rng: &mut Rng) {
    let from = rng.below(other.len());
    match rng.below(2) {
        0 => {
            bytes.truncate(at);
            bytes.extend(&other[from..]);
        }
        _ => {
            let piece = &other[from..from + few(other.len() - from, rng)];
            let end = (at + piece.len() * rng.below(2)).min(bytes.len());
            bytes.splice(at..end, piece.iter().copied());
        }
    }
}
