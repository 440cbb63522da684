//! Names that stand for several files: globs, and numbers as FFmpeg writes them.

use super::left_out::LeftOut;
use super::walk::{Walk, sort};
use crate::error::{Error, Result};
use crate::interrupt;
use glob::{MatchOptions, Pattern};
use std::path::{Component, Path, PathBuf};

/// Whether a name may be a glob.
pub fn is_glob(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// The files and folders that match a glob, in the natural order of their
/// names. A part of the pattern that exists as it is written stands for itself;
/// `**` stands for any folders; hidden names match a dot only.
///
/// # Errors
/// A pattern that is none. A folder that cannot be read is left out.
pub fn glob(pattern: &str, out: &mut LeftOut) -> Result<Vec<PathBuf>> {
    let mut found = vec![PathBuf::new()];
    let parts: Vec<Component> = Path::new(pattern).components().collect();
    for (index, part) in parts.iter().enumerate() {
        let last = index + 1 == parts.len();
        let name = part.as_os_str().to_string_lossy();
        let mut next = Vec::new();
        for base in found {
            let literal = base.join(part);
            if !is_glob(&name) || literal.symlink_metadata().is_ok() {
                next.push(literal);
            } else if name == "**" {
                // A folder stands for all that lies below it.
                match last {
                    true => next.push(base),
                    false => below(&mut Walk::default(), base, out, &mut next)?,
                }
            } else {
                let pattern = Pattern::new(&name).map_err(|error| {
                    Error::input(pattern, error.to_string(), "check the pattern")
                })?;
                next.extend(matches(&base, &pattern, out)?);
            }
        }
        let exists = |path: &PathBuf| match last {
            true => path.symlink_metadata().is_ok(),
            false => path.is_dir(),
        };
        next.retain(exists);
        found = next;
    }
    Ok(sort(found))
}

fn matches(folder: &Path, pattern: &Pattern, out: &mut LeftOut) -> Result<Vec<PathBuf>> {
    let options = MatchOptions {
        require_literal_leading_dot: true,
        ..MatchOptions::new()
    };
    let mut found = Vec::new();
    for name in names(folder, out)? {
        // Bytes that are no UTF-8 match as one character each.
        if pattern.matches_with(&name.to_string_lossy(), options) {
            found.push(folder.join(name));
        }
    }
    Ok(found)
}

/// `folder` and all folders below it.
fn below(walk: &mut Walk, folder: PathBuf, out: &mut LeftOut, to: &mut Vec<PathBuf>) -> Result<()> {
    let here = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => &folder,
    };
    // What is no file there is of no interest before it matches.
    let folders = match walk.list(here, &mut LeftOut::default()) {
        Ok(Some(listing)) => listing.folders,
        Ok(None) => return Ok(()),
        Err(Error::Interrupted) => return Err(Error::Interrupted),
        Err(error) => {
            out.add(error);
            return Ok(());
        }
    };
    to.push(folder);
    for inner in folders {
        let inner = inner
            .strip_prefix(".")
            .map_or(inner.clone(), Path::to_owned);
        below(walk, inner, out, to)?;
    }
    Ok(())
}

fn names(folder: &Path, out: &mut LeftOut) -> Result<Vec<std::ffi::OsString>> {
    let here = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let mut names = Vec::new();
    let entries = match here.read_dir() {
        Ok(entries) => entries,
        Err(error) => {
            out.add(Error::io(here, error));
            return Ok(names);
        }
    };
    for entry in entries {
        interrupt::check()?;
        names.push(entry.map_err(|error| Error::io(here, error))?.file_name());
    }
    Ok(names)
}

/// A name with a number in it as FFmpeg writes it: `f%d.png`, `f%04d.png`.
pub struct Numbered {
    folder: PathBuf,
    before: String,
    width: usize,
    after: String,
}

impl Numbered {
    /// Reads the pattern, or None where there is no number in its last part.
    pub fn parse(name: &str) -> Option<Self> {
        let path = Path::new(name);
        let file = path.file_name()?.to_str()?;
        let (before, rest) = file.split_once('%')?;
        let (digits, after) = rest.split_once('d')?;
        let width = match digits {
            "" => 0,
            _ if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok()?,
            _ => return None,
        };
        Some(Self {
            folder: path.parent()?.to_owned(),
            before: before.to_owned(),
            width: if width > 20 { return None } else { width },
            after: after.to_owned(),
        })
    }

