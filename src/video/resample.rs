//! A time range and an even rate, by timestamps.

use super::frame::{Description, Frame, Frames};
use super::intervals::{Recent, longest_pause, rate_words};
use super::settings::ReadSettings;
use crate::error::{Error, Result};
use std::collections::VecDeque;

/// Frames that are looked at before the first is shown, so that it is known how far apart
/// they usually are.
const AHEAD: usize = 8;

/// As a rule a frame is repeated at most so often, and of so many one is kept: beyond lies a
/// rate that nobody meant, or a file whose times are broken.
const MOST_APART: f64 = 1000.0;

/// Keeps the frames in a time range and, where a rate is asked for, shows at
/// each of its instants the latest frame at or before it. A frame late by less
/// than a tenth of an interval counts as in time: files round their timestamps.
pub struct Resampled<F> {
    source: F,
    interval: Option<f64>,
    start: f64,
    end: f64,
    ahead: VecDeque<Frame>,
    recent: Recent,
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
            ahead: VecDeque::with_capacity(AHEAD),
            recent: Recent::default(),
            held: None,
            next: None,
            instant: start,
            step: 0.0,
            cut: false,
            shown: None,
        }
    }

    /// The source's next frame.
    fn pull(&mut self) -> Result<Option<Frame>> {
        let past_end = |frame: &Frame| frame.time >= self.end;
        while self.ahead.len() < AHEAD && !self.ahead.back().is_some_and(past_end) {
            let Some(frame) = self.source.next_frame()? else {
                break;
            };
            self.recent.note(frame.time);
            self.ahead.push_back(frame);
        }
        Ok(self.ahead.pop_front())
    }

    /// Whether so long between two frames is a break.
    fn is_break(&self, pause: f64) -> bool {
        pause > longest_pause(self.recent.usual())
    }

    /// The next frame in range, as it is; after a break, a cut.
    fn plain(&mut self) -> Result<Option<Frame>> {
        while let Some(frame) = self.pull()? {
            if frame.time >= self.end {
                break;
            }
            // Timestamps are rounded to as little as a millisecond.
            if frame.time >= self.start - 0.001 {
                let pause = self.shown.replace(frame.time).map(|last| frame.time - last);
                let cut = frame.cut || pause.is_some_and(|pause| self.is_break(pause));
                return Ok(Some(Frame { cut, ..frame }));
            }
        }
        Ok(None)
    }

    /// The frame of the next instant.
    fn even(&mut self, interval: f64) -> Result<Option<Frame>> {
        loop {
            if self.next.is_none() {
                self.next = self.pull()?;
            }
            if let Some(held) = &self.held {
                let until = match &self.next {
                    Some(next) if !self.is_break(next.time - held.time) => next.time,
                    _ => held.time + self.step.max(0.2 * interval),
                };
                let until = (until - 0.1 * interval).min(self.end - 1e-9);
                let (time, after) = (self.instant, self.instant + interval);
                // Of a time far off, a short interval may be no part.
                if time < until && after > time {
                    self.instant = after;
                    return Ok(Some(Frame {
                        time,
                        cut: std::mem::take(&mut self.cut),
                        ..held.clone()
                    }));
                }
            }
            match self.next.take() {
                Some(next) if next.time < self.end => {
                    self.refuse_far_off(interval)?;
                    self.hold(next);
                }
                _ => return Ok(None),
            }
        }
    }

    /// Refuses a rate far from the film's.
    fn refuse_far_off(&self, interval: f64) -> Result<()> {
        let usual = self.recent.usual().unwrap_or(interval);
        let what = if usual > MOST_APART * interval {
            format!("each would be repeated {:.0} times", usual / interval)
        } else if interval > MOST_APART * usual {
            format!("one of {:.0} would be left", interval / usual)
        } else {
            return Ok(());
        };
        Err(Error::input(
            "data.frame_rate",
            format!(
                "{} frames per second of a film that has {} by its times: {what}",
                rate_words(1.0 / interval),
                rate_words(1.0 / usual)
            ),
            "ask for a rate nearer to the film's, or leave it out to take every frame",
        ))
    }

    fn hold(&mut self, frame: Frame) {
        let step = self.held.as_ref().map(|held| frame.time - held.time);
        match step {
            Some(step) if !self.is_break(step) => self.step = step,
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

    fn frame(time: f64, index: u8, cut: bool) -> Frame {
        Frame {
            time,
            pixels: vec![index],
            damaged: false,
            cut,
        }
    }

    fn description() -> Description {
        Description {
            codec: "fake".to_owned(),
            width: 1,
            height: 1,
            pixel_format: "grey".to_owned(),
            orientation: Orientation::default(),
            pixel_aspect: 1.0,
            origin: 0.0,
            duration: None,
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
            .map(|(&time, index)| frame(time, index, cuts.contains(&index)))
            .collect();
        let description = description();
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
    fn a_pause_is_long_beside_the_usual_interval() {
        let lapse: Vec<f64> = (0..20).map(|index| 300.0 * f64::from(index)).collect();
        let cuts = |times: &[f64], rate: Option<f64>| {
            let found = shown(times, &[], rate, None, None);
            let cuts = found.iter().filter(|frame| frame.2).map(|frame| frame.1);
            (found.len(), cuts.collect::<Vec<_>>())
        };
        assert_eq!(cuts(&lapse, None), (20, vec![]));
        assert_eq!(cuts(&lapse, Some(1.0 / 300.0)), (20, vec![]));
        assert_eq!(cuts(&lapse, Some(1.0 / 600.0)), (10, vec![]));
        let with = |usual: f64, pause: f64| -> Vec<f64> {
            let late = |index| if index < 9 { 0.0 } else { pause };
            (0..20)
                .map(|index| usual * f64::from(index) + late(index))
                .collect()
        };
        // A night without power, a still screen, two bursts of a fast camera.
        assert_eq!(cuts(&with(300.0, 7.0 * 3600.0), None).1, [9]);
        assert!(cuts(&with(1.0 / 30.0, 5.0), None).1.is_empty());
        assert_eq!(cuts(&with(1.0 / 2000.0, 1.0), None).1, [9]);
        let found = cuts(&with(1.0 / 2000.0, 1.0), Some(2000.0));
        assert_eq!((found.0, found.1), (20, vec![9]));
    }

    #[test]
    fn a_rate_far_from_the_films_is_refused() {
        let refused = |step: f64, rate: f64| {
            let frames = (0..9).map(|index| frame(step * f64::from(index), 0, false));
            let frames: Vec<Frame> = frames.collect();
            let settings = ReadSettings {
                frame_rate: Some(rate),
                ..ReadSettings::default()
            };
            let fake = Fake(frames.into_iter(), description());
            let error = Resampled::new(fake, &settings).next_frame().unwrap_err();
            error.to_string()
        };
        let said = refused(300.0, 25.0);
        assert!(said.contains("repeated 7500 times"), "{said}");
        let said = refused(1e-4, 8.0);
        assert!(
            said.contains("8 frames per second of a film that has 10000"),
            "{said}"
        );
        assert!(said.contains("one of 1250 would be left"), "{said}");
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
