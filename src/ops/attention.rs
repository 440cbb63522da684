//! Attention over packed queries, keys and values.

use super::check::{alike, fused, wrong_shape};
use super::dropout::Dropout;
use super::kernel::{Parts, filled, read, tensor, values};
use super::product::{Matrix, multiply};
use super::softmax::{self, softmax_rows, softmax_rows_backward};
use crate::error::{Error, Result};
use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use rayon::prelude::*;
use std::sync::OnceLock;

/// Multi-head attention, softmax(q kᵀ / √(D/heads)) v for each head (Vaswani et
/// al. 2017), every token seeing every other.
///
/// qkv (B, T, 3·D) in: queries, keys and values one after the other, each split
/// into `heads` of D / heads; (B, T, D) out. Fails on other shapes, on a number
/// of heads that does not divide D, and on a dtype that is not a float.
pub fn attention(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    attention_dropout(qkv, heads, None)
}

/// [`attention`] whose weights, after the softmax, are partly dropped.
pub fn attention_dropout(qkv: &Tensor, heads: usize, dropout: Option<Dropout>) -> Result<Tensor> {
    let name = "attention";
    alike(name, &[("qkv", qkv)])?;
    let width = match qkv.dims() {
        &[_, tokens, width] if tokens > 0 && width > 0 && width % 3 == 0 => width / 3,
        _ => {
            return Err(wrong_shape(
                name,
                "qkv",
                qkv,
                "(B, T, 3·D), T and D at least 1",
            ));
        }
    };
    if heads == 0 || width % heads != 0 {
        return Err(Error::input(
            format!("{name}: heads"),
            format!("{heads} heads do not divide a width of {width}"),
            "choose a divisor of D",
        ));
    }
    if fused(qkv) {
        let op = Attention {
            heads,
            dropout,
            keep: qkv.track_op(),
            weights: OnceLock::new(),
        };
        return Ok(qkv.contiguous()?.apply_op1(op)?);
    }
    composed(qkv, heads, dropout)
}

fn composed(qkv: &Tensor, heads: usize, dropout: Option<Dropout>) -> Result<Tensor> {
    let (batch, tokens, packed) = qkv.dims3()?;
    let width = packed / 3;
    if batch == 0 {
        return Ok(qkv.narrow(2, 0, width)?);
    }
    // The head's size is written out: candle cannot infer a dimension of (.., ()).
    let split = qkv
        .reshape((batch, tokens, 3, heads, width / heads))?
        .permute((2, 0, 3, 1, 4))?;
    let part = |i| split.get(i)?.contiguous();
    let (q, k, v) = (part(0)?, part(1)?, part(2)?);
    let scale = 1.0 / ((width / heads) as f64).sqrt();
    let scores = (q.matmul(&k.transpose(2, 3)?.contiguous()?)? * scale)?;
    let mut weights = softmax::composed(&scores)?;
    if let Some(dropout) = dropout {
        weights = weights.mul(&dropout.mask(&weights)?)?;
    }
    let mixed = weights.matmul(&v)?;
    let merged = mixed.transpose(1, 2)?.contiguous()?;
    Ok(merged.reshape((batch, tokens, width))?)
}

struct Attention {
    heads: usize,
    dropout: Option<Dropout>,
    /// Whether a backward pass may come and need the weights.
    keep: bool,
    weights: OnceLock<Vec<f32>>,
}

/// Where the queries, keys and values of one head of one example start.
struct Head {
    q: usize,
    k: usize,
    v: usize,
    out: usize,
}

#[derive(Clone, Copy)]
struct Sizes {
    tokens: usize,
    width: usize,
    heads: usize,
}

impl Sizes {
    fn head(self) -> usize {
        self.width / self.heads
    }

    fn scale(self) -> f32 {
        1.0 / (self.head() as f32).sqrt()
    }

    fn place(self, i: usize) -> Head {
        let (example, head) = (i / self.heads, i % self.heads * self.head());
        let q = example * self.tokens * 3 * self.width + head;
        Head {
            q,
            k: q + self.width,
            v: q + 2 * self.width,
            out: example * self.tokens * self.width + head,
        }
    }
}

impl Attention {
    /// Head `i`'s weights, partly dropped in `buffer` where there is dropout.
    fn dropped<'a>(&self, i: usize, weights: &'a [f32], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        let Some(dropout) = self.dropout else {
            return weights;
        };
        buffer.resize(weights.len(), 0.0);
        dropout.write(i * weights.len(), weights, buffer);
        buffer
    }
}

