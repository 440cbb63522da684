//! Softmax.

use super::check::{alike, fused, width};
use super::kernel::{by_rows, dot, exp, lanes, larger, read, simd, tensor, values};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp1, D, Layout, Shape, Tensor};

/// Softmax over the last dimension: (.., D) floats in, the same shape out.
///
/// Fails on another dtype and on a last dimension of 0.
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    alike("softmax", &[("x", x)])?;
    width("softmax", "x", x)?;
    if fused(x) {
        return Ok(x.contiguous()?.apply_op1(Softmax)?);
    }
    composed(x)
}

pub(super) fn composed(x: &Tensor) -> Result<Tensor> {
    if x.elem_count() == 0 {
        return Ok(x.clone());
    }
    // The maximum only shifts, so no gradient goes through it.
    let shift = x.detach().max_keepdim(D::Minus1)?;
    let e = x.broadcast_sub(&shift)?.exp()?;
    Ok(e.broadcast_div(&e.sum_keepdim(D::Minus1)?)?)
}

/// What is smaller counts as 0, lest products with it be too small for normal
/// numbers (see `activation.rs`).
const LEAST: f32 = 1e-20;

simd! {
    /// softmax(scale · row) of each row of `width`, in place.
    pub(super) fn softmax_rows(rows: &mut [f32], width: usize, scale: f32) {
        for row in rows.chunks_exact_mut(width) {
            let shift = lanes(row, f32::NEG_INFINITY, larger);
            for x in row.iter_mut() {
                *x = exp::<FMA>((*x - shift) * scale);
            }
            let share = 1.0 / lanes(row, 0.0, |a, b| a + b);
            for x in row.iter_mut() {
                let found = *x * share;
                *x = if found < LEAST { 0.0 } else { found };
            }
        }
    }
}

simd! {
    /// Turns each row of gradients of softmax(scale · x) into those of x;
    /// `y` are the softmax's values.
    pub(super) fn softmax_rows_backward(y: &[f32], g: &mut [f32], width: usize, scale: f32) {
        for (y, g) in y.chunks_exact(width).zip(g.chunks_exact_mut(width)) {
            let mean = dot::<FMA>(y, g);
            for (g, &y) in g.iter_mut().zip(y) {
                *g = y * (*g - mean) * scale;
            }
        }
    }
}

struct Softmax;

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "softmax"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = values(storage, layout)?;
        let width = layout.dims().last().copied().unwrap_or(1).max(1);
        let kernel = |rows: std::ops::Range<usize>, y: &mut [f32]| {
            y.copy_from_slice(&x[rows.start * width..rows.end * width]);
            softmax_rows(y, width, 1.0);
        };
        let y = by_rows(x.len() / width, width, kernel);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _x: &Tensor, y: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let width = y.dims().last().copied().unwrap_or(1).max(1);
        let gradient = read(y, |y| {
            read(g, |g| {
                let kernel = |rows: std::ops::Range<usize>, out: &mut [f32]| {
                    let range = rows.start * width..rows.end * width;
                    out.copy_from_slice(&g[range.clone()]);
                    softmax_rows_backward(&y[range], out, width, 1.0);
                };
                by_rows(y.len() / width, width, kernel)
            })
        })??;
        Ok(Some(tensor(gradient, y.shape())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, empty, fails, normal};
    use candle_core::{DType, Device};

    #[test]
    fn fused_and_composed_agree() {
        for shape in [vec![1, 1], vec![7], vec![3, 37], vec![2, 5, 67]] {
            agree(
                &[normal(&shape, 1)],
                |x| softmax(&x[0]),
                |x| composed(&x[0]),
            );
        }
    }

    #[test]
    fn no_share_is_too_small_for_normal_numbers() {
        let mut rows: Vec<f32> = (0..2000).map(|i| -(i as f32) / 20.0).collect();
        softmax_rows(&mut rows, 2000, 1.0);
        assert!(rows.iter().all(|y| !y.is_subnormal()));
        assert!((rows.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn large_values_neither_overflow_nor_vanish() {
        let x = Tensor::new(&[[1e4f32, 1e4, -1e4]], &Device::Cpu).unwrap();
        let y: Vec<Vec<f32>> = softmax(&x).unwrap().to_vec2().unwrap();
        assert!((y[0][0] - 0.5).abs() < 1e-6 && y[0][2] < 1e-30, "{y:?}");
    }

    #[test]
    fn edges() {
        empty(&[normal(&[0, 5], 1)], &[0, 5], |x| softmax(&x[0]));
        fails(softmax(&normal(&[5, 0], 1)), &["softmax: x", "[5, 0]"]);
        let whole = Tensor::zeros((2, 3), DType::I64, &Device::Cpu).unwrap();
        fails(softmax(&whole), &["softmax: x", "I64"]);
    }
}
