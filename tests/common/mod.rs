//! Shared by the tests that read files.

#![allow(dead_code, reason = "each test file uses some of it")]

use nextframe::data::{Footage, prepare};
use nextframe::video::ReadSettings;
use std::path::{Path, PathBuf};

/// A file of the shared data, or None (said) where it is absent.
pub fn shared(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    if path.exists() {
        return Some(path.display().to_string());
    }
    eprintln!("skipped: {} is absent", path.display());
    None
}

/// Reads one input through a cache of its own.
pub fn read(input: &str, settings: &ReadSettings) -> nextframe::Result<Footage> {
    let folder = tempfile::tempdir().unwrap();
    let all = prepare(
        &[input.to_owned()],
        settings,
        Some(folder.path()),
        &mut |_| {},
    )?;
    assert_eq!(all.len(), 1, "{input}");
    Ok(all.into_iter().next().unwrap())
}

/// Names in a folder.
pub fn listing(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect()
}

/// Writes a picture of one colour.
pub fn picture(path: PathBuf, width: u32, height: u32, colour: [u8; 3]) {
    image::RgbImage::from_pixel(width, height, image::Rgb(colour))
        .save(path)
        .unwrap();
}
