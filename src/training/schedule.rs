//! How the learning rate goes.

/// The learning rate of the step after `steps`: it rises to `peak` over `rise` steps, and
/// falls to 2% of it along a cosine over the budget, of which `used` is used.
pub(super) fn rate(peak: f64, rise: u64, steps: usize, used: f64) -> f64 {
    let rise = ((steps + 1) as f64 / rise.max(1) as f64).min(1.0);
    let fall = 0.5 * (1.0 + (std::f64::consts::PI * used.min(1.0)).cos());
    peak * rise * (0.02 + 0.98 * fall)
}
