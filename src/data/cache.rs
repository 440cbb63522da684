//! Videos decoded once into files on disk, found again by content and settings.

use super::fingerprint::Fingerprint;
use super::footage::Footage;
use super::store::{self, Writer};
use crate::error::{Error, Result};
use crate::files::{self, Draft};
use crate::interrupt;
use crate::video::left_out::LeftOut;
use crate::video::source::Kind;
use crate::video::{ReadSettings, Source, inputs};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Changes when the same file and settings would give other frames.
const READER: &str = "nextframe reader 4";

/// A temporary file older than this is no longer being written.
const LONGEST_WRITE: Duration = Duration::from_secs(24 * 3600);

/// How far preparing has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress<'a> {
    /// The source's name.
    pub name: &'a str,
    /// Which source, from 0.
    pub index: usize,
    /// How many sources.
    pub total: usize,
    /// What is being done with it.
    pub stage: Stage,
}

/// What is being done with one source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stage {
    /// Its content is compared with what the cache holds.
    Looking,
    /// It is being decoded.
    Decoding {
        /// Frames written so far.
        frames: usize,
        /// The time of the last one, in seconds from the first.
        seconds: f64,
        /// About how many seconds there are, where known.
        duration: Option<f64>,
    },
    /// It can be used.
    Ready {
        /// How many frames it has.
        frames: usize,
    },
}

/// Reads `inputs` (files, folders, globs, `-`, prepared `.frames`) with
/// `settings`: each source is decoded once into a file in `folder` (or the
/// [default](default_folder)) and read from there, frame by frame.
///
/// # Errors
/// Where an input cannot be read or has no frame in range, it changes while it
/// is being read, or the folder cannot be written. No partial file stays.
pub fn prepare(
    inputs: &[String],
    settings: &ReadSettings,
    folder: Option<&Path>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Vec<Footage>> {
    settings.check()?;
    prepare_sources(&inputs::expand(inputs)?, settings, folder, progress)
}

/// The same for sources. Those that were found, not named, are left out with a
/// warning where they cannot be read.
///
/// # Errors
/// As [`prepare`]; and where all are left out, the first one's.
pub fn prepare_sources(
    sources: &[Source],
    settings: &ReadSettings,
    folder: Option<&Path>,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Vec<Footage>> {
    settings.check()?;
    // Kept as filmed, whichever way it is looked at.
    let (settings, backwards) = (&settings.filmed(), settings.backwards);
    let total = sources.len();
    let mut cache: Option<Cache> = None;
    let mut prepared = Vec::with_capacity(total);
    let mut out = LeftOut::default();
    for (index, source) in sources.iter().enumerate() {
        let name = source.name.as_str();
        let mut tell = |stage| {
            progress(&Progress {
                name,
                index,
                total,
                stage,
            });
        };
        let footage = if source.kind == Kind::Prepared {
            open_matching(&source.files[0], settings)
        } else {
            let cache = match &mut cache {
                Some(cache) => cache,
                None => cache.insert(Cache::open(folder)?),
            };
            cache.footage(source, settings, &mut tell)
        };
        let footage = match footage {
            Err(error) if source.is_left_out_for(&error) => {
                out.add(error);
                continue;
            }
            footage => footage?,
        };
        tell(Stage::Ready {
            frames: footage.len(),
        });
        prepared.push(match backwards {
            true => footage.backwards(),
            false => footage,
        });
    }
    out.tell();
    match out.into_first() {
        Some(error) if prepared.is_empty() => Err(error),
        _ => Ok(prepared),
    }
}

/// Opens a prepared cache file, `.frames`, directly.
pub fn open_cache(path: impl AsRef<Path>) -> Result<Footage> {
    store::open(path.as_ref()).map(|(footage, _)| footage)
}

/// Where prepared files go unless told otherwise: `$NEXTFRAME_CACHE`, else
/// `$XDG_CACHE_HOME/nextframe`, else `~/.cache/nextframe`.
pub fn default_folder() -> Result<PathBuf> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    variable("NEXTFRAME_CACHE")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(variable("XDG_CACHE_HOME")?).join("nextframe")))
        .or_else(|| {
            Some(
                PathBuf::from(variable("HOME")?)
                    .join(".cache")
                    .join("nextframe"),
            )
        })
        .ok_or_else(|| {
            Error::input(
                "cache folder",
                "no home folder to keep it in",
                "set NEXTFRAME_CACHE to a folder",
            )
        })
}

/// A prepared file fits where its frames have the size and channels asked for
/// and no other rate or range is asked for.
fn open_matching(path: &Path, settings: &ReadSettings) -> Result<Footage> {
    let (footage, stored) = store::open(path)?;
    let untimed = settings
        .frame_rate
        .or(settings.start)
        .or(settings.end)
        .is_none();
    let as_asked = stored == *settings || (untimed && footage.shape() == settings.shape());
    if as_asked {
        return Ok(footage);
    }
    let words = |settings: &ReadSettings| serde_json::to_string(settings).unwrap_or_default();
    Err(Error::input(
        path.display().to_string(),
        format!(
            "prepared with {}; asked for {}",
            words(&stored),
            words(settings)
        ),
        "ask for the same, or give the video itself",
    ))
}

struct Cache {
    folder: PathBuf,
}

impl Cache {
    fn open(folder: Option<&Path>) -> Result<Self> {
        let folder = match folder {
            Some(folder) => folder.to_owned(),
            None => default_folder()?,
        };
        let cache = Self { folder };
        let known = cache.known("");
        std::fs::create_dir_all(&known)
            .map_err(|error| cache.unwritable(Error::io(&known, error)))?;
        for folder in [&cache.folder, &known] {
            files::sweep(folder, LONGEST_WRITE).map_err(|error| cache.unwritable(error))?;
        }
        Ok(cache)
    }

