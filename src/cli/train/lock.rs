//! One trainer in a run's folder at a time.

use crate::error::{Error, Result};
use std::fs::{self, File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// The locked file; it holds the trainer's process id.
const NAME: &str = ".lock";

/// While it lives, no other process trains in the folder. The system gives
/// the lock back however the process ends.
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    /// Locks `folder`, which is made if missing.
    ///
    /// # Errors
    /// Another process trains in it.
    pub fn take(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        let path = folder.join(NAME);
        let fail = |error| Error::io(&path, error);
        let own = std::process::id().to_string();
        loop {
            let mut options = File::options();
            let options = options.read(true).write(true).create(true).truncate(false);
            let mut file = options.open(&path).map_err(fail)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(taken(folder, &path)),
                // No reason not to train: some file systems have no locks.
                Err(TryLockError::Error(error)) => tracing::warn!(
                    "{}: cannot be locked ({error}); let no other process train there",
                    folder.display()
                ),
            }
            let written = file
                .set_len(0)
                .and_then(|()| file.write_all(own.as_bytes()));
            written.map_err(fail)?;
            // The trainer before may have removed the file just now, so that
            // the lock is on a file that no other process finds.
            if fs::read_to_string(&path).is_ok_and(|found| found == own) || cfg!(windows) {
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Left behind, it does no harm.
        let _ = fs::remove_file(&self.path);
    }
}

fn taken(folder: &Path, path: &Path) -> Error {
    // Some systems let nobody read a locked file.
    let holder = fs::read_to_string(path).ok();
    let who = holder
        .and_then(|id| id.parse::<u32>().ok())
        .map_or_else(String::new, |id| format!(" (process {id})"));
    Error::input(
        folder.display().to_string(),
        format!("another nextframe{who} is training there"),
        "wait for it to end, or choose another --out",
    )
}
