//! A time range and an even rate, by timestamps.

use super::frame::{Description, Frame, Frames};
use super::settings::ReadSettings;
use crate::error::Result;

/// A pause longer than this many seconds is a break, not a frame to repeat.
const LONGEST_PAUSE: f64 = 60.0;

/// Keeps the frames in a time range and, where a rate is asked for, shows at
/// each of its instants the latest frame at or before it. A frame late by less
/// than a tenth of an interval counts as in time: files round their timestamps.
pub struct Resampled<F> {
    source: F,
    interval: Option<f64>,
    start: f64,
    end: f64,
    /// The frame on show, and the one that replaces it.
    held: Option<Frame>,
    next: Option<Frame>,
    /// The next instant to show.
    instant: f64,
    /// Seconds from the frame before to the one on show.
    step: f64,
    /// A cut came with a frame that has not been shown.
    cut: bool,
    /// When the frame before was shown, where there is no even rate.
    shown: Option<f64>,
}

impl<F: Frames> Resampled<F> {
    /// Frames of `source` in the settings' range, at the settings' rate.
    pub fn new(source: F, settings: &ReadSettings) -> Self {
        let start = settings.start.unwrap_or(f64::NEG_INFINITY);
        Self {
            source,
            interval: settings.frame_rate.map(|rate| 1.0 / rate),
            start,
            end: settings.end.unwrap_or(f64::INFINITY),
            held: None,
            next: None,
            instant: start,
            step: 0.0,
            cut: false,
            shown: None,
        }
    }

    /// The next frame in range, as it is; after a break, a cut.
    fn plain(&mut self) -> Result<Option<Frame>> {
        while let Some(frame) = self.source.next_frame()? {
            if frame.time >= self.end {
                break;
            }
            // Timestamps are rounded to as little as a millisecond.
            if frame.time >= self.start - 0.001 {
                let pause = self.shown.replace(frame.time).map(|last| frame.time - last);
                let cut = frame.cut || pause.is_some_and(|pause| pause > LONGEST_PAUSE);
                return Ok(Some(Frame { cut, ..frame }));
            }
        }
        Ok(None)
    }

    /// The frame of the next instant.
    fn even(&mut self, interval: f64) -> Result<Option<Frame>> {
        loop {
            if self.next.is_none() {
                self.next = self.source.next_frame()?;
            }
            if let Some(held) = &self.held {
                let until = match &self.next {
                    Some(next) if next.time - held.time <= LONGEST_PAUSE => next.time,
                    _ => held.time + self.step.max(0.2 * interval),
                };
                if self.instant < (until - 0.1 * interval).min(self.end - 1e-9) {
                    let time = self.instant;
                    self.instant += interval;
                    return Ok(Some(Frame {
                        time,
                        cut: std::mem::take(&mut self.cut),
                        ..held.clone()
                    }));
                }
            }
            match self.next.take() {
                Some(next) if next.time < self.end => self.hold(next),
                _ => return Ok(None),
            }
        }
    }

    fn hold(&mut self, frame: Frame) {
        let step = self.held.as_ref().map(|held| frame.time - held.time);
        match step {
            Some(step) if step <= LONGEST_PAUSE => self.step = step,
            _ => {
                self.cut |= step.is_some();
                self.instant = frame.time.max(self.start);
            }
        }
        self.cut |= frame.cut;
        self.held = Some(frame);
    }
}

impl<F: Frames> Frames for Resampled<F> {
    fn next_frame(&mut self) -> Result<Option<Frame>> {
        match self.interval {
            Some(interval) => self.even(interval),
            None => self.plain(),
        }
    }

    fn description(&self) -> &Description {
        self.source.description()
    }

