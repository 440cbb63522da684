//! A convolution's weight in the order in which the kernels read it, and the
//! gradient in that order back in the weight's own.

use super::super::geometry::Plane;
use super::super::vector;

/// Vectors of channels in a block.
pub(super) const VECTORS: usize = 2;

/// Channels in blocks of [`VECTORS`] vectors, the last of fewer if that is
/// enough; zeros fill up its last vector. A packed weight holds block after
/// block, in each for everything seen its channels' values.
#[derive(Clone, Copy)]
pub(super) struct Packing {
    channels: usize,
    lanes: usize,
}

impl Packing {
    pub(super) fn new(channels: usize) -> Self {
        let lanes = vector::width();
        Self { channels, lanes }
    }

    /// Channels with those that fill up the last vector.
    pub(super) fn padded(self) -> usize {
        self.channels.next_multiple_of(self.lanes)
    }

    /// Calls `visit` with each block's first channel, its width and how many
    /// of its channels there are.
    fn blocks(self, mut visit: impl FnMut(usize, usize, usize)) {
        let block = VECTORS * self.lanes;
        for first in (0..self.padded()).step_by(block) {
            let width = block.min(self.padded() - first);
            visit(first, width, width.min(self.channels - first));
        }
    }

    /// The kernel (Co, k, k, Ci) for a plane; taps on one source are added.
    pub(super) fn fold(self, plane: &Plane, weight: &[f32], k: usize) -> Vec<f32> {
        let (inputs, seen) = (plane.channels(), plane.seen());
        let mut packed = vec![0f32; self.padded() * seen];
        self.blocks(|first, width, count| {
            plane.taps(|ky, kx, place| {
                let start = (first * k * k + ky * k + kx) * inputs;
                let to = first * seen + place * inputs * width;
                let rows = &mut packed[to..][..inputs * width];
                // A channel's inputs lie together in the weight.
                for channel in 0..count {
                    let from = &weight[start + channel * k * k * inputs..][..inputs];
                    let to = rows[channel..].iter_mut().step_by(width);
                    for (to, from) in to.zip(from) {
                        *to += from;
                    }
                }
            });
        });
        packed
    }

    /// The gradient of [`Self::fold`], added to `weight`.
    pub(super) fn unfold(self, plane: &Plane, packed: &[f32], k: usize, weight: &mut [f32]) {
        let (inputs, seen) = (plane.channels(), plane.seen());
        self.blocks(|first, width, count| {
            plane.taps(|ky, kx, place| {
                let start = (first * k * k + ky * k + kx) * inputs;
                let from = first * seen + place * inputs * width;
                let rows = &packed[from..][..inputs * width];
                for channel in 0..count {
                    let to = &mut weight[start + channel * k * k * inputs..][..inputs];
                    let from = rows[channel..].iter().step_by(width);
                    for (to, from) in to.iter_mut().zip(from) {
                        *to += from;
                    }
                }
            });
        });
    }

    /// The kernel (Co, k, k, Ci) with its two sides exchanged, for a plane
    /// whose source has the Co channels: the gradient to the input.
    pub(super) fn fold_turned(self, plane: &Plane, weight: &[f32], k: usize) -> Vec<f32> {
        let (outputs, seen, inputs) = (plane.channels(), plane.seen(), self.channels);
        let mut packed = vec![0f32; self.padded() * seen];
        self.blocks(|first, width, count| {
            plane.taps(|ky, kx, place| {
                let to = first * seen + place * outputs * width;
                let rows = packed[to..][..outputs * width].chunks_exact_mut(width);
                for (output, row) in rows.enumerate() {
                    let from = ((output * k + ky) * k + kx) * inputs + first;
                    for (to, from) in row.iter_mut().zip(&weight[from..from + count]) {
                        *to += from;
                    }
                }
            });
        });
        packed
    }
}
