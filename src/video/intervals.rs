//! How far frames lie apart in time.

use std::collections::VecDeque;

/// Steps nearer to their median than this factor are the usual one, rounded.
const NEAR: f64 = 1.6;

/// What is taken for a pause where frames come at a common rate, in seconds.
const PAUSE: f64 = 60.0;

/// The time from each frame to the next, in seconds, from short to long.
#[derive(Debug, Clone, Default)]
pub struct Intervals(Vec<f64>);

impl Intervals {
    /// Of frames shown at `times`, within the scenes that start with the frames `cuts`: from
    /// one scene to the next anything may pass.
    pub fn within(times: &[f64], cuts: &[usize]) -> Self {
        let steps = times.windows(2).map(|pair| pair[1] - pair[0]).enumerate();
        let inside = steps.filter(|(index, _)| cuts.binary_search(&(index + 1)).is_err());
        Self::of(inside.map(|(_, step)| step))
    }

    fn of(steps: impl Iterator<Item = f64>) -> Self {
        let mut steps: Vec<f64> = steps.collect();
        steps.sort_by(f64::total_cmp);
        Self(steps)
    }

    /// The usual one: the mean of those near their median, so that neither pauses and missing
    /// frames count nor how a file rounds its times. Where that leaves open which rate is
    /// meant, it is a whole number of frames per second, or a thousandth less (29.97).
    /// None where no time passes.
    pub fn usual(&self) -> Option<f64> {
        let steps = &self.0[self.0.partition_point(|&step| step <= 0.0)..];
        let median = *steps.get(steps.len() / 2)?;
        let from = steps.partition_point(|&step| step < median / NEAR);
        let to = steps.partition_point(|&step| step <= median * NEAR);
        let near = &steps[from..to];
        let sum: f64 = near.iter().sum();
        let mean = sum / near.len() as f64;
        // Each run of near ones is off by as much as times are rounded by.
        let runs = (steps.len() - near.len() + 1) as f64;
        let unsure = (near[near.len() - 1] - near[0]) * runs.sqrt() / sum + 1e-9;
        let off = |rate: &f64| (rate * mean - 1.0).abs();
        let rates = [(1.0 / mean).round(), (1.001 / mean).round() / 1.001].into_iter();
        let meant = rates.filter(|rate| *rate > 0.5 && off(rate) <= unsure);
        let meant = meant.min_by(|a, b| off(a).total_cmp(&off(b)));
        Some(meant.map_or(mean, f64::recip))
    }

    /// Whether some differ from the others by more than times are rounded by.
    pub fn differ(&self) -> bool {
        let usual = self.usual().unwrap_or(0.0);
        // A GIF counts hundredths of a second; other files thousandths, or finer.
        let in_hundredths = |step: &f64| (step * 100.0 - (step * 100.0).round()).abs() < 1e-6;
        let rounding = match self.0.iter().all(in_hundredths) {
            true => 0.0101,
            false => 0.002 + 0.05 * usual,
        };
        let tolerance = rounding.min(0.6 * usual);
        let mut ends = [self.0.first(), self.0.last()].into_iter().flatten();
        ends.any(|step| (step - usual).abs() > tolerance)
    }
}

/// Those between the last few frames: what is usual now, in a film that is read once.
#[derive(Debug, Default)]
pub(super) struct Recent {
    last: Option<f64>,
    steps: VecDeque<f64>,
}

impl Recent {
    const MEMORY: usize = 31;

    /// A frame is shown at `time`.
    pub fn note(&mut self, time: f64) {
        if let Some(last) = self.last.replace(time) {
            if self.steps.len() == Self::MEMORY {
                self.steps.pop_front();
            }
            self.steps.push_back(time - last);
        }
    }

    /// The usual interval; none before three are known.
    pub fn usual(&self) -> Option<f64> {
        let known = self.steps.iter().filter(|&&step| step > 0.0);
        match known.clone().count() {
            0..3 => None,
            _ => Intervals::of(known.copied()).usual(),
        }
    }
}

