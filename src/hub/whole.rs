//! Whether a file in the cache is the one that it should be. The hub names what it caches
//! by its content: the SHA-256 of large files, git's SHA-1 of small ones.

use crate::error::{Error, Result};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// What is wrong with a cached file, if anything: its length, where `size` is known, or
/// its content, where its blob's name tells it.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn fault(path: &Path, size: Option<u64>) -> Result<Option<String>> {
    let fail = |error| Error::io(path, error);
    let mut file = File::open(path).map_err(fail)?;
    let has = file.metadata().map_err(fail)?.len();
    if let Some(size) = size.filter(|&size| size != has) {
        return Ok(Some(format!("it has {has} bytes, the hub says {size}")));
    }
    // Where links cannot be made there is no name to tell by.
    let Some(name) = std::fs::read_link(path)
        .ok()
        .and_then(|blob| Some(blob.file_name()?.to_str()?.to_owned()))
    else {
        return Ok(None);
    };
    let is_hash = name.bytes().all(|byte| byte.is_ascii_hexdigit());
    let found = match name.len() {
        64 if is_hash => hash(&mut file, Sha256::new()).map_err(fail)?,
        40 if is_hash => {
            let start = Sha1::new().chain_update(format!("blob {has}\0"));
            hash(&mut file, start).map_err(fail)?
        }
        _ => return Ok(None),
    };
    Ok((found != name.to_lowercase()).then(|| "its content is not what its name says".to_owned()))
}

fn hash<H: sha1::Digest>(file: &mut File, mut hasher: H) -> std::io::Result<String> {
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            count => hasher.update(&buffer[..count]),
        }
    }
    let digest = hasher.finalize();
    Ok(digest.iter().map(|byte| format!("{byte:02x}")).collect())
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
            let said = fault(&link, Some(7)).unwrap().unwrap();
            assert!(said.contains("6 bytes, the hub says 7"), "{said}");
            std::fs::write(&blob, "jello\n").unwrap();
            assert!(fault(&link, None).unwrap().is_some());
        }
        assert_eq!(fault(&folder.path().join(names[0]), None).unwrap(), None);
    }
}
