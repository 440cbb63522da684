//! Dropout, with a mask that is made anew from its seed wherever it is needed.

use super::check::{alike, fused, shape};
use super::kernel::{by_rows, read, simd, tensor, values};
use crate::error::{Error, Result};
use crate::rng::Rng;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Shape, Tensor};
use std::ops::Range;

/// Which values are dropped: each with probability `rate`, by a hash of its place. The
/// mask is never stored, and the same for any number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropout {
    /// Values whose hash is below it are dropped.
    below: u32,
    seed: u64,
}

impl Dropout {
    /// A mask drawn from `rng`; `rate` in [0, 1).
    ///
    /// # Errors
    /// Another rate.
    pub fn new(rate: f64, rng: &mut Rng) -> Result<Self> {
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::input(
                "dropout",
                format!("its rate is {rate}, expected a share in [0, 1)"),
                "the usual value is 0.1, and 0 drops nothing",
            ));
        }
        Ok(Self {
            below: (rate * f64::from(u32::MAX)).round() as u32,
            seed: rng.bits(),
        })
    }

    /// Writes x to y, what is dropped as 0 and the rest scaled so that the mean stays;
    /// x begins at place `start`.
    pub(super) fn write(self, start: usize, x: &[f32], y: &mut [f32]) {
        let gain = 1.0 / (1.0 - self.below as f32 / u32::MAX as f32);
        let (low, high) = (self.seed as u32, (self.seed >> 32) as u32);
        drop_some(x, start as u32, low, high, self.below, gain, y);
    }

    /// The mask itself, of 0 and 1 / (1 − rate), for devices without the kernel.
    pub(super) fn mask(self, like: &Tensor) -> Result<Tensor> {
        let mut mask = vec![0f32; like.elem_count()];
        self.write(0, &vec![1f32; mask.len()], &mut mask);
        let mask = Tensor::from_vec(mask, like.shape(), like.device())?;
        Ok(mask.to_dtype(like.dtype())?)
    }
}

/// x with some values dropped, in training against learning by heart (Srivastava et al.
/// 2014). The others grow by 1 / (1 − rate).
///
/// Any shape of floats in, the same shape out. Fails on another dtype.
pub fn dropout(x: &Tensor, dropout: Dropout) -> Result<Tensor> {
    alike("dropout", &[("x", x)])?;
    if fused(x) {
        return Ok(x.contiguous()?.apply_op1(Drop(dropout))?);
    }
    composed(x, dropout)
}

fn composed(x: &Tensor, dropout: Dropout) -> Result<Tensor> {
    Ok(x.mul(&dropout.mask(x)?)?)
}

/// residual + [`dropout`] of x, both of one shape.
pub fn dropout_add(x: &Tensor, dropout: Dropout, residual: &Tensor) -> Result<Tensor> {
    let name = "dropout_add";
    alike(name, &[("x", x), ("residual", residual)])?;
    shape(name, "residual", residual, x.dims())?;
    if fused(x) {
        let residual = residual.contiguous()?;
        return Ok(x.contiguous()?.apply_op2(&residual, Drop(dropout))?);
    }
    Ok(composed(x, dropout)?.add(residual)?)
}

/// A hash of one number (C. Wellons, "lowbias32").
#[inline(always)]
fn hash(mut x: u32) -> u32 {
    x ^= x >> 16;
    x = x.wrapping_mul(0x7feb_352d);
    x ^= x >> 15;
    x = x.wrapping_mul(0x846c_a68b);
    x ^ (x >> 16)
}

simd! {
    fn drop_some(x: &[f32], start: u32, low: u32, high: u32, below: u32, gain: f32, y: &mut [f32]) {
        for (i, (y, &x)) in y.iter_mut().zip(x).enumerate() {
            let place = start.wrapping_add(i as u32);
            let drawn = hash(hash(place ^ low).wrapping_add(high));
            *y = if drawn < below { 0.0 } else { x * gain };
        }
    }
}

