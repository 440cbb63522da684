//! Intervals by the bootstrap.

use crate::rng::Seed;

/// Times that windows are drawn anew.
const DRAWS: usize = 1000;

/// An interval that holds a figure in 95 of 100 comparisons like this one: the
/// figure's 2.5 and 97.5 percentiles over windows drawn anew with replacement
/// (Efron & Tibshirani 1993, the percentile interval).
///
/// `figure` makes the figure of windows, given as indices below `windows`. The same
/// windows are drawn each time, so that models on the same windows can be paired.
/// `None` where it has none for a tenth of the draws, or for fewer than two windows.
pub fn interval(windows: usize, figure: impl Fn(&[usize]) -> Option<f64>) -> Option<[f64; 2]> {
    if windows < 2 {
        return None;
    }
    let mut rng = Seed(0).stream("bootstrap", 0);
    let mut found: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            let drawn: Vec<usize> = (0..windows).map(|_| rng.below(windows)).collect();
            figure(&drawn)
        })
        .collect();
    if found.len() < DRAWS - DRAWS / 10 {
        return None;
    }
    found.sort_by(f64::total_cmp);
    // As numpy's percentile: linear between ranks.
    let at = |share: f64| {
        let rank = share * (found.len() - 1) as f64;
        let (low, part) = (rank as usize, rank.fract());
        let high = (low + 1).min(found.len() - 1);
        found[low] + part * (found[high] - found[low])
    };
    Some([at(0.025), at(0.975)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_the_mean_in_95_of_100() {
        let mut rng = Seed(2).stream("test", 0);
        let mut held = 0;
        for _ in 0..200 {
            let values: Vec<f64> = (0..40).map(|_| rng.normal()).collect();
            let mean = |drawn: &[usize]| {
                Some(drawn.iter().map(|&i| values[i]).sum::<f64>() / drawn.len() as f64)
            };
            let [low, high] = interval(40, mean).unwrap();
            held += usize::from(low <= 0.0 && 0.0 <= high);
            // As wide as theory says: 3.92/√40.
            assert!((0.4..0.9).contains(&(high - low)), "{low} {high}");
        }
        // 190 expected; three standard deviations are 9, and it is a little narrow.
        assert!((178..=199).contains(&held), "{held} of 200");
    }

    #[test]
    fn none_where_there_is_nothing_to_draw() {
        assert_eq!(interval(1, |_| Some(1.0)), None);
        assert_eq!(interval(5, |_| None), None);
        assert_eq!(interval(5, |_| Some(2.0)), Some([2.0, 2.0]));
    }
}
