//! Files that are either whole or not there.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Puts `bytes` at `path`, in place of what was there.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    write_atomically(path, |file| {
        file.write_all(bytes)
            .map_err(|error| Error::io(path, error))
    })
}

/// Lets `write` fill a new file, which then takes the place of `path`. Where
/// anything fails, what was at `path` stays as it was.
pub fn write_atomically(path: &Path, write: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    write_path_atomically(path, |temporary| {
        let mut file = File::create(temporary).map_err(|error| Error::io(path, error))?;
        write(&mut file)
    })
}

/// As [`write_atomically`], for writers that want a name: it ends as `path`
/// does and lies in the same folder, which is made if missing.
pub fn write_path_atomically(path: &Path, write: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let fail = |error| Error::io(path, error);
    let (folder, name) = (folder_of(path)?, name_of(path)?);
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        // What an ordinary new file gets, not the private mode of a temporary one.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let ending = format!(".tmp.{name}");
    let temporary = builder
        .prefix(".")
        .suffix(&ending)
        .tempfile_in(&folder)
        .map_err(fail)?
        .into_temp_path();
    write(&temporary)?;
    File::open(&temporary)
        .and_then(|file| file.sync_all())
        .map_err(fail)?;
    temporary.persist(path).map_err(|error| fail(error.error))?;
    sync_folder(&folder);
    Ok(())
}

/// Lets `write` fill a new folder, which then takes the place of `path`.
/// `ours` says which file names such a folder holds: one with anything else in
/// it is not replaced but an error.
pub fn write_folder_atomically(
    path: &Path,
    ours: impl Fn(&str) -> bool,
    write: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let fail = |error| Error::io(path, error);
    let (parent, name) = (folder_of(path)?, name_of(path)?);
    let occupied = path.exists();
    if occupied {
        for entry in fs::read_dir(path).map_err(fail)? {
            let other = entry.map_err(fail)?.file_name();
            if !ours(&other.to_string_lossy()) {
                return Err(Error::input(
                    path.display().to_string(),
                    format!("the folder holds something else ({})", other.display()),
                    "name another folder, or empty this one",
                ));
            }
        }
    }
    let temporary = |part: &str| {
        let mut builder = tempfile::Builder::new();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        builder
            .prefix(&format!(".{name}.{part}"))
            .tempdir_in(&parent)
            .map_err(fail)
    };
    let new = temporary("new")?;
    write(new.path())?;
    // A folder cannot be renamed over a full one: the old one steps aside, to
    // be removed once the new one stands.
    let old = temporary("old")?;
    let aside = old.path().join("old");
    if occupied {
        fs::rename(path, &aside).map_err(fail)?;
    }
    let new = new.keep();
    if let Err(error) = fs::rename(&new, path) {
        if occupied {
            let _ = fs::rename(&aside, path);
        }
        let _ = fs::remove_dir_all(&new);
        return Err(fail(error));
    }
    sync_folder(&parent);
    Ok(())
}

fn name_of(path: &Path) -> Result<String> {
    let name = path.file_name().ok_or_else(|| {
        Error::input(
            path.display().to_string(),
            "is not the name of a file",
            "end the path with a name",
        )
    })?;
    Ok(name.to_string_lossy().into_owned())
}

/// The folder that `path` lies in, made if missing.
fn folder_of(path: &Path) -> Result<PathBuf> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
    Ok(folder.to_path_buf())
}

/// Makes the rename itself last through a power cut, where the system can.
fn sync_folder(folder: &Path) {
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/a.txt");
        replace(&path, b"old").unwrap();
        let result = write_atomically(&path, |file| {
            file.write_all(b"half").unwrap();
            Err(Error::Interrupted)
        });
        assert!(matches!(result, Err(Error::Interrupted)));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        replace(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(path.parent().unwrap()), ["a.txt"]);
    }

    #[test]
    fn a_folder_is_replaced_only_by_its_like() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames");
        let write = |names: &[&str]| {
            write_folder_atomically(
                &path,
                |name| name.ends_with(".png"),
                |new| {
                    names
                        .iter()
                        .for_each(|name| fs::write(new.join(name), name).unwrap());
                    Ok(())
                },
            )
        };
        write(&["1.png", "2.png"]).unwrap();
        write(&["3.png"]).unwrap();
        assert_eq!(names(&path), ["3.png"]);
        assert_eq!(names(folder.path()), ["frames"]);
        fs::write(path.join("thesis.txt"), "dear").unwrap();
        let message = write(&["4.png"]).unwrap_err().to_string();
        assert!(message.contains("thesis.txt"), "{message}");
        assert_eq!(names(&path), ["3.png", "thesis.txt"]);
    }
}
