//! Softmax of logits that are tilted along a few effects.

use super::check::{alike, fused, shape, width, wrong_shape};
use super::kernel::{
    Parts, by_rows, dot, filled, multiply_add, ranges, read, simd, tensor, values,
};
use super::softmax::{self, softmax_rows, softmax_rows_backward};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp2, Layout, Shape, Tensor};

/// softmax(logits + tilts · effectsᵀ) over the last dimension.
///
/// logits (B, N, K), tilts (B, N, R) and effects (K, R) in, (B, N, K) out. The
/// effects are taken as given: no gradient goes back into them. Fails on other
/// shapes and on a dtype that is not a float or not the same for all.
pub fn tilted_softmax(logits: &Tensor, tilts: &Tensor, effects: &Tensor) -> Result<Tensor> {
    let name = "tilted_softmax";
    alike(
        name,
        &[("logits", logits), ("tilts", tilts), ("effects", effects)],
    )?;
    let count = width(name, "logits", logits)?;
    let &[batch, places, _] = logits.dims() else {
        return Err(wrong_shape(name, "logits", logits, "(B, N, K)"));
    };
    let kinds = match effects.dims() {
        &[_, kinds] if kinds > 0 => kinds,
        _ => {
            return Err(wrong_shape(
                name,
                "effects",
                effects,
                "(K, R), R at least 1",
            ));
        }
    };
    shape(name, "effects", effects, &[count, kinds])?;
    shape(name, "tilts", tilts, &[batch, places, kinds])?;
    let effects = effects.detach();
    if fused(logits) {
        // A row for each effect.
        let effects = effects.t()?.contiguous()?;
        let op = Tilted {
            effects,
            count,
            kinds,
        };
        return Ok(logits.contiguous()?.apply_op2(&tilts.contiguous()?, op)?);
    }
    composed(logits, tilts, &effects)
}

fn composed(logits: &Tensor, tilts: &Tensor, effects: &Tensor) -> Result<Tensor> {
    let (batch, places, count) = logits.dims3()?;
    let kinds = effects.dim(1)?;
    let tilts = tilts.reshape((batch * places, kinds))?;
    let tilted = tilts.matmul(&effects.t()?.contiguous()?)?;
    softmax::composed(&logits.add(&tilted.reshape((batch, places, count))?)?)
}

simd! {
    /// Adds to each row of `width` its tilts times the effects (R, width).
    fn tilt_rows(rows: &mut [f32], width: usize, tilts: &[f32], effects: &[f32]) {
        let kinds = effects.len() / width;
        for (row, tilts) in rows.chunks_exact_mut(width).zip(tilts.chunks_exact(kinds)) {
            for (&tilt, effect) in tilts.iter().zip(effects.chunks_exact(width)) {
                for (x, &effect) in row.iter_mut().zip(effect) {
                    *x = multiply_add::<FMA>(tilt, effect, *x);
                }
            }
        }
    }
}

simd! {
    /// Of each row of `width` its products with the effects (R, width).
    fn along_effects(rows: &[f32], width: usize, effects: &[f32], out: &mut [f32]) {
        let kinds = effects.len() / width;
        for (row, out) in rows.chunks_exact(width).zip(out.chunks_exact_mut(kinds)) {
            for (out, effect) in out.iter_mut().zip(effects.chunks_exact(width)) {
                *out = dot::<FMA>(row, effect);
            }
        }
    }
}

struct Tilted {
    /// (R, K).
    effects: Tensor,
    count: usize,
    kinds: usize,
}

impl CustomOp2 for Tilted {
    fn name(&self) -> &'static str {
        "tilted_softmax"
    }

    fn cpu_fwd(
        &self,
        logits: &CpuStorage,
        layout: &Layout,
        tilts: &CpuStorage,
        tilts_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (logits, tilts) = (values(logits, layout)?, values(tilts, tilts_layout)?);
        let (count, kinds) = (self.count, self.kinds);
        let shares = read(&self.effects, |effects| {
            let kernel = |rows: std::ops::Range<usize>, y: &mut [f32]| {
                y.copy_from_slice(&logits[rows.start * count..rows.end * count]);
                tilt_rows(
                    y,
                    count,
                    &tilts[rows.start * kinds..rows.end * kinds],
                    effects,
                );
                softmax_rows(y, count, 1.0);
            };
            // SAFETY: the kernel copies into all of y first.
            unsafe { by_rows(logits.len() / count, count, kernel) }
        })?;
        Ok((CpuStorage::F32(shares), layout.shape().clone()))
    }

    fn bwd(
        &self,
        logits: &Tensor,
        tilts: &Tensor,
        shares: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let (count, kinds) = (self.count, self.kinds);
        let rows = shares.elem_count() / count;
        let (mut to_logits, mut to_tilts) = (Vec::new(), Vec::new());
        read(&self.effects, |effects| {
            read(shares, |shares| {
                read(g, |g| {
                    // SAFETY: the ranges cover all rows, and all of each is
                    // written.
                    to_tilts = unsafe {
                        filled(rows * kinds, |tilts: Parts| {
                            let kernel = |range: std::ops::Range<usize>, to: &mut [f32]| {
                                let all = range.start * count..range.end * count;
                                to.copy_from_slice(&g[all.clone()]);
                                softmax_rows_backward(&shares[all], to, count, 1.0);
                                let out = tilts.part(range.start * kinds, range.len() * kinds);
                                along_effects(to, count, effects, out);
                            };
                            if logits.track_op() {
                                to_logits = by_rows(rows, count, kernel);
                            } else {
                                ranges(rows, 16384 / count, |range| {
                                    let mut scratch = vec![0f32; range.len() * count];
                                    kernel(range, &mut scratch);
                                });
                            }
                        })
                    };
                })
            })
        })???;
        let to_logits = match logits.track_op() {
            true => Some(tensor(to_logits, logits.shape())?),
            false => None,
        };
        let to_tilts = match tilts.track_op() {
            true => Some(tensor(to_tilts, tilts.shape())?),
            false => None,
        };
        Ok((to_logits, to_tilts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, empty, fails, normal};

    #[test]
    fn fused_and_composed_agree() {
        for (batch, places, count, kinds) in [(1, 1, 1, 1), (2, 3, 7, 2), (1, 5, 75, 6)] {
            let effects = normal(&[count, kinds], 3);
            agree(
                &[
                    normal(&[batch, places, count], 1),
                    normal(&[batch, places, kinds], 2),
                ],
                |x| tilted_softmax(&x[0], &x[1], &effects),
                |x| composed(&x[0], &x[1], &effects.to_dtype(x[0].dtype()).unwrap()),
            );
        }
    }

    #[test]
    fn edges() {
        let effects = normal(&[4, 2], 3);
        empty(
            &[normal(&[0, 3, 4], 1), normal(&[0, 3, 2], 2)],
            &[0, 3, 4],
            |x| tilted_softmax(&x[0], &x[1], &effects),
        );
        let logits = normal(&[2, 3, 4], 1);
        fails(
            tilted_softmax(&logits, &normal(&[2, 3, 3], 2), &effects),
            &["tilted_softmax: tilts", "[2, 3, 3]", "[2, 3, 2]"],
        );
        fails(
            tilted_softmax(&logits, &logits, &normal(&[5, 2], 2)),
            &["tilted_softmax: effects", "[5, 2]", "[4, 2]"],
        );
    }
}
