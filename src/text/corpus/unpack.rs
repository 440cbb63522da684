//! What comes out of files, archives and streams, within bounds.

use super::letters;
use crate::error::{Error, Result};
use crate::interrupt;
use flate2::bufread::MultiGzDecoder;
use std::io::Read;

/// The most that comes out of an archive or a stream, in bytes: of neither is the length
/// known before.
const STREAMED: u64 = 1 << 30;

/// Archives may lie in archives, so many deep.
const DEEP: usize = 4;

/// Text is not packed better than this many times; only looked at where more than
/// [`SMALL`] bytes come out.
const RATIO: u64 = 300;
const SMALL: u64 = 1 << 26;

/// Bytes that are read between two looks at the bounds. They are put together at the end,
/// for what grows as it is read takes twice its room.
const PART: u64 = 1 << 24;

/// How many more bytes may be read.
pub(super) struct Allowance {
    left: u64,
    most: u64,
}

impl Allowance {
    pub(super) fn of(most: u64) -> Self {
        Self { left: most, most }
    }

    /// All of a file of `length` bytes.
    pub(super) fn file(&mut self, file: impl Read, length: u64, name: &str) -> Result<Vec<u8>> {
        if length > self.left {
            return Err(self.too_much(name));
        }
        let mut source = Source {
            name,
            kind: None,
            most: self.left,
            taken: &|_| u64::MAX,
        };
        source.read(file).and_then(|bytes| self.spend(bytes, name))
    }

    /// All of a stream.
    pub(super) fn stream(&mut self, stream: impl Read, name: &str) -> Result<Vec<u8>> {
        let mut source = Source {
            name,
            kind: None,
            most: self.left.min(STREAMED),
            taken: &|_| u64::MAX,
        };
        (source.read(stream)).and_then(|bytes| self.spend(bytes, name))
    }

    /// What gzip packed.
    pub(super) fn gzip(&mut self, bytes: &[u8], name: &str, depth: usize) -> Result<Vec<u8>> {
        shallow(name, depth)?;
        let mut source = Source {
            name,
            kind: Some("gzip"),
            most: self.left.min(STREAMED),
            taken: &|decoder: &MultiGzDecoder<&[u8]>| {
                (bytes.len() - decoder.get_ref().len()) as u64
            },
        };
        (source.read(MultiGzDecoder::new(bytes))).and_then(|bytes| self.spend(bytes, name))
    }

    /// The files in a zip whose names `wanted` likes.
    pub(super) fn zip(
        &mut self,
        bytes: &[u8],
        name: &str,
        depth: usize,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, Vec<u8>)>> {
        shallow(name, depth)?;
        let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes))
            .map_err(|error| broken(name, "zip", &error))?;
        let mut files = Vec::new();
        let mut most = STREAMED;
        for index in 0..archive.len() {
            let file = archive
                .by_index(index)
                .map_err(|error| broken(name, "zip", &error))?;
            let inner_name = file.name().map_err(|error| broken(name, "zip", &error))?;
            if file.is_dir() || !wanted(&inner_name) {
                continue;
            }
            let inner_name = inner_name.into_owned();
            let inside = format!("{name}:{inner_name}");
            let packed = file.compressed_size();
            let mut source = Source {
                name: &inside,
                kind: Some("zip"),
                most: self.left.min(most),
                taken: &|_| packed,
            };
            let inner = source.read(file)?;
            most -= inner.len() as u64;
            files.push((inner_name, self.spend(inner, &inside)?));
        }
        Ok(files)
    }

    fn spend(&mut self, bytes: Vec<u8>, name: &str) -> Result<Vec<u8>> {
        match self.left.checked_sub(bytes.len() as u64) {
            Some(left) => self.left = left,
            None => return Err(self.too_much(name)),
        }
        Ok(bytes)
    }

    fn too_much(&self, name: &str) -> Error {
        Error::input(
            name,
            format!(
                "with it the text is longer than {:.1} GiB, for which this machine has room",
                self.most as f64 / (1u64 << 30) as f64
            ),
            "give less text at a time",
        )
    }
}

/// Something that is read to its end.
struct Source<'a, R> {
    name: &'a str,
    /// What packed it, if anything did.
    kind: Option<&'a str>,
    /// The most bytes that may come out.
    most: u64,
    /// How many packed bytes were used up.
    taken: &'a dyn Fn(&R) -> u64,
}

impl<R: Read> Source<'_, R> {
    fn read(&mut self, mut from: R) -> Result<Vec<u8>> {
        let mut parts: Vec<Vec<u8>> = Vec::new();
        let mut out = 0;
        loop {
            interrupt::check()?;
            let mut part = Vec::new();
            let read = (&mut from).take(PART).read_to_end(&mut part);
            let read = read.map_err(|error| match self.kind {
                Some(kind) => broken(self.name, kind, &error),
                None => Error::io(self.name, error),
            })?;
            if read == 0 {
                return Ok(joined(parts, out as usize));
            }
            if parts.is_empty() {
                letters::check_start(self.name, &part)?;
            }
            parts.push(part);
            out += read as u64;
            if out > self.most {
                return Err(
                    self.refuse(format!("more than {} MiB come out of it", self.most >> 20))
                );
            }
            let taken = (self.taken)(&from);
            if out > SMALL && out / RATIO > taken {
                return Err(self.refuse(format!(
                    "it was packed more than {RATIO} times, which text never is"
                )));
            }
        }
    }

    fn refuse(&self, problem: String) -> Error {
        let hint = match self.kind {
            Some(_) => "unpack it and name the files that come out",
            None => "write it to a file and name that",
        };
        Error::input(self.name, problem, hint)
    }
}

/// All parts in a row; each gives its room back at once.
fn joined(mut parts: Vec<Vec<u8>>, length: usize) -> Vec<u8> {
    if parts.len() < 2 {
        return parts.pop().unwrap_or_default();
    }
    let mut bytes = Vec::with_capacity(length);
    for part in parts {
        bytes.extend_from_slice(&part);
    }
    bytes
}

fn shallow(name: &str, depth: usize) -> Result<()> {
    if depth < DEEP {
        return Ok(());
    }
    Err(Error::input(
        name,
        format!("archives lie in it more than {DEEP} deep"),
        "unpack it and name the files that come out",
    ))
}

fn broken(name: &str, kind: &str, problem: &dyn std::fmt::Display) -> Error {
    Error::input(
        name,
        format!("cannot be read as {kind}: {problem}"),
        "fetch it again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_in_parts_is_whole() {
        let text: Vec<u8> = (0..PART + 100).map(|i| b'a' + (i % 26) as u8).collect();
        let mut allowance = Allowance::of(u64::MAX);
        assert!(allowance.stream(text.as_slice(), "a").unwrap() == text);
        assert_eq!(allowance.stream(&b""[..], "a").unwrap(), b"");
        // Without end, and without text: told from its start.
        let said = allowance.stream(std::io::repeat(0), "a").unwrap_err();
        assert!(said.to_string().contains("many of its bytes are 0"));
    }
}
