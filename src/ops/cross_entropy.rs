//! Cross-entropy from logits.

use super::check::{alike, fused, same_device, shape, wrong_shape};
use super::kernel::{Parts, by_rows, exp, lanes, lanes2, larger, read, simd, tensor, values};
use crate::error::{Error, Result};
use candle_core::{CpuStorage, CustomOp1, D, DType, Layout, Shape, Tensor};
use std::ops::Range;
use std::sync::OnceLock;

/// −log softmax(logits)\[target\] of each example, from the log-sum-exp, so that
/// large logits neither overflow nor lose their gradient.
///
/// logits (B, K) and targets (B) u32 in 0..K in, (B,) out. Fails on other shapes
/// and dtypes and on a target that is not below K.
pub fn cross_entropy(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    let name = "cross_entropy";
    alike(name, &[("logits", logits)])?;
    same_device(name, ("logits", logits), ("targets", targets))?;
    let (batch, classes) = match logits.dims() {
        &[batch, classes] if classes > 0 => (batch, classes),
        _ => return Err(wrong_shape(name, "logits", logits, "(B, K), K at least 1")),
    };
    if targets.dtype() != DType::U32 {
        return Err(Error::input(
            format!("{name}: targets"),
            format!("its dtype is {:?}, expected U32", targets.dtype()),
            "convert it with to_dtype(DType::U32)",
        ));
    }
    shape(name, "targets", targets, &[batch])?;
    let chosen = targets.to_vec1::<u32>()?;
    if let Some(outside) = chosen.iter().find(|&&t| t as usize >= classes) {
        return Err(Error::input(
            format!("{name}: targets"),
            format!("it holds {outside}, expected classes in 0..{classes}"),
            "check the labels against the number of logits",
        ));
    }
    if fused(logits) {
        let op = CrossEntropy {
            targets: chosen,
            totals: OnceLock::new(),
        };
        return Ok(logits.contiguous()?.apply_op1(op)?);
    }
    composed(logits, targets)
}

fn composed(logits: &Tensor, targets: &Tensor) -> Result<Tensor> {
    if targets.elem_count() == 0 {
        return Ok(logits.sum(D::Minus1)?);
    }
    let shift = logits.detach().max_keepdim(D::Minus1)?;
    let shifted = logits.broadcast_sub(&shift)?;
    let total = shifted.exp()?.sum(D::Minus1)?.log()?;
    let chosen = shifted.gather(&targets.unsqueeze(1)?.contiguous()?, 1)?;
    Ok(total.sub(&chosen.squeeze(1)?)?)
}

simd! {
    /// log Σ exp(row) of each row.
    fn log_sums(rows: &[f32], width: usize, out: &mut [f32]) {
        for (row, out) in rows.chunks_exact(width).zip(out) {
            let shift = lanes(row, f32::NEG_INFINITY, larger);
            *out = lanes2(row, row, |sum, x, _| sum + exp::<FMA>(x - shift)).ln() + shift;
        }
    }
}

simd! {
    /// exp(row − total) · g: the gradient but for the target's.
    fn shares(rows: &[f32], width: usize, totals: &[f32], g: &[f32], out: &mut [f32]) {
        let rows = rows.chunks_exact(width).zip(out.chunks_exact_mut(width));
        for ((row, out), (&total, &g)) in rows.zip(totals.iter().zip(g)) {
            for (out, &x) in out.iter_mut().zip(row) {
                *out = exp::<FMA>(x - total) * g;
            }
        }
    }
}

struct CrossEntropy {
    targets: Vec<u32>,
    totals: OnceLock<Vec<f32>>,
}

impl CustomOp1 for CrossEntropy {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = values(storage, layout)?;
        let (batch, classes) = layout.shape().dims2()?;
        let mut totals = vec![0f32; batch];
        let parts = Parts::of(&mut totals);
        super::kernel::ranges(batch, 16384 / classes, |rows| {
            // SAFETY: ranges are disjoint and lie in the buffer.
            let out = unsafe { parts.part(rows.start, rows.len()) };
            log_sums(&x[rows.start * classes..rows.end * classes], classes, out);
        });
        let losses = totals
            .iter()
            .zip(x.chunks_exact(classes).zip(&self.targets))
            .map(|(total, (row, &target))| total - row[target as usize])
            .collect();
        let _ = self.totals.set(totals);
        Ok((CpuStorage::F32(losses), batch.into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let Some(totals) = self.totals.get() else {
            candle_core::bail!("cross_entropy: backward before forward")
        };
        let (batch, classes) = x.dims2()?;
        let gradient = read(x, |x| {
            read(g, |g| {
                let kernel = |rows: Range<usize>, out: &mut [f32]| {
                    let row = &x[rows.start * classes..rows.end * classes];
                    shares(row, classes, &totals[rows.clone()], &g[rows.clone()], out);
                    for (out, i) in out.chunks_exact_mut(classes).zip(rows) {
                        out[self.targets[i] as usize] -= g[i];
                    }
                };
                by_rows(batch, classes, kernel)
            })
        })??;
        Ok(Some(tensor(gradient, x.shape())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, empty, fails, normal};
    use candle_core::{Device, Var};

    fn targets(batch: usize, classes: usize) -> Tensor {
        let targets = (0..batch).map(|i| (i * 5 % classes) as u32).collect();
        Tensor::from_vec(targets, batch, &Device::Cpu).unwrap()
    }

    #[test]
    fn fused_and_composed_agree() {
        for (batch, classes) in [(1, 1), (1, 7), (5, 37), (3, 67)] {
            let targets = targets(batch, classes);
            agree(
                &[normal(&[batch, classes], 1)],
                |x| cross_entropy(&x[0], &targets),
                |x| composed(&x[0], &targets),
            );
        }
    }

    #[test]
    fn large_logits_keep_their_gradient() {
        let x = Var::new(&[[200f32, -200.0]], &Device::Cpu).unwrap();
        let targets = Tensor::new(&[1u32], &Device::Cpu).unwrap();
        let loss = cross_entropy(&x, &targets).unwrap();
        assert_eq!(loss.to_vec1::<f32>().unwrap(), [400.0]);
        let grads = loss.backward().unwrap();
        let gradient: Vec<Vec<f32>> = grads.get(&x).unwrap().to_vec2().unwrap();
        assert_eq!(gradient, [[1.0, -1.0]]);
    }

    #[test]
    fn edges() {
        let none = targets(0, 1);
        empty(&[normal(&[0, 5], 1)], &[0], |x| cross_entropy(&x[0], &none));
        let (x, five) = (
            normal(&[2, 5], 1),
            Tensor::new(&[1u32, 5], &Device::Cpu).unwrap(),
        );
        fails(cross_entropy(&x, &five), &["targets", "holds 5", "0..5"]);
        fails(cross_entropy(&x, &none), &["targets", "[0]", "[2]"]);
        let signed = five.to_dtype(DType::I64).unwrap();
        fails(cross_entropy(&x, &signed), &["targets", "I64", "U32"]);
        fails(cross_entropy(&normal(&[5], 1), &five), &["logits", "[5]"]);
    }
}
