//! How long to train: a number of steps or a stretch of time.

use crate::error::{Error, Result};
use std::time::Duration;

/// When training ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// After this many steps.
    Steps(u64),
    /// After this much time spent training, over all resumed parts.
    Time(Duration),
}

impl Budget {
    /// The part of the budget that is used, in [0, 1], after `step` steps and
    /// `elapsed` time. Schedules (learning rate, temperature) follow it.
    pub fn used(self, step: u64, elapsed: Duration) -> f64 {
        let used = match self {
            Self::Steps(0) => 1.0,
            Self::Steps(steps) => step as f64 / steps as f64,
            Self::Time(time) if time.is_zero() => 1.0,
            Self::Time(time) => elapsed.as_secs_f64() / time.as_secs_f64(),
        };
        used.min(1.0)
    }

    /// Whether the budget is used up.
    pub fn spent(self, step: u64, elapsed: Duration) -> bool {
        self.used(step, elapsed) >= 1.0
    }
}

impl std::fmt::Display for Budget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Steps(steps) => write!(f, "{steps} steps"),
            Self::Time(time) => write!(f, "{}", humantime::format_duration(*time)),
        }
    }
}

/// A time from text such as `90s`, `10m` or `1h 30m`, given as `option`.
pub fn duration(option: &str, text: &str) -> Result<Duration> {
    let problem = match humantime::parse_duration(text) {
        Ok(duration) if !duration.is_zero() => return Ok(duration),
        Ok(_) => "that is no time at all".to_owned(),
        Err(error) => error.to_string(),
    };
    Err(Error::input(
        format!("{option} {text}"),
        problem,
        "write a time such as 90s, 10m or 2h",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let time = |text| duration("--time-budget", text);
        let seconds = |text| time(text).unwrap().as_secs();
        assert_eq!(seconds("90s"), 90);
        assert_eq!(seconds("10m"), 600);
        assert_eq!(seconds("1h 30m"), 5400);
        for text in ["", "10", "0s", "ten minutes", "-1m"] {
            let message = time(text).unwrap_err().to_string();
            assert!(message.contains("--time-budget"), "{message}");
        }
    }

    #[test]
    fn budgets_are_used_up() {
        let minute = Duration::from_secs(60);
        assert_eq!(Budget::Steps(8).used(2, minute), 0.25);
        assert_eq!(Budget::Time(4 * minute).used(999, minute), 0.25);
        assert!(Budget::Steps(8).spent(8, Duration::ZERO));
        assert!(Budget::Time(minute).spent(0, 2 * minute));
        assert!(!Budget::Time(minute).spent(9, Duration::ZERO));
        assert!(Budget::Steps(0).spent(0, Duration::ZERO));
    }
}
