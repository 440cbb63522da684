//! Activations.

use super::check::{alike, fused};
use super::kernel::{Parts, by_rows, exp, multiply_add, ranges, read, simd, tensor, values};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use std::ops::Range;

/// Twice √(2/π).
const SLOPE: f32 = 1.595_769_2;
const CUBIC: f32 = 0.044_715;

/// The Gaussian error linear unit in its tanh form,
/// x/2 · (1 + tanh(√(2/π)(x + 0.044715 x³))) (Hendrycks & Gimpel 2016).
///
/// Any shape of floats in, the same shape out. Fails on another dtype.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    Activation::Gelu.apply(x)
}

/// The Gaussian error linear unit itself, x · Φ(x), Φ by the error function (Hendrycks &
/// Gimpel 2016): what BERT means by gelu. Within 3e-7 of it.
///
/// Any shape of floats in, the same shape out. Fails on another dtype.
pub fn gelu_exact(x: &Tensor) -> Result<Tensor> {
    Activation::GeluExact.apply(x)
}

/// The sigmoid linear unit, x · σ(x) (Elfwing et al. 2017).
///
/// Any shape of floats in, the same shape out. Fails on another dtype.
pub fn silu(x: &Tensor) -> Result<Tensor> {
    Activation::Silu.apply(x)
}

/// The derivative of [`silu`], σ(x)·(1 + x(1 − σ(x))), with a gradient of its own: what a
/// slope that is itself trained is made of.
///
/// Any shape of floats in, the same shape out. Fails on another dtype.
pub fn silu_slope(x: &Tensor) -> Result<Tensor> {
    Activation::SiluSlope.apply(x)
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Activation {
    Gelu,
    GeluExact,
    Silu,
    SiluSlope,
}

impl Activation {
    pub(super) fn apply(self, x: &Tensor) -> Result<Tensor> {
        alike(self.name(), &[("x", x)])?;
        if fused(x) {
            return Ok(x.contiguous()?.apply_op1(self)?);
        }
        self.composed(x)
    }

    fn composed(self, x: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::Gelu => {
                let half = x.affine(0.5, 0.0)?;
                let slope = x.sqr()?.affine(f64::from(CUBIC), 1.0)?;
                let tanh = (half.mul(&slope)? * f64::from(SLOPE))?.tanh()?;
                half.mul(&tanh.affine(1.0, 1.0)?)?
            }
            Self::GeluExact => x.gelu_erf()?,
            Self::Silu => x.silu()?,
            Self::SiluSlope => {
                let sigmoid = x.neg()?.exp()?.affine(1.0, 1.0)?.recip()?;
                let rest = x.mul(&sigmoid.affine(-1.0, 1.0)?)?;
                sigmoid.mul(&rest.affine(1.0, 1.0)?)?
            }
        })
    }

    /// Of each value.
    pub(super) fn values(self, x: &[f32]) -> Vec<f32> {
        let forward = self.forward();
        by_rows(x.len(), 1, |range, y| forward(&x[range], y))
    }

    /// Of each value, in its place.
    pub(super) fn in_place(self, x: &mut [f32]) {
        let overwrite = match self {
            Self::Gelu => gelu_in_place,
            Self::GeluExact => gelu_exact_in_place,
            Self::Silu => silu_in_place,
            Self::SiluSlope => silu_slope_in_place,
        };
        let (count, parts) = (x.len(), Parts::of(x));
        ranges(count, 16384, |range| {
            // SAFETY: ranges are disjoint and lie in the buffer.
            overwrite(unsafe { parts.part(range.start, range.len()) });
        });
    }

    /// The gradient to x from that of its value.
    pub(super) fn gradient(self, x: &[f32], g: &[f32]) -> Vec<f32> {
        let backward = match self {
            Self::Gelu => gelu_backward,
            Self::GeluExact => gelu_exact_backward,
            Self::Silu => silu_backward,
            Self::SiluSlope => silu_slope_backward,
        };
        let write = |range: Range<usize>, out: &mut [f32]| {
            backward(&x[range.clone()], &g[range], out);
        };
        by_rows(x.len(), 1, write)
    }

    fn forward(self) -> fn(&[f32], &mut [f32]) {
        match self {
            Self::Gelu => gelu_forward,
            Self::GeluExact => gelu_exact_forward,
            Self::Silu => silu_forward,
            Self::SiluSlope => silu_slope_forward,
        }
    }
}

/// Φ(x) and exp(−x²/2) (Abramowitz & Stegun 7.1.26, within 8e-8).
#[inline(always)]
fn normal_share<const FMA: bool>(x: f32) -> (f32, f32) {
    let bell = exp::<FMA>(-0.5 * x * x);
    let t = 1.0 / multiply_add::<FMA>(0.231_641_9, x.abs(), 1.0);
    let mut p = 0.530_702_7;
    for coefficient in [-0.726_576, 0.710_706_9, -0.142_248_37, 0.127_414_8] {
        p = multiply_add::<FMA>(p, t, coefficient);
    }
    let tail = p * t * bell;
    let tail = if tail < LEAST { 0.0 } else { tail };
    (if x < 0.0 { tail } else { 1.0 - tail }, bell)
}

simd! {
    fn gelu_exact_forward(x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x * normal_share::<FMA>(x).0;
        }
    }
}

simd! {
    fn gelu_exact_in_place(x: &mut [f32]) {
        for x in x {
            *x *= normal_share::<FMA>(*x).0;
        }
    }
}

