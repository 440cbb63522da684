//! Values kept in a range.

use super::check::{alike, fused};
use super::kernel::{by_rows, read, simd, tensor};
use crate::error::Result;
use candle_core::Tensor;

/// Each value, at least `low` and at most `high`; on the CPU a NaN becomes `low`.
///
/// Any shape of floats in, the same shape out. It is made for what is shown
/// and not trained: nothing of it is tracked. Fails on another dtype.
pub fn clamp(x: &Tensor, low: f32, high: f32) -> Result<Tensor> {
    alike("clamp", &[("x", x)])?;
    let x = x.detach();
    if fused(&x) {
        let y = read(&x, |x| {
            by_rows(x.len(), 1, |range, y| kernel(&x[range], (low, high), y))
        })?;
        return Ok(tensor(y, x.shape())?);
    }
    composed(&x, low, high)
}

fn composed(x: &Tensor, low: f32, high: f32) -> Result<Tensor> {
    Ok(x.clamp(low, high)?)
}

simd! {
    fn kernel(x: &[f32], range: (f32, f32), y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x.max(range.0).min(range.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{list, normal, scattered};

    #[test]
    fn values_stay_in_the_range() {
        for shape in [vec![0], vec![37], vec![3, 5, 67]] {
            let x = normal(&shape, 1);
            let truth = list(&x).into_iter().map(|v| v.clamp(-0.25, 0.5));
            let truth: Vec<f64> = truth.collect();
            for x in [&x, &scattered(&x)] {
                assert_eq!(list(&clamp(x, -0.25, 0.5).unwrap()), truth);
                assert_eq!(list(&composed(x, -0.25, 0.5).unwrap()), truth);
            }
        }
        let odd = Tensor::new(&[f32::NAN, f32::INFINITY], &candle_core::Device::Cpu).unwrap();
        assert_eq!(list(&clamp(&odd, 0.0, 1.0).unwrap()), [0.0, 1.0]);
    }
}
