//! The fair continuous ranked probability score of two draws.

use super::check::{alike, fused, shape, wrong_shape};
use super::kernel::{Parts, filled, read, simd, tensor, values};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp2, Layout, Shape, Tensor};
use rayon::prelude::*;

/// The mean over all but the first dimension of
/// ½(|a − y| + |b − y| − |a − b|), for two draws a and b of what became y.
///
/// In expectation it is E|a − y| − ½ E|a − b|, a proper score: least when the
/// draws are distributed as y is (Gneiting and Raftery 2007; Ferro 2014 for
/// small ensembles). a, b and y of one shape (B, ..) in, (B,) out; no gradient
/// goes back into y. Fails on other shapes, on examples without values and on a
/// dtype that is not a float or not the same.
pub fn crps(a: &Tensor, b: &Tensor, y: &Tensor) -> Result<Tensor> {
    let name = "crps";
    alike(name, &[("a", a), ("b", b), ("y", y)])?;
    if a.rank() == 0 || a.dims()[1..].contains(&0) {
        let expected = "(B, ..) with at least one value for each example";
        return Err(wrong_shape(name, "a", a, expected));
    }
    shape(name, "b", b, a.dims())?;
    shape(name, "y", y, a.dims())?;
    let y = y.detach().contiguous()?;
    if fused(a) {
        return Ok(a.contiguous()?.apply_op2(&b.contiguous()?, Crps { y })?);
    }
    composed(a, b, &y)
}

fn composed(a: &Tensor, b: &Tensor, y: &Tensor) -> Result<Tensor> {
    let batch = a.dim(0)?;
    let size: usize = a.dims()[1..].iter().product();
    let apart = a.sub(y)?.abs()?.add(&b.sub(y)?.abs()?)?;
    let score = apart.sub(&a.sub(b)?.abs()?)?.reshape((batch, size))?;
    Ok((score.sum(1)? * (0.5 / size as f64))?)
}

simd! {
    fn score(a: &[f32], b: &[f32], y: &[f32]) -> f32 {
        let mut lanes = [0f32; 32];
        let chunks = a.chunks(32).zip(b.chunks(32)).zip(y.chunks(32));
        for ((a, b), y) in chunks {
            for (((lane, a), b), y) in lanes.iter_mut().zip(a).zip(b).zip(y) {
                *lane += (a - y).abs() + (b - y).abs() - (a - b).abs();
            }
        }
        lanes.iter().sum()
    }
}

simd! {
    /// factor · (sign(a − y) − sign(a − b)), with sign(0) = 1 as in candle.
    fn slope(a: &[f32], b: &[f32], y: &[f32], factor: f32, out: &mut [f32]) {
        for (((out, a), b), y) in out.iter_mut().zip(a).zip(b).zip(y) {
            let sign = |x: f32| if x >= 0.0 { 1.0 } else { -1.0 };
            *out = factor * (sign(a - y) - sign(a - b));
        }
    }
}

/// Values one task sums, so that a sum's order is fixed and its error small.
const CHUNK: usize = 16384;

struct Crps {
    y: Tensor,
}

impl CustomOp2 for Crps {
    fn name(&self) -> &'static str {
        "crps"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (a, b) = (values(a, layout)?, values(b, b_layout)?);
        let batch = layout.dims()[0];
        let size = a.len().checked_div(batch).unwrap_or(0);
        let scores = read(&self.y, |y| {
            let of_example = |i: usize| {
                let range = i * size..(i + 1) * size;
                let (a, b, y) = (&a[range.clone()], &b[range.clone()], &y[range]);
                let parts = a.chunks(CHUNK).zip(b.chunks(CHUNK)).zip(y.chunks(CHUNK));
                let sum: f64 = parts.map(|((a, b), y)| f64::from(score(a, b, y))).sum();
                (0.5 * sum / size as f64) as f32
            };
            (0..batch).into_par_iter().map(of_example).collect()
        })?;
        Ok((CpuStorage::F32(scores), batch.into()))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        _score: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let size = a.elem_count().checked_div(a.dim(0)?).unwrap_or(0);
        let gradient = |a: &Tensor, b: &Tensor| -> candle_core::Result<Option<Tensor>> {
            if !a.track_op() {
                return Ok(None);
            }
            let run = |a: &[f32], b: &[f32], y: &[f32], g: &[f32], out: Parts| {
                (0..g.len()).into_par_iter().for_each(|i| {
                    let range = i * size..(i + 1) * size;
                    // SAFETY: each example has its own part.
                    let out = unsafe { out.part(range.start, size) };
                    let factor = 0.5 * g[i] / size as f32;
                    slope(&a[range.clone()], &b[range.clone()], &y[range], factor, out);
                });
            };
            let gradient = read(a, |a| {
                read(b, |b| {
                    read(&self.y, |y| {
                        read(g, |g| filled(a.len(), |out| run(a, b, y, g, out)))
                    })
                })
            })????;
            Ok(Some(tensor(gradient, self.y.shape())?))
        };
        Ok((gradient(a, b)?, gradient(b, a)?))
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
            let y = normal(&shape, 3);
            agree(
                &[normal(&shape, 1), normal(&shape, 2)],
                |x| crps(&x[0], &x[1], &y),
                |x| composed(&x[0], &x[1], &y.to_dtype(x[0].dtype()).unwrap()),
            );
        }
    }

    // properscoring.crps_ensemble(y, [a, b]) less its own spread, made fair:
    // mean(|a - y|, |b - y|) - |a - b| / 2.
    #[test]
    fn it_is_the_fair_score_of_two() {
        let row = |v: &[f32]| Tensor::new(v, &Device::Cpu).unwrap().unsqueeze(0).unwrap();
        let (a, b, y) = (row(&[1.0, 0.0]), row(&[3.0, 0.0]), row(&[2.5, 1.0]));
        // (1.5 + 0.5 − 2)/2 = 0 and (1 + 1 − 0)/2 = 1.
        assert_eq!(list(&crps(&a, &b, &y).unwrap()), [0.5]);
    }

    #[test]
    fn edges() {
        let none = normal(&[0, 5], 1);
        let y = none.clone();
        empty(&[none.clone(), none], &[0], |x| crps(&x[0], &x[1], &y));
        let (a, b) = (normal(&[2, 3], 1), normal(&[2, 4], 2));
        fails(crps(&a, &b, &a), &["crps: b", "[2, 4]", "[2, 3]"]);
        fails(crps(&a, &a, &b), &["crps: y", "[2, 4]", "[2, 3]"]);
        let hollow = normal(&[2, 0], 1);
        fails(crps(&hollow, &hollow, &hollow), &["a", "[2, 0]"]);
    }
}
