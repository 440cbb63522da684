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
        let mut steps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        steps.sort_by(f64::total_cmp);
        let usual = steps.get(steps.len() / 2).copied().unwrap_or(0.0);
        // Files round times to as little as a millisecond.
        let tolerance = 0.002 + 0.05 * usual;
        let extreme =
            |step: Option<&f64>| step.is_some_and(|step| (step - usual).abs() > tolerance);
        Some(Self {
            first,
            last,
            duration: last - first + usual,
            rate: (last > first).then(|| steps.len() as f64 / (last - first)),
            variable: extreme(steps.first()) || extreme(steps.last()),
        })
    }
}
