//! What of a folder is a run's own: the rest is never removed. `checkpoints/` and
//! `pictures/` may hold other files too, or be links to folders that do.

use super::pointer::STATE;
use super::{CHECKPOINTS, MODEL};
use crate::error::{Error, Result};
use crate::files;
use crate::folders::is_counted;
use crate::outputs::horizon::HORIZON;
use std::fs;
use std::path::Path;

/// Digits of a step in a name, at least.
const DIGITS: usize = 8;
/// Where pictures lie.
pub(super) const PICTURES: &str = "pictures";

/// Whether a run writes a file or folder of this name, config.toml and
/// state.json apart, which tell that there is a run.
pub(super) fn belongs(name: &str) -> bool {
    [CHECKPOINTS, PICTURES].contains(&name) || is_file(name)
}

fn is_file(name: &str) -> bool {
    let of_comparison = |name: &str| {
        matches!(name.split_once('.'),
        Some((stem, "json" | "csv" | "html")) if is_comparison(stem))
    };
    let of_text = ["tokenizer.json", "tokenizer_config.json"];
    ["metrics.jsonl", "config.json"].contains(&name)
        || of_text.contains(&name)
        || of_comparison(name)
        || name.starts_with("events.out.tfevents.")
        || matches!(name.strip_suffix(".safetensors"), Some(MODEL | HORIZON))
}

fn is_comparison(stem: &str) -> bool {
    ["compare", "compare-validation"].contains(&stem)
}

/// Whether a save's folder may have this name: its step, and a number where the step was
/// saved before.
pub(super) fn is_save(name: &str) -> bool {
    match name.split_once('-') {
        Some((step, turn)) => is_counted(step, DIGITS) && is_counted(turn, 1),
        None => is_counted(name, DIGITS),
    }
}

fn is_picture(name: &str) -> bool {
    match name.split_once('.') {
        Some((step, "png")) if is_counted(step, DIGITS) => true,
        Some((stem, "png" | "gif")) => is_comparison(stem),
        _ => false,
    }
}

/// Removes the saves in a folder, but for the one called `latest`.
pub(super) fn remove_saves(folder: &Path, latest: Option<&str>) -> Result<()> {
    let part = |name: &str| {
        name == STATE || name.ends_with(".safetensors") || name.starts_with(files::PREFIX)
    };
    each(folder, |path, name| {
        if !is_save(name) || latest == Some(name) || path.is_symlink() || !path.is_dir() {
            return Ok(());
        }
        remove_files(path, part)?;
        remove_if_empty(path)
    })
}

/// Removes a run's files and nothing else, config.toml and state.json apart.
pub(super) fn remove_all(folder: &Path) -> Result<()> {
    let (saves, pictures) = (folder.join(CHECKPOINTS), folder.join(PICTURES));
    remove_saves(&saves, None)?;
    remove_files(&pictures, is_picture)?;
    remove_if_empty(&saves)?;
    remove_if_empty(&pictures)?;
    remove_files(folder, is_file)
}

fn remove_files(folder: &Path, ours: impl Fn(&str) -> bool) -> Result<()> {
    each(folder, |path, name| match ours(name) && !path.is_dir() {
        true => files::remove(path),
        false => Ok(()),
    })
}

fn each(folder: &Path, mut f: impl FnMut(&Path, &str) -> Result<()>) -> Result<()> {
    for path in files::entries(folder)? {
        // The project's own names are text.
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            f(&path, name)?;
        }
    }
    Ok(())
}

/// A folder with something else in it stays; so does a link to one.
fn remove_if_empty(folder: &Path) -> Result<()> {
    use std::io::ErrorKind::{DirectoryNotEmpty, NotADirectory, NotFound};
    match fs::remove_dir(folder) {
        Err(error) if ![DirectoryNotEmpty, NotADirectory, NotFound].contains(&error.kind()) => {
            Err(Error::io(folder, error))
        }
        _ => Ok(()),
    }
}

/// Refuses a folder that holds anything else: no run begins among other files.
pub(super) fn refuse_others(folder: &Path) -> Result<()> {
    // A run killed as it began may have files but no config.toml yet.
    for path in files::entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if !name.starts_with('.') && !belongs(&name) {
            return Err(Error::input(
                folder.display().to_string(),
                format!("holds other files ({name}, …) and no run"),
                "choose a new folder with --out",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_saves_and_pictures() {
        for name in ["00000012", "00000012-3", "123456789"] {
            assert!(is_save(name), "{name}");
        }
        for name in [
            "12",
            "00000012-",
            "00000012x",
            "2024-01-01",
            "best",
            "../00000012",
            "",
        ] {
            assert!(!is_save(name), "{name}");
        }
        assert!(is_picture("00000012.png") && is_picture("compare-validation.gif"));
        assert!(!is_picture("12.png") && !is_picture("holiday.png"));
        assert!(belongs("compare.html") && !belongs("compare.pdf"));
    }
}
