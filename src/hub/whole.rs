//! Whether a file is the one that it should be. The hub names what it keeps by its content:
//! the SHA-256 of large files, git's SHA-1 of small ones.

use super::names::is_digest;
use crate::error::{Error, Result};
use crate::interrupt;
use sha1::digest::DynDigest;
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

const CHANGED: &str = "its content is not what its name says";

/// A content that is being compared with its name.
pub(super) struct Hashed {
    hasher: Box<dyn DynDigest>,
    name: String,
    size: u64,
    seen: u64,
}

impl Hashed {
    /// Of this many bytes, under this hash.
    pub(super) fn new(name: &str, size: u64) -> Self {
        let hasher: Box<dyn DynDigest> = match name.len() {
            64 => Box::new(Sha256::new()),
            _ => Box::new(Sha1::new().chain_update(format!("blob {size}\0"))),
        };
        Self {
            hasher,
            name: name.to_lowercase(),
            size,
            seen: 0,
        }
    }

    /// Its next bytes.
    pub(super) fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.seen += bytes.len() as u64;
    }

    /// What is wrong with it at its end, if anything.
    pub(super) fn fault(self) -> Option<String> {
        if self.seen != self.size {
            let Self { seen, size, .. } = self;
            return Some(format!("it has {seen} bytes, the hub says {size}"));
        }
        let digest = self.hasher.finalize();
        let found: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (found != self.name).then(|| CHANGED.to_owned())
    }
}

/// What is wrong with a cached file, if anything: its length, where `size` is known, or its
/// content, where its own name or that of what it links to tells it.
///
/// # Errors
/// A file that cannot be read, and a Ctrl-C.
pub(super) fn fault(path: &Path, size: Option<u64>) -> Result<Option<String>> {
    let fail = |error| Error::io(path, error);
    let mut file = File::open(path).map_err(fail)?;
    let has = file.metadata().map_err(fail)?.len();
    if let Some(size) = size.filter(|&size| size != has) {
        return Ok(Some(format!("it has {has} bytes, the hub says {size}")));
    }
    // Where links cannot be made, a name such as config.json tells nothing.
    let named = std::fs::read_link(path).unwrap_or_else(|_| path.to_path_buf());
    let name = named.file_name().and_then(|name| name.to_str());
    let Some(name) = name.filter(|name| is_digest(name)) else {
        return Ok(None);
    };
    let mut content = Hashed::new(name, has);
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        interrupt::check()?;
        match file.read(&mut buffer).map_err(fail)? {
            0 => return Ok(content.fault()),
            count => content.update(&buffer[..count]),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn files_are_told_by_their_names() {
        // printf 'hello\n' | git hash-object --stdin; printf 'hello\n' | sha256sum
        let names = [
            "ce013625030ba8dba906f756967f9e9ca394464a",
            "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
        ];
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("config.json");
        for name in names {
            let blob = folder.path().join(name);
            let _ = std::fs::remove_file(&link);
            std::os::unix::fs::symlink(&blob, &link).unwrap();
            std::fs::write(&blob, "hello\n").unwrap();
            assert_eq!(fault(&link, Some(6)).unwrap(), None);
            assert_eq!(fault(&blob, Some(6)).unwrap(), None);
            let said = fault(&link, Some(7)).unwrap().unwrap();
            assert!(said.contains("6 bytes, the hub says 7"), "{said}");
            std::fs::write(&blob, "jello\n").unwrap();
            assert_eq!(fault(&link, None).unwrap().unwrap(), CHANGED);
            assert_eq!(fault(&blob, None).unwrap().unwrap(), CHANGED);
        }
        let nameless = folder.path().join("vocab.txt");
        std::fs::write(&nameless, "jello\n").unwrap();
        assert_eq!(fault(&nameless, None).unwrap(), None);
    }
}