struct Drop(Dropout);

impl Drop {
    fn values(&self, x: &[f32]) -> Vec<f32> {
        let write = |range: Range<usize>, y: &mut [f32]| {
            self.0.write(range.start, &x[range], y);
        };
        by_rows(x.len(), 1, write)
    }

    fn gradient(&self, g: &Tensor) -> candle_core::Result<Tensor> {
        tensor(read(g, |g| self.values(g))?, g.shape())
    }
}

impl CustomOp1 for Drop {
    fn name(&self) -> &'static str {
        "dropout"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let y = self.values(values(storage, layout)?);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, _y: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        Ok(Some(self.gradient(g)?))
    }
}

impl CustomOp2 for Drop {
    fn name(&self) -> &'static str {
        "dropout_add"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
        residual: &CpuStorage,
        residual_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (x, residual) = (values(storage, layout)?, values(residual, residual_layout)?);
        let write = |range: Range<usize>, y: &mut [f32]| {
            self.0.write(range.start, &x[range.clone()], y);
            for (y, &residual) in y.iter_mut().zip(&residual[range]) {
                *y += residual;
            }
        };
        let y = by_rows(x.len(), 1, write);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        residual: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let to_x = x.track_op().then(|| self.gradient(g)).transpose()?;
        Ok((to_x, residual.track_op().then(|| g.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, bits, fails, list, normal};
    use crate::rng::Seed;

    fn mask(rate: f64, draw: u64) -> Dropout {
        Dropout::new(rate, &mut Seed(3).stream("test", draw)).unwrap()
    }

    #[test]
    fn fused_and_composed_agree() {
        for shape in [vec![1], vec![3, 37], vec![2, 5, 67]] {
            let (x, residual) = (normal(&shape, 1), normal(&shape, 2));
            let some = mask(0.4, 1);
            let composed = |x: &Tensor| composed(x, some);
            agree(
                std::slice::from_ref(&x),
                |x| dropout(&x[0], some),
                |x| composed(&x[0]),
            );
            agree(
                &[x, residual],
                |x| dropout_add(&x[0], some, &x[1]),
                |x| Ok(composed(&x[0])?.add(&x[1])?),
            );
        }
    }

    #[test]
    fn so_many_are_dropped_and_the_mean_stays() {
        let ones = normal(&[200, 1000], 1).ones_like().unwrap();
        for rate in [0.1, 0.5] {
            let y = list(&dropout(&ones, mask(rate, 1)).unwrap());
            let dropped = y.iter().filter(|&&y| y == 0.0).count() as f64 / y.len() as f64;
            assert!((dropped - rate).abs() < 0.005, "{dropped}");
            let mean = y.iter().sum::<f64>() / y.len() as f64;
            assert!((mean - 1.0).abs() < 0.01, "{mean}");
            // Neighbours know nothing of each other, nor do two masks.
            let other = list(&dropout(&ones, mask(rate, 2)).unwrap());
            let both = |a: &[f64], b: &[f64]| {
                let pairs = a.iter().zip(b).filter(|&(&a, &b)| a == 0.0 && b == 0.0);
                pairs.count() as f64 / y.len() as f64
            };
            assert!((both(&y, &y[1..]) - rate * rate).abs() < 0.005);
            assert!((both(&y, &other) - rate * rate).abs() < 0.005);
        }
        let x = normal(&[77], 1);
        assert_eq!(bits(&dropout(&x, mask(0.0, 1)).unwrap()), bits(&x));
    }

    #[test]
    fn edges() {
        let said = Dropout::new(1.0, &mut Seed(0).stream("test", 0)).unwrap_err();
        assert!(said.to_string().contains("its rate is 1"), "{said}");
        let (x, other) = (normal(&[2, 3], 1), normal(&[3, 2], 1));
        fails(
            dropout_add(&x, mask(0.1, 1), &other),
            &["residual", "[3, 2]"],
        );
    }
}
