//! Modulation of features by a condition.

use super::check::{alike, fused, shape, wrong_shape};
use super::kernel::{Parts, filled, multiply_add, read, simd, tensor, values};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp3, Layout, Shape, Tensor};
use rayon::prelude::*;

/// x · (1 + scale) + shift, one scale and shift for all tokens of an example
/// (FiLM, Perez et al. 2018).
///
/// x (B, N, D), scale (B, D) and shift (B, D) in, (B, N, D) out. Fails on other
/// shapes and on a dtype that is not a float or not the same for all.
pub fn modulate(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
    let name = "modulate";
    alike(name, &[("x", x), ("scale", scale), ("shift", shift)])?;
    let (batch, width) = match x.dims() {
        &[batch, _, width] if width > 0 => (batch, width),
        _ => return Err(wrong_shape(name, "x", x, "(B, N, D), D at least 1")),
    };
    shape(name, "scale", scale, &[batch, width])?;
    shape(name, "shift", shift, &[batch, width])?;
    if fused(x) {
        let (scale, shift) = (scale.contiguous()?, shift.contiguous()?);
        return Ok(x.contiguous()?.apply_op3(&scale, &shift, Modulate)?);
    }
    composed(x, scale, shift)
}

fn composed(x: &Tensor, scale: &Tensor, shift: &Tensor) -> Result<Tensor> {
    let factor = scale.affine(1.0, 1.0)?.unsqueeze(1)?;
    Ok(x.broadcast_mul(&factor)?
        .broadcast_add(&shift.unsqueeze(1)?)?)
}

simd! {
    fn forward(x: &[f32], scale: &[f32], shift: &[f32], y: &mut [f32]) {
        let width = scale.len();
        for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
            for (((y, &x), &scale), &shift) in y.iter_mut().zip(x).zip(scale).zip(shift) {
                *y = multiply_add::<FMA>(x, 1.0 + scale, shift);
            }
        }
    }
}

simd! {
    /// The gradients of one example, those of scale and shift added to zeros.
    fn backward(x: &[f32], scale: &[f32], g: &[f32], to_x: &mut [f32], to_scale: &mut [f32], to_shift: &mut [f32]) {
        let width = scale.len();
        let (to_scale, to_shift) = (&mut to_scale[..width], &mut to_shift[..width]);
        let rows = x.chunks_exact(width).zip(g.chunks_exact(width));
        for ((x, g), to_x) in rows.zip(to_x.chunks_exact_mut(width)) {
            for i in 0..width {
                to_x[i] = g[i] * (1.0 + scale[i]);
                to_scale[i] = multiply_add::<FMA>(g[i], x[i], to_scale[i]);
                to_shift[i] += g[i];
            }
        }
    }
}

struct Modulate;

impl CustomOp3 for Modulate {
    fn name(&self) -> &'static str {
        "modulate"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
        shift: &CpuStorage,
        shift_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = values(x, layout)?;
        let (scale, shift) = (values(scale, scale_layout)?, values(shift, shift_layout)?);
        let (batch, tokens, width) = layout.shape().dims3()?;
        let size = tokens * width;
        let run = |y: Parts| {
            (0..batch).into_par_iter().for_each(|b| {
                let condition = b * width..(b + 1) * width;
                // SAFETY: each example has its own part.
                let y = unsafe { y.part(b * size, size) };
                let (scale, shift) = (&scale[condition.clone()], &shift[condition]);
                forward(&x[b * size..(b + 1) * size], scale, shift, y);
            });
        };
        // SAFETY: the kernel writes every value of its example.
        let y = unsafe { filled(x.len(), run) };
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (batch, tokens, width) = x.dims3()?;
        let size = tokens * width;
        let run = |x: &[f32], scale: &[f32], g: &[f32]| {
            let (mut to_scale, mut to_shift) =
                (vec![0f32; batch * width], vec![0f32; batch * width]);
            let (scales, shifts) = (Parts::of(&mut to_scale), Parts::of(&mut to_shift));
            let write = |to_x: Parts| {
                (0..batch).into_par_iter().for_each(|b| {
                    let (range, low) = (b * size..(b + 1) * size, b * width);
                    // SAFETY: each example has its own parts.
                    let (to_x, to_scale, to_shift) = unsafe {
                        (
                            to_x.part(b * size, size),
                            scales.part(low, width),
                            shifts.part(low, width),
                        )
                    };
                    let (x, scale) = (&x[range.clone()], &scale[low..low + width]);
                    backward(x, scale, &g[range], to_x, to_scale, to_shift);
                });
            };
            // SAFETY: the kernel writes every value of its example.
            (unsafe { filled(x.len(), write) }, to_scale, to_shift)
        };
        let (to_x, to_scale, to_shift) =
            read(x, |x| read(scale, |scale| read(g, |g| run(x, scale, g))))???;
        let gradient = |values: Vec<f32>, of: &Tensor| -> candle_core::Result<Option<Tensor>> {
            of.track_op()
                .then(|| tensor(values, of.shape()))
                .transpose()
        };
        Ok((
            gradient(to_x, x)?,
            gradient(to_scale, scale)?,
            gradient(to_shift, shift)?,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, empty, fails, normal};

    #[test]
    fn fused_and_composed_agree() {
        for shape in [[1, 1, 1], [1, 7, 5], [3, 4, 37]] {
            let condition = [shape[0], shape[2]];
            agree(
                &[
                    normal(&shape, 1),
                    normal(&condition, 2),
                    normal(&condition, 3),
                ],
                |x| modulate(&x[0], &x[1], &x[2]),
                |x| composed(&x[0], &x[1], &x[2]),
            );
        }
    }

    #[test]
    fn edges() {
        let none = normal(&[0, 5], 2);
        let x = [normal(&[0, 3, 5], 1), none.clone(), none];
        empty(&x, &[0, 3, 5], |x| modulate(&x[0], &x[1], &x[2]));
        let condition = normal(&[2, 5], 2);
        let x = [normal(&[2, 0, 5], 1), condition.clone(), condition];
        empty(&x, &[2, 0, 5], |x| modulate(&x[0], &x[1], &x[2]));
        let (x, good, bad) = (
            normal(&[2, 3, 5], 1),
            normal(&[2, 5], 2),
            normal(&[3, 5], 3),
        );
        fails(
            modulate(&x, &bad, &good),
            &["modulate: scale", "[3, 5]", "[2, 5]"],
        );
        fails(
            modulate(&x, &good, &bad),
            &["modulate: shift", "[3, 5]", "[2, 5]"],
        );
        fails(modulate(&good, &good, &good), &["modulate: x", "[2, 5]"]);
    }
}