impl CustomOp1 for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let x = values(storage, layout)?;
        let (batch, tokens, packed) = layout.shape().dims3()?;
        let sizes = Sizes {
            tokens,
            width: packed / 3,
            heads: self.heads,
        };
        let (width, head) = (sizes.width, sizes.head());
        let square = tokens * tokens;
        // Writes the weights of head `i` to `scores`, and its output.
        let task = |i: usize, scores: &mut [f32], dropped: &mut Vec<f32>, out: Parts| {
            let place = sizes.place(i);
            let at = |start: usize| Matrix::strided(x[start..].as_ptr(), packed);
            let scores_start = scores.as_mut_ptr();
            // SAFETY: rows of q, k and v lie in x; `scores` has room for the square.
            unsafe {
                let (q, k) = (at(place.q), at(place.k).t());
                multiply(tokens, tokens, head, scores_start, tokens, false, q, k);
            }
            softmax_rows(scores, tokens, sizes.scale());
            let weights = Matrix::rows(self.dropped(i, scores, dropped), tokens);
            // SAFETY: each head has its own columns of its example's output.
            unsafe {
                let (out, v) = (out.at(place.out), at(place.v));
                multiply(tokens, head, tokens, out, width, false, weights, v);
            }
        };
        let count = batch * self.heads;
        let run = |out: Parts| {
            if self.keep {
                let write = |weights: Parts| {
                    (0..count)
                        .into_par_iter()
                        .for_each_init(Vec::new, |dropped, i| {
                            // SAFETY: each head has a square of its own.
                            let scores = unsafe { weights.part(i * square, square) };
                            task(i, scores, dropped, out);
                        });
                };
                let _ = self.weights.set(filled(count * square, write));
            } else {
                let own = || (vec![0f32; square], Vec::new());
                (0..count)
                    .into_par_iter()
                    .for_each_init(own, |(scores, dropped), i| task(i, scores, dropped, out));
            }
        };
        let y = filled(batch * tokens * width, run);
        Ok((CpuStorage::F32(y), (batch, tokens, width).into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let (batch, tokens, packed) = x.dims3()?;
        let Some(weights) = self.weights.get() else {
            candle_core::bail!("attention: backward without the weights of a forward pass")
        };
        let sizes = Sizes {
            tokens,
            width: packed / 3,
            heads: self.heads,
        };
        let (width, head) = (sizes.width, sizes.head());
        let square = tokens * tokens;
        let run = |x: &[f32], g: &[f32], out: Parts| {
            let task = |(scores, dropped): &mut (Vec<f32>, Vec<f32>), i: usize| {
                let place = sizes.place(i);
                let at = |start: usize| Matrix::strided(x[start..].as_ptr(), packed);
                let kept = &weights[i * square..(i + 1) * square];
                let p = Matrix::rows(self.dropped(i, kept, dropped), tokens);
                let g = Matrix::strided(g[place.out..].as_ptr(), width);
                // SAFETY: each head has its own columns of x's gradient.
                unsafe {
                    let to_v = out.at(place.v);
                    multiply(tokens, head, tokens, to_v, packed, false, p.t(), g);
                    let (start, v) = (scores.as_mut_ptr(), at(place.v).t());
                    multiply(tokens, tokens, head, start, tokens, false, g, v);
                }
                // What was dropped gets no gradient, the rest its gain.
                if self.dropout.is_some() {
                    self.dropped(i, scores, dropped);
                    std::mem::swap(scores, dropped);
                }
                softmax_rows_backward(kept, scores, tokens, sizes.scale());
                let s = Matrix::rows(scores, tokens);
                // SAFETY: as above.
                unsafe {
                    let (to_q, k) = (out.at(place.q), at(place.k));
                    multiply(tokens, head, tokens, to_q, packed, false, s, k);
                    let (to_k, q) = (out.at(place.k), at(place.q));
                    multiply(tokens, head, tokens, to_k, packed, false, s.t(), q);
                }
            };
            (0..batch * self.heads)
                .into_par_iter()
                .for_each_init(|| (vec![0f32; square], Vec::new()), task);
        };
        let gradient = read(x, |x| read(g, |g| filled(x.len(), |out| run(x, g, out))))??;
        Ok(Some(tensor(gradient, x.shape())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, bits, empty, fails, normal};

    #[test]
    fn fused_and_composed_agree() {
        for (shape, heads) in [
            ([1, 1, 3], 1),
            ([1, 7, 18], 2),
            ([2, 5, 27], 3),
            ([3, 33, 12], 4),
        ] {
            agree(
                &[normal(&shape, 1)],
                |x| attention(&x[0], heads),
                |x| composed(&x[0], heads, None),
            );
        }
    }

    #[test]
    fn with_dropout_too() {
        let mut rng = crate::rng::Seed(2).stream("test", 0);
        for (shape, heads) in [([1, 7, 18], 2), ([2, 9, 24], 4)] {
            let some = Some(Dropout::new(0.3, &mut rng).unwrap());
            agree(
                &[normal(&shape, 1)],
                |x| attention_dropout(&x[0], heads, some),
                |x| composed(&x[0], heads, some),
            );
        }
    }

    #[test]
    fn without_a_graph_it_gives_the_same() {
        let x = normal(&[2, 9, 24], 1);
        let tracked = candle_core::Var::from_tensor(&x).unwrap();
        let (kept, not) = (attention(&tracked, 2).unwrap(), attention(&x, 2).unwrap());
        assert_eq!(bits(&kept), bits(&not));
    }

    #[test]
    fn edges() {
        empty(&[normal(&[0, 4, 12], 1)], &[0, 4, 4], |x| {
            attention(&x[0], 2)
        });
        let x = normal(&[1, 4, 12], 1);
        fails(
            attention(&x, 3),
            &["attention: heads", "3 heads", "width of 4"],
        );
        fails(attention(&x, 0), &["attention: heads", "0 heads"]);
        fails(
            attention(&normal(&[1, 4, 13], 1), 1),
            &["qkv", "[1, 4, 13]"],
        );
    }
}
