//! Files, folders, globs and `-`, expanded to sources.

use super::source::{Source, extension};
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

const STILLS: &[&str] = &["png", "jpg", "jpeg", "webp", "bmp"];
const MOVING: &[&str] = &[
    "3g2",
    "3gp",
    "apng",
    "asf",
    "avi",
    "dv",
    "f4v",
    "flv",
    "frames",
    "gif",
    "h264",
    "h265",
    "hevc",
    "ivf",
    "m2ts",
    "m4v",
    "mjpeg",
    "mjpg",
    "mkv",
    "mov",
    "mp4",
    "mpeg",
    "mpg",
    "mts",
    "mxf",
    "nut",
    "obu",
    "ogm",
    "ogv",
    "rm",
    "safetensors",
    "ts",
    "vob",
    "webm",
    "wmv",
    "y4m",
];

/// Sources for what the user wrote, in order, each file once. In a folder,
/// every video is a source, and pictures beside no video are one sequence,
/// in the natural order of their names (9 before 10); folders inside are
/// searched too. Pictures that a glob finds in one folder are one sequence.
pub fn expand(inputs: &[String]) -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for input in inputs {
        let path = Path::new(input);
        if input == "-" {
            sources.push(Source::standard_input()?);
        } else if path.is_dir() {
            let found = search(path)?;
            if found.is_empty() {
                return Err(Error::input(
                    input,
                    "no videos or pictures in this folder",
                    "give a folder that holds some",
                ));
            }
            sources.extend(found);
        } else if path.exists() {
            sources.push(Source::file(path)?);
        } else if input.contains(['*', '?', '[']) {
            sources.extend(matches(input)?);
        } else {
            return Err(Error::input(
                input,
                "no such file or folder",
                "check the spelling",
            ));
        }
    }
    if sources.is_empty() {
        return Err(Error::input(
            "input",
            "nothing to read",
            "give a video, several, a folder, a glob, or - for standard input",
        ));
    }
    let mut seen = HashSet::new();
    sources.retain(|source| {
        let real = |file: &PathBuf| file.canonicalize().unwrap_or_else(|_| file.clone());
        seen.insert(source.files.iter().map(real).collect::<Vec<_>>())
    });
    Ok(sources)
}

fn matches(pattern: &str) -> Result<Vec<Source>> {
    let refuse = |problem: String| Error::input(pattern, problem, "check the pattern");
    let paths = glob::glob(pattern).map_err(|error| refuse(error.to_string()))?;
    let mut files = Vec::new();
    let mut sources = Vec::new();
    for path in paths {
        let path = path
            .map_err(|error| Error::io(error.path(), std::io::Error::other(error.to_string())))?;
        if path.is_dir() {
            sources.extend(search(&path)?);
        } else {
            files.push(path);
        }
    }
    let (stills, other): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| is(file, STILLS));
    let mut folders = BTreeMap::<PathBuf, Vec<PathBuf>>::new();
    for still in stills {
        let folder = still.parent().unwrap_or(Path::new("")).to_owned();
        folders.entry(folder).or_default().push(still);
    }
    sources.extend(
        folders
            .into_values()
            .map(|files| Source::stills(sort(files))),
    );
    for file in sort(other) {
        sources.push(Source::file(&file)?);
    }
    if sources.is_empty() {
        return Err(refuse("no file matches".to_owned()));
    }
    Ok(sources)
}

fn search(folder: &Path) -> Result<Vec<Source>> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| Error::io(folder, error))? {
        let path = entry.map_err(|error| Error::io(folder, error))?.path();
        let hidden = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden {
            entries.push(path);
        }
    }
    let entries = sort(entries);
    let moving: Vec<_> = entries.iter().filter(|path| is(path, MOVING)).collect();
    let stills: Vec<_> = entries
        .iter()
        .filter(|path| is(path, STILLS))
        .cloned()
        .collect();
    let mut sources = Vec::new();
    if moving.is_empty() && !stills.is_empty() {
        sources.push(Source::stills(stills));
    } else if !stills.is_empty() {
        tracing::warn!(
            "{}: {} pictures beside videos are left out",
            folder.display(),
            stills.len()
        );
    }
    for path in moving {
        sources.push(Source::file(path)?);
    }
    for path in entries.iter().filter(|path| path.is_dir()) {
        sources.extend(search(path)?);
    }
    Ok(sources)
}

fn is(path: &Path, extensions: &[&str]) -> bool {
    extensions.contains(&extension(path).as_str()) && !path.is_dir()
}

fn sort(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort_by(|a, b| natord::compare(&a.to_string_lossy(), &b.to_string_lossy()));
    paths
}
