//! Whether a run's folder is still where it was.

use crate::error::{Error, Result};
use std::fs;
use std::path::Path;

/// Which folder it is, on systems that tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Presence(Option<[u64; 2]>);

impl Presence {
    /// Of the folder that is there now.
    pub fn of(folder: &Path) -> Result<Self> {
        let data = fs::metadata(folder).map_err(|error| Error::io(folder, error))?;
        Ok(Self(identity(&data)))
    }

    /// # Errors
    /// Another folder is there now, or none: it was moved or removed.
    pub fn check(self, folder: &Path) -> Result<()> {
        match fs::metadata(folder) {
            Ok(data) if data.is_dir() && identity(&data) == self.0 => Ok(()),
            _ => Err(Error::input(
                folder.display().to_string(),
                "the run's folder was moved away or removed, so nothing more can be saved in it",
                "move it back and go on with --resume from its latest save, or train anew",
            )),
        }
    }
}

#[cfg(unix)]
fn identity(data: &fs::Metadata) -> Option<[u64; 2]> {
    use std::os::unix::fs::MetadataExt as _;
    Some([data.dev(), data.ino()])
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> Option<[u64; 2]> {
    None
}
