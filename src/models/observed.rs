//! What a network makes of the past.

use super::decoder::Seen;
use crate::error::Result;
use candle_core::Tensor;

/// What the network makes of the past, once for all z.
#[derive(Debug, Clone)]
pub struct Observed {
    /// m(x) relative to black instead of x_T, in units of σ: (B, N, p·p·C).
    pub mean: Tensor,
    /// Features of the backbone, (B, N, width).
    pub features: Tensor,
    pub(super) seen: Seen,
}

impl Observed {
    /// ŷ(x, 0), what is expected without z: (B, N, p·p·C).
    pub fn expected(&self) -> &Tensor {
        &self.seen.expected
    }

    /// What tells which z to expect: where z moves objects, of each object (B, K, F),
    /// else [`Self::features`].
    pub fn sights(&self) -> &Tensor {
        match &self.seen.layers {
            Some(layers) => &layers.sights,
            None => &self.features,
        }
    }

    /// The first `count` samples, untracked.
    pub fn first(&self, count: usize) -> Result<Self> {
        self.map(|t| Ok(t.narrow(0, 0, count)?.detach()))
    }

    /// Each sample `times` times in a row: (B, …) → (B·times, …).
    pub fn repeat(&self, times: usize) -> Result<Self> {
        self.map(|t| repeat_each(t, times))
    }

    fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(Self {
            mean: f(&self.mean)?,
            features: f(&self.features)?,
            seen: self.seen.map(&f)?,
        })
    }
}

/// Each row `times` times in a row: (B, …) → (B·times, …).
pub fn repeat_each(t: &Tensor, times: usize) -> Result<Tensor> {
    let mut shape = t.dims().to_vec();
    shape.insert(1, times);
    Ok(t.unsqueeze(1)?.broadcast_as(shape)?.flatten(0, 1)?)
}
