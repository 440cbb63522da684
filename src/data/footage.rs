//! Decoded frames, ready to be cut into clips.

use crate::error::{Error, Result};
use crate::interrupt;
use crate::video::intervals::Intervals;
use crate::video::stored::Stored;
use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

/// A sequence of frames of one shape with their times and scene cuts. Cloning
/// it is cheap: clones share the frames.
#[derive(Debug, Clone)]
pub struct Footage {
    name: String,
    content: Arc<Content>,
}

#[derive(Debug)]
struct Content {
    bytes: Arc<Bytes>,
    /// Whether the last frame of `bytes` comes first.
    backwards: bool,
    shape: (usize, usize, usize),
    frame_rate: f64,
    damaged: usize,
    times: Vec<f64>,
    /// First frames of scenes, ascending, without 0.
    cuts: Vec<usize>,
}

#[derive(Debug)]
enum Bytes {
    Owned(Vec<u8>),
    Stored(StoredFrames),
}

/// Frames in a file.
#[derive(Debug)]
pub(super) struct StoredFrames {
    pub(super) file: Stored,
    /// Where they start.
    pub(super) offset: u64,
    /// The CRC-32C of each; none in files of before.
    pub(super) checksums: Option<Vec<u32>>,
}

impl Footage {
    /// Footage in memory. `frames` holds T·C·H·W bytes, frame by frame, each
    /// planar (C, H, W); `cuts` holds the first frame of each scene but the
    /// first.
    ///
    /// # Errors
    /// Where the sizes disagree, the rate is not positive, or a cut lies outside.
    pub fn from_frames(
        name: impl Into<String>,
        frames: Vec<u8>,
        (length, channels, height, width): (usize, usize, usize, usize),
        frame_rate: f64,
        cuts: Vec<usize>,
    ) -> Result<Self> {
        let name = name.into();
        let expected = length * channels * height * width;
        let problem = if frames.len() != expected {
            format!(
                "{} bytes of frames; ({length},{channels},{height},{width}) takes {expected}",
                frames.len()
            )
        } else if !(frame_rate.is_finite() && frame_rate > 0.0) {
            format!("{frame_rate} frames per second")
        } else if cuts.iter().any(|&cut| cut == 0 || cut >= length) || !cuts.is_sorted() {
            format!("cuts at {cuts:?} in {length} frames")
        } else {
            let times = (0..length).map(|index| index as f64 / frame_rate).collect();
            return Ok(Self {
                name,
                content: Arc::new(Content {
                    bytes: Arc::new(Bytes::Owned(frames)),
                    backwards: false,
                    shape: (channels, height, width),
                    frame_rate,
                    damaged: 0,
                    times,
                    cuts,
                }),
            });
        };
        Err(Error::input(
            name,
            problem,
            "give sizes, rate and cuts that fit",
        ))
    }

    /// Footage in a file; the caller has checked that all fits.
    pub(super) fn stored(
        name: String,
        frames: StoredFrames,
        shape: (usize, usize, usize),
        frame_rate: f64,
        damaged: usize,
        times: Vec<f64>,
        cuts: Vec<usize>,
    ) -> Self {
        Self {
            name,
            content: Arc::new(Content {
                bytes: Arc::new(Bytes::Stored(frames)),
                backwards: false,
                shape,
                frame_rate,
                damaged,
                times,
                cuts,
            }),
        }
    }

