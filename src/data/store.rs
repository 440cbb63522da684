//! The cache file, `.frames`: a safetensors file with `frames` u8 (T, C, H, W),
//! `times` f64 (T) in seconds and `cuts` u64, the first frames of scenes.
//!
//! It is written as frames come: room is left for the header, which is filled
//! in when their number is known and padded with spaces, as the format allows.

use super::footage::Footage;
use crate::error::{Error, Result};
use crate::files::Draft;
use crate::video::mapped::map;
use crate::video::{Channels, ReadSettings};
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Room for the header, after the eight bytes of its length.
const ROOM: usize = 8184;
const FORMAT: &str = "nextframe frames 1";

/// Writes one cache file; dropped before [`Writer::finish`], it leaves nothing.
pub(super) struct Writer {
    output: BufWriter<File>,
    draft: Draft,
    path: PathBuf,
    settings: ReadSettings,
    times: Vec<f64>,
    cuts: Vec<usize>,
}

impl Writer {
    /// Starts the file that will be at `path`.
    pub fn new(path: &Path, settings: &ReadSettings) -> Result<Self> {
        let (draft, file) = Draft::new(path)?;
        let mut writer = Self {
            output: BufWriter::with_capacity(1 << 20, file),
            draft,
            path: path.to_owned(),
            settings: settings.clone(),
            times: Vec::new(),
            cuts: Vec::new(),
        };
        writer.write(&[b' '; 8 + ROOM])?;
        Ok(writer)
    }

    /// Adds a frame of the settings' shape; `cut` starts a scene.
    pub fn push(&mut self, time: f64, pixels: &[u8], cut: bool) -> Result<()> {
        if cut && !self.times.is_empty() {
            self.cuts.push(self.times.len());
        }
        self.times.push(time);
        self.write(pixels)
    }

    /// How many frames there are so far.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Completes the file and gives it its name, in one step.
    pub fn finish(mut self, name: &str, damaged: usize) -> Result<()> {
        let times: Vec<u8> = self.times.iter().flat_map(|t| t.to_le_bytes()).collect();
        let cuts = self.cuts.iter().map(|&cut| cut as u64);
        let cuts: Vec<u8> = cuts.flat_map(u64::to_le_bytes).collect();
        self.write(&times)?;
        self.write(&cuts)?;
        let header = self.header(name, damaged)?;
        let path = &self.path;
        let mut complete = || -> std::io::Result<()> {
            self.output.seek(SeekFrom::Start(0))?;
            self.output.write_all(&(ROOM as u64).to_le_bytes())?;
            self.output.write_all(header.as_bytes())?;
            self.output.flush()
        };
        complete().map_err(|error| Error::io(path, error))?;
        self.draft.keep(path)
    }

    fn header(&self, name: &str, damaged: usize) -> Result<String> {
        let fail = |error| Error::io(&self.path, error);
        let count = self.times.len();
        let (channels, height, width) = self.settings.shape();
        let frames = count * self.settings.frame_bytes();
        let times = frames + 8 * count;
        let cuts = times + 8 * self.cuts.len();
        let header = json!({
            "__metadata__": {
                "format": FORMAT,
                "name": name.chars().take(500).collect::<String>(),
                "frame_rate": self.rate().to_string(),
                "damaged": damaged.to_string(),
                "settings": serde_json::to_string(&self.settings).map_err(|error| fail(error.into()))?,
            },
            "frames": {"dtype": "U8", "shape": [count, channels, height, width], "data_offsets": [0, frames]},
            "times": {"dtype": "F64", "shape": [count], "data_offsets": [frames, times]},
            "cuts": {"dtype": "U64", "shape": [self.cuts.len()], "data_offsets": [times, cuts]},
        });
        let header = header.to_string();
        if header.len() > ROOM {
            return Err(fail(std::io::Error::other("the header does not fit")));
        }
        Ok(header)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let written = self.output.write_all(bytes);
        written.map_err(|error| Error::io(&self.path, error))
    }

