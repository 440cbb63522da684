//! Convolution over frames whose channels come last.

mod direct;
mod gradient;
mod packing;

use super::activation::{Activation, gelu};
use super::check::{alike, fused, shape, wrong_shape};
use super::followed::{ThenActive, ThenAdd};
use super::geometry::{Axis, Plane};
use super::kernel::{Parts, filled, read, tensor, values};
use super::linear::{bias_gradient, linear, linear_add, linear_gelu};
use crate::error::{Error, Result};
use candle_core::{CpuStorage, CustomOp3, Layout, Shape, Tensor};
use packing::Packing;

/// How a convolution moves over a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Pixels from one output to the next: 1, or 2 to halve the size.
    pub stride: usize,
    /// 2 doubles the input's size (each pixel repeated) before the
    /// convolution, without ever storing it; 1 does not.
    pub upsample: usize,
}

impl Default for Convolution {
    fn default() -> Self {
        Self {
            stride: 1,
            upsample: 1,
        }
    }
}

/// Convolution with a border of k/2 zeros.
///
/// x (B, H, W, Ci), weight (Co, k, k, Ci) with k odd, and bias (Co) in;
/// (B, ⌈u·H/s⌉, ⌈u·W/s⌉, Co) out for stride s and upsampling u. Fails on other
/// shapes, strides and upsamplings, and on a dtype that is not a float or not
/// the same for all.
pub fn convolve(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    convolution: Convolution,
) -> Result<Tensor> {
    let pointwise = convolution.check("convolve", x, weight, bias)?;
    if let Some(weight) = pointwise {
        return linear(x, &weight, bias);
    }
    if fused(x) {
        let (weight, bias) = (weight.contiguous()?, bias.contiguous()?);
        return Ok(x
            .contiguous()?
            .apply_op3(&weight, &bias, Convolve(convolution))?);
    }
    convolution.composed(x, weight, bias)
}

/// gelu of [`convolve`].
pub fn convolve_gelu(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    convolution: Convolution,
) -> Result<Tensor> {
    let pointwise = convolution.check("convolve_gelu", x, weight, bias)?;
    if let Some(weight) = pointwise {
        return linear_gelu(x, &weight, bias);
    }
    if fused(x) {
        let (weight, bias) = (weight.contiguous()?, bias.contiguous()?);
        let x = x.contiguous()?;
        return Ok(ThenActive::apply(
            Convolve(convolution),
            Activation::Gelu,
            &x,
            (&weight, &bias),
        )?);
    }
    gelu(&convolution.composed(x, weight, bias)?)
}

/// [`convolve`] and a residual of the output's shape.
pub fn convolve_add(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    residual: &Tensor,
    convolution: Convolution,
) -> Result<Tensor> {
    let name = "convolve_add";
    let pointwise = convolution.check(name, x, weight, bias)?;
    alike(name, &[("x", x), ("residual", residual)])?;
    let (batch, height, width, _) = x.dims4()?;
    let (rows, columns) = convolution.target(height, width);
    let dims = [batch, rows, columns, weight.dim(0)?];
    shape(name, "residual", residual, &dims)?;
    if let Some(weight) = pointwise {
        return linear_add(x, &weight, bias, residual);
    }
    if fused(x) {
        let (x, residual) = (x.contiguous()?, residual.contiguous()?);
        let arguments = (&weight.contiguous()?, &bias.contiguous()?);
        return Ok(ThenAdd::apply(
            Convolve(convolution),
            &x,
            arguments,
            &residual,
        )?);
    }
    Ok((residual + convolution.composed(x, weight, bias)?)?)
}

impl Convolution {
    /// Refuses what does not fit. The weight as a matrix where the convolution
    /// is a linear map of each pixel.
    fn check(
        self,
        name: &str,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
    ) -> Result<Option<Tensor>> {
        alike(name, &[("x", x), ("weight", weight), ("bias", bias)])?;
        let inputs = match x.dims() {
            &[_, height, width, inputs] if height * width * inputs > 0 => inputs,
            _ => return Err(wrong_shape(name, "x", x, "(B, H, W, Ci), each at least 1")),
        };
        let (outputs, size) = match weight.dims() {
            &[outputs, k, l, i] if outputs > 0 && k == l && k % 2 == 1 && i == inputs => {
                (outputs, k)
            }
            _ => {
                let expected = format!("(Co, k, k, {inputs}) with k odd for x of {:?}", x.dims());
                return Err(wrong_shape(name, "weight", weight, expected));
            }
        };
        shape(name, "bias", bias, &[outputs])?;
        for (key, value) in [("stride", self.stride), ("upsample", self.upsample)] {
            if !(1..=2).contains(&value) {
                return Err(Error::input(
                    format!("{name}: {key}"),
                    format!("it is {value}, expected 1 or 2"),
                    "chain several convolutions for a larger factor",
                ));
            }
        }
        if size == 1 && self == Self::default() {
            return Ok(Some(weight.reshape((outputs, inputs))?));
        }
        Ok(None)
    }

    /// Pad, take the k² shifted views side by side, multiply.
    fn composed(self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let (outputs, k, _, inputs) = weight.dims4()?;
        let x = match self.upsample {
            1 => x.clone(),
            _ => repeat(x)?,
        };
        let (batch, height, width, _) = x.dims4()?;
        let (out_height, out_width) = (height.div_ceil(self.stride), width.div_ceil(self.stride));
        if batch == 0 {
            let dims = (0, out_height, out_width, outputs);
            return Ok(Tensor::zeros(dims, x.dtype(), x.device())?);
        }
        let border = k / 2;
        // One more at the end, so that every view has whole strides.
        let after = border + self.stride - 1;
        let padded = pad(&pad(&x, 1, border, after)?, 2, border, after)?;
        let mut views = Vec::with_capacity(k * k);
        for ky in 0..k {
            for kx in 0..k {
                let view = padded.narrow(1, ky, out_height * self.stride)?.narrow(
                    2,
                    kx,
                    out_width * self.stride,
                )?;
                views.push(self.thin(&view)?);
            }
        }
        let columns = Tensor::cat(&views, 3)?;
        linear(&columns, &weight.reshape((outputs, k * k * inputs))?, bias)
    }

