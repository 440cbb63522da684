//! Wrong answers: the next frames of other windows.

use super::psnr::squared_error;

/// For each sample another's y, and whether that is known to be wrong.
pub(super) struct Wrong {
    /// Whose y, (B,).
    pub order: Vec<u32>,
    /// Whether it lies further from the last frame seen than y itself does. In one that lies
    /// nearer less happens than what did: where a hand rests and then starts to move, resting
    /// on is the likelier future, and no wrong answer.
    pub counts: Vec<bool>,
}

impl Wrong {
    /// At most `most` for each of the B samples, given the last frames of their pasts and y,
    /// as values.
    pub fn each(last: &[Vec<f32>], y: &[Vec<f32>], most: usize) -> Vec<Self> {
        let samples = y.len();
        let change = |last: &[f32], y: &[f32]| squared_error(y, last, None).unwrap_or(0.0);
        let turns = 1..=most.min(samples.saturating_sub(1));
        // Neighbouring windows show nearly the same frame; start further off.
        let shifts = turns.map(|turn| turn * samples.div_ceil(most + 1) % samples);
        let of = |shift: usize| {
            let order: Vec<usize> = (0..samples).map(|i| (i + shift) % samples).collect();
            let pairs = order.iter().enumerate();
            let further = |(i, &other): (usize, &usize)| {
                change(&last[i], &y[other]) > change(&last[i], &y[i])
            };
            Self {
                counts: pairs.map(further).collect(),
                order: order.into_iter().map(|other| other as u32).collect(),
            }
        };
        shifts.filter(|&shift| shift > 0).map(of).collect()
    }

    /// Of those that count, how many have a higher energy than the right y, and how many
    /// there are.
    pub fn above(&self, wrong: &[f64], right: &[f64]) -> [usize; 2] {
        let energies = wrong.iter().zip(right).zip(&self.counts);
        let counted = energies.filter(|(_, counts)| **counts);
        counted.fold([0, 0], |[above, pairs], ((wrong, right), _)| {
            [above + usize::from(wrong > right), pairs + 1]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_nearer_to_the_last_frame_is_not_known_to_be_wrong() {
        let frame = |value: f32| vec![value; 4];
        let last = [frame(0.5), frame(0.5), frame(0.5)];
        let y = [frame(0.5), frame(0.6), frame(0.2)];
        let all = Wrong::each(&last, &y, 2);
        let found: Vec<_> = all.iter().map(|w| (&w.order[..], &w.counts[..])).collect();
        assert_eq!(
            found,
            [
                (&[1, 2, 0][..], &[true, true, false][..]),
                (&[2, 0, 1][..], &[true, false, false][..]),
            ]
        );
        assert_eq!(all[0].above(&[2.0, 1.0, 0.0], &[1.0, 1.0, 1.0]), [1, 2]);
        // More than there are, and none.
        assert_eq!(Wrong::each(&last, &y, 8).len(), 2);
        assert!(Wrong::each(&last[..1], &y[..1], 8).is_empty());
    }
}
