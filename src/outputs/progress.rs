//! How training goes, on standard error: a bar on a terminal, else a line
//! every few seconds. Colours follow `NO_COLOR`, through indicatif.

use crate::training::budget::Budget;
use console::style;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::VecDeque;
use std::io::Write as _;
use std::time::Duration;

/// The time between two plain lines.
const LINES_APART: Duration = Duration::from_secs(10);

/// The time over which samples per second are counted.
const RATE_OVER: Duration = Duration::from_secs(2);

/// The time over which the pace is taken that says how much is left.
const PACE_OVER: Duration = Duration::from_secs(60);

/// The time between two ticks that are kept for the pace.
const PACE_APART: Duration = Duration::from_secs(1);

/// The bar's own steps, fine enough for any width.
const BAR_LENGTH: u64 = 1000;

/// Where training stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tick {
    /// Steps made, over all resumed parts.
    pub step: u64,
    /// Time spent training, over all resumed parts.
    pub elapsed: Duration,
    /// Samples seen, counted from any start.
    pub samples: u64,
    /// The mean energy of recent samples.
    pub energy: f64,
}

/// Where bars are drawn: on standard error, unless only warnings and errors are
/// asked for.
pub fn target() -> ProgressDrawTarget {
    match is_quiet() {
        true => ProgressDrawTarget::hidden(),
        false => ProgressDrawTarget::stderr(),
    }
}

/// A bar on standard error, and only on a terminal, that counts up to `total` of what
/// is called `what`.
pub fn counted(total: usize, what: String) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total as u64), target());
    if let Ok(style) = ProgressStyle::with_template("{bar:24.cyan/dim} {msg} {pos} of {len}") {
        bar.set_style(style);
    }
    bar.with_message(what)
}

fn is_quiet() -> bool {
    !tracing::enabled!(tracing::Level::INFO)
}

/// A progress display.
#[derive(Debug)]
pub struct Progress {
    budget: Budget,
    bar: ProgressBar,
    /// Only warnings and errors are asked for.
    quiet: bool,
    /// Of the last minute, the oldest first.
    recent: VecDeque<Tick>,
    anchor: Option<Tick>,
    rate: Option<f64>,
    last_line: Option<Duration>,
}

impl Progress {
    /// A display on standard error for training with this budget.
    pub fn new(budget: Budget) -> Self {
        let bar = ProgressBar::with_draw_target(Some(BAR_LENGTH), target());
        if let Ok(style) = ProgressStyle::with_template("{bar:24.cyan/dim} {msg}") {
            bar.set_style(style);
        }
        Self {
            budget,
            bar,
            quiet: is_quiet(),
            recent: VecDeque::new(),
            anchor: None,
            rate: None,
            last_line: None,
        }
    }

    /// Shows where training stands; call it once a step.
    pub fn update(&mut self, tick: Tick) {
        self.measure(tick);
        if self.quiet {
            return;
        }
        if !self.bar.is_hidden() {
            let used = self.budget.used(tick.step, tick.elapsed);
            self.bar.set_position((used * BAR_LENGTH as f64) as u64);
            self.bar.set_message(self.line(tick));
        } else if self.line_is_due(tick.elapsed) {
            self.last_line = Some(tick.elapsed);
            print_line(&self.line(tick));
        }
    }

    /// A message of its own line, above the bar.
    pub fn message(&self, text: &str) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// The same where it is a warning, which is always shown.
    pub fn warn(&self, text: &str) {
        self.bar.suspend(|| print_line(text));
    }

    /// Takes the bar away, leaving its last state as a line.
    pub fn finish(&self, tick: Tick) {
        self.bar.finish_and_clear();
        if !self.quiet {
            print_line(&self.line(tick));
        }
    }

    fn measure(&mut self, tick: Tick) {
        let anchor = *self.anchor.get_or_insert(tick);
        self.remember(tick);
        let over = tick.elapsed.saturating_sub(anchor.elapsed);
        if over >= RATE_OVER {
            let samples = tick.samples.saturating_sub(anchor.samples);
            self.rate = Some(samples as f64 / over.as_secs_f64());
            self.anchor = Some(tick);
        }
    }