/// The longest time between frames, in seconds, that is no break, where frames usually come
/// `usual` seconds apart. What follows a break starts a scene.
///
/// - As a rule it is a minute: screen recordings and phones store no frame while nothing
///   moves, and come at up to 240 frames per second.
/// - Of a time lapse it is ten intervals.
/// - Faster cameras store every frame: there it is a thousand intervals, a second at 1000
///   frames per second.
pub(super) fn longest_pause(usual: Option<f64>) -> f64 {
    match usual {
        Some(usual) if usual < 1.0 / 250.0 => 1000.0 * usual,
        Some(usual) => PAUSE.max(10.0 * usual),
        None => PAUSE,
    }
}

/// A frame rate for people, to four digits or more.
pub fn rate_words(rate: f64) -> String {
    let decimals = (4.0 - rate.log10().floor()).clamp(3.0, 12.0) as usize;
    let text = format!("{rate:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rate of frames at multiples of 1 ÷ `rate`, rounded to `tick`, without those `missing`.
    fn rate(rate: f64, tick: f64, count: usize, missing: &[usize]) -> (String, bool) {
        let times = (0..count).filter(|index| !missing.contains(index));
        let times: Vec<f64> = times
            .map(|index| ((index as f64 / rate) / tick).round() * tick)
            .collect();
        let found = Intervals::within(&times, &[]);
        (rate_words(1.0 / found.usual().unwrap()), found.differ())
    }

    #[test]
    fn a_missing_frame_changes_no_rate() {
        for (stated, words) in [
            (10.0, "10"),
            (24.0, "24"),
            (30.0, "30"),
            (29.97, "29.97"),
            (24000.0 / 1001.0, "23.976"),
            (2000.0, "2000"),
            (1.0 / 300.0, "0.0033333"),
        ] {
            let said = (words.to_owned(), true);
            assert_eq!(rate(stated, 1e-6, 17, &[9]), said);
            assert_eq!(rate(stated, 1e-6, 50, &[20, 33]), said);
            let said = (words.to_owned(), false);
            assert_eq!(rate(stated, 1e-6, 50, &[]), said);
            if stated < 100.0 {
                assert_eq!(rate(stated, 1e-3, 50, &[]), said);
                assert_eq!(rate(stated, 1e-3, 200, &[100]).0, words);
            }
        }
        assert_eq!(rate(30.0, 1e-3, 16, &[7]), ("30".to_owned(), true));
    }

    #[test]
    fn a_gif_that_rounds_to_hundredths_does_not_vary() {
        assert_eq!(rate(30.0, 0.01, 40, &[]), ("30".to_owned(), false));
        assert_eq!(rate(24.0, 0.01, 49, &[]), ("24".to_owned(), false));
        assert_eq!(rate(40.0, 0.01, 41, &[]), ("40".to_owned(), false));
        let steps = |steps: &[f64]| Intervals::of(steps.iter().copied());
        let alternate = steps(&[0.03, 0.04].repeat(20));
        assert!(!alternate.differ());
        assert!((alternate.usual().unwrap() - 0.035).abs() < 1e-9);
        assert!(steps(&[0.03, 0.03, 0.06, 0.03]).differ());
        assert!(steps(&[0.01, 0.01, 0.02, 0.01]).differ());
    }

    #[test]
    fn pauses_change_no_rate_and_are_relative() {
        let paused: Vec<f64> = (0..200)
            .map(|index| 0.1 * f64::from(index) + if index < 100 { 0.0 } else { 7200.0 })
            .collect();
        let found = Intervals::within(&paused, &[]);
        assert!((found.usual().unwrap() - 0.1).abs() < 1e-9 && found.differ());
        assert!(!Intervals::within(&paused, &[100]).differ());
        assert!(Intervals::within(&[1.0, 1.0], &[]).usual().is_none());
        for (usual, still, pause) in [
            (0.1, 59.0, 7200.0),
            (1.0 / 60.0, 5.0, 61.0),
            (1.0 / 240.0, 5.0, 61.0),
            (300.0, 2999.0, 3001.0),
            (1.0 / 2000.0, 0.4, 1.0),
        ] {
            let longest = longest_pause(Some(usual));
            assert!(still <= longest && longest < pause, "{usual}: {longest}");
        }
    }
}
