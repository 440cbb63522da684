//! What a user names, turned into sequences that can be read.

use super::animation::Animation;
use super::cuts::Marked;
use super::frame::{Description, Frame, Frames};
use super::pictures::Stills;
use super::resample::Resampled;
use super::settings::ReadSettings;
use super::tensors::Tensors;
use crate::error::{Error, Result};
use crate::interrupt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempPath;

const STANDARD_INPUT: &str = "standard input";

/// What a source is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A video file, for FFmpeg.
    Video,
    /// Pictures in order, one file each.
    Stills,
    /// One file that may be animated: GIF, WebP, PNG.
    Picture,
    /// A `.safetensors` with `frames`.
    Tensors,
    /// A cache file, `.frames`.
    Prepared,
}

/// One sequence of frames, not opened yet.
#[derive(Debug, Clone)]
pub struct Source {
    /// What to call it: the path as found, or "standard input".
    pub name: String,
    /// What it is made of.
    pub kind: Kind,
    /// The file, or the pictures in order.
    pub files: Vec<PathBuf>,
    /// Standard input's copy on disk, removed with the last clone.
    spool: Option<Arc<TempPath>>,
}

impl Source {
    /// A file of any kind that can be read, by its content and extension.
    ///
    /// # Errors
    /// What is no regular file: a pipe can be read only once.
    pub fn file(path: &Path) -> Result<Self> {
        let is_file = path
            .metadata()
            .map_err(|error| Error::io(path, error))?
            .is_file();
        if !is_file {
            return Err(Error::input(
                path.display().to_string(),
                "it is no regular file",
                "where it is a pipe, lead it to standard input and give -",
            ));
        }
        Ok(Self {
            name: path.display().to_string(),
            kind: kind_of(path)?,
            files: vec![path.to_owned()],
            spool: None,
        })
    }

    /// Pictures in order, named after their folder.
    pub fn stills(files: Vec<PathBuf>) -> Self {
        let folder = files.first().and_then(|file| file.parent());
        Self {
            name: folder.unwrap_or(Path::new("")).display().to_string(),
            kind: Kind::Stills,
            files,
            spool: None,
        }
    }

    /// Standard input, copied to a temporary file: many formats keep their
    /// index at the end.
    pub fn standard_input() -> Result<Self> {
        let failed = |error| Error::io(STANDARD_INPUT, error);
        let full = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::StorageFull => Error::input(
                STANDARD_INPUT,
                format!(
                    "there is no room for a copy in {}",
                    std::env::temp_dir().display()
                ),
                "make room, or set TMPDIR to another folder",
            ),
            _ => failed(error),
        };
        let mut spool = tempfile::Builder::new()
            .prefix("nextframe-standard-input-")
            .tempfile()
            .map_err(failed)?;
        let mut input = std::io::stdin().lock();
        while std::io::copy(&mut input.by_ref().take(1 << 20), &mut spool).map_err(full)? > 0 {
            interrupt::check()?;
        }
        let spool = spool.into_temp_path();
        let file = Self::file(&spool);
        let mut source = file.map_err(|error| error.about(&spool, STANDARD_INPUT))?;
        source.name = STANDARD_INPUT.to_owned();
        Ok(source.keep(spool))
    }

    fn keep(self, spool: TempPath) -> Self {
        Self {
            spool: Some(Arc::new(spool)),
            ..self
        }
    }

    /// Starts reading: frames of the settings' shape, rate and range, with
    /// scene cuts marked.
    pub fn open(&self, settings: &ReadSettings) -> Result<Box<dyn Frames>> {
        let Some(spool) = &self.spool else {
            return self.open_files(settings);
        };
        let frames = self.open_files(settings);
        Ok(Box::new(Spooled {
            frames: frames.map_err(|error| error.about(spool, STANDARD_INPUT))?,
            spool: spool.clone(),
        }))
    }

    fn open_files(&self, settings: &ReadSettings) -> Result<Box<dyn Frames>> {
        settings.check()?;
        let shape = settings.shape();
        let Some(path) = self.files.first() else {
            return Err(Error::input(&self.name, "no files", "give at least one"));
        };
        let stills = || Stills::open(self.files.clone(), settings);
        Ok(match self.kind {
            // The author said where sequences end: nothing to guess.
            Kind::Tensors => Box::new(Resampled::new(Tensors::open(path, settings)?, settings)),
            Kind::Stills => Box::new(finish(stills()?, shape, settings)),
            Kind::Picture => match Animation::open(path, settings)? {
                Some(animation) => Box::new(finish(animation, shape, settings)),
                None => Box::new(stills()?),
            },
            Kind::Video => open_video(path, settings)?,
            Kind::Prepared => {
                return Err(Error::input(
                    &self.name,
                    "already prepared; it holds frames, not a video",
                    "pass it to training or generation as it is",
                ));
            }
        })
    }
}

/// Frames of standard input's copy, whose errors are about standard input.
struct Spooled {
    frames: Box<dyn Frames>,
    spool: Arc<TempPath>,
}

impl Frames for Spooled {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        let next = self.frames.next_frame();
        next.map_err(|error| error.about(&self.spool, STANDARD_INPUT))
    }

    fn description(&self) -> &Description {
        self.frames.description()
    }

    fn lost(&self) -> usize {
        self.frames.lost()
    }
}

fn finish<F: Frames>(
    frames: F,
    shape: (usize, usize, usize),
    settings: &ReadSettings,
) -> Resampled<Marked<F>> {
    Resampled::new(Marked::new(frames, shape), settings)
}

#[cfg(feature = "ffmpeg")]
fn open_video(path: &Path, settings: &ReadSettings) -> Result<Box<dyn Frames>> {
    let (file, wanted) = (path.to_owned(), settings.clone());
    let frames = super::ahead::Ahead::start(settings.frame_bytes(), move || {
        super::decode::Decoder::open(&file, &wanted)
    })?;
    Ok(Box::new(finish(frames, settings.shape(), settings)))
}

#[cfg(not(feature = "ffmpeg"))]
fn open_video(path: &Path, _: &ReadSettings) -> Result<Box<dyn Frames>> {
    Err(Error::input(
        path.display().to_string(),
        "a video file, and this program was built without FFmpeg",
        "build with `--features ffmpeg`, or give pictures, GIF, .safetensors or a prepared .frames",
    ))
}

/// Tells a file's kind by its extension where that is certain, else by its
/// first bytes.
fn kind_of(path: &Path) -> Result<Kind> {
    let io = |error| Error::io(path, error);
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(64).read_to_end(&mut head))
        .map_err(io)?;
    if head.is_empty() {
        return Err(Error::input(
            path.display().to_string(),
            "the file is empty (0 bytes)",
            "give a file with a video that plays",
        ));
    }
    let extension = extension(path);
    let picture = image::guess_format(&head).is_ok();
    Ok(match extension.as_str() {
        "frames" => Kind::Prepared,
        "safetensors" => Kind::Tensors,
        // A stream of JPEG pictures starts like a JPEG picture.
        "mjpg" | "mjpeg" => Kind::Video,
        _ if picture => Kind::Picture,
        _ if head.get(8..10) == Some(b"{\"") => Kind::Tensors,
        _ => Kind::Video,
    })
}

pub(super) fn extension(path: &Path) -> String {
    path.extension()
        .map(|extension| extension.to_string_lossy().to_lowercase())
        .unwrap_or_default()
}