    /// Every stride-th pixel of (B, H, W, C), H and W whole strides.
    fn thin(self, view: &Tensor) -> Result<Tensor> {
        if self.stride == 1 {
            return Ok(view.contiguous()?);
        }
        let (batch, height, width, channels) = view.dims4()?;
        let stride = self.stride;
        let rows = view
            .contiguous()?
            .reshape((batch, height / stride, stride * width * channels))?
            .narrow(2, 0, width * channels)?
            .contiguous()?;
        let pixels = rows
            .reshape((batch, height / stride, width / stride, stride * channels))?
            .narrow(3, 0, channels)?;
        Ok(pixels.contiguous()?)
    }
}

/// Zeros before and after along a dimension. (Written with cat: it has a
/// gradient on every device.)
fn pad(x: &Tensor, dim: usize, before: usize, after: usize) -> Result<Tensor> {
    let zeros = |length: usize| {
        let mut dims = x.dims().to_vec();
        dims[dim] = length;
        Tensor::zeros(dims, x.dtype(), x.device())
    };
    let mut parts = Vec::with_capacity(3);
    if before > 0 {
        parts.push(zeros(before)?);
    }
    parts.push(x.clone());
    if after > 0 {
        parts.push(zeros(after)?);
    }
    Ok(Tensor::cat(&parts, dim)?)
}

/// Each pixel of (B, H, W, C) four times: (B, 2H, 2W, C). (Not candle's
/// upsampling, whose gradient overwrites where it should add.)
fn repeat(x: &Tensor) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let flat = x.reshape((batch, height, 1, width, 1, channels))?;
    let wide = Tensor::cat(&[&flat, &flat], 4)?;
    let tall = Tensor::cat(&[&wide, &wide], 2)?;
    Ok(tall.reshape((batch, 2 * height, 2 * width, channels))?)
}

impl Convolution {
    /// Height and width of the output.
    fn target(self, height: usize, width: usize) -> (usize, usize) {
        let scale = |length: usize| (length * self.upsample).div_ceil(self.stride);
        (scale(height), scale(width))
    }

    fn planes(self, k: usize, source: (usize, usize, usize)) -> Vec<Plane> {
        let target = self.target(source.0, source.1);
        let axes = |length| Axis::forward(k, self.stride, self.upsample, length);
        Plane::all(&axes(target.0), &axes(target.1), source, target)
    }

    fn planes_back(self, k: usize, (height, width): (usize, usize), outputs: usize) -> Vec<Plane> {
        let (source_height, source_width) = self.target(height, width);
        let source = (source_height, source_width, outputs);
        let axes = |length| Axis::backward(k, self.stride, self.upsample, length);
        Plane::all(&axes(height), &axes(width), source, (height, width))
    }
}

/// Only made for shapes that were checked.
struct Convolve(Convolution);

impl CustomOp3 for Convolve {
    fn name(&self) -> &'static str {
        "convolve"
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
        let (batch, height, width, inputs) = layout.shape().dims4()?;
        let (outputs, k, ..) = weight_layout.shape().dims4()?;
        let (rows, columns) = self.0.target(height, width);
        let write = |out: Parts| {
            for plane in self.0.planes(k, (height, width, inputs)) {
                let weight = Packing::new(outputs).fold(&plane, weight, k);
                // SAFETY: `out` has the size computed from `target`.
                unsafe { direct::fill(&plane, x, &weight, bias, out) };
            }
        };
        let y = filled(batch * rows * columns * outputs, write);
        Ok((CpuStorage::F32(y), (batch, rows, columns, outputs).into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (_, height, width, inputs) = x.dims4()?;
        let (outputs, k, ..) = weight.dims4()?;
        let to_x = |g: &[f32], weight: &[f32]| {
            let zeros = vec![0f32; inputs];
            let write = |out: Parts| {
                for plane in self.0.planes_back(k, (height, width), outputs) {
                    let weight = Packing::new(inputs).fold_turned(&plane, weight, k);
                    // SAFETY: `out` has the size of x.
                    unsafe { direct::fill(&plane, g, &weight, &zeros, out) };
                }
            };
            filled(x.elem_count(), write)
        };
        let to_weight = |g: &[f32], x: &[f32]| {
            let mut sum = vec![0f32; weight.elem_count()];
            for plane in self.0.planes(k, (height, width, inputs)) {
                let packed = gradient::weight_gradient(&plane, x, g, outputs);
                Packing::new(outputs).unfold(&plane, &packed, k, &mut sum);
            }
            sum
        };
        let to_x = match x.track_op() {
            true => {
                let values = read(g, |g| read(weight, |weight| to_x(g, weight)))??;
                Some(tensor(values, x.shape())?)
            }
            false => None,
        };
        let to_weight = match weight.track_op() {
            true => {
                let values = read(g, |g| read(x, |x| to_weight(g, x)))??;
                Some(tensor(values, weight.shape())?)
            }
            false => None,
        };
        Ok((to_x, to_weight, bias_gradient(bias, g)?))
    }
}

#[cfg(test)]
mod tests;
