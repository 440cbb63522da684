//! Writing files so that a whole one is never replaced by a part of one.

use crate::error::{Error, Result};
use crate::standard_input::{self, StandardInput};
use std::fs::{self, File};
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempPath;

/// What the name of every temporary file and folder starts with.
pub(crate) const PREFIX: &str = ".nextframe-";

/// Writes `path` through `write`: into a temporary file in the same folder
/// (made if missing), flushed to the disk, then renamed. If anything fails or
/// the process dies, what was at `path` stays as it was.
///
/// # Errors
/// Whatever `write` fails with, a path without a name, and what the system
/// refuses.
pub fn replace(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    let (draft, mut file) = Draft::new(path)?;
    write(&mut file)?;
    drop(file);
    draft.keep(path)?;
    sync_folder(make_folder_of(path)?)
}

/// As [`replace`], for writers that want the name of the temporary file: it
/// has the extension of `path`.
pub fn replace_by_name(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let (draft, _) = Draft::new(path)?;
    write(&draft.temporary)?;
    draft.keep(path)?;
    sync_folder(make_folder_of(path)?)
}

/// A file that is being written under a temporary name, beside where it is to
/// stay. Dropped before it is kept, it leaves nothing. [`replace`] also flushes
/// the new name; what can be made again does not need that.
#[derive(Debug)]
pub struct Draft {
    temporary: TempPath,
}

impl Draft {
    /// An empty file in the folder of `path` (made if missing), with the
    /// extension of `path`.
    pub fn new(path: &Path) -> Result<(Self, File)> {
        let folder = make_folder_of(path)?;
        let ending = match path.extension() {
            Some(extension) => format!(".tmp.{}", extension.to_string_lossy()),
            None => ".tmp".to_owned(),
        };
        let (file, temporary) = temporary(&ending, 0o666)
            .tempfile_in(folder)
            .map_err(|error| Error::io(path, error))?
            .into_parts();
        Ok((Self { temporary }, file))
    }

    /// Flushes the file to the disk and gives it its name, in one step.
    pub fn keep(self, path: &Path) -> Result<()> {
        File::options()
            .write(true)
            .open(&self.temporary)
            .and_then(|file| file.sync_all())
            .map_err(|error| Error::io(path, error))?;
        self.keep_unflushed(path)
    }

