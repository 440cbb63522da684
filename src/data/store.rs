//! The cache file, `.frames`: a safetensors file with `frames` u8 (T, C, H, W),
//! `times` f64 (T) in seconds, `cuts` u64, the first frames of scenes, and
//! `checksums` u32 (T), the CRC-32C of each frame. Files without the last are read too.
//!
//! It is written as frames come: room is left for the header, which is filled
//! in when their number is known and padded with spaces, as the format allows.

use super::footage::{Footage, StoredFrames};
use crate::error::{Error, Result};
use crate::files::Draft;
use crate::video::intervals::Intervals;
use crate::video::pictures::PICTURE_RATE;
use crate::video::stored::Stored;
use crate::video::{Channels, ReadSettings};
use safetensors::Dtype;
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Room for the header, after the eight bytes of its length.
const ROOM: usize = 8184;
const FORMAT: &str = "nextframe frames 1";
/// The latest time that is one, in seconds: some 30,000 years.
const LATEST: f64 = 1e12;

/// Writes one cache file; dropped before [`Writer::finish`], it leaves nothing.
pub(super) struct Writer {
    output: BufWriter<File>,
    draft: Draft,
    path: PathBuf,
    settings: ReadSettings,
    times: Vec<f64>,
    cuts: Vec<usize>,
    checksums: Vec<u32>,
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
            checksums: Vec::new(),
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
        self.checksums.push(crc32c::crc32c(pixels));
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
        let checksums = self.checksums.iter().copied();
        let checksums: Vec<u8> = checksums.flat_map(u32::to_le_bytes).collect();
        self.write(&times)?;
        self.write(&cuts)?;
        self.write(&checksums)?;
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
        let checksums = cuts + 4 * count;
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
            "checksums": {"dtype": "U32", "shape": [count], "data_offsets": [cuts, checksums]},
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

    /// As asked for, else by the usual interval.
    fn rate(&self) -> f64 {
        let usual = || {
            let usual = Intervals::within(&self.times, &self.cuts).usual();
            usual.map_or(PICTURE_RATE, f64::recip)
        };
        self.settings.frame_rate.unwrap_or_else(usual)
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
    let file = Stored::open(path)?;
    let (start, header) = file.tensors().map_err(|problem| {
        bad(format!(
            "not a whole cache file of this program ({problem})"
        ))
    })?;
    let notes = header.metadata().clone().unwrap_or_default();
    let note = |key: &str| {
        let missing = || bad(format!("not a cache file of this program (no {key})"));
        notes.get(key).map(String::as_str).ok_or_else(missing)
    };
    if note("format")? != FORMAT {
        let format: String = note("format")?.chars().take(80).collect();
        return Err(bad(format!(
            "its format is '{format}'; this program reads '{FORMAT}'"
        )));
    }
    let number = |key: &str| {
        let number = note(key)?.parse::<f64>().ok();
        let number = number.filter(|number| number.is_finite());
        number.ok_or_else(|| bad(format!("broken cache file: {key} is no number")))
    };
    let (frame_rate, damaged) = (number("frame_rate")?, number("damaged")? as usize);
    let settings: ReadSettings = serde_json::from_str(note("settings")?)
        .map_err(|error| bad(format!("broken cache file: settings ({error})")))?;
    let tensor = |name: &str, dtype: Dtype| {
        let tensor = header.info(name).filter(|tensor| tensor.dtype == dtype);
        tensor.ok_or_else(|| bad(format!("broken cache file: no tensor {name} of {dtype:?}")))
    };
    let frames = tensor("frames", Dtype::U8)?;
    let (channels, height, width) = settings.shape();
    let count = frames.shape.first().copied().unwrap_or(0);
    if settings.check().is_err() || count == 0 || frames.shape != [count, channels, height, width] {
        return Err(bad(format!(
            "broken cache file: frames of shape {:?}, where the settings have {channels} channels, \
             {width} × {height} pixels",
            frames.shape
        )));
    }
    let bytes = |name: &str, dtype: Dtype, length: Option<usize>| -> Result<Vec<u8>> {
        let tensor = tensor(name, dtype)?;
        let (from, to) = tensor.data_offsets;
        if tensor.shape.len() != 1 || length.is_some_and(|length| tensor.shape != [length]) {
            let shape = &tensor.shape;
            return Err(bad(format!("broken cache file: {name} of shape {shape:?}")));
        }
        let mut bytes = vec![0; to - from];
        file.read(start + from as u64, &mut bytes)?;
        Ok(bytes)
    };
    let words = |bytes: Vec<u8>| -> Vec<[u8; 8]> { bytes.as_chunks().0.to_vec() };
    let times: Vec<f64> = words(bytes("times", Dtype::F64, Some(count))?)
        .into_iter()
        .map(f64::from_le_bytes)
        .collect();
    let cuts: Vec<u64> = words(bytes("cuts", Dtype::U64, None)?)
        .into_iter()
        .map(u64::from_le_bytes)
        .collect();
    let checksums = match header.info("checksums") {
        Some(_) => Some(bytes("checksums", Dtype::U32, Some(count))?),
        None => None,
    };
    let ends = std::iter::once(&0).chain(&cuts).zip(&cuts);
    let problem = if !(frame_rate > 0.0 && (1.0 / frame_rate).is_finite()) {
        format!("{frame_rate} frames per second")
    } else if !times.iter().all(|time| time.abs() <= LATEST) || !times.is_sorted() {
        "times that are no numbers, or run backwards".to_owned()
    } else if ends.into_iter().any(|(last, cut)| cut <= last)
        || cuts.last() >= Some(&(count as u64))
    {
        format!("cuts that are not in order, or outside of its {count} frames")
    } else {
        let frames = StoredFrames {
            offset: start + frames.data_offsets.0 as u64,
            checksums: checksums.map(|bytes| {
                let words = bytes.as_chunks().0;
                words.iter().map(|&word| u32::from_le_bytes(word)).collect()
            }),
            file,
        };
        let footage = Footage::stored(
            note("name")?.to_owned(),
            frames,
            (channels, height, width),
            frame_rate,
            damaged,
            times,
            cuts.into_iter().map(|cut| cut as usize).collect(),
        );
        return Ok((footage, settings));
    };
    Err(bad(format!("broken cache file: {problem}")))
}

#[cfg(test)]
mod tests;
