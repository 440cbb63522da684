//! Convolution over frames whose channels come last.

use super::check::{alike, shape, wrong_shape};
use super::linear::linear;
use crate::error::{Error, Result};
use candle_core::Tensor;

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
    let name = "convolve";
    alike(name, &[("x", x), ("weight", weight), ("bias", bias)])?;
    let inputs = match x.dims() {
        &[_, height, width, inputs] if height * width * inputs > 0 => inputs,
        _ => return Err(wrong_shape(name, "x", x, "(B, H, W, Ci), each at least 1")),
    };
    let (outputs, size) = match weight.dims() {
        &[outputs, k, l, i] if outputs > 0 && k == l && k % 2 == 1 && i == inputs => (outputs, k),
        _ => {
            let expected = format!("(Co, k, k, {inputs}) with k odd for x of {:?}", x.dims());
            return Err(wrong_shape(name, "weight", weight, expected));
        }
    };
    shape(name, "bias", bias, &[outputs])?;
    for (key, value) in [
        ("stride", convolution.stride),
        ("upsample", convolution.upsample),
    ] {
        if !(1..=2).contains(&value) {
            return Err(Error::input(
                format!("{name}: {key}"),
                format!("it is {value}, expected 1 or 2"),
                "chain several convolutions for a larger factor",
            ));
        }
    }
    if size == 1 && convolution == Convolution::default() {
        return linear(x, &weight.reshape((outputs, inputs))?, bias);
    }
    convolution.composed(x, weight, bias)
}

impl Convolution {
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
