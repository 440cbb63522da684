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
