//! How frames lie in time.

use crate::video::intervals::Intervals;

/// When frames are shown; in seconds.
pub(super) struct Timing {
    pub(super) first: f64,
    pub(super) last: f64,
    /// To the end of the last frame.
    pub(super) duration: f64,
    /// Frames per second, by the usual interval; none for a single frame.
    pub(super) rate: Option<f64>,
    /// Whether some intervals within scenes differ from the others.
    pub(super) variable: bool,
}

impl Timing {
    /// Of frames' times, in order, and the first frames of scenes; none of no frames.
    pub(super) fn of(times: &[f64], cuts: &[usize]) -> Option<Self> {
        let (&first, &last) = (times.first()?, times.last()?);
        let intervals = Intervals::within(times, cuts);
        let usual = intervals.usual();
        Some(Self {
            first,
            last,
            duration: last - first + usual.unwrap_or(0.0),
            rate: usual.map(f64::recip),
            variable: intervals.differ(),
        })
    }
}
