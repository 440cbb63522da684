//! Files mapped into memory.

use crate::error::{Error, Result};
use memmap2::Mmap;
use std::fs::File;
use std::path::Path;

/// Maps a whole file for reading.
pub fn map(path: &Path) -> Result<Mmap> {
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    // SAFETY: the bytes may only change under us where another program rewrites
    // the file in place. This project never does: it renames whole files into
    // place. All reads go through checked slices of plain bytes.
    unsafe { Mmap::map(&file) }.map_err(|error| Error::io(path, error))
}

/// Gives the file's pages back, so that a long file does not become part of
/// this process's memory once all of it has been looked at. The bytes stay;
/// reading them brings their pages in again, as a rule without the disk.
pub fn release(map: &Mmap) {
    #[cfg(unix)]
    // SAFETY: the mapping is of a file and only read, so that pages dropped
    // now are filled with the same bytes again.
    let released = unsafe { map.unchecked_advise(memmap2::UncheckedAdvice::DontNeed) };
    #[cfg(unix)]
    if let Err(error) = released {
        tracing::debug!("pages stay in memory: {error}");
    }
    #[cfg(not(unix))]
    let _ = map;
}
