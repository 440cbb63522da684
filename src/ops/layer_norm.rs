//! Layer normalisation.

use super::check::{alike, fused, shape, width};
use super::kernel::{
    Parts, by_rows, filled, in_order, lanes, lanes2, multiply_add, read, simd, tensor, values,
};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp3, D, Layout, Shape, Tensor};
use rayon::prelude::*;
use std::sync::OnceLock;

/// Layer normalisation over the last dimension (Ba et al. 2016):
/// (x − mean) / √(variance + eps) · weight + bias.
///
/// x (.., D), weight (D) and bias (D) in, (.., D) out. Fails on other shapes
/// and on a dtype that is not a float or not the same for all three.
pub fn layer_norm(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    let name = "layer_norm";
    alike(name, &[("x", x), ("weight", weight), ("bias", bias)])?;
    let width = width(name, "x", x)?;
    shape(name, "weight", weight, &[width])?;
    shape(name, "bias", bias, &[width])?;
    if fused(x) {
        let op = LayerNorm {
            eps: eps as f32,
            statistics: OnceLock::new(),
        };
        let (weight, bias) = (weight.contiguous()?, bias.contiguous()?);
        return Ok(x.contiguous()?.apply_op3(&weight, &bias, op)?);
    }
    composed(x, weight, bias, eps)
}

fn composed(x: &Tensor, weight: &Tensor, bias: &Tensor, eps: f64) -> Result<Tensor> {
    // Not mean_keepdim: written as a sum and a product it is right for 0 rows too.
    let share = 1.0 / weight.elem_count() as f64;
    let centred = x.broadcast_sub(&(x.sum_keepdim(D::Minus1)? * share)?)?;
    let variance = (centred.sqr()?.sum_keepdim(D::Minus1)? * share)?;
    let scaled = centred.broadcast_div(&(variance + eps)?.sqrt()?)?;
    Ok(scaled.broadcast_mul(weight)?.broadcast_add(bias)?)
}

simd! {
    /// Normalises rows; `statistics` gets each row's mean and 1 / deviation.
    fn forward(x: &[f32], weight: &[f32], bias: &[f32], eps: f32, y: &mut [f32], statistics: &mut [f32]) {
        let width = weight.len();
        let share = 1.0 / width as f32;
        let rows = x.chunks_exact(width).zip(y.chunks_exact_mut(width));
        for ((x, y), statistics) in rows.zip(statistics.chunks_exact_mut(2)) {
            let mean = lanes(x, 0.0, |a, b| a + b) * share;
            let squares = lanes2(x, x, |sum, x, _| multiply_add::<FMA>(x - mean, x - mean, sum));
            let scale = 1.0 / (squares * share + eps).sqrt();
            for (((y, &x), &weight), &bias) in y.iter_mut().zip(x).zip(weight).zip(bias) {
                *y = multiply_add::<FMA>((x - mean) * scale, weight, bias);
            }
            statistics.copy_from_slice(&[mean, scale]);
        }
    }
}

simd! {
    /// The gradient of rows into `out`; those of weight and bias are added to
    /// the two halves of `sums`.
    fn backward(x: &[f32], weight: &[f32], g: &[f32], statistics: &[f32], out: &mut [f32], sums: &mut [f32]) {
        gradients::<FMA, true>((x, g), weight, statistics, out, sums);
    }
}

simd! {
    /// The gradient of rows alone: [`backward`] where weight and bias are frozen.
    fn backward_of_rows(x: &[f32], weight: &[f32], g: &[f32], statistics: &[f32], out: &mut [f32]) {
        gradients::<FMA, false>((x, g), weight, statistics, out, &mut []);
    }
}

/// See [`backward`]; `OF_WEIGHTS` is whether `sums` are asked for.
#[inline(always)]
fn gradients<const FMA: bool, const OF_WEIGHTS: bool>(
    (x, g): (&[f32], &[f32]),
    weight: &[f32],
    statistics: &[f32],
    out: &mut [f32],
    sums: &mut [f32],
) {
    let width = weight.len();
    let share = 1.0 / width as f32;
    let (to_weight, to_bias) = sums.split_at_mut(if OF_WEIGHTS { width } else { 0 });
    let rows = x.chunks_exact(width).zip(g.chunks_exact(width));
    for (((x, g), out), statistics) in rows
        .zip(out.chunks_exact_mut(width))
        .zip(statistics.chunks_exact(2))
    {
        let (mean, scale) = (statistics[0], statistics[1]);
        let (mut sum, mut along) = ([0f32; 32], [0f32; 32]);
        let whole = width / 32 * 32;
        for start in (0..whole).step_by(32) {
            let range = start..start + 32;
            let (x, g, weight) = (&x[range.clone()], &g[range.clone()], &weight[range.clone()]);
            let near = if OF_WEIGHTS { range } else { 0..0 };
            let (to_weight, to_bias) = (&mut to_weight[near.clone()], &mut to_bias[near]);
            for i in 0..32 {
                let normal = (x[i] - mean) * scale;
                if OF_WEIGHTS {
                    to_weight[i] = multiply_add::<FMA>(g[i], normal, to_weight[i]);
                    to_bias[i] += g[i];
                }
                let inner = g[i] * weight[i];
                sum[i] += inner;
                along[i] = multiply_add::<FMA>(inner, normal, along[i]);
            }
        }
        let (mut sum, mut along) = (sum.into_iter().sum::<f32>(), along.into_iter().sum::<f32>());
        for i in whole..width {
            let normal = (x[i] - mean) * scale;
            if OF_WEIGHTS {
                to_weight[i] = multiply_add::<FMA>(g[i], normal, to_weight[i]);
                to_bias[i] += g[i];
            }
            sum += g[i] * weight[i];
            along += g[i] * weight[i] * normal;
        }
        let (sum, along) = (sum * share, along * share * scale);
        for (((out, &x), &g), &weight) in out.iter_mut().zip(x).zip(g).zip(weight) {
            *out = scale * (g * weight - sum - (x - mean) * along);
        }
    }
}