simd! {
    fn gelu_exact_backward(x: &[f32], g: &[f32], out: &mut [f32]) {
        for ((out, &x), &g) in out.iter_mut().zip(x).zip(g) {
            let (share, bell) = normal_share::<FMA>(x);
            let slope = x * bell * 0.398_942_3;
            *out = g * (share + if bell < LEAST { 0.0 } else { slope });
        }
    }
}

simd! {
    fn silu_in_place(x: &mut [f32]) {
        for x in x {
            *x *= sigmoid::<FMA>(*x);
        }
    }
}

#[inline(always)]
fn sigmoid<const FMA: bool>(x: f32) -> f32 {
    let y = 1.0 / (1.0 + exp::<FMA>(-x));
    if y < LEAST { 0.0 } else { y }
}

/// What is smaller counts as 0. (x = −21; gelu at −5.) Gradients through it would
/// be too small for normal numbers, over which Intel's processors take a hundred
/// times as long: a step of a trained network took three times as long.
const LEAST: f32 = 1e-9;

// x/2 · (1 + tanh(u/2)) is x · σ(u).
simd! {
    fn gelu_forward(x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x * sigmoid::<FMA>(SLOPE * x * (1.0 + CUBIC * x * x));
        }
    }
}

simd! {
    fn gelu_backward(x: &[f32], g: &[f32], out: &mut [f32]) {
        for ((out, &x), &g) in out.iter_mut().zip(x).zip(g) {
            let square = CUBIC * x * x;
            let s = sigmoid::<FMA>(SLOPE * x * (1.0 + square));
            *out = g * (s + x * s * (1.0 - s) * SLOPE * (1.0 + 3.0 * square));
        }
    }
}

simd! {
    fn silu_forward(x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x * sigmoid::<FMA>(x);
        }
    }
}

simd! {
    fn silu_backward(x: &[f32], g: &[f32], out: &mut [f32]) {
        for ((out, &x), &g) in out.iter_mut().zip(x).zip(g) {
            let s = sigmoid::<FMA>(x);
            *out = g * s * (1.0 + x * (1.0 - s));
        }
    }
}

simd! {
    fn silu_slope_forward(x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            let s = sigmoid::<FMA>(x);
            *y = s * (1.0 + x * (1.0 - s));
        }
    }
}

simd! {
    fn silu_slope_backward(x: &[f32], g: &[f32], out: &mut [f32]) {
        for ((out, &x), &g) in out.iter_mut().zip(x).zip(g) {
            let s = sigmoid::<FMA>(x);
            *out = g * s * (1.0 - s) * (2.0 + x * (1.0 - 2.0 * s));
        }
    }
}

simd! {
    fn silu_slope_in_place(x: &mut [f32]) {
        for x in x {
            let s = sigmoid::<FMA>(*x);
            *x = s * (1.0 + *x * (1.0 - s));
        }
    }
}

simd! {
    fn gelu_in_place(x: &mut [f32]) {
        for x in x {
            *x *= sigmoid::<FMA>(SLOPE * *x * (1.0 + CUBIC * *x * *x));
        }
    }
}

impl CustomOp1 for Activation {
    fn name(&self) -> &'static str {
        match self {
            Self::Gelu => "gelu",
            Self::GeluExact => "gelu_exact",
            Self::Silu => "silu",
            Self::SiluSlope => "silu_slope",
        }
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let y = self.values(values(storage, layout)?);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let gradient = read(x, |x| read(g, |g| self.gradient(x, g)))??;
        Ok(Some(tensor(gradient, x.shape())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, empty, fails, normal};
    use candle_core::{DType, Device};

    #[test]
    fn fused_and_composed_agree() {
        for shape in [vec![1], vec![3, 37], vec![2, 5, 67]] {
            let x = (normal(&shape, 1) * 3.0).unwrap();
            for activation in [
                Activation::Gelu,
                Activation::GeluExact,
                Activation::Silu,
                Activation::SiluSlope,
            ] {
                agree(
                    std::slice::from_ref(&x),
                    |x| activation.apply(&x[0]),
                    |x| activation.composed(&x[0]),
                );
            }
        }
    }

    #[test]
    fn nothing_is_too_small_for_normal_numbers() {
        let x: Vec<f32> = (-3000..3000).map(|i| i as f32 / 100.0).collect();
        let g = vec![1e-9; x.len()];
        let all = [Activation::Gelu, Activation::GeluExact, Activation::Silu];
        for values in all.map(|a| [a.values(&x), a.gradient(&x, &g)]).concat() {
            let small = values.iter().position(|v| v.is_subnormal());
            assert!(small.is_none(), "at {}", x[small.unwrap_or(0)]);
        }
    }

    #[test]
    fn far_values_stay_finite() {
        let x = Tensor::new(&[-1e4f32, -100.0, 0.0, 100.0, 1e4], &Device::Cpu).unwrap();
        for y in [gelu(&x).unwrap(), silu(&x).unwrap()] {
            let y: Vec<f32> = y.to_vec1().unwrap();
            assert_eq!(y[2..], [0.0, 100.0, 1e4]);
            assert!(y[..2].iter().all(|y| y.abs() < 1e-30), "{y:?}");
        }
    }

    #[test]
    fn edges() {
        empty(&[normal(&[0, 5], 1)], &[0, 5], |x| gelu(&x[0]));
        let whole = Tensor::zeros(3, DType::U32, &Device::Cpu).unwrap();
        fails(silu(&whole), &["silu: x", "U32"]);
    }
}