    fn remember(&mut self, tick: Tick) {
        let since = |old: &Tick| tick.elapsed.saturating_sub(old.elapsed);
        if self
            .recent
            .back()
            .is_none_or(|last| since(last) >= PACE_APART)
        {
            self.recent.push_back(tick);
        }
        // One that is a minute old stays, so that it is a whole minute.
        while self
            .recent
            .get(1)
            .is_some_and(|old| since(old) >= PACE_OVER)
        {
            self.recent.pop_front();
        }
    }

    fn line_is_due(&self, elapsed: Duration) -> bool {
        self.last_line
            .is_none_or(|last| elapsed.saturating_sub(last) >= LINES_APART)
    }

    fn line(&self, tick: Tick) -> String {
        let mut line = match self.budget {
            Budget::Steps(steps) => format!("step {}/{steps}", tick.step),
            Budget::Time(_) => format!("step {}", tick.step),
        };
        if let Some(rate) = self.rate {
            line.push_str(&format!(", {rate:.0} samples/s"));
        }
        line.push_str(&format!(", energy {:.4e}", tick.energy));
        match self.left(tick) {
            Some(left) if !left.is_zero() => {
                line.push_str(&format!(", {} left", HumanDuration(left)));
            }
            Some(_) => line.push_str(", done"),
            None => {}
        }
        line
    }

    /// The time that is left; for steps, as the last minute went.
    fn left(&self, tick: Tick) -> Option<Duration> {
        match self.budget {
            Budget::Time(time) => Some(time.saturating_sub(tick.elapsed)),
            Budget::Steps(steps) => {
                let first = self.recent.front()?;
                let left = steps.saturating_sub(tick.step);
                let made = tick.step.saturating_sub(first.step);
                let took = tick.elapsed.saturating_sub(first.elapsed);
                match (left, made) {
                    (0, _) => Some(Duration::ZERO),
                    (_, 0) => None,
                    _ => Some(took.mul_f64(left as f64 / made as f64)),
                }
            }
        }
    }
}

/// What is not as it should be, in red, which is always shown.
pub fn alarm(text: &str) {
    print_line(&style(text).for_stderr().red().to_string());
}

/// Unlike `eprintln!`, survives a closed standard error.
fn print_line(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tick(step: u64, seconds: u64) -> Tick {
        Tick {
            step,
            elapsed: Duration::from_secs(seconds),
            samples: 32 * step,
            energy: 0.0125,
        }
    }

    #[test]
    fn a_step_budget_estimates_from_this_part_of_the_run() {
        let mut progress = Progress::new(Budget::Steps(1000));
        progress.measure(tick(500, 1_000_000));
        assert_eq!(
            progress.line(tick(500, 1_000_000)),
            "step 500/1000, energy 1.2500e-2"
        );
        progress.measure(tick(600, 1_000_020));
        assert_eq!(
            progress.line(tick(600, 1_000_020)),
            "step 600/1000, 160 samples/s, energy 1.2500e-2, 80 seconds left"
        );
        assert!(progress.line(tick(1000, 1_000_100)).ends_with(", done"));
    }

    #[test]
    fn what_is_left_follows_the_pace_of_the_last_minute() {
        let mut progress = Progress::new(Budget::Steps(10_000));
        // Ten steps a second for ten minutes, then one.
        for second in 0..=600 {
            progress.measure(tick(10 * second, second));
        }
        let line = progress.line(tick(6000, 600));
        assert!(line.ends_with("7 minutes left"), "{line}");
        for second in 1..=61 {
            progress.measure(tick(6000 + second, 600 + second));
        }
        let line = progress.line(tick(6061, 661));
        assert!(line.ends_with("66 minutes left"), "{line}");
        assert!(progress.recent.len() <= 62);
    }

    #[test]
    fn a_time_budget_counts_down() {
        let mut progress = Progress::new(Budget::Time(Duration::from_secs(60)));
        progress.measure(tick(0, 0));
        progress.measure(tick(10, 20));
        assert_eq!(
            progress.line(tick(10, 20)),
            "step 10, 16 samples/s, energy 1.2500e-2, 40 seconds left"
        );
    }

    #[test]
    fn plain_lines_keep_their_distance() {
        let mut progress = Progress::new(Budget::Steps(10));
        assert!(progress.line_is_due(Duration::ZERO));
        progress.last_line = Some(Duration::from_secs(5));
        assert!(!progress.line_is_due(Duration::from_secs(14)));
        assert!(progress.line_is_due(Duration::from_secs(15)));
    }
}
