//! Notices training that diverges or dies.

use super::learner::{LearnerState, StepReport};
use serde::{Deserialize, Serialize};

/// Steps before anything is judged.
const PATIENCE: u64 = 30;

/// In units of σ², copying the last frame has an error of about 1.
const COPYING: f64 = 0.95;
/// A model whose error was below this had learned something to forget.
const LEARNED: f64 = 0.4;

/// Below this an error is that of a few hard windows: where nearly all are explained,
/// its mean jumps by many times, and nothing diverges.
const SMALL: f64 = 0.05;

/// What is wrong with a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alarm {
    /// A loss or gradient that is not finite.
    NotFinite,
    /// The error is far above what it was.
    Diverging,
    /// No gradient reaches the weights any more, or the model has fallen back
    /// to copying the last frame.
    Dead,
}

impl std::fmt::Display for Alarm {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::NotFinite => "a step was not finite",
            Self::Diverging => "the error rose far above its best",
            Self::Dead => "it died: no gradient, or it copies the last frame",
        })
    }
}

/// Running means of what steps report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    steps: u64,
    error: f64,
    best: f64,
    gradient: f64,
}

impl Watch {
    /// Whether its numbers are such as steps leave.
    pub(super) fn is_sound(&self, steps: u64) -> bool {
        let amounts = [self.error, self.best, self.gradient];
        self.steps <= steps && amounts.iter().all(|n| n.is_finite() && *n >= 0.0)
    }

    /// Takes in one step. After an alarm it starts anew but for the best error.
    pub fn judge(&mut self, report: &StepReport) -> Option<Alarm> {
        let finite = report.gradient.is_finite() && report.error.is_finite();
        let alarm = if !finite {
            Some(Alarm::NotFinite)
        } else {
            self.take(report);
            if self.steps <= PATIENCE {
                None
            } else if self.error > (4.0 * self.best).max(SMALL) {
                Some(Alarm::Diverging)
            } else if self.gradient < 1e-4 || (self.error > COPYING && self.best < LEARNED) {
                Some(Alarm::Dead)
            } else {
                None
            }
        };
        if alarm.is_some() {
            self.steps = 0;
        }
        alarm
    }

    /// Whether the error is near its best.
    pub fn is_well(&self) -> bool {
        self.steps > 0 && self.error <= (2.0 * self.best).max(SMALL)
    }

    fn take(&mut self, report: &StepReport) {
        self.steps += 1;
        // A plain mean at first, then over about the last 25 steps.
        let weight = (1.0 / self.steps as f64).max(0.04);
        self.error += weight * (report.error - self.error);
        self.gradient += weight * (report.gradient - self.gradient);
        // The first few steps' mean says little.
        let first = self.best == 0.0;
        if self.steps >= PATIENCE / 2 && (first || self.error < self.best) {
            self.best = self.error;
        }
    }
}

impl LearnerState {
    /// Whether its numbers are such as a learner leaves after so many steps of a run.
    pub fn is_sound(&self, steps: u64) -> bool {
        self.steps as u64 <= steps
            && self.caution > 0.0
            && self.caution <= 1.0
            && self.watch.is_sound(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(error: f64, gradient: f64) -> StepReport {
        StepReport {
            energy: error,
            error,
            surprise: 0.0,
            contrast: 0.0,
            gradient,
        }
    }

    #[test]
    fn a_run_that_learns_is_left_alone() {
        let mut watch = Watch::default();
        for step in 0..500 {
            let noise = 1.0 + 0.5 * f64::from(step % 7) / 7.0;
            let error = noise * (0.2 + (-f64::from(step) / 100.0).exp());
            assert_eq!(watch.judge(&report(error, 0.3)), None);
        }
        assert!(watch.is_well());
    }

    #[test]
    fn a_quiet_first_batch_is_no_measure() {
        let mut watch = Watch::default();
        assert_eq!(watch.judge(&report(0.01, 0.3)), None);
        for _ in 0..200 {
            assert_eq!(watch.judge(&report(1.0, 0.3)), None);
        }
        assert!(watch.is_well());
    }

    #[test]
    fn where_nearly_all_is_explained_a_hard_window_is_no_divergence() {
        let mut watch = Watch::default();
        for step in 0..500 {
            let error = if step % 40 == 39 { 0.3 } else { 1e-4 };
            assert_eq!(watch.judge(&report(error, 0.3)), None, "{step}");
            assert!(watch.is_well());
        }
    }

    #[test]
    fn divergence_death_and_nan_are_noticed() {
        let learned = || {
            let mut watch = Watch::default();
            for _ in 0..100 {
                assert_eq!(watch.judge(&report(0.5, 0.3)), None);
            }
            watch
        };
        let first = |mut watch: Watch, bad: StepReport| {
            (0..300).find_map(|_| watch.judge(&bad)).expect("an alarm")
        };
        assert_eq!(first(learned(), report(5.0, 0.3)), Alarm::Diverging);
        assert_eq!(first(learned(), report(0.5, 0.0)), Alarm::Dead);
        let mut copying = Watch::default();
        for _ in 0..100 {
            assert_eq!(copying.judge(&report(0.3, 0.3)), None);
        }
        assert_eq!(first(copying, report(1.0, 0.3)), Alarm::Dead);
        assert_eq!(first(learned(), report(f64::NAN, 0.3)), Alarm::NotFinite);
        assert_eq!(
            first(learned(), report(0.5, f64::INFINITY)),
            Alarm::NotFinite
        );
    }
}
