//! Writing files so that a whole one is never replaced by a part of one.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes `path` through `write`: into a temporary file in the same folder,
/// flushed to the disk, then renamed. If anything fails or the process dies,
/// what was at `path` stays as it was.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let folder = folder_of(path);
    let mut temporary = tempfile::Builder::new()
        .prefix(".nextframe-")
        .suffix(".tmp")
        .permissions_of_a_plain_file()
        .tempfile_in(folder)
        .map_err(|error| Error::io(path, error))?;
    write(temporary.as_file_mut())?;
    temporary
        .as_file()
        .sync_all()
        .map_err(|error| Error::io(path, error))?;
    temporary
        .persist(path)
        .map_err(|error| Error::io(path, error.error))?;
    sync_folder(folder)
}

/// [`replace`] with bytes that are already there.
pub fn replace_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    replace(path, |file| {
        file.write_all(bytes)
            .map_err(|error| Error::io(path, error))
    })
}

/// Makes `path` a second name of `source`, or a copy of it where the file
/// system has no hard links. What was at `path` is replaced in one step.
/// `source` itself must only ever be replaced, never written in place.
pub fn replace_with_link(path: &Path, source: &Path) -> Result<()> {
    let folder = folder_of(path);
    let nest = tempfile::Builder::new()
        .prefix(".nextframe-")
        .suffix(".tmp")
        .tempdir_in(folder)
        .map_err(|error| Error::io(path, error))?;
    let link = nest.path().join("link");
    if fs::hard_link(source, &link).is_ok() {
        fs::rename(&link, path).map_err(|error| Error::io(path, error))?;
        return sync_folder(folder);
    }
    let mut from = File::open(source).map_err(|error| Error::io(source, error))?;
    replace(path, |file| {
        std::io::copy(&mut from, file)
            .map(drop)
            .map_err(|error| Error::io(path, error))
    })
}

/// Flushes the folder's list of names to the disk.
pub fn sync_folder(folder: &Path) -> Result<()> {
    // Windows cannot open a folder as a file, and needs no such flush.
    if cfg!(unix) {
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|error| Error::io(folder, error))?;
    }
    Ok(())
}

/// Removes what a killed process may have left in `folder`: this module's
/// temporary files.
pub fn sweep(folder: &Path) -> Result<()> {
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(".nextframe-") && name.ends_with(".tmp") {
            remove(&path)?;
        }
    }
    Ok(())
}

/// Removes a file or a whole folder; fine where there is none.
pub fn remove(path: &Path) -> Result<()> {
    let result = if path.is_dir() && !path.is_symlink() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io(path, error)),
        _ => Ok(()),
    }
}

/// The paths in `folder`, sorted by name; none where there is no such folder.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let listing = match fs::read_dir(folder) {
        Ok(listing) => listing,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::io(folder, error)),
    };
    let mut paths = listing
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .map_err(|error| Error::io(folder, error))?;
    paths.sort();
    Ok(paths)
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// `tempfile` makes files that only their owner may read; a run folder is to
/// be readable like any other file.
trait PlainFile {
    fn permissions_of_a_plain_file(&mut self) -> &mut Self;
}

impl PlainFile for tempfile::Builder<'_, '_> {
    #[cfg(unix)]
    fn permissions_of_a_plain_file(&mut self) -> &mut Self {
        use std::os::unix::fs::PermissionsExt as _;
        // The process's umask still applies.
        self.permissions(fs::Permissions::from_mode(0o666))
    }

    #[cfg(not(unix))]
    fn permissions_of_a_plain_file(&mut self) -> &mut Self {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_rubbish() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        replace_bytes(&path, b"whole").unwrap();
        let failed = replace(&path, |file| {
            file.write_all(b"ha").unwrap();
            Err(Error::io(&path, std::io::Error::other("no space left")))
        });
        assert!(failed.unwrap_err().to_string().contains("no space left"));
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(entries(folder.path()).unwrap(), [path]);
    }

    #[test]
    fn what_a_killed_process_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let keep = folder.path().join("model");
        replace_bytes(&keep, b"whole").unwrap();
        fs::write(folder.path().join(".nextframe-x1.tmp"), b"ha").unwrap();
        sweep(folder.path()).unwrap();
        assert_eq!(entries(folder.path()).unwrap(), [keep]);
    }

    #[test]
    fn a_link_replaces_and_keeps_its_content_when_the_source_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (source, path) = (folder.path().join("a"), folder.path().join("b"));
        replace_bytes(&source, b"one").unwrap();
        replace_bytes(&path, b"older").unwrap();
        replace_with_link(&path, &source).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        replace_bytes(&source, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"one");
        assert_eq!(entries(folder.path()).unwrap(), [source, path]);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_is_written() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        replace_bytes(&ours, b"").unwrap();
        fs::write(&plain, b"").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
    }

    #[test]
    fn a_missing_folder_is_named() {
        let message = replace_bytes(Path::new("no-such-folder/model"), b"")
            .unwrap_err()
            .to_string();
        assert!(message.contains("no-such-folder/model"), "{message}");
    }
}
