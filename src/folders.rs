//! Folders that the program writes as a whole, and what it may replace.

use crate::error::{Error, Result};
use crate::files::{make_folder_of, renamed, sync_folder, temporary};
use std::fs;
use std::path::Path;

/// What a folder that the program writes holds.
pub struct Filled {
    /// A file that each of them has.
    pub mark: &'static str,
    /// Whether one may have a file of this name.
    pub ours: fn(&str) -> bool,
}

impl Filled {
    /// Refuses a folder at `path` that holds anything else.
    pub fn check(&self, path: &Path) -> Result<()> {
        let fail = |error| Error::io(path, error);
        let other = |what: String| {
            Err(Error::input(
                path.display().to_string(),
                format!("the folder holds something else ({what})"),
                "name another folder, or empty this one",
            ))
        };
        let mut first = None;
        for entry in fs::read_dir(path).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if !entry.file_type().map_err(fail)?.is_file() || !(self.ours)(&name) {
                return other(name);
            }
            first = Some(name);
        }
        match first {
            Some(name) if !path.join(self.mark).exists() => other(name),
            _ => Ok(()),
        }
    }
}

/// Whether `text` is a number of at least so many digits, as counted files have.
pub fn is_counted(text: &str, digits: usize) -> bool {
    text.len() >= digits && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Lets `write` fill a new folder, which then takes the place of `path`.
///
/// # Errors
/// A folder at `path` with anything in it that is not `filled`'s, which is left
/// alone; whatever `write` fails with, which then leaves the old folder as it
/// was.
pub fn replace_folder(
    path: &Path,
    filled: &Filled,
    write: impl FnOnce(&Path) -> Result<()>,
) -> Result<()> {
    let fail = |error| Error::io(path, error);
    let parent = make_folder_of(path)?;
    let occupied = path.exists();
    if occupied {
        filled.check(path)?;
    }
    let nest = || temporary(".tmp", 0o777).tempdir_in(parent).map_err(fail);
    let new = nest()?;
    write(new.path()).map_err(|error| renamed(error, new.path(), path))?;
    // A folder cannot be renamed over a full one: the old one steps aside, to
    // be removed once the new one stands.
    let old = nest()?;
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
    sync_folder(parent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::{entries, replace_bytes};

    const PICTURES: Filled = Filled {
        mark: "1.png",
        ours: |name| name.ends_with(".png"),
    };

    #[test]
    fn a_folder_is_replaced_only_by_its_like() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("frames");
        let write = |names: &[&str]| {
            replace_folder(&path, &PICTURES, |new| {
                for name in names {
                    replace_bytes(&new.join(name), b"")?;
                }
                Ok(())
            })
        };
        write(&["1.png", "2.png"]).unwrap();
        write(&["1.png", "3.png"]).unwrap();
        let both = [path.join("1.png"), path.join("3.png")];
        assert_eq!(entries(&path).unwrap(), both);
        // A failure names what was asked for, not where it was made.
        let said = write(&["4.png", "4.png/5.png"]).unwrap_err().to_string();
        assert!(said.contains("frames/4.png"), "{said}");
        assert_eq!(entries(&path).unwrap(), both);
        // Not the mark, a name, a folder.
        fs::remove_file(path.join("1.png")).unwrap();
        let said = write(&["4.png"]).unwrap_err().to_string();
        assert!(said.contains("3.png"), "{said}");
        fs::write(path.join("1.png"), "").unwrap();
        fs::create_dir(path.join("5.png")).unwrap();
        let said = write(&["4.png"]).unwrap_err().to_string();
        assert!(said.contains("5.png"), "{said}");
        fs::remove_dir(path.join("5.png")).unwrap();
        fs::write(path.join("thesis.txt"), "dear").unwrap();
        let said = write(&["4.png"]).unwrap_err().to_string();
        assert!(said.contains("thesis.txt"), "{said}");
        let left = [
            path.join("1.png"),
            path.join("3.png"),
            path.join("thesis.txt"),
        ];
        assert_eq!(entries(&path).unwrap(), left);
        assert_eq!(entries(folder.path()).unwrap(), [path]);
    }
}
