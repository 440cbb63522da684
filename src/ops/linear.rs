//! The linear map, alone and with a residual.

use super::activation::Activation;
use super::check::{alike, fused, shape, width, wrong_shape};
use super::followed::ThenActive;
use super::kernel::{column_sum, filled, read, tensor, values};
use super::product::{Before, Matrix, multiply_in_blocks};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, DType, Layout, Shape, Tensor};
use std::ops::Range;

/// x · weightᵀ + bias.
///
/// x (.., K), weight (N, K) and bias (N) in, (.., N) out. Fails on other shapes
/// and on a dtype that is not a float or not the same for all.
pub fn linear(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let name = "linear";
    alike(name, &[("x", x), ("weight", weight), ("bias", bias)])?;
    check(name, x, weight, bias)?;
    if fused(x) {
        let (weight, bias) = (weight.contiguous()?, bias.contiguous()?);
        return Ok(x.contiguous()?.apply_op3(&weight, &bias, Linear)?);
    }
    composed(x, weight, bias)
}

/// gelu(x · weightᵀ + bias).
///
/// As [`linear`].
pub fn linear_gelu(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    linear_active("linear_gelu", x, (weight, bias), Activation::Gelu)
}

/// As [`linear_gelu`], by the error function; see [`super::gelu_exact`].
pub fn linear_gelu_exact(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    linear_active(
        "linear_gelu_exact",
        x,
        (weight, bias),
        Activation::GeluExact,
    )
}

fn linear_active(
    name: &str,
    x: &Tensor,
    (weight, bias): (&Tensor, &Tensor),
    activation: Activation,
) -> Result<Tensor> {
    alike(name, &[("x", x), ("weight", weight), ("bias", bias)])?;
    check(name, x, weight, bias)?;
    if fused(x) {
        let (weight, bias) = (weight.contiguous()?, bias.contiguous()?);
        let x = x.contiguous()?;
        return Ok(ThenActive::apply(Linear, activation, &x, (&weight, &bias))?);
    }
    activation.apply(&composed(x, weight, bias)?)
}

/// residual + x · weightᵀ + bias.
///
/// As [`linear`], with a residual (.., N) of the output's shape.
pub fn linear_add(x: &Tensor, weight: &Tensor, bias: &Tensor, residual: &Tensor) -> Result<Tensor> {
    let name = "linear_add";
    let tensors = [
        ("x", x),
        ("weight", weight),
        ("bias", bias),
        ("residual", residual),
    ];
    alike(name, &tensors)?;
    let dims = check(name, x, weight, bias)?;
    shape(name, "residual", residual, &dims)?;
    if fused(x) {
        let (residual, bias) = (residual.contiguous()?, bias.contiguous()?);
        let op = LinearAdd {
            residual: residual.detach(),
            bias: bias.detach(),
        };
        let base = residual.apply_op2(&bias, Base)?;
        return Ok(x
            .contiguous()?
            .apply_op3(&weight.contiguous()?, &base, op)?);
    }
    composed_add(x, weight, bias, residual)
}

/// The shape of the result.
fn check(name: &str, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Vec<usize>> {
    let width = width(name, "x", x)?;
    let outputs = match weight.dims() {
        [outputs, inputs] if *inputs == width && *outputs > 0 => *outputs,
        _ => {
            let expected = format!("(N, {width}) for x of shape {:?}", x.dims());
            return Err(wrong_shape(name, "weight", weight, expected));
        }
    };
    shape(name, "bias", bias, &[outputs])?;
    let mut dims = x.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = outputs;
    }
    Ok(dims)
}

fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (outputs, inputs) = weight.dims2()?;
    let mut dims = x.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = outputs;
    }
    let rows = x.elem_count() / inputs;
    if rows == 0 {
        return Ok(Tensor::zeros(dims, x.dtype(), x.device())?);
    }
    let product = x.reshape((rows, inputs))?.matmul(&weight.t()?)?;
    Ok(product.broadcast_add(bias)?.reshape(dims)?)
}

fn composed_add(x: &Tensor, weight: &Tensor, bias: &Tensor, residual: &Tensor) -> Result<Tensor> {
    Ok(composed(x, weight, bias)?.add(residual)?)
}

/// x · weightᵀ added to rows that `start` writes.
fn product(x: &[f32], weight: &[f32], inputs: usize, start: Before) -> Vec<f32> {
    let (m, n) = (x.len() / inputs, weight.len() / inputs);
    let (a, b) = (Matrix::rows(x, inputs), Matrix::rows(weight, inputs).t());
    filled(m * n, |y| {
        // SAFETY: the sizes are those of the slices; the product fills m × n.
        unsafe { multiply_in_blocks((m, n, inputs), y, a, b, Some(start)) };
    })
}

