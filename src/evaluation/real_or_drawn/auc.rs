//! The area under the receiver operating characteristic, over windows.

use crate::evaluation::bootstrap::interval;
use crate::evaluation::comparison::Figure;

/// How many pairs of a film's patch and a drawn one are told right, by windows.
///
/// The area under the receiver operating characteristic is the chance that a drawn patch
/// has the higher score of the two, ties counting half (Mann & Whitney 1947; Hanley &
/// McNeil 1982). Counted for each pair of windows, it is soon counted again for any draw
/// of windows.
pub(super) struct Auc {
    windows: usize,
    /// Pairs that are told right, film's window × windows + drawn window.
    right: Vec<f64>,
    /// Patches of each window, of film and drawn.
    counts: [Vec<f64>; 2],
}

impl Auc {
    /// Of scores (higher: more likely drawn) with the window of each, below `windows`, of
    /// film and of what is drawn.
    pub fn new(film: &[(usize, f32)], drawn: &[(usize, f32)], windows: usize) -> Self {
        let by_window = |scores: &[(usize, f32)]| {
            let mut each = vec![Vec::new(); windows];
            for &(window, score) in scores {
                each[window].push(score);
            }
            each.iter_mut().for_each(|of| of.sort_by(f32::total_cmp));
            each
        };
        let (film, drawn) = (by_window(film), by_window(drawn));
        let mut right = Vec::with_capacity(windows * windows);
        for below in &film {
            for above in &drawn {
                let won = |score: &f32| {
                    let less = below.partition_point(|other| other < score);
                    let no_more = below.partition_point(|other| other <= score);
                    (less + no_more) as f64 / 2.0
                };
                right.push(above.iter().map(won).sum::<f64>());
            }
        }
        let count = |of: &[Vec<f32>]| of.iter().map(|each| each.len() as f64).collect();
        Self {
            windows,
            right,
            counts: [count(&film), count(&drawn)],
        }
    }

    /// The area over these windows, each as often as it is named; none where film or what
    /// is drawn has no patch in them.
    pub fn over(&self, windows: &[usize]) -> Option<f64> {
        let mut often = vec![0f64; self.windows];
        windows.iter().for_each(|&window| often[window] += 1.0);
        let of = |counts: &[f64]| -> f64 { counts.iter().zip(&often).map(|(c, o)| c * o).sum() };
        let pairs = of(&self.counts[0]) * of(&self.counts[1]);
        let rows = self.right.chunks(self.windows.max(1)).zip(&often);
        let right: f64 = rows.map(|(row, often)| often * of(row)).sum();
        (pairs > 0.0).then(|| right / pairs)
    }

    /// The area over all windows and its [`interval`].
    pub fn figure(&self) -> Figure {
        let all: Vec<usize> = (0..self.windows).collect();
        Figure {
            value: self.over(&all),
            interval: interval(self.windows, |drawn| self.over(drawn)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: Option<f64>, expected: f64) {
        let actual = actual.expect("an area");
        assert!((actual - expected).abs() < 1e-12, "{actual} and {expected}");
    }

    /// import numpy as np
    /// from sklearn.metrics import roc_auc_score
    /// i = np.arange(60)
    /// y, s, w = i % 2, (i * 37 % 23 + 3 * (i % 2)) // 2, i // 2 % 5
    /// print(roc_auc_score(y, s))
    /// drawn = np.array([0, 0, 3, 4, 4])
    /// k = np.concatenate([np.flatnonzero(w == d) for d in drawn])
    /// print(roc_auc_score(y[k], s[k]))
    #[test]
    fn as_scikit_learn() {
        let score = |i: usize| ((i * 37 % 23 + 3 * (i % 2)) / 2) as f32;
        let class = |of: usize| -> Vec<_> {
            let each = (0..60).filter(|i| i % 2 == of);
            each.map(|i| (i / 2 % 5, score(i))).collect()
        };
        let auc = Auc::new(&class(0), &class(1), 5);
        close(auc.figure().value, 0.6588888888888889);
        close(auc.over(&[0, 0, 3, 4, 4]), 0.8172222222222222);
        let [low, high] = auc.figure().interval.unwrap();
        assert!(low < 0.65 && 0.67 < high, "{low} {high}");
    }

    #[test]
    fn told_apart_and_told_nothing() {
        let of = |scores: [f32; 2]| [(0, scores[0]), (1, scores[1])];
        let area = |film, drawn| Auc::new(&of(film), &of(drawn), 2).over(&[0, 1]);
        close(area([0.0, 1.0], [2.0, 3.0]), 1.0);
        close(area([2.0, 3.0], [0.0, 1.0]), 0.0);
        close(area([1.0, 1.0], [1.0, 1.0]), 0.5);
        let none = Auc::new(&[(0, 1.0)], &[(1, 1.0)], 2);
        assert_eq!(none.over(&[0, 0]), None);
        assert_eq!(Auc::new(&[], &[], 0).figure().value, None);
    }
}
