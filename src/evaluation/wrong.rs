//! Wrong answers: the next frames of other windows.

use super::psnr::squared_error;
use crate::error::Result;

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

    /// How many pairs of `all` count, and the share of these (0 where none does) whose energy,
    /// which `energy` gives for y's in such an order, is above the right one.
    pub fn above(
        all: &[Self],
        right: &[f64],
        mut energy: impl FnMut(&[u32]) -> Result<Vec<f64>>,
    ) -> Result<(usize, f64)> {
        let (mut pairs, mut above) = (0, 0);
        for wrong in all {
            let found = energy(&wrong.order)?;
            for ((found, right), _) in
                (found.iter().zip(right).zip(&wrong.counts)).filter(|(_, counts)| **counts)
            {
                pairs += 1;
                above += usize::from(found > right);
            }
        }
        Ok((pairs, above as f64 / pairs.max(1) as f64))
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
        let of_y = [2.0, 1.0, 3.0];
        let energy = |order: &[u32]| Ok(order.iter().map(|&other| of_y[other as usize]).collect());
        // 1 and 3 for 2 and 1, then 3 for 2: only the first is not above.
        let (pairs, share) = Wrong::above(&all, &of_y, energy).unwrap();
        assert_eq!((pairs, share), (3, 2.0 / 3.0));
        let flat = |order: &[u32]| Ok(vec![1.0; order.len()]);
        assert_eq!(Wrong::above(&all, &[1.0; 3], flat).unwrap(), (3, 0.0));
        // More than there are, and none.
        assert_eq!(Wrong::each(&last, &y, 8).len(), 2);
        assert!(Wrong::each(&last[..1], &y[..1], 8).is_empty());
    }
}
