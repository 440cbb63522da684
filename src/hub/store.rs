//! A repository's folder in the cache, as other programs of the hub lay it out: contents by
//! their hash in `blobs`, links to them in `snapshots/COMMIT`, commits in `refs/REVISION`.

use super::Place;
use crate::error::{Error, Result};
use crate::files;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What a download that was killed has left is swept after this long: another one may still
/// be writing before.
const OLD: Duration = Duration::from_secs(86_400);

/// The folder of a repository. Every name that it is asked for is a plain one: see `names`.
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    /// Of a place.
    pub(super) fn new(place: &Place) -> Self {
        let name = format!("models--{}--{}", place.owner, place.name);
        Self {
            folder: hf_hub::resolve_cache_dir().join(name),
        }
    }

    /// Where a content is, or is to be.
    pub(super) fn blob(&self, digest: &str) -> PathBuf {
        self.folder.join("blobs").join(digest)
    }

    /// Removes what a download that was killed has left.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn sweep(&self) -> Result<()> {
        files::sweep(&self.folder.join("blobs"), OLD)
    }

    /// Where the files of a commit are.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// Gives a content its name at a commit.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn link(&self, commit: &str, name: &str, digest: &str) -> Result<()> {
        let path = self.snapshot(commit).join(name);
        files::make_folder_of(&path)?;
        let target = Path::new("../../blobs").join(digest);
        if std::fs::read_link(&path).is_ok_and(|now| now == target) {
            return Ok(());
        }
        files::remove(&path)?;
        link(&target, &self.blob(digest), &path)
    }

    /// Notes the commit of a revision, once all its files are there.
    ///
    /// # Errors
    /// What the system refuses.
    pub(super) fn note(&self, revision: &str, commit: &str) -> Result<()> {
        let path = self.folder.join("refs").join(revision);
        files::replace_bytes(&path, commit.as_bytes())
    }
}

#[cfg(unix)]
fn link(target: &Path, _blob: &Path, path: &Path) -> Result<()> {
    match std::os::unix::fs::symlink(target, path) {
        // Another process fetches the same.
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Error::io(path, error))
        }
        _ => Ok(()),
    }
}

/// Where links need a right of their own, it is a copy.
#[cfg(not(unix))]
fn link(_target: &Path, blob: &Path, path: &Path) -> Result<()> {
    files::replace_with_link(path, blob)
}
