//! Timestamps made usable.

/// Makes times that never run backwards, as they do where recordings were
/// joined: what follows is moved to continue where the part before ended.
#[derive(Debug, Default)]
pub(super) struct Clock {
    last: Option<f64>,
    shift: f64,
}

impl Clock {
    /// A step back of at least this many seconds is a joint, less is a slip.
    const JOINT: f64 = 0.5;

    /// The time of the next frame, given what the file states, or `interval`
    /// after the last.
    pub fn tick(&mut self, stated: Option<f64>, interval: f64) -> f64 {
        let Some(last) = self.last else {
            return *self.last.insert(stated.unwrap_or(0.0));
        };
        let next = last + interval;
        let mut time = stated.map_or(next, |time| time + self.shift);
        if time < last - Self::JOINT {
            self.shift += next - time;
            time = next;
        }
        *self.last.insert(time.max(last))
    }
}

#[cfg(test)]
mod tests {
    use super::Clock;

    #[test]
    fn times_never_run_backwards() {
        let mut clock = Clock::default();
        // A slip, a missing time, and a second recording that starts at 0.
        let stated = [
            Some(1.0),
            Some(1.1),
            Some(1.05),
            None,
            Some(1.3),
            Some(0.0),
            Some(0.1),
        ];
        let expected = [1.0, 1.1, 1.1, 1.2, 1.3, 1.4, 1.5];
        for (stated, expected) in stated.into_iter().zip(expected) {
            assert!((clock.tick(stated, 0.1) - expected).abs() < 1e-9);
        }
    }
}