/// The gradients of x and weight, where they are asked for.
fn backward(
    x: &Tensor,
    weight: &Tensor,
    g: &Tensor,
) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
    let (n, k) = weight.dims2()?;
    let m = x.elem_count() / k;
    let to_x = |g: &[f32], weight: &[f32]| {
        let (a, b) = (Matrix::rows(g, n), Matrix::rows(weight, k));
        // SAFETY: the sizes are those of the slices, and of the buffer.
        filled(m * k, |out| unsafe {
            multiply_in_blocks((m, k, n), out, a, b, None)
        })
    };
    let to_weight = |g: &[f32], x: &[f32]| {
        if m == 0 {
            return vec![0f32; n * k];
        }
        let (a, b) = (Matrix::rows(g, n).t(), Matrix::rows(x, k));
        // SAFETY: as above.
        filled(n * k, |out| unsafe {
            multiply_in_blocks((n, k, m), out, a, b, None)
        })
    };
    let to_x = match x.track_op() {
        true => Some(tensor(
            read(g, |g| read(weight, |weight| to_x(g, weight)))??,
            x.shape(),
        )?),
        false => None,
    };
    let to_weight = match weight.track_op() {
        true => Some(tensor(
            read(g, |g| read(x, |x| to_weight(g, x)))??,
            weight.shape(),
        )?),
        false => None,
    };
    Ok((to_x, to_weight))
}

/// The gradient of a tracked bias.
pub(super) fn bias_gradient(bias: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
    if !bias.track_op() {
        return Ok(None);
    }
    let width = bias.elem_count();
    Ok(Some(tensor(read(g, |g| column_sum(g, width))?, width)?))
}

fn output(layout: &Layout, outputs: usize) -> Shape {
    let mut dims = layout.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = outputs;
    }
    dims.into()
}

struct Linear;

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (x, weight) = (values(x, layout)?, values(weight, weight_layout)?);
        let bias = values(bias, bias_layout)?;
        let inputs = weight_layout.dims()[1];
        let start = |_: Range<usize>, rows: &mut [f32]| {
            for row in rows.chunks_exact_mut(bias.len()) {
                row.copy_from_slice(bias);
            }
        };
        let y = product(x, weight, inputs, &start);
        Ok((CpuStorage::F32(y), output(layout, bias.len())))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (to_x, to_weight) = backward(x, weight, g)?;
        Ok((to_x, to_weight, bias_gradient(bias, g)?))
    }
}

/// Stands for residual + bias in the graph, so that an operation of three
/// arguments serves four. It has no values: the operation reads the two itself,
/// and a gradient asks a tensor only for its shape.
pub(super) struct Base;

impl CustomOp2 for Base {
    fn name(&self) -> &'static str {
        "base"
    }

    fn cpu_fwd(
        &self,
        _residual: &CpuStorage,
        layout: &Layout,
        _bias: &CpuStorage,
        _bias_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        Ok((CpuStorage::F32(Vec::new()), layout.shape().clone()))
    }

    fn bwd(
        &self,
        residual: &Tensor,
        bias: &Tensor,
        _base: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let to_residual = residual.track_op().then(|| g.clone());
        Ok((to_residual, bias_gradient(bias, g)?))
    }
}

struct LinearAdd {
    residual: Tensor,
    bias: Tensor,
}

impl CustomOp3 for LinearAdd {
    fn name(&self) -> &'static str {
        "linear_add"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        _base: &CpuStorage,
        _base_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (x, weight) = (values(x, layout)?, values(weight, weight_layout)?);
        let inputs = weight_layout.dims()[1];
        let outputs = weight_layout.dims()[0];
        let y = read(&self.residual, |residual| {
            read(&self.bias, |bias| {
                let start = |range: Range<usize>, rows: &mut [f32]| {
                    let residual = &residual[range.start * outputs..range.end * outputs];
                    let pairs = rows.chunks_exact_mut(outputs);
                    for (row, residual) in pairs.zip(residual.chunks_exact(outputs)) {
                        for ((y, &residual), &bias) in row.iter_mut().zip(residual).zip(bias) {
                            *y = residual + bias;
                        }
                    }
                };
                product(x, weight, inputs, &start)
            })
        })??;
        Ok((CpuStorage::F32(y), output(layout, outputs)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        base: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        debug_assert_eq!(base.dtype(), DType::F32);
        let (to_x, to_weight) = backward(x, weight, g)?;
        Ok((to_x, to_weight, base.track_op().then(|| g.clone())))
    }
}

#[cfg(test)]
mod tests;
