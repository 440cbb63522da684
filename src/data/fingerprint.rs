//! What tells that a file was changed.

use crate::error::{Error, Result};
use std::fs::Metadata;
use std::path::PathBuf;
#[cfg(unix)]
use std::time::Duration;
use std::time::SystemTime;

/// What changes when a file is written to.
#[derive(Debug, PartialEq)]
pub(super) struct Fingerprint {
    files: Vec<Described>,
    /// When the last of them was changed.
    pub(super) newest: SystemTime,
}

/// A file's path, size, and when it was written to and, where the system says so, changed
/// in any way: programs set back the time of writing, but not that of change.
#[derive(Debug, PartialEq)]
struct Described(PathBuf, u64, SystemTime, SystemTime);

impl Fingerprint {
    /// Of files as they are now.
    pub(super) fn of(paths: &[PathBuf]) -> Result<Self> {
        let described = paths.iter().map(|path| {
            let describe = || {
                let path = path.canonicalize()?;
                let data = path.metadata()?;
                let written = data.modified()?;
                Ok(Described(
                    path,
                    data.len(),
                    written,
                    changed(&data, written),
                ))
            };
            describe().map_err(|error| Error::io(path, error))
        });
        let files = described.collect::<Result<Vec<_>>>()?;
        let newest = files.iter().map(|file| file.2.max(file.3)).max();
        Ok(Self {
            files,
            newest: newest.unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }

    /// Its name in the cache.
    pub(super) fn key(&self) -> String {
        let text = format!("{:?}", self.files);
        blake3::hash(text.as_bytes()).to_hex().to_string()
    }
}

#[cfg(unix)]
fn changed(data: &Metadata, written: SystemTime) -> SystemTime {
    use std::os::unix::fs::MetadataExt as _;
    let seconds = u64::try_from(data.ctime()).ok();
    let since = seconds.map(|seconds| Duration::new(seconds, data.ctime_nsec() as u32));
    let time = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    time.unwrap_or(written)
}

#[cfg(not(unix))]
fn changed(_: &Metadata, written: SystemTime) -> SystemTime {
    written
}