    /// The files that it stands for, by their numbers.
    ///
    /// # Errors
    /// The user's Ctrl-C. A folder that cannot be read is left out.
    pub fn files(&self, out: &mut LeftOut) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for name in names(&self.folder, out)? {
            let digits = name.to_str().and_then(|name| {
                let rest = name.strip_prefix(self.before.as_str())?;
                rest.strip_suffix(self.after.as_str())
            });
            let Some(number) = digits.and_then(|digits| digits.parse::<u64>().ok()) else {
                continue;
            };
            if digits == Some(format!("{number:0width$}", width = self.width).as_str()) {
                found.push((number, self.folder.join(&name)));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, path)| path).collect())
    }

    /// The glob that stands for the same files, and perhaps more.
    pub fn glob(&self) -> String {
        let file = format!("{}*{}", self.before, self.after);
        self.folder.join(file).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        folder
    }

    fn found(folder: &tempfile::TempDir, files: &[PathBuf]) -> Vec<String> {
        let inner = |path: &PathBuf| {
            path.strip_prefix(folder.path())
                .unwrap()
                .display()
                .to_string()
        };
        files.iter().map(inner).collect()
    }

    #[test]
    fn globs_match_as_in_a_shell() {
        let folder = folder(&[
            "a10.mp4",
            "a9.mp4",
            ".a1.mp4",
            "b/c/a2.mp4",
            "b/a3.mp4",
            "[1]/a4.mp4",
            "1/a5.mp4",
        ]);
        let look = |pattern: &str| {
            let pattern = folder.path().join(pattern).display().to_string();
            found(&folder, &glob(&pattern, &mut LeftOut::default()).unwrap())
        };
        assert_eq!(look("a*.mp4"), ["a9.mp4", "a10.mp4"]);
        assert_eq!(look("*/a?.mp4"), ["1/a5.mp4", "[1]/a4.mp4", "b/a3.mp4"]);
        assert_eq!(look("b/**/*.mp4"), ["b/a3.mp4", "b/c/a2.mp4"]);
        // A part that exists is taken as it is written.
        assert_eq!(look("[1]/*.mp4"), ["[1]/a4.mp4"]);
        assert!(look("x*").is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn a_glob_ends_where_links_lead_back_and_finds_any_bytes() {
        use std::os::unix::ffi::OsStrExt as _;
        let folder = folder(&["a.mp4"]);
        for link in ["current", "latest"] {
            std::os::unix::fs::symlink(".", folder.path().join(link)).unwrap();
        }
        let odd = std::ffi::OsStr::from_bytes(b"caf\xe9.mp4");
        std::fs::write(folder.path().join(odd), "x").unwrap();
        let pattern = folder.path().join("**/*.mp4").display().to_string();
        let files = glob(&pattern, &mut LeftOut::default()).unwrap();
        assert_eq!(
            files,
            [folder.path().join("a.mp4"), folder.path().join(odd)]
        );
    }

    #[test]
    fn numbers_are_read_as_ffmpeg_writes_them() {
        let folder = folder(&[
            "f0.png", "f2.png", "f10.png", "f02.png", "f002.png", "fx.png",
        ]);
        let look = |pattern: &str| {
            let pattern = folder.path().join(pattern).display().to_string();
            let files = Numbered::parse(&pattern)
                .unwrap()
                .files(&mut LeftOut::default());
            found(&folder, &files.unwrap())
        };
        assert_eq!(look("f%d.png"), ["f0.png", "f2.png", "f10.png"]);
        assert_eq!(look("f%02d.png"), ["f02.png", "f10.png"]);
        assert_eq!(look("f%03d.png"), ["f002.png"]);
        assert!(Numbered::parse("100%.png").is_none());
        assert_eq!(Numbered::parse("a/f%03d.png").unwrap().glob(), "a/f*.png");
    }
}
