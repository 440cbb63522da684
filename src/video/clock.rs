//! Timestamps made usable.

use super::intervals::Recent;
use super::pictures::PICTURE_RATE;
use super::settings::FRAME_RATES;

/// Makes times that never run backwards or stand still, as they do where recordings were
/// joined, or where a file gives all frames one time: such a frame is shown the usual
/// interval after the last.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<f64>,
    shift: f64,
    recent: Recent,
}

/// What a file says of its times, in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stated {
    /// From one frame to the next, as a rule.
    pub interval: f64,
    /// What times are multiples of.
    pub tick: f64,
}

impl Stated {
    /// Of a stream of frames.
    pub fn of(stream: &ffmpeg_next::Stream) -> Self {
        let rates = [stream.avg_frame_rate(), stream.rate()];
        let mut rates = rates.into_iter().map(f64::from);
        let rate = rates.find(|rate| FRAME_RATES.contains(rate));
        Self {
            interval: 1.0 / rate.unwrap_or(PICTURE_RATE),
            tick: f64::from(stream.time_base()),
        }
    }
}

impl Clock {
    /// A step back of at least this many seconds is a joint, less is a slip.
    const JOINT: f64 = 0.5;
    /// Times that differ by less are the same.
    const SAME: f64 = 1e-6;
    /// A step of more than this many seconds, three years, is no time that passed.
    const FARTHEST: f64 = 1e8;

    /// The time of the next frame, given what the file says.
    pub fn tick(&mut self, time: Option<f64>, stated: Stated) -> f64 {
        let time = self.place(time.filter(|time| time.is_finite()), stated);
        self.recent.note(time);
        *self.last.insert(time)
    }

    /// Whether a frame shown at `time` may be on show at `start`.
    pub fn reaches(&self, time: f64, start: f64) -> bool {
        let longest = |usual: f64| (2.0 * usual).max(2.0);
        self.recent
            .usual()
            .is_none_or(|usual| time + longest(usual) >= start)
    }

    fn place(&mut self, time: Option<f64>, stated: Stated) -> f64 {
        let Some(last) = self.last else {
            let first = time.unwrap_or(0.0);
            // Counted from 1970, say, where other streams are not.
            if first.abs() > Self::FARTHEST {
                self.shift = -first;
            }
            return first + self.shift;
        };
        let next = last + self.recent.usual().unwrap_or(stated.interval);
        let Some(time) = time.map(|time| time + self.shift) else {
            return next;
        };
        let even = last + stated.interval;
        let off = (time - even).abs();
        if off < 0.75 * stated.tick && off > Self::SAME {
            // Only rounded.
            return even;
        }
        if time < last - Self::JOINT || time > last + Self::FARTHEST {
            self.shift += next - time;
            return next;
        }
        if time > last { time } else { next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(times: &[Option<f64>], interval: f64, tick: f64) -> Vec<f64> {
        let mut clock = Clock::default();
        let stated = Stated { interval, tick };
        let each = times.iter().map(|&time| clock.tick(time, stated));
        each.map(|time| (time * 1e6).round() / 1e6).collect()
    }

    #[test]
    fn times_never_run_backwards_or_stand_still() {
        // A slip, a missing time, and a second recording that starts at 0.
        let times = [
            Some(1.0),
            Some(1.1),
            Some(1.05),
            None,
            Some(1.35),
            Some(0.0),
            Some(0.1),
        ];
        let expected = [1.0, 1.1, 1.2, 1.3, 1.35, 1.45, 1.55];
        assert_eq!(told(&times, 0.1, 1e-6), expected);
        let even = [0.0, 0.1, 0.2, 0.3];
        assert_eq!(told(&[Some(0.0); 4], 0.1, 1e-4), even);
        assert_eq!(told(&[None; 4], 0.1, 1e-4), even);
        // Backwards all along, and not even a number.
        let back = [3.0, 2.9, 2.8, 2.7].map(Some);
        assert_eq!(told(&back, 0.1, 1e-4), [3.0, 3.1, 3.2, 3.3]);
        let odd = [0.0, f64::NAN, f64::INFINITY, -9e15].map(Some);
        assert_eq!(told(&odd, 0.1, 1e-4), even);
    }

    #[test]
    fn nobody_filmed_for_years() {
        let epoch = [1.6e9, 1.6e9 + 0.1, 1.6e9 + 0.2].map(Some);
        assert_eq!(told(&epoch, 0.04, 1e-3), [0.0, 0.1, 0.2]);
        let jump = [0.0, 0.1, 0.2, 1e9, 1e9 + 1.0, -1e9].map(Some);
        assert_eq!(told(&jump, 0.1, 1e-3), [0.0, 0.1, 0.2, 0.3, 1.3, 1.4]);
        // A pause is a pause.
        let pause = [0.0, 0.1, 7200.0].map(Some);
        assert_eq!(told(&pause, 0.1, 1e-3), [0.0, 0.1, 7200.0]);
    }

    #[test]
    fn a_clock_that_is_too_coarse_is_made_finer() {
        let times: Vec<_> = (0..40)
            .map(|index| Some((f64::from(index) / 2.0).floor() / 1000.0))
            .collect();
        let expected: Vec<f64> = (0..40).map(|index| f64::from(index) / 2000.0).collect();
        assert_eq!(told(&times, 1.0 / 2000.0, 1e-3), expected);
    }
}
