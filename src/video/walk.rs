//! Folders walked for files: each folder once, whatever links lead to it.

use super::left_out::LeftOut;
use crate::error::{Error, Result};
use crate::interrupt;
use std::collections::HashSet;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

/// One folder's files and folders, each in the natural order of their names.
#[derive(Debug, Default)]
pub struct Listing {
    /// Regular files, links to them included.
    pub files: Vec<PathBuf>,
    /// Folders, links to folders included.
    pub folders: Vec<PathBuf>,
}

/// A walk that remembers where it has been.
#[derive(Debug, Default)]
pub struct Walk {
    visited: HashSet<PathBuf>,
}

impl Walk {
    /// What lies in `folder`, hidden names left out; None where the walk has
    /// been there before.
    ///
    /// # Errors
    /// A folder that cannot be read. What in it is no file is left out.
    pub fn list(&mut self, folder: &Path, out: &mut LeftOut) -> Result<Option<Listing>> {
        let io = |error| Error::io(folder, error);
        if !self.visited.insert(folder.canonicalize().map_err(io)?) {
            return Ok(None);
        }
        let mut listing = Listing::default();
        for entry in folder.read_dir().map_err(io)? {
            interrupt::check()?;
            let entry = entry.map_err(io)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = entry.path();
            match path.metadata() {
                Ok(data) if data.is_dir() => listing.folders.push(path),
                Ok(data) if data.is_file() => listing.files.push(path),
                Ok(data) => out.add(irregular(&path, &data)),
                Err(error) => out.add(unreadable(&path, error)),
            }
        }
        listing.files = sort(listing.files);
        listing.folders = sort(listing.folders);
        Ok(Some(listing))
    }
}

/// Sorts by name as people do: 9 before 10.
pub fn sort(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort_by(|a, b| natord::compare(&a.to_string_lossy(), &b.to_string_lossy()));
    paths
}

/// The error about a path whose file cannot be asked about.
pub fn unreadable(path: &Path, error: std::io::Error) -> Error {
    let dead = path
        .read_link()
        .ok()
        .filter(|_| error.kind() == std::io::ErrorKind::NotFound);
    match dead {
        Some(target) => Error::input(
            path.display().to_string(),
            format!("a link to {}, which does not exist", target.display()),
            "take the link out, or bring back what it leads to",
        ),
        None => Error::io(path, error),
    }
}

/// The error about what is neither a file nor a folder.
pub fn irregular(path: &Path, data: &Metadata) -> Error {
    let (what, hint) = kind(data);
    Error::input(path.display().to_string(), what, hint)
}

#[cfg(unix)]
fn kind(data: &Metadata) -> (&'static str, &'static str) {
    use std::os::unix::fs::FileTypeExt as _;
    let kind = data.file_type();
    if kind.is_fifo() {
        (
            "it is no regular file but a pipe",
            "lead it to standard input, and give -",
        )
    } else if kind.is_socket() {
        ("it is no regular file but a socket", "give a file")
    } else {
        (
            "it is no regular file but a device",
            "where it is a camera, record first: ffmpeg -f v4l2 -i DEVICE -t 60 film.mkv",
        )
    }
}

#[cfg(not(unix))]
fn kind(_: &Metadata) -> (&'static str, &'static str) {
    ("it is no regular file", "give a file")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_folder_is_listed_once_and_links_to_nothing_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("a10"), "x").unwrap();
        std::fs::write(path("a9"), "x").unwrap();
        std::fs::write(path(".hidden"), "x").unwrap();
        symlink(".", path("again")).unwrap();
        symlink("nowhere", path("dead")).unwrap();
        let (mut walk, mut out) = (Walk::default(), LeftOut::default());
        let found = walk.list(folder.path(), &mut out).unwrap().unwrap();
        assert_eq!(found.files, [path("a9"), path("a10")]);
        assert_eq!(found.folders, [path("again")]);
        assert!(walk.list(&path("again"), &mut out).unwrap().is_none());
        let reason = out.into_first().unwrap().to_string();
        assert!(reason.contains("dead: a link to nowhere"), "{reason}");
    }
}