    fn footage(
        &self,
        source: &Source,
        settings: &ReadSettings,
        tell: &mut dyn FnMut(Stage),
    ) -> Result<Footage> {
        tell(Stage::Looking);
        let before = Fingerprint::of(&source.files)?;
        let content = self.content(source, &before)?;
        let mut key = blake3::Hasher::new();
        key.update(READER.as_bytes());
        key.update(format!("{:?}", source.kind).as_bytes());
        key.update(
            serde_json::to_string(settings)
                .unwrap_or_default()
                .as_bytes(),
        );
        key.update(content.as_bytes());
        let path = self
            .folder
            .join(format!("{}.frames", key.finalize().to_hex()));
        if path.exists() {
            match self.found(&path) {
                Ok(footage) => return Ok(footage.named(&source.name)),
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => tracing::warn!("{error}; preparing it again now"),
            }
        }
        self.decode(source, settings, &before, &path, tell)?;
        Ok(open_cache(&path)?.named(&source.name))
    }

    /// What an earlier run prepared, if it is as it was written: all of it is read once,
    /// and again where the file has changed since.
    fn found(&self, path: &Path) -> Result<Footage> {
        let fingerprint = Fingerprint::of(&[path.to_owned()])?;
        let footage = open_cache(path)?;
        if self.known(&fingerprint.key()).exists() {
            return Ok(footage);
        }
        if footage.is_whole()? {
            self.remember(&fingerprint, "whole")?;
            return Ok(footage);
        }
        Err(Error::input(
            path.display().to_string(),
            "changed since it was written",
            "leave the files of the cache as they are",
        ))
    }

    fn decode(
        &self,
        source: &Source,
        settings: &ReadSettings,
        before: &Fingerprint,
        path: &Path,
        tell: &mut dyn FnMut(Stage),
    ) -> Result<()> {
        let unwritable = |error| self.unwritable(error);
        let mut frames = source.open(settings)?;
        let mut writer = Writer::new(path, settings).map_err(unwritable)?;
        let mut damaged = 0;
        let range = settings.end.unwrap_or(f64::INFINITY) - settings.start.unwrap_or(0.0);
        let whole = frames.description().duration;
        let duration = whole.map(|whole| (whole - settings.start.unwrap_or(0.0)).clamp(0.0, range));
        while let Some(frame) = frames.next_frame()? {
            interrupt::check()?;
            if writer.len() % 16 == 0 {
                tell(Stage::Decoding {
                    frames: writer.len(),
                    seconds: frame.time - settings.start.unwrap_or(0.0),
                    duration,
                });
            }
            damaged += usize::from(frame.damaged);
            writer
                .push(frame.time, &frame.pixels, frame.cut)
                .map_err(unwritable)?;
        }
        damaged += frames.lost();
        if *before != Fingerprint::of(&source.files)? {
            return Err(Error::input(
                &source.name,
                "changed while it was being read",
                "wait until it is complete, then run again",
            ));
        }
        if writer.len() == 0 {
            let range = format!(
                "from {} s to {}",
                settings.start.unwrap_or(0.0),
                settings
                    .end
                    .map_or("its end".to_owned(), |end| format!("{end} s"))
            );
            let lasts = whole.map_or(String::new(), |whole| format!(" (it lasts {whole:.2} s)"));
            return Err(Error::input(
                &source.name,
                format!("no frames {range}{lasts}"),
                "give a video with frames in that range",
            ));
        }
        writer.finish(&source.name, damaged).map_err(unwritable)
    }

    /// The hash of a source's files: remembered by path, size and time of
    /// change, else computed.
    fn content(&self, source: &Source, fingerprint: &Fingerprint) -> Result<String> {
        let known = self.known(&fingerprint.key());
        if let Ok(content) = std::fs::read_to_string(&known)
            && content.len() == 64
            && content.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Ok(content);
        }
        let mut hasher = blake3::Hasher::new();
        for path in &source.files {
            let file = std::fs::File::open(path).map_err(|error| Error::io(path, error))?;
            let mut one = blake3::Hasher::new();
            one.update_reader(file)
                .map_err(|error| Error::io(path, error))?;
            hasher.update(one.finalize().as_bytes());
        }
        let content = hasher.finalize().to_hex().to_string();
        self.remember(fingerprint, &content)?;
        Ok(content)
    }

    /// Notes what is known of files, until they change.
    fn remember(&self, fingerprint: &Fingerprint, text: &str) -> Result<()> {
        // A file changed just now may change again within its clock's tick.
        let settled = |age| age > Duration::from_secs(3);
        if !fingerprint.newest.elapsed().is_ok_and(settled) {
            return Ok(());
        }
        let known = self.known(&fingerprint.key());
        let remember = || -> Result<()> {
            let (draft, mut file) = Draft::new(&known)?;
            file.write_all(text.as_bytes())
                .map_err(|error| Error::io(&known, error))?;
            draft.keep_unflushed(&known)
        };
        remember().map_err(|error| self.unwritable(error))
    }

    fn known(&self, key: &str) -> PathBuf {
        self.folder.join("known").join(key)
    }

    /// What the system refused, with the folder that is at fault.
    fn unwritable(&self, error: Error) -> Error {
        match error {
            Error::Io { source, .. } => Error::input(
                self.folder.display().to_string(),
                format!("the cache cannot be written there ({source})"),
                "make room, or set NEXTFRAME_CACHE to another folder",
            ),
            error => error,
        }
    }
}
