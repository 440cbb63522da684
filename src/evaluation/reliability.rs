//! Reliability: does what is given a chance of 30% come in 30 of 100 cases?

use super::moving::CHANGE;
use serde::Serialize;

/// Bins of probabilities, from 0 to 1.
pub const BINS: usize = 10;

/// Of one bin: cases, the sum of the probabilities that were given, and how often it came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Bin {
    /// Pixels, or places of a text.
    pub cases: f64,
    /// The sum of their probabilities.
    pub given: f64,
    /// In how many of them it came.
    pub came: f64,
}

/// A reliability diagram's bins (Murphy & Winkler 1977; Wilks, "Statistical methods in
/// the atmospheric sciences", section 8.4.4) of the event that a pixel has changed since
/// the `last` frame by more than [`CHANGE`]: its probability is the share of `samples` in
/// which it has. All are frames of values in [0, 1], over which every value counts: to
/// look only where something came would favour forecasts that give it too great a
/// chance.
pub fn reliability(samples: &[&[f32]], truth: &[f32], last: &[f32]) -> [Bin; BINS] {
    let mut bins = [Bin::default(); BINS];
    let changed = |frame: &[f32], place: usize| (frame[place] - last[place]).abs() > CHANGE;
    for place in 0..truth.len() {
        let so_many = samples.iter().filter(|sample| changed(sample, place));
        let given = so_many.count() as f64 / samples.len().max(1) as f64;
        Bin::add(&mut bins, given, changed(truth, place));
    }
    bins
}

impl Bin {
    /// Adds one case to the bin among `bins` that its probability belongs to.
    pub fn add(bins: &mut [Self; BINS], given: f64, came: bool) {
        let bin = &mut bins[((given * BINS as f64) as usize).min(BINS - 1)];
        bin.cases += 1.0;
        bin.given += given;
        bin.came += f64::from(u8::from(came));
    }
}

/// The mean distance of what was given from how often it came, weighed by cases (the
/// expected calibration error; Naeini et al. 2015); `None` without cases.
pub fn calibration_error(bins: &[Bin; BINS]) -> Option<f64> {
    let cases: f64 = bins.iter().map(|bin| bin.cases).sum();
    let apart: f64 = bins.iter().map(|bin| (bin.given - bin.came).abs()).sum();
    (cases > 0.0).then(|| apart / cases)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn what_is_given_a_chance_comes_so_often() {
        // Each pixel has its own chance to light up: 100 futures and what came.
        let mut rng = Seed(1).stream("test", 0);
        let chances: Vec<f64> = (0..40_000).map(|_| rng.uniform()).collect();
        let mut draw = || -> Vec<f32> {
            let lit = chances.iter().map(|&chance| rng.uniform() < chance);
            lit.map(|lit| f32::from(u8::from(lit))).collect()
        };
        let samples: Vec<Vec<f32>> = (0..100).map(|_| draw()).collect();
        let samples: Vec<&[f32]> = samples.iter().map(Vec::as_slice).collect();
        let (truth, last) = (draw(), vec![0.0; 40_000]);
        let bins = reliability(&samples, &truth, &last);
        assert_eq!(bins.iter().map(|bin| bin.cases).sum::<f64>(), 40_000.0);
        for (index, bin) in bins.iter().enumerate() {
            let (given, came) = (bin.given / bin.cases, bin.came / bin.cases);
            assert!(
                (given - (index as f64 / 10.0 + 0.05)).abs() < 0.02,
                "{given}"
            );
            assert!((given - came).abs() < 0.04, "{given} {came}");
        }
        assert!(calibration_error(&bins).unwrap() < 0.02);
        // One future that is sure, and wrong half of the time it says so.
        let half: Vec<f32> = (0..40_000).map(|i| (i % 2) as f32).collect();
        let sure = vec![1.0; 40_000];
        let bins = reliability(&[&sure], &half, &last);
        assert_eq!((bins[9].cases, bins[9].came), (40_000.0, 20_000.0));
        assert_eq!(calibration_error(&bins), Some(0.5));
        assert_eq!(calibration_error(&[Bin::default(); BINS]), None);
    }
}