    /// The same frames under another name.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..self
        }
    }

    /// The same frames, the last first.
    pub fn backwards(&self) -> Self {
        let old = &self.content;
        let times = old.times.iter().rev().map(|&time| self.turned(time));
        let cuts = old.cuts.iter().rev().map(|&cut| self.len() - cut);
        Self {
            name: self.name.clone(),
            content: Arc::new(Content {
                bytes: Arc::clone(&old.bytes),
                backwards: !old.backwards,
                shape: old.shape,
                frame_rate: old.frame_rate,
                damaged: old.damaged,
                times: times.collect(),
                cuts: cuts.collect(),
            }),
        }
    }

    /// Whether time runs backwards.
    pub fn is_backwards(&self) -> bool {
        self.content.backwards
    }

    /// The time of the film, in seconds, when [`Self::times`] say `time`, and the other
    /// way round: the same unless time runs backwards, else from the other end.
    pub fn clock(&self, time: f64) -> f64 {
        match self.content.backwards {
            true => self.turned(time),
            false => time,
        }
    }

    fn turned(&self, time: f64) -> f64 {
        match self.content.times.as_slice() {
            [] => time,
            [first, .., last] => first + last - time,
            [only] => 2.0 * only - time,
        }
    }

    /// What it was read from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many frames.
    pub fn len(&self) -> usize {
        self.content.times.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// (C, H, W) of each frame.
    pub fn shape(&self) -> (usize, usize, usize) {
        self.content.shape
    }

    /// Bytes in a frame.
    pub fn frame_bytes(&self) -> usize {
        let (channels, height, width) = self.shape();
        channels * height * width
    }

    /// Frame `index`, (C, H, W) planar, 0 to 255. Panics past the end, as a
    /// slice does.
    ///
    /// # Errors
    /// Where its file cannot be read, or does not hold any more what it held.
    pub fn frame(&self, index: usize) -> Result<Cow<'_, [u8]>> {
        assert!(index < self.len(), "frame {index} of {}", self.len());
        let size = self.frame_bytes();
        let index = match self.content.backwards {
            true => self.len() - 1 - index,
            false => index,
        };
        match &*self.content.bytes {
            Bytes::Owned(bytes) => Ok(bytes[index * size..(index + 1) * size].into()),
            Bytes::Stored(frames) => frames.read(index, size).map(Cow::Owned),
        }
    }

    /// Whether all frames are known to be as they were written.
    pub(super) fn is_whole(&self) -> Result<bool> {
        if let Bytes::Stored(StoredFrames {
            checksums: None, ..
        }) = &*self.content.bytes
        {
            return Ok(false);
        }
        for index in 0..self.len() {
            interrupt::check()?;
            match self.frame(index) {
                Ok(_) => {}
                Err(Error::Input { .. }) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Each frame's time in seconds from the file's start, ascending: where time runs
    /// backwards, as if it were the file's last frame that came first.
    pub fn times(&self) -> &[f64] {
        &self.content.times
    }

    /// Ranges of frames between scene cuts; together they cover everything.
    pub fn scenes(&self) -> Vec<Range<usize>> {
        let starts = std::iter::once(0).chain(self.content.cuts.iter().copied());
        let ends = self.content.cuts.iter().copied().chain([self.len()]);
        starts
            .zip(ends)
            .map(|(start, end)| start..end)
            .filter(|scene| !scene.is_empty())
            .collect()
    }

    /// How many frames are damaged, and pieces lost altogether.
    pub fn damaged(&self) -> usize {
        self.content.damaged
    }

    /// Whether some intervals between frames differ from the others. From one scene
    /// to the next anything may pass: no window spans a cut.
    pub fn uneven(&self) -> bool {
        self.intervals().differ()
    }

    /// How far its frames lie apart, within scenes.
    pub fn intervals(&self) -> Intervals {
        Intervals::within(self.times(), &self.content.cuts)
    }

    /// Frames per second: as asked for when reading, else by the usual interval.
    pub fn frame_rate(&self) -> f64 {
        self.content.frame_rate
    }
}

impl StoredFrames {
    fn read(&self, index: usize, size: usize) -> Result<Vec<u8>> {
        let mut frame = vec![0; size];
        let offset = self.offset + (index * size) as u64;
        self.file.read(offset, &mut frame)?;
        match &self.checksums {
            Some(checksums) if checksums[index] != crc32c::crc32c(&frame) => {
                let how = format!("frame {index} is not the one that was written");
                Err(self.file.changed(how))
            }
            _ => Ok(frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backwards_the_last_comes_first() {
        let mut film =
            Footage::from_frames("film", vec![7, 8, 9, 10], (4, 1, 1, 1), 10.0, vec![3]).unwrap();
        // As if it began late.
        let content = Arc::get_mut(&mut film.content).unwrap();
        content.times = vec![1.0, 1.1, 1.3, 1.4];
        let back = film.backwards();
        let seen: Vec<u8> = (0..4).map(|index| back.frame(index).unwrap()[0]).collect();
        assert_eq!(seen, [10, 9, 8, 7]);
        assert_eq!(back.scenes(), [0..1, 1..4]);
        let near = |a: f64, b: f64| (a - b).abs() < 1e-9;
        let times = [1.0, 1.1, 1.3, 1.4];
        assert!(back.times().iter().zip(times).all(|(&a, b)| near(a, b)));
        assert!(near(back.clock(1.1), 1.3) && near(film.clock(1.1), 1.1));
        assert!(back.is_backwards() && !film.is_backwards());
        let again = back.backwards();
        assert_eq!(
            (again.frame(0).unwrap(), again.scenes()),
            (film.frame(0).unwrap(), film.scenes())
        );
        assert!(
            again
                .times()
                .iter()
                .zip(film.times())
                .all(|(&a, &b)| near(a, b))
        );
    }

    #[test]
    fn what_passes_between_scenes_makes_no_rate_uneven() {
        let film = |times: Vec<f64>, cuts: Vec<usize>| Footage {
            name: "film".to_owned(),
            content: Arc::new(Content {
                bytes: Arc::new(Bytes::Owned(vec![0; times.len()])),
                backwards: false,
                shape: (1, 1, 1),
                frame_rate: 25.0,
                damaged: 0,
                times,
                cuts,
            }),
        };
        // A pause of two minutes after ten frames.
        let paused: Vec<f64> = (0..20)
            .map(|t| 0.04 * f64::from(t) + if t < 10 { 0.0 } else { 120.0 })
            .collect();
        assert!(!film(paused.clone(), vec![10]).uneven());
        assert!(film(paused, vec![]).uneven());
        assert!(film(vec![0.0, 0.04, 0.12, 0.16], vec![]).uneven());
        assert!(!film(vec![0.0], vec![]).uneven());
    }
}
