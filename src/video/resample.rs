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
        }
    }

    /// The next frame in range, as it is.
    fn plain(&mut self) -> Result<Option<Frame>> {
        while let Some(frame) = self.source.next_frame()? {
            if frame.time >= self.end {
                break;
            }
            // Timestamps are rounded to as little as a millisecond.
            if frame.time >= self.start - 0.001 {
                return Ok(Some(frame));
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