    /// [`Draft::keep`] without waiting for the disk: for what the reader can
    /// tell to be torn, and do without, after a loss of power.
    pub fn keep_unflushed(self, path: &Path) -> Result<()> {
        let named = self.temporary.persist(path);
        named.map_err(|error| Error::io(path, error.error))
    }
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
    let folder = make_folder_of(path)?;
    let nest = temporary(".tmp", 0o777)
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

/// The longest text that is read: a config.json, a state, a recipe.
const LONGEST_TEXT: u64 = 1 << 24;

/// Reads a text that the program or its user wrote: a file of a size that such texts have.
///
/// # Errors
/// No such file, a device or folder, a file that is too long or no UTF-8.
pub fn read_text(path: &Path) -> Result<String> {
    let fail = |error| Error::io(path, error);
    let data = fs::metadata(path).map_err(fail)?;
    if !data.is_file() || data.len() > LONGEST_TEXT {
        let problem = match data.is_file() {
            true => format!("has {} bytes, at most {LONGEST_TEXT} are read", data.len()),
            false => "is no file".to_owned(),
        };
        let hint = "name a text file, as nextframe writes it";
        return Err(Error::input(path.display().to_string(), problem, hint));
    }
    fs::read_to_string(path).map_err(fail)
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
/// temporary files of at least this age. Where other processes may be writing,
/// give more than they take.
pub fn sweep(folder: &Path, age: Duration) -> Result<()> {
    for path in entries(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Another process may have removed it first.
        let Ok(data) = path.symlink_metadata() else {
            continue;
        };
        let time = data.modified().map_err(|error| Error::io(&path, error))?;
        // A time to come counts as now.
        if name.starts_with(PREFIX) && time.elapsed().unwrap_or_default() >= age {
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

/// The bytes of a file that has at most `most` of them.
///
/// # Errors
/// No such file, a folder or a device, a longer file.
pub fn read_short(path: &Path, most: u64) -> Result<Vec<u8>> {
    let fail = |error| Error::io(path, error);
    let refuse =
        |problem: String| Error::input(path.display().to_string(), problem, "name another file");
    let too_long = || {
        refuse(format!(
            "is longer than the {most} bytes that such a file may have"
        ))
    };
    let mut bytes = Vec::new();
    if standard_input::is_pipe(path) {
        let mut pipe = StandardInput::of_pipe(path);
        loop {
            match pipe.piece()? {
                piece if piece.is_empty() => return Ok(bytes),
                piece => bytes.extend(piece),
            }
            if bytes.len() as u64 > most {
                return Err(too_long());
            }
        }
    }
    let file = File::open(path).map_err(fail)?;
    let data = file.metadata().map_err(fail)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if data.file_type().is_char_device() || data.file_type().is_block_device() {
            return Err(refuse("is a device, and no file".to_owned()));
        }
    }
    if data.len() <= most {
        file.take(most + 1).read_to_end(&mut bytes).map_err(fail)?;
    }
    if data.len().max(bytes.len() as u64) > most {
        return Err(too_long());
    }
    Ok(bytes)
}

/// The folder that `path` lies in, made if missing.
pub(crate) fn make_folder_of(path: &Path) -> Result<&Path> {
    if path.file_name().is_none() {
        return Err(Error::input(
            path.display().to_string(),
            "is not the name of a file",
            "end the path with a name",
        ));
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    Ok(folder)
}

/// `tempfile` makes what only its owner may read; what is kept is to be
/// readable like any other file or folder. The process's umask still applies.
pub(crate) fn temporary(ending: &str, mode: u32) -> tempfile::Builder<'_, '_> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(ending);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = mode;
    builder
}

/// The error with the lasting folder's name where it names the temporary one.
pub(crate) fn renamed(error: Error, temporary: &Path, path: &Path) -> Error {
    match error {
        Error::Io { path: at, source } => match at.strip_prefix(temporary) {
            Ok(rest) => Error::io(path.join(rest), source),
            Err(_) => Error::io(at, source),
        },
        Error::Input {
            subject,
            problem,
            hint,
        } => match Path::new(&subject).strip_prefix(temporary) {
            Ok(rest) => Error::input(path.join(rest).display().to_string(), problem, hint),
            Err(_) => Error::input(subject, problem, hint),
        },
        error => error,
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
    fn a_file_that_is_too_long_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_short(&path, 5).unwrap(), b"12345");
        let said = |path: &Path| read_short(path, 4).unwrap_err().to_string();
        assert!(said(&path).contains("longer than the 4 bytes"));
        assert!(said(folder.path()).contains(&folder.path().display().to_string()));
        if cfg!(unix) {
            assert!(said(Path::new("/dev/zero")).contains("is a device"));
        }
    }

    #[test]
    fn what_a_killed_process_left_is_swept() {
        let folder = tempfile::tempdir().unwrap();
        let keep = folder.path().join("model");
        replace_bytes(&keep, b"whole").unwrap();
        fs::write(folder.path().join(".nextframe-x1.tmp"), b"ha").unwrap();
        sweep(folder.path(), Duration::from_secs(3600)).unwrap();
        assert_eq!(entries(folder.path()).unwrap().len(), 2);
        sweep(folder.path(), Duration::ZERO).unwrap();
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

    #[test]
    fn a_text_is_a_file_of_some_size() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let said = |path: &Path| read_text(path).unwrap_err().to_string();
        assert!(said(&path).contains("config.json"));
        replace_bytes(&path, b"{}").unwrap();
        assert_eq!(read_text(&path).unwrap(), "{}");
        // Long, and yet of no room.
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        assert!(said(&path).contains("has 1099511627776 bytes"));
        assert!(said(folder.path()).contains("is no file"));
        let endless = Path::new("/dev/zero");
        assert!(!endless.exists() || said(endless).contains("is no file"));
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
    fn a_missing_folder_is_made_and_a_missing_name_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/model.gif");
        replace_by_name(&path, |temporary| {
            assert_eq!(temporary.extension(), path.extension());
            assert_eq!(temporary.parent(), path.parent());
            fs::write(temporary, b"whole").map_err(|error| Error::io(temporary, error))
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        let left = entries(path.parent().unwrap()).unwrap();
        assert_eq!(left, std::slice::from_ref(&path));
        let message = |path: &Path| replace_bytes(path, b"").unwrap_err().to_string();
        let said = message(&path.join("inside"));
        assert!(said.contains("deep/er/model.gif"), "{said}");
        let said = message(&folder.path().join(".."));
        assert!(said.contains("not the name of a file"), "{said}");
    }
}
