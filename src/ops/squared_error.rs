//! Squared error of each example.

use super::check::{alike, fused, shape, wrong_shape};
use super::kernel::{Parts, filled, lanes2, multiply_add, read, simd, tensor, values};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp2, Layout, Shape, Tensor};
use rayon::prelude::*;

/// The mean of (y_hat − y)² over all but the first dimension.
///
/// y_hat and y of one shape (B, ..) in, (B,) out. Fails on other shapes, on
/// examples without values and on a dtype that is not a float or not the same.
pub fn squared_error(y_hat: &Tensor, y: &Tensor) -> Result<Tensor> {
    let name = "squared_error";
    alike(name, &[("y_hat", y_hat), ("y", y)])?;
    if y_hat.rank() == 0 || y_hat.dims()[1..].contains(&0) {
        let expected = "(B, ..) with at least one value for each example";
        return Err(wrong_shape(name, "y_hat", y_hat, expected));
    }
    shape(name, "y", y, y_hat.dims())?;
    if fused(y_hat) {
        return Ok(y_hat
            .contiguous()?
            .apply_op2(&y.contiguous()?, SquaredError)?);
    }
    composed(y_hat, y)
}

fn composed(y_hat: &Tensor, y: &Tensor) -> Result<Tensor> {
    let batch = y_hat.dim(0)?;
    let size: usize = y_hat.dims()[1..].iter().product();
    let squares = y_hat.sub(y)?.sqr()?.reshape((batch, size))?;
    Ok((squares.sum(1)? * (1.0 / size as f64))?)
}

simd! {
    fn sum_of_squares(a: &[f32], b: &[f32]) -> f32 {
        lanes2(a, b, |sum, a, b| multiply_add::<FMA>(a - b, a - b, sum))
    }
}

simd! {
    fn difference(a: &[f32], b: &[f32], factor: f32, out: &mut [f32]) {
        for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
            *out = (a - b) * factor;
        }
    }
}

/// Values one task sums, so that a sum's order is fixed and its error small.
const CHUNK: usize = 16384;

struct SquaredError;

impl CustomOp2 for SquaredError {
    fn name(&self) -> &'static str {
        "squared_error"
    }

    fn cpu_fwd(
        &self,
        y_hat: &CpuStorage,
        layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (y_hat, y) = (values(y_hat, layout)?, values(y, y_layout)?);
        let batch = layout.dims()[0];
        let size = y_hat.len().checked_div(batch).unwrap_or(0);
        let of_example = |i: usize| {
            let range = i * size..(i + 1) * size;
            let pairs = y_hat[range.clone()]
                .chunks(CHUNK)
                .zip(y[range].chunks(CHUNK));
            let sum: f64 = pairs.map(|(a, b)| f64::from(sum_of_squares(a, b))).sum();
            (sum / size as f64) as f32
        };
        let errors = (0..batch).into_par_iter().map(of_example).collect();
        Ok((CpuStorage::F32(errors), batch.into()))
    }

    fn bwd(
        &self,
        y_hat: &Tensor,
        y: &Tensor,
        _e: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let size = y_hat.elem_count().checked_div(y_hat.dim(0)?).unwrap_or(0);
        let gradient = |a: &Tensor, b: &Tensor| -> candle_core::Result<Option<Tensor>> {
            if !a.track_op() {
                return Ok(None);
            }
            let run = |a: &[f32], b: &[f32], g: &[f32], out: Parts| {
                (0..g.len()).into_par_iter().for_each(|i| {
                    let range = i * size..(i + 1) * size;
                    // SAFETY: each example has its own part.
                    let out = unsafe { out.part(range.start, size) };
                    let factor = 2.0 * g[i] / size as f32;
                    difference(&a[range.clone()], &b[range], factor, out);
                });
            };
            let gradient = read(a, |a| {
                read(b, |b| read(g, |g| filled(a.len(), |out| run(a, b, g, out))))
            })???;
            Ok(Some(tensor(gradient, y_hat.shape())?))
        };
        Ok((gradient(y_hat, y)?, gradient(y, y_hat)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, empty, fails, list, normal};
    use candle_core::Device;

    #[test]
    fn fused_and_composed_agree() {
        for shape in [vec![1], vec![3, 37], vec![2, 5, 67]] {
            agree(
                &[normal(&shape, 1), normal(&shape, 2)],
                |x| squared_error(&x[0], &x[1]),
                |x| composed(&x[0], &x[1]),
            );
        }
    }

    #[test]
    fn it_is_a_mean_for_each_example() {
        let a = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu).unwrap();
        let b = Tensor::new(&[[1f32, 4.0], [0.0, 3.0]], &Device::Cpu).unwrap();
        assert_eq!(list(&squared_error(&a, &b).unwrap()), [2.0, 5.0]);
    }

    #[test]
    fn edges() {
        let none = normal(&[0, 5], 1);
        empty(&[none.clone(), none], &[0], |x| squared_error(&x[0], &x[1]));
        let (a, b) = (normal(&[2, 3], 1), normal(&[2, 4], 2));
        fails(
            squared_error(&a, &b),
            &["squared_error: y:", "[2, 4]", "[2, 3]"],
        );
        let hollow = normal(&[2, 0], 1);
        fails(squared_error(&hollow, &hollow), &["y_hat", "[2, 0]"]);
    }
}
