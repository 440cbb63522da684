//! The cache: decoded once, found again, never half.
#![cfg(feature = "ffmpeg")]

use nextframe::data::{Stage, open_cache, prepare};
use nextframe::video::{Channels, ReadSettings};
use std::path::PathBuf;

/// A file of the shared data, or None (said) where it is absent.
fn shared(name: &str) -> Option<String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/data")
        .join(name);
    if path.exists() {
        return Some(path.display().to_string());
    }
    eprintln!("skipped: {} is absent", path.display());
    None
}

#[test]
fn a_second_time_is_not_decoded() {
    let Some(input) = shared("video/fixed/o4n-hand-gesture.mp4") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let settings = ReadSettings::default();
    let mut decoding = 0;
    let mut read = || {
        let mut stages = Vec::new();
        let footage = prepare(
            &[input.clone()],
            &settings,
            Some(folder.path()),
            &mut |progress| {
                stages.push(progress.stage);
            },
        )
        .unwrap();
        decoding = stages
            .iter()
            .filter(|stage| matches!(stage, Stage::Decoding { .. }))
            .count();
        (footage.into_iter().next().unwrap(), decoding)
    };
    let (first, decoded) = read();
    assert!(decoded > 0);
    let (second, decoded) = read();
    assert_eq!(decoded, 0);
    assert_eq!(first.shape(), (3, 64, 64));
    assert_eq!(first.len(), second.len());
    for index in 0..first.len() {
        assert_eq!(first.frame(index), second.frame(index));
    }
    assert_eq!(first.times(), second.times());
    eprintln!(
        "{} frames {} fps {:?}",
        first.len(),
        first.frame_rate(),
        first.scenes()
    );
    let _ = (open_cache("x"), Channels::Grey);
}
