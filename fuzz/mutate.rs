//! Mutations: a case with small faults, of the kinds that parsers stumble over.

mod arrays;
mod bytes;
mod lines;
mod packed;
mod png;
mod tensors;
mod tree;

pub use arrays::join as array;
pub use packed::{gzipped, zipped};

use crate::case::{Case, CaseFile};
use nextframe::rng::Rng;

/// The most bytes that a file grows to.
const LONGEST: usize = 1 << 20;

/// Changes files of `case` that are not `kept`, one to four times, with `other` to take from.
pub fn mutate(case: &mut Case, other: &Case, kept: &[&str], rng: &mut Rng) {
    let changes = 1 + rng.below(2) + rng.below(3) * rng.below(2);
    for _ in 0..changes {
        let open: Vec<usize> = (0..case.files.len())
            .filter(|&index| !is_kept(&case.files[index].name, kept))
            .collect();
        if open.is_empty() {
            return;
        }
        let index = open[rng.below(open.len())];
        match rng.below(40) {
            0 if open.len() > 1 => drop(case.files.remove(index)),
            1 => {
                if let Some(file) = counterpart(&case.files[index], other, rng) {
                    case.files[index].bytes = file.bytes.clone();
                }
            }
            _ => {
                let other = counterpart(&case.files[index], other, rng);
                let other = other.map_or(&[][..], |file| &file.bytes);
                let file = &mut case.files[index];
                let ending = file.ending();
                change(&ending, &mut file.bytes, other, rng);
                file.bytes.truncate(LONGEST);
            }
        }
    }
}

/// Whether a file is never changed: a name, or all of a folder where it ends in `/`.
fn is_kept(name: &str, kept: &[&str]) -> bool {
    let fits = |kept: &&str| match kept.strip_suffix('/') {
        Some(_) => name.starts_with(*kept),
        None => name == *kept,
    };
    kept.iter().any(fits)
}

/// A file of the same kind in another case.
fn counterpart<'a>(file: &CaseFile, other: &'a Case, rng: &mut Rng) -> Option<&'a CaseFile> {
    let ending = file.ending();
    let alike: Vec<_> = (other.files.iter())
        .filter(|other| other.ending() == ending)
        .collect();
    (!alike.is_empty()).then(|| alike[rng.below(alike.len())])
}

/// Changes a file's bytes as its kind suggests.
fn change(ending: &str, bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) {
    let done = match (ending, rng.below(10)) {
        // Any file may be broken anywhere.
        (_, 0) => false,
        ("json", 1..=7) => tree::change(bytes, rng),
        ("jsonl" | "toml" | "txt" | "set" | "json", _) => lines::change(bytes, other, rng),
        ("png" | "apng", 1..=7) => png::change(bytes, rng),
        ("safetensors" | "frames", 1..=8) => tensors::change(bytes, rng),
        ("gz", 1..=5) => packed::change_gzip(bytes, rng),
        ("npy", 1..=7) => arrays::change(bytes, rng),
        ("zip" | "npz", 1..=5) => packed::change_zip(bytes, rng),
        _ => false,
    };
    if !done {
        bytes::change(bytes, other, rng);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nextframe::rng::Seed;

    #[test]
    fn the_same_seed_makes_the_same_changes_and_leaves_what_is_kept() {
        let case = Case::one("a.json", "{\"a\": [1, 2, \"three\"]}")
            .with("a.txt", "one\ntwo\n")
            .with("run/kept.bin", [7; 20]);
        let made = |seed: u64| {
            let mut rng = Seed(seed).stream("test", 0);
            let mut made = case.clone();
            mutate(&mut made, &case, &["run/"], &mut rng);
            made
        };
        let different = (0..50).filter(|&seed| made(seed) != case).count();
        assert!(different > 40, "{different}");
        for seed in 0..50 {
            assert_eq!(made(seed), made(seed));
            assert_eq!(made(seed).files.last(), case.files.last());
        }
    }
}