    fn lost(&self) -> usize {
        self.source.lost()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::placement::Orientation;

    struct Fake(std::vec::IntoIter<Frame>, Description);

    impl Frames for Fake {
        fn next_frame(&mut self) -> Result<Option<Frame>> {
            Ok(self.0.next())
        }

        fn description(&self) -> &Description {
            &self.1
        }
    }

    /// (time, which frame, cut) after resampling frames at `times`; the frames
    /// named in `cuts` start scenes.
    fn shown(
        times: &[f64],
        cuts: &[u8],
        rate: Option<f64>,
        start: Option<f64>,
        end: Option<f64>,
    ) -> Vec<(f64, u8, bool)> {
        let frames: Vec<Frame> = times
            .iter()
            .zip(0..)
            .map(|(&time, index)| Frame {
                time,
                pixels: vec![index],
                damaged: false,
                cut: cuts.contains(&index),
            })
            .collect();
        let description = Description {
            codec: "fake".to_owned(),
            width: 1,
            height: 1,
            pixel_format: "grey".to_owned(),
            orientation: Orientation::default(),
            pixel_aspect: 1.0,
            origin: 0.0,
            duration: None,
        };
        let settings = ReadSettings {
            frame_rate: rate,
            start,
            end,
            ..ReadSettings::default()
        };
        let mut resampled = Resampled::new(Fake(frames.into_iter(), description), &settings);
        let mut found = Vec::new();
        while let Some(frame) = resampled.next_frame().unwrap() {
            let time = (frame.time * 1000.0).round() / 1000.0;
            found.push((time, frame.pixels[0], frame.cut));
        }
        found
    }

    fn which(found: &[(f64, u8, bool)]) -> Vec<u8> {
        found.iter().map(|frame| frame.1).collect()
    }

    #[test]
    fn a_variable_rate_becomes_even() {
        // Frames last 0.1, 0.1, 0.4, 0.05, 0.15 and, as the one before, 0.15 s.
        let times = [0.0, 0.1, 0.2, 0.6, 0.65, 0.8];
        let found = shown(&times, &[], Some(10.0), None, None);
        assert_eq!(which(&found), [0, 1, 2, 2, 2, 2, 3, 4, 5, 5]);
        assert_eq!(found[7].0, 0.7);
        assert_eq!(
            which(&shown(&times, &[], None, None, None)),
            [0, 1, 2, 3, 4, 5]
        );
    }

    #[test]
    fn rounded_times_neither_repeat_nor_drop() {
        let times: Vec<f64> = (0..100)
            .map(|i| (f64::from(i) / 0.03).round() / 1000.0)
            .collect();
        let found = shown(&times, &[], Some(30.0), None, None);
        assert_eq!(which(&found), (0..100).collect::<Vec<u8>>());
    }

    #[test]
    fn a_range_takes_the_frame_on_show_at_its_start() {
        let times = [0.0, 0.5, 1.0, 1.5, 2.0];
        let found = shown(&times, &[], Some(4.0), Some(0.75), Some(1.6));
        assert_eq!(
            found,
            [
                (0.75, 1, false),
                (1.0, 2, false),
                (1.25, 2, false),
                (1.5, 3, false),
            ]
        );
        let found = shown(&times, &[], None, Some(0.5), Some(1.5));
        assert_eq!(which(&found), [1, 2]);
    }

    #[test]
    fn cuts_survive_dropped_frames_and_long_pauses_are_cuts() {
        let times = [0.0, 0.1, 0.2, 0.3, 0.4];
        let found = shown(&times, &[3], Some(5.0), None, None);
        assert_eq!(found, [(0.0, 0, false), (0.2, 2, false), (0.4, 4, true)]);
        let found = shown(
            &[0.0, 0.1, 0.2, 1000.0, 1000.1],
            &[],
            Some(10.0),
            None,
            None,
        );
        assert_eq!(found[3], (1000.0, 3, true));
        assert_eq!(found.len(), 5);
        let found = shown(&[0.0, 0.1, 1000.0, 1000.1], &[], None, None, None);
        let cuts: Vec<bool> = found.iter().map(|frame| frame.2).collect();
        assert_eq!(cuts, [false, false, true, false]);
    }
}
