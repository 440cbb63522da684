//! Files that stay in use and are read piece by piece.

use crate::error::{Error, Result};
use safetensors::tensor::Metadata;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Files kept open at most; systems allow a process as few as 256. Those beyond are
/// opened anew for each piece.
const MOST_HELD: usize = 128;

/// How many are kept open now.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// The longest header of a safetensors file, as the format has it.
const LONGEST_HEADER: u64 = 100_000_000;

/// A file that is read piece by piece while it is in use. It is not mapped into memory:
/// where another program cuts a mapped file short, reading it kills this process.
#[derive(Debug)]
pub struct Stored {
    path: PathBuf,
    held: Option<File>,
    length: u64,
}

impl Stored {
    /// Opens `path`.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |error| Error::io(path, error);
        let file = File::open(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        let keep = HELD.fetch_add(1, Ordering::AcqRel) < MOST_HELD;
        if !keep {
            HELD.fetch_sub(1, Ordering::AcqRel);
        }
        Ok(Self {
            path: path.to_owned(),
            held: keep.then_some(file),
            length,
        })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Fills `bytes` with what starts at `offset`.
    ///
    /// # Errors
    /// Where the file ends before, which it did not when it was opened.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        let read = match &self.held {
            Some(file) => read_at(file, offset, bytes),
            None => File::open(&self.path).and_then(|file| read_at(&file, offset, bytes)),
        };
        read.map_err(|error| match error.kind() {
            std::io::ErrorKind::UnexpectedEof => self.changed(format!(
                "it ends before byte {}",
                offset + bytes.len() as u64
            )),
            _ => Error::io(&self.path, error),
        })
    }

    /// The error of a file that does not hold what it held.
    pub fn changed(&self, how: impl std::fmt::Display) -> Error {
        Error::input(
            self.path.display().to_string(),
            format!("changed while it was in use, or damaged: {how}"),
            "run again with a whole file; a cached one is prepared again by itself",
        )
    }

    /// What a safetensors file says of its tensors, and where the first one's bytes start.
    /// Sizes and places have been checked: the tensors follow each other and fill the file.
    ///
    /// # Errors
    /// What is wrong with the header, in words.
    pub fn tensors(&self) -> Result<(u64, Metadata), String> {
        let said = |error: Error| error.to_string();
        let mut length = [0; 8];
        let short = || format!("it has {} bytes", self.length);
        if self.length < 8 {
            return Err(short());
        }
        self.read(0, &mut length).map_err(said)?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST_HEADER || length > self.length - 8 {
            return Err(format!("{}, its header claims {length}", short()));
        }
        let mut header = vec![0; length as usize];
        self.read(8, &mut header).map_err(said)?;
        let header: Metadata =
            serde_json::from_slice(&header).map_err(|error| error.to_string())?;
        let claimed = (header.data_len() as u64).checked_add(8 + length);
        if claimed != Some(self.length) {
            return Err(format!(
                "{}, its tensors claim {}",
                short(),
                header.data_len()
            ));
        }
        Ok((8 + length, header))
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        if self.held.is_some() {
            HELD.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(unix)]
fn read_at(file: &File, offset: u64, bytes: &mut [u8]) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut offset: u64, mut bytes: &mut [u8]) -> std::io::Result<()> {
    use std::os::windows::fs::FileExt as _;
    while !bytes.is_empty() {
        match file.seek_read(bytes, offset)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => {
                offset += count as u64;
                bytes = &mut bytes[count..];
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_cut_short_in_use_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, [7; 9000]).unwrap();
        let stored = Stored::open(&path).unwrap();
        let mut bytes = [0; 100];
        stored.read(8900, &mut bytes).unwrap();
        assert_eq!(bytes, [7; 100]);
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(8950))
            .unwrap();
        let said = stored.read(8900, &mut bytes).unwrap_err().to_string();
        assert!(
            said.contains("changed while it was in use") && said.contains("before byte 9000"),
            "{said}"
        );
    }

    #[test]
    fn more_files_than_are_kept_open_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, b"abc").unwrap();
        let many: Vec<Stored> = (0..2 * MOST_HELD)
            .map(|_| Stored::open(&path).unwrap())
            .collect();
        assert!(many.iter().any(|stored| stored.held.is_none()));
        for stored in &many {
            let mut bytes = [0; 2];
            stored.read(1, &mut bytes).unwrap();
            assert_eq!(&bytes, b"bc");
        }
    }

    #[test]
    fn headers_that_lie_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        let said = |header: &str, claimed: u64, data: usize| {
            let mut bytes = claimed.to_le_bytes().to_vec();
            bytes.extend(header.as_bytes());
            bytes.resize(bytes.len() + data, 0);
            std::fs::write(&path, bytes).unwrap();
            Stored::open(&path).unwrap().tensors().unwrap_err()
        };
        let tensor = |shape: &str, offsets: &str| {
            format!(r#"{{"a":{{"dtype":"U8","shape":{shape},"data_offsets":{offsets}}}}}"#)
        };
        for (header, data) in [
            (tensor("[4]", "[0,4]"), 3),
            (tensor("[4]", "[1,5]"), 5),
            (tensor("[4]", "[4,0]"), 4),
            (tensor("[4294967296,4294967296]", "[0,4]"), 4),
            (
                tensor("[18446744073709551615]", "[0,18446744073709551615]"),
                4,
            ),
            (tensor("[-1]", "[0,4]"), 4),
            ("[]".to_owned(), 0),
        ] {
            said(&header, header.len() as u64, data);
        }
        assert!(said("{}", u64::MAX, 0).contains("claims"));
        assert!(said("{}", 3, 0).contains("claims 3"));
    }
}
