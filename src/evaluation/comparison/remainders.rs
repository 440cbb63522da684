//! How much the futures of one window leave unexplained.

use super::super::region::values;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// Where the scene moves, and over the whole frame.
type Means = [Option<f64>; 2];

/// The mean variance of what futures leave unexplained ([`crate::inference::Remainder`]), by horizon.
pub(in super::super) struct Remainders<'a> {
    /// Where the scene moves, by horizon; may be left out.
    masks: BTreeMap<usize, &'a [bool]>,
    /// By horizon and future, so that sums do not depend on threads.
    seen: Mutex<BTreeMap<(usize, usize), Means>>,
}

impl<'a> Remainders<'a> {
    pub fn new(masks: impl IntoIterator<Item = (usize, &'a [bool])>) -> Self {
        Self {
            masks: masks.into_iter().collect(),
            seen: Mutex::default(),
        }
    }

    /// Adds the variances of frame `time` of future `index`.
    pub fn add(&self, index: usize, time: usize, variance: &[f32]) {
        let of = |mask: Option<&[bool]>| {
            let counted = values(variance, mask);
            let sum: f64 = counted.iter().map(|&v| f64::from(v)).sum();
            (!counted.is_empty()).then(|| sum / counted.len() as f64)
        };
        let moving = self.masks.get(&time).and_then(|mask| of(Some(mask)));
        let mut seen = self.seen.lock().unwrap_or_else(|lock| lock.into_inner());
        seen.insert((time, index), [moving, of(None)]);
    }

    /// The means over futures at one horizon.
    pub fn at(&self, time: usize) -> Means {
        let seen = self.seen.lock().unwrap_or_else(|lock| lock.into_inner());
        let each: Vec<_> = seen.range((time, 0)..(time + 1, 0)).collect();
        [0, 1].map(|part| {
            let sum: Option<f64> = each.iter().map(|(_, means)| means[part]).sum();
            sum.filter(|_| !each.is_empty())
                .map(|sum| sum / each.len() as f64)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_over_futures_of_one_horizon() {
        let mask = [true, false];
        let remainders = Remainders::new([(4, &mask[..])]);
        remainders.add(1, 4, &[2.0, 4.0]);
        remainders.add(0, 4, &[4.0, 0.0]);
        remainders.add(0, 8, &[5.0, 7.0]);
        assert_eq!(remainders.at(4), [Some(3.0), Some(2.5)]);
        assert_eq!(remainders.at(8), [None, Some(6.0)]);
        assert_eq!(remainders.at(1), [None, None]);
    }
}