    /// As asked for, else the mean over the times.
    fn rate(&self) -> f64 {
        let mean = || match (self.times.first(), self.times.last()) {
            (Some(first), Some(last)) if last > first => {
                (self.times.len() - 1) as f64 / (last - first)
            }
            _ => crate::video::pictures::PICTURE_RATE,
        };
        self.settings.frame_rate.unwrap_or_else(mean)
    }
}

/// Writes a film whose frames and cuts are known as a cache file that `train` takes
/// as it is: frames (T, C, H, W) with the `cuts` before them.
pub fn keep(
    path: &Path,
    frames: &[u8],
    [length, channels, height, width]: [usize; 4],
    frame_rate: f64,
    cuts: &[usize],
) -> Result<()> {
    let settings = ReadSettings {
        width,
        height,
        channels: match channels {
            1 => Channels::Grey,
            _ => Channels::Colour,
        },
        ..ReadSettings::default()
    };
    let mut writer = Writer::new(path, &settings)?;
    let size = settings.frame_bytes();
    for (time, frame) in frames.chunks_exact(size).take(length).enumerate() {
        let cut = cuts.binary_search(&time).is_ok();
        writer.push(time as f64 / frame_rate, frame, cut)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    writer.finish(&name, 0)
}

/// Opens a cache file, and the settings it was read with.
pub(super) fn open(path: &Path) -> Result<(Footage, ReadSettings)> {
    let bad = |problem: String| {
        Error::input(
            path.display().to_string(),
            problem,
            "prepare it again from the video",
        )
    };
    let broken = |_| bad("not a whole cache file of this program".to_owned());
    let missing = || bad("not a cache file of this program".to_owned());
    let map = map(path)?;
    let (_, header) = SafeTensors::read_metadata(&map).map_err(broken)?;
    let notes = header.metadata().clone().unwrap_or_default();
    let note = |key: &str| notes.get(key).map(String::as_str).ok_or_else(missing);
    if note("format")? != FORMAT {
        return Err(bad(format!(
            "its format is '{}'; this program reads '{FORMAT}'",
            note("format")?
        )));
    }
    let number = |key: &str| note(key)?.parse::<f64>().map_err(|_| missing());
    let (frame_rate, damaged) = (number("frame_rate")?, number("damaged")? as usize);
    let settings = serde_json::from_str(note("settings")?).map_err(|_| missing())?;
    let file = SafeTensors::deserialize(&map).map_err(broken)?;
    let tensor = |name: &str, dtype| {
        let tensor = file.tensor(name).map_err(broken)?;
        if tensor.dtype() == dtype {
            Ok(tensor)
        } else {
            Err(missing())
        }
    };
    let frames = tensor("frames", Dtype::U8)?;
    let &[count, channels, height, width] = frames.shape() else {
        return Err(missing());
    };
    let words = |bytes: &[u8]| -> Vec<[u8; 8]> { bytes.as_chunks().0.to_vec() };
    let times: Vec<f64> = words(tensor("times", Dtype::F64)?.data())
        .into_iter()
        .map(f64::from_le_bytes)
        .collect();
    let cuts: Vec<usize> = words(tensor("cuts", Dtype::U64)?.data())
        .into_iter()
        .map(|word| u64::from_le_bytes(word) as usize)
        .collect();
    let cuts_fit = cuts.iter().all(|&cut| cut < count) && cuts.is_sorted();
    if times.len() != count || !cuts_fit || count == 0 || frame_rate.is_nan() || frame_rate <= 0.0 {
        return Err(missing());
    }
    let offset = frames.data().as_ptr() as usize - map.as_ptr() as usize;
    let name = note("name")?.to_owned();
    let footage = Footage::mapped(
        name,
        (map, offset),
        (channels, height, width),
        frame_rate,
        damaged,
        times,
        cuts,
    );
    Ok((footage, settings))
}
