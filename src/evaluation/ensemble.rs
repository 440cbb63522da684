//! Samples and the truth that they forecast, where a mask lets them count.

use super::region::values;
use std::borrow::Cow;

/// What the fair scores of samples start from.
pub(super) struct Ensemble<'a> {
    /// m samples of as many values as the truth.
    pub samples: Vec<Cow<'a, [f32]>>,
    pub truth: Cow<'a, [f32]>,
    /// m(m − 1), what a fair mean divides the sum over pairs by; 1 where there
    /// is one sample and so no pair.
    pub pairs: f64,
}

impl<'a> Ensemble<'a> {
    /// None without samples or where no value counts.
    pub fn new(samples: &[&'a [f32]], truth: &'a [f32], mask: Option<&[bool]>) -> Option<Self> {
        let count = samples.len();
        for sample in samples {
            assert_eq!(sample.len(), truth.len(), "frames of different sizes");
        }
        let truth = values(truth, mask);
        if count == 0 || truth.is_empty() {
            return None;
        }
        Some(Self {
            samples: samples.iter().map(|sample| values(sample, mask)).collect(),
            truth,
            pairs: (count * (count - 1)).max(1) as f64,
        })
    }
}
