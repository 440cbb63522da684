//! Finds: cases that a target neither read nor refused, kept on disk.

use crate::case::Case;
use crate::process::Workers;
use crate::verdict::{Fault, Verdict};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The most cases that are tried to make one smaller.
const MOST_TRIES: usize = 300;
/// The longest that they may take.
const MOST_TIME: Duration = Duration::from_secs(15);

/// Writes a find as a folder of its own, with what became of it in `verdict`.
pub fn keep(folder: &Path, target: &str, case: &Case, verdict: &Verdict) -> io::Result<PathBuf> {
    let path = folder.join(target).join(case.hash());
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    case.keep(&path)?;
    // Begins with a dot, so that it is no file of the case.
    fs::write(path.join(".verdict"), format!("{verdict:?}\n"))?;
    Ok(path)
}

/// The case with what does not matter left out: pieces of its files, as long as it fails in
/// the same way.
pub fn smaller(case: &Case, verdict: &Verdict, workers: &mut Workers) -> io::Result<Case> {
    let mut best = case.clone();
    if matches!(verdict, Verdict::Failed(Fault::Hang, ..)) {
        // Each try takes as long as the limit.
        return Ok(best);
    }
    let begun = Instant::now();
    let mut tries = 0;
    let mut go_on = || {
        tries += 1;
        tries <= MOST_TRIES && begun.elapsed() < MOST_TIME
    };
    for index in 0..best.files.len() {
        let mut piece = best.files[index].bytes.len().next_power_of_two();
        while piece > 0 {
            let mut at = 0;
            while at < best.files[index].bytes.len() && go_on() {
                let mut less = best.clone();
                let bytes = &mut less.files[index].bytes;
                bytes.drain(at..(at + piece).min(bytes.len()));
                match workers.ask(&less)?.fails_like(verdict) {
                    true => best = less,
                    false => at += piece,
                }
            }
            piece /= 2;
        }
    }
    Ok(best)
}
