//! Best of N samples.

/// The score that the best of `n` samples is expected to get, `n` being drawn
/// from `scores` without replacement; higher scores are better. So `n` = 1 is
/// the mean, `n` = all is the best, and every sample is used in between, where
/// taking the first `n` would be noisier. It rewards spread: read it beside a
/// proper score. `None` where `n` is 0 or more than there are.
///
/// The r-th lowest of m is the best in C(r − 1, n − 1) of the C(m, n) draws.
pub fn best_of(scores: &[f64], n: usize) -> Option<f64> {
    let count = scores.len();
    if n == 0 || n > count {
        return None;
    }
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (mut expected, mut weight) = (0.0, n as f64 / count as f64);
    for rank in (n..=count).rev() {
        expected += weight * sorted[rank - 1];
        weight *= (rank - n) as f64 / (rank - 1).max(1) as f64;
    }
    Some(expected)
}

#[cfg(test)]
mod tests {
    use super::super::region::reference::close;
    use super::*;

    #[test]
    fn as_the_mean_over_all_draws() {
        let scores = [3.0, 1.0, 4.0, 1.5, 5.0, 9.0];
        close(best_of(&scores, 1), 3.916666667);
        close(best_of(&scores, 3), 6.75);
        close(best_of(&scores, 6), 9.0);
        assert_eq!(best_of(&scores, 0), None);
        assert_eq!(best_of(&scores, 7), None);
    }
}
