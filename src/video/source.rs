//! What a user names, turned into sequences that can be read.

use super::animation::Animation;
use super::content::{self, Content};
use super::cuts::Marked;
use super::frame::{Description, Frame, Frames};
use super::pictures::Stills;
use super::resample::Resampled;
use super::settings::ReadSettings;
use super::spool::{self, STANDARD_INPUT};
use super::tensors::Tensors;
use super::{arrays, several, walk};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempPath;

/// What a source is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A video file, for FFmpeg.
    Video,
    /// Pictures in order, one file each.
    Stills,
    /// One file that may be animated: GIF, WebP, PNG.
    Picture,
    /// A `.safetensors` with `frames`, or an array of NumPy.
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
    /// Whether the user named it. Else it was found in a folder or by a
    /// pattern, and is left out where it cannot be read.
    pub named: bool,
    /// Standard input's copy on disk, removed with the last clone.
    spool: Option<Arc<TempPath>>,
}

impl Source {
    /// A file of any kind that can be read, by its content and extension.
    ///
    /// # Errors
    /// What is no regular file: a pipe can be read only once.
    pub fn file(path: &Path) -> Result<Self> {
        let kind = match identify(path, true)? {
            Identity::Film(kind) => kind,
            Identity::Still => Kind::Picture,
            Identity::Array => Kind::Tensors,
            Identity::Rare(_) | Identity::Unknown => Kind::Video,
        };
        Ok(Self::new(path, kind))
    }

    pub(super) fn new(path: &Path, kind: Kind) -> Self {
        Self {
            name: path.display().to_string(),
            kind,
            files: vec![path.to_owned()],
            named: true,
            spool: None,
        }
    }

    /// The same, as found in a folder or by a pattern.
    pub(super) fn found(self) -> Self {
        Self {
            named: false,
            ..self
        }
    }

    /// Whether this may be left out for `error`: it was found, and the error is
    /// about it.
    pub fn is_left_out_for(&self, error: &Error) -> bool {
        let about = match error {
            Error::Input { subject, .. } => Path::new(subject),
            Error::Io { path, .. } => path,
            _ => return false,
        };
        let is = |file: &PathBuf| file == about || Path::new(&file.display().to_string()) == about;
        !self.named && (Path::new(&self.name) == about || self.files.iter().any(is))
    }

    /// Pictures in order, named after their folder.
    pub fn stills(files: Vec<PathBuf>) -> Self {
        let folder = files.first().and_then(|file| file.parent());
        Self {
            name: folder.unwrap_or(Path::new("")).display().to_string(),
            kind: Kind::Stills,
            files,
            named: true,
            spool: None,
        }
    }

    /// Standard input, copied to a temporary file.
    ///
    /// # Errors
    /// What is no film, or does not fit on the disk.
    pub fn standard_input() -> Result<Self> {
        let spool = spool::standard_input()?;
        let file = Self::file(&spool);
        let mut source = file.map_err(|error| error.about(&spool, STANDARD_INPUT))?;
        source.name = STANDARD_INPUT.to_owned();
        source.spool = Some(Arc::new(spool));
        Ok(source)
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
        let stills = || Stills::open(self.files.clone(), self.named, settings);
        Ok(match self.kind {
            // The author said where sequences end: nothing to guess.
            Kind::Tensors => match content::look(path)? {
                Content::Arrays => Box::new(Resampled::new(
                    arrays::Arrays::open(path, settings)?,
                    settings,
                )),
                _ => Box::new(Resampled::new(Tensors::open(path, settings)?, settings)),
            },
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

/// What a file is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Identity {
    /// A sequence of frames.
    Film(Kind),
    /// One picture.
    Still,
    /// A `.npy` or `.npz`: frames, or figures of another kind.
    Array,
    /// A picture of a kind that only FFmpeg reads.
    Rare(&'static str),
    /// No signature says so.
    Unknown,
}

/// Tells what a file is by its content, and by its ending where that is
/// certain. Whether pictures follow one another in it is only found out where
/// it is looked at thoroughly: to its end.
///
/// # Errors
/// What is empty, no regular file, or of no use here.
pub(super) fn identify(path: &Path, thorough: bool) -> Result<Identity> {
    let data = path
        .metadata()
        .map_err(|error| walk::unreadable(path, error))?;
    if !data.is_file() {
        return Err(walk::irregular(path, &data));
    }
    if data.len() == 0 {
        return Err(content::empty(path));
    }
    let extension = extension(path);
    match extension.as_str() {
        "frames" => return Ok(Identity::Film(Kind::Prepared)),
        "safetensors" => return Ok(Identity::Film(Kind::Tensors)),
        _ => {}
    }
    let content = content::look(path)?;
    if let Some(refusal) = content.refusal(path) {
        return Err(refusal);
    }
    Ok(match content {
        Content::Picture(_) if matches!(extension.as_str(), "mjpg" | "mjpeg") => {
            Identity::Film(Kind::Video)
        }
        Content::Picture(format) if several::is_animated(path, format) => {
            Identity::Film(Kind::Picture)
        }
        Content::Picture(format) if thorough && several::is_stream(path, format) => {
            Identity::Film(Kind::Video)
        }
        Content::Picture(_) => Identity::Still,
        Content::Tensors => Identity::Film(Kind::Tensors),
        Content::Arrays => Identity::Array,
        Content::Film => Identity::Film(Kind::Video),
        Content::RarePicture(what) => Identity::Rare(what),
        Content::Other(..) | Content::Unknown => Identity::Unknown,
    })
}

pub(super) fn extension(path: &Path) -> String {
    path.extension()
        .map(|extension| extension.to_string_lossy().to_lowercase())
        .unwrap_or_default()
}
