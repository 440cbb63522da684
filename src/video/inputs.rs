//! Files, folders, patterns and `-`, expanded to sources.

use super::left_out::LeftOut;
use super::patterns::{self, Numbered};
use super::source::{Identity, Kind, Source, extension, identify};
use super::walk::{self, Walk};
use crate::error::{Error, Result};
use crate::interrupt;
use std::collections::{BTreeMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Endings of pictures: such a file is one, or is broken.
const STILLS: &[&str] = &[
    "bmp", "jfif", "jpe", "jpeg", "jpg", "pbm", "pgm", "png", "pnm", "ppm", "tif", "tiff", "webp",
];
/// Endings of films: such a file is one, or is broken. Films with other
/// endings are found by their content.
#[rustfmt::skip]
const MOVING: &[&str] = &[
    "3g2", "3gp", "apng", "asf", "avi", "cine", "divx", "dv", "f4v", "flv", "frames", "gif",
    "h264", "h265", "hevc", "ivf", "m2t", "m2ts", "m2v", "m4v", "mj2", "mjpeg", "mjpg", "mkv",
    "mov", "mp4", "mpe", "mpeg", "mpg", "mts", "mxf", "npy", "npz", "nut", "obu", "ogm", "ogv",
    "qt", "rm", "safetensors", "ts", "vob", "webm", "wmv", "y4m",
];

/// Sources for what the user wrote, in order, each file once. In a folder,
/// every video is a source, and pictures beside no video are one sequence,
/// in the natural order of their names (9 before 10); folders inside are
/// searched too. Pictures that a pattern finds in one folder are one sequence.
/// What is found and cannot be used is left out with a warning.
///
/// # Errors
/// A name that cannot be used, or a folder or pattern that holds nothing.
pub fn expand(inputs: &[String]) -> Result<Vec<Source>> {
    expand_with(inputs, false)
}

/// The same, but nothing may be left out.
///
/// # Errors
/// As [`expand`], and where a file that was found cannot be used.
pub fn expand_strictly(inputs: &[String]) -> Result<Vec<Source>> {
    expand_with(inputs, true)
}

fn expand_with(inputs: &[String], strict: bool) -> Result<Vec<Source>> {
    let mut search = Search {
        sources: Vec::new(),
        out: LeftOut::new(strict),
    };
    let found = inputs.iter().try_for_each(|input| search.expand(input));
    let Search { mut sources, out } = search;
    match strict {
        true => out.refuse()?,
        false => out.tell(),
    }
    found?;
    if sources.is_empty() {
        return Err(Error::input(
            "input",
            "nothing to read",
            "give a video, several, a folder, a glob, or - for standard input",
        ));
    }
    let mut seen = HashSet::new();
    sources.retain(|source| {
        let real = |file: &PathBuf| file.canonicalize().unwrap_or_else(|_| file.clone());
        seen.insert(source.files.iter().map(real).collect::<Vec<_>>())
    });
    for source in &mut sources {
        source.named |= strict;
    }
    Ok(sources)
}

struct Search {
    sources: Vec<Source>,
    out: LeftOut,
}

impl Search {
    fn expand(&mut self, input: &str) -> Result<()> {
        if input == "-" {
            self.sources.push(Source::standard_input()?);
            return Ok(());
        }
        let path = Path::new(input);
        match path.metadata() {
            Ok(data) if data.is_dir() => self.folder(path),
            Ok(_) => {
                self.sources.push(Source::file(path)?);
                Ok(())
            }
            Err(error) if path.is_symlink() => Err(walk::unreadable(path, error)),
            Err(_) if is_address(input) => Err(Error::input(
                input,
                "an address, and files are read",
                "download it first (curl -LO, yt-dlp, or ffmpeg -i ADDRESS -c copy film.mkv)",
            )),
            Err(error) if error.kind() == ErrorKind::NotFound => self.pattern(input),
            Err(error) => Err(Error::io(path, error)),
        }
    }

    fn folder(&mut self, path: &Path) -> Result<()> {
        let (sources, left_out) = (self.sources.len(), self.out.count());
        self.search(path, &mut Walk::default())?;
        if self.sources.len() > sources {
            return Ok(());
        }
        let count = match self.out.count() - left_out {
            0 => String::new(),
            count => format!(" ({count} left out)"),
        };
        Err(Error::input(
            path.display().to_string(),
            format!("no videos or pictures in this folder{count}"),
            "give a folder that holds some",
        ))
    }

    fn pattern(&mut self, input: &str) -> Result<()> {
        let none = |hint: &str| Err(Error::input(input, "no file matches", hint));
        let before = self.sources.len();
        if let Some(numbered) = Numbered::parse(input) {
            let files = numbered.files(&mut self.out)?;
            self.take_matches(files)?;
            return match self.sources.len() > before {
                true => Ok(()),
                false => none(&format!(
                    "give the folder, or a glob such as {}",
                    numbered.glob()
                )),
            };
        }
        if !patterns::is_glob(input) {
            let input = if input.is_empty() { "input" } else { input };
            return Err(Error::input(
                input,
                "no such file or folder",
                "check the spelling",
            ));
        }
        let found = patterns::glob(input, &mut self.out)?;
        let (folders, files): (Vec<_>, Vec<_>) = found.into_iter().partition(|path| path.is_dir());
        let mut walk = Walk::default();
        for folder in folders {
            self.search(&folder, &mut walk)?;
        }
        self.take_matches(files)?;
        match self.sources.len() > before {
            true => Ok(()),
            false => none("check the pattern"),
        }
    }

    /// Takes what lies in a folder, and in those inside it.
    fn search(&mut self, folder: &Path, walk: &mut Walk) -> Result<()> {
        let Some(listing) = walk.list(folder, &mut self.out)? else {
            return Ok(());
        };
        self.take_folder(folder, listing.files)?;
        for inner in listing.folders {
            match self.search(&inner, walk) {
                Err(error @ Error::Io { .. }) => self.out.add(error),
                done => done?,
            }
        }
        Ok(())
    }

    /// Takes the files of one folder: its films, or else its pictures as one
    /// sequence, or else its arrays.
    fn take_folder(&mut self, folder: &Path, files: Vec<PathBuf>) -> Result<()> {
        let Sorted {
            films,
            arrays,
            stills,
        } = self.sort_out(files)?;
        let (beside, what) = match (films.is_empty(), stills.is_empty()) {
            (false, _) => (
                stills.len() + arrays.len(),
                "pictures and arrays beside videos",
            ),
            (true, false) => (arrays.len(), "arrays beside pictures"),
            (true, true) => (0, ""),
        };
        if beside > 0 {
            self.out.add(Error::input(
                folder.display().to_string(),
                format!("{what} are not read ({beside})"),
                "name them, or move them to a folder of their own, to have them read",
            ));
        }
        if !films.is_empty() {
            self.add_each(films);
        } else if !stills.is_empty() {
            self.sources.push(Source::stills(stills).found());
        } else {
            self.add_each(arrays);
        }
        Ok(())
    }

    /// Takes all that a pattern matches: each folder's pictures as one sequence.
    fn take_matches(&mut self, files: Vec<PathBuf>) -> Result<()> {
        let Sorted {
            mut films,
            arrays,
            stills,
        } = self.sort_out(files)?;
        let mut folders = BTreeMap::<PathBuf, Vec<PathBuf>>::new();
        for still in stills {
            let folder = still.parent().unwrap_or(Path::new("")).to_owned();
            folders.entry(folder).or_default().push(still);
        }
        let sequences = folders.into_values();
        self.sources
            .extend(sequences.map(|files| Source::stills(files).found()));
        films.extend(arrays);
        self.add_each(films);
        Ok(())
    }

    fn add_each(&mut self, films: Vec<Source>) {
        self.sources.extend(films.into_iter().map(Source::found));
    }

    /// Films, pictures and arrays among files that were found.
    fn sort_out(&mut self, files: Vec<PathBuf>) -> Result<Sorted> {
        let mut sorted = Sorted::default();
        for path in files {
            interrupt::check()?;
            // Reading pictures to their ends takes long: the first one tells
            // whether its neighbours may be streams of pictures.
            let thorough = sorted.stills.is_empty() || !is(&path, STILLS);
            match identify(&path, thorough) {
                Ok(Identity::Film(kind)) => sorted.films.push(Source::new(&path, kind)),
                Ok(Identity::Array) => sorted.arrays.push(Source::new(&path, Kind::Tensors)),
                Ok(Identity::Still) => sorted.stills.push(path),
                Ok(Identity::Rare(what)) => self.out.add(Error::input(
                    path.display().to_string(),
                    format!("it is {what}, which is read only where it is named"),
                    "convert it to PNG",
                )),
                // What it is, FFmpeg will say.
                Ok(Identity::Unknown) if is(&path, MOVING) => {
                    sorted.films.push(Source::new(&path, Kind::Video));
                }
                Ok(Identity::Unknown) if is(&path, STILLS) => self.out.add(Error::input(
                    path.display().to_string(),
                    "not a picture of a known kind",
                    "give PNG, JPEG, GIF, WebP, BMP, TIFF or PNM",
                )),
                Err(error) if is(&path, STILLS) || is(&path, MOVING) => self.out.add(error),
                Ok(Identity::Unknown) | Err(_) => self.out.add_other(path),
            }
        }
        Ok(sorted)
    }
}

/// Files that were found, by what is read of them.
#[derive(Default)]
struct Sorted {
    films: Vec<Source>,
    arrays: Vec<Source>,
    stills: Vec<PathBuf>,
}

fn is(path: &Path, endings: &[&str]) -> bool {
    endings.contains(&extension(path).as_str())
}

/// Whether a name is meant for a program that reads from the network.
fn is_address(name: &str) -> bool {
    let scheme = name.split_once("://").map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        !scheme.is_empty()
            && scheme
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    }) || ["www.", "youtube.com/", "youtu.be/"]
        .iter()
        .any(|host| name.starts_with(host))
}
