//! How frames lie in time.

/// When frames are shown; in seconds.
pub(super) struct Timing {
    pub(super) first: f64,
    pub(super) last: f64,
    /// To the end of the last frame.
    pub(super) duration: f64,
    /// Mean frames per second; none for a single frame.
    pub(super) rate: Option<f64>,
    /// Whether some intervals differ from the others.
    pub(super) variable: bool,
}

impl Timing {
    /// Of frames' times, in order; none of no frames.
    pub(super) fn of(times: &[f64]) -> Option<Self> {
        let (&first, &last) = (times.first()?, times.last()?);
        let steps = Steps::of(steps(times));
        Some(Self {
            first,
            last,
            duration: last - first + steps.usual(),
            rate: (last > first).then(|| steps.0.len() as f64 / (last - first)),
            variable: steps.differ(),
        })
    }
}

/// From each of these times to the next.
pub(super) fn steps(times: &[f64]) -> impl Iterator<Item = f64> + '_ {
    times.windows(2).map(|pair| pair[1] - pair[0])
}

/// Intervals between frames, in seconds, from short to long.
pub(super) struct Steps(Vec<f64>);

impl Steps {
    pub(super) fn of(steps: impl Iterator<Item = f64>) -> Self {
        let mut steps: Vec<f64> = steps.collect();
        steps.sort_by(f64::total_cmp);
        Self(steps)
    }

    /// Their median; 0 where there is none.
    fn usual(&self) -> f64 {
        self.0.get(self.0.len() / 2).copied().unwrap_or(0.0)
    }

    /// Whether some differ from the others.
    pub(super) fn differ(&self) -> bool {
        // Files round times to as little as a millisecond.
        let tolerance = 0.002 + 0.05 * self.usual();
        let mut ends = [self.0.first(), self.0.last()].into_iter().flatten();
        ends.any(|step| (step - self.usual()).abs() > tolerance)
    }
}