simd! {
    /// What [`backward`] adds to `sums`, alone: where x is frozen.
    fn backward_of_weights(x: &[f32], g: &[f32], statistics: &[f32], sums: &mut [f32]) {
        let width = sums.len() / 2;
        let (to_weight, to_bias) = sums.split_at_mut(width);
        let rows = x.chunks_exact(width).zip(g.chunks_exact(width));
        for ((x, g), statistics) in rows.zip(statistics.chunks_exact(2)) {
            let (mean, scale) = (statistics[0], statistics[1]);
            let each = to_weight.iter_mut().zip(to_bias.iter_mut());
            for (((to_weight, to_bias), &x), &g) in each.zip(x).zip(g) {
                *to_weight = multiply_add::<FMA>(g, (x - mean) * scale, *to_weight);
                *to_bias += g;
            }
        }
    }
}

struct LayerNorm {
    eps: f32,
    statistics: OnceLock<Vec<f32>>,
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "layer_norm"
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
        let x = values(x, layout)?;
        let (weight, bias) = (values(weight, weight_layout)?, values(bias, bias_layout)?);
        let width = weight.len();
        let rows = x.len() / width;
        let mut statistics = vec![0f32; 2 * rows];
        let kept = Parts::of(&mut statistics);
        let kernel = |rows: std::ops::Range<usize>, y: &mut [f32]| {
            let x = &x[rows.start * width..rows.end * width];
            // SAFETY: each range of rows has its own statistics.
            let kept = unsafe { kept.part(2 * rows.start, 2 * rows.len()) };
            forward(x, weight, bias, self.eps, y, kept);
        };
        let y = by_rows(rows, width, kernel);
        let _ = self.statistics.set(statistics);
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        bias: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some(statistics) = self.statistics.get() else {
            candle_core::bail!("layer_norm: backward before forward")
        };
        let width = weight.elem_count();
        let rows = x.elem_count() / width;
        let step = rows.div_ceil(16).max(16384 / width).max(1);
        let of_x = x.track_op();
        let of_weights = weight.track_op() || bias.track_op();
        let run = |x: &[f32], weight: &[f32], g: &[f32]| {
            let mut sums = Vec::new();
            let mut write = |out: Option<Parts>| {
                let task = |i: usize| {
                    let (low, high) = (i * step, rows.min((i + 1) * step));
                    let range = low * width..high * width;
                    let statistics = &statistics[2 * low..2 * high];
                    let (x, g) = (&x[range.clone()], &g[range.clone()]);
                    let mut sums = vec![0f32; if of_weights { 2 * width } else { 0 }];
                    // SAFETY: each task has rows of its own.
                    let out = out
                        .as_ref()
                        .map(|out| unsafe { out.part(range.start, range.len()) });
                    match out {
                        Some(out) if of_weights => {
                            backward(x, weight, g, statistics, out, &mut sums);
                        }
                        Some(out) => backward_of_rows(x, weight, g, statistics, out),
                        None => backward_of_weights(x, g, statistics, &mut sums),
                    }
                    sums
                };
                sums = (0..rows.div_ceil(step)).into_par_iter().map(task).collect();
            };
            let out = if of_x {
                filled(x.len(), |out| write(Some(out)))
            } else {
                write(None);
                Vec::new()
            };
            (out, of_weights.then(|| in_order(sums, 2 * width)))
        };
        let (to_x, sums) = read(x, |x| read(weight, |weight| read(g, |g| run(x, weight, g))))???;
        let part = |of: &Tensor, start: usize| match &sums {
            Some(sums) if of.track_op() => {
                tensor(sums[start..start + width].to_vec(), width).map(Some)
            }
            _ => Ok(None),
        };
        let to_x = of_x.then(|| tensor(to_x, x.shape())).transpose()?;
        Ok((to_x, part(weight, 0)?, part(bias, width)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, empty, fails, normal};
    use candle_core::DType;

    #[test]
    fn fused_and_composed_agree() {
        for shape in [vec![1, 5], vec![7], vec![3, 37], vec![2, 5, 67]] {
            let width = shape[shape.len() - 1];
            let x = normal(&shape, 1).affine(2.0, 0.5).unwrap();
            agree(
                &[x, normal(&[width], 2), normal(&[width], 3)],
                |x| layer_norm(&x[0], &x[1], &x[2], 1e-5),
                |x| composed(&x[0], &x[1], &x[2], 1e-5),
            );
        }
    }

    #[test]
    fn edges() {
        let (weight, bias) = (normal(&[5], 2), normal(&[5], 3));
        let run = |x: &[Tensor]| layer_norm(&x[0], &x[1], &x[2], 1e-5);
        empty(
            &[normal(&[0, 5], 1), weight.clone(), bias.clone()],
            &[0, 5],
            run,
        );
        let x = normal(&[2, 6], 1);
        fails(
            layer_norm(&x, &weight, &bias, 1e-5),
            &["layer_norm: weight", "[5]", "[6]"],
        );
        let x = normal(&[2, 5], 1);
        let half = bias.to_dtype(DType::F16).unwrap();
        fails(
            layer_norm(&x, &weight, &half, 1e-5),
            &["layer_norm: bias", "F16", "F32"],
        );
    }
}
