//! A quadratic form over matrices, for each example.

use super::check::{alike, fused, wrong_shape};
use super::kernel::{read, tensor};
use super::overlap::Overlap;
use super::vector;
use crate::error::Result;
use candle_core::Tensor;
use rayon::prelude::*;

/// G with `G_ij` = tr(`W_i` A `W_jᵀ`), for each example's symmetric A (so G is
/// symmetric too, and half of it is computed).
///
/// a (B, M, M) and w (D, P, M) in, (B, D, D) out. It is made for solvers that
/// need no gradient: nothing of it is tracked. Fails on other shapes and on a
/// dtype that is not a float or not the same.
pub fn trace_form(a: &Tensor, w: &Tensor) -> Result<Tensor> {
    let name = "trace_form";
    alike(name, &[("a", a), ("w", w)])?;
    let &[_, rows, inner] = a.dims() else {
        return Err(wrong_shape(name, "a", a, "(B, M, M)"));
    };
    if rows != inner || inner == 0 {
        return Err(wrong_shape(name, "a", a, "(B, M, M) with M of at least 1"));
    }
    if w.rank() != 3 || w.dims()[2] != inner {
        return Err(wrong_shape(name, "w", w, format!("(D, P, {inner})")));
    }
    let (a, w) = (a.detach(), w.detach());
    if pairs_are_less(a.dim(0)?, w.dims3()?) {
        return by_pairs(&a, &w);
    }
    if fused(&a) {
        return kernel(&a, &w);
    }
    composed(&a, &w)
}

/// Whether [`by_pairs`] takes fewer products, by so much that it is faster.
fn pairs_are_less(batch: usize, (count, rows, inner): (usize, usize, usize)) -> bool {
    let (square, pairs) = (inner * inner, count * count);
    let each = batch * (count * rows * square + pairs / 2 * rows * inner);
    each > 2 * (pairs * rows * square + batch * pairs * square)
}

/// Where there are many examples: ⟨A, `W_iᵀ W_j`⟩, whose right sides are the same for all.
fn by_pairs(a: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (batch, inner, _) = a.dims3()?;
    let (count, rows, _) = w.dims3()?;
    // (P, D·M), so that all pairs are one product.
    let long = w.transpose(0, 1)?.contiguous()?;
    let long = long.reshape((rows, count * inner))?;
    let pairs = long.t()?.contiguous()?.matmul(&long)?;
    let pairs = pairs.reshape((count, inner, count, inner))?;
    let pairs = pairs.permute((1, 3, 0, 2))?.contiguous()?;
    let pairs = pairs.reshape((inner * inner, count * count))?;
    let forms = a.contiguous()?.reshape((batch, inner * inner))?;
    Ok(forms.matmul(&pairs)?.reshape((batch, count, count))?)
}

/// Rows (p, k) of A W that are computed together.
const TOGETHER: usize = 256;

fn composed(a: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (batch, inner, _) = a.dims3()?;
    let (count, rows, _) = w.dims3()?;
    let flat = w.reshape((count, rows * inner))?;
    let wide = w.reshape((1, count * rows, inner))?;
    let wide = wide.broadcast_as((batch, count * rows, inner))?;
    let products = wide.contiguous()?.matmul(&a.contiguous()?)?;
    let products = products.reshape((batch * count, rows * inner))?;
    Ok(products
        .matmul(&flat.t()?)?
        .reshape((batch, count, count))?)
}

/// An example at a time and some of its rows p at a time, so that A W stays in
/// the cache: written out for all examples it would be the largest tensor of a
/// training step.
fn kernel(a: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (batch, inner, _) = a.dims3()?;
    let (count, rows, _) = w.dims3()?;
    let padded = count.next_multiple_of(vector::width());
    let together = (TOGETHER / inner).clamp(1, rows.max(1));
    // One task a thread, with one scratch: fresh memory for each example costs
    // more in page faults than the products do.
    let share = batch.div_ceil(rayon::current_num_threads()).max(1);
    let forms = read(a, |a| {
        read(w, |w| {
            let w = turned(w, count, padded);
            let mut forms = vec![0f32; batch * count * count];
            let tasks = forms.par_chunks_mut((share * count * count).max(1));
            tasks.enumerate().for_each(|(task, forms)| {
                let mut products = vec![0f32; together * inner * padded];
                let mut sums = vec![0f32; count * padded];
                for (index, form) in forms.chunks_mut(count * count).enumerate() {
                    let a = &a[(task * share + index) * inner * inner..][..inner * inner];
                    sums.fill(0.0);
                    for some in w.chunks((together * inner * padded).max(1)) {
                        let products = &mut products[..some.len()];
                        products.fill(0.0);
                        let pairs = products.chunks_mut(inner * padded);
                        for (product, w) in pairs.zip(some.chunks(inner * padded)) {
                            add_overlap(a, inner, w, (inner, padded, inner), product, false);
                        }
                        let sizes = (count, padded, some.len() / padded);
                        add_overlap(some, padded, products, sizes, &mut sums, true);
                    }
                    for row in 0..count {
                        for column in 0..=row {
                            let value = sums[row * padded + column];
                            form[row * count + column] = value;
                            form[column * count + row] = value;
                        }
                    }
                }
            });
            forms
        })
    })??;
    Ok(tensor(forms, (batch, count, count))?)
}

/// W (D, P·M) as (P·M, D), each row filled up with zeros to `padded`.
fn turned(w: &[f32], count: usize, padded: usize) -> Vec<f32> {
    let long = w.len() / count.max(1);
    let mut turned = vec![0f32; long * padded];
    let tasks = turned.par_chunks_mut((64 * padded).max(1));
    tasks.enumerate().for_each(|(task, rows)| {
        for (index, row) in rows.chunks_mut(padded).enumerate() {
            let column = w[task * 64 + index..].iter().step_by(long);
            for (to, from) in row[..count].iter_mut().zip(column) {
                *to = *from;
            }
        }
    });
    turned
}

fn add_overlap(
    x: &[f32],
    x_step: usize,
    g: &[f32],
    sizes: (usize, usize, usize),
    out: &mut [f32],
    lower: bool,
) {
    let (m, n, k) = sizes;
    assert!(out.len() >= m * n && g.len() >= k * n && n.is_multiple_of(vector::width()));
    assert!(k == 0 || x.len() >= (k - 1) * x_step + m);
    let kernel = Overlap {
        x,
        x_step,
        g,
        sizes,
        out: out.as_mut_ptr(),
        lower,
    };
    // SAFETY: x and g have the rows that the sizes say, `out` is (m, n).
    unsafe { vector::run(&kernel) };
}

#[cfg(test)]
mod tests {
    use super::super::testing::{bits, list, normal, scattered};
    use super::*;

    /// Written out in f64.
    fn reference(a: &Tensor, w: &Tensor) -> Vec<f64> {
        let (batch, m, _) = a.dims3().unwrap();
        let (d, p, _) = w.dims3().unwrap();
        let (a, w) = (list(a), list(w));
        let mut forms = Vec::new();
        for b in 0..batch {
            for i in 0..d {
                for j in 0..d {
                    let mut trace = 0.0;
                    for r in 0..p {
                        for k in 0..m {
                            for l in 0..m {
                                let entry = a[(b * m + k) * m + l];
                                trace += w[(i * p + r) * m + k] * entry * w[(j * p + r) * m + l];
                            }
                        }
                    }
                    forms.push(trace);
                }
            }
        }
        forms
    }

    #[test]
    fn fused_and_composed_are_the_traces() {
        for (batch, d, p, m) in [(3, 5, 7, 4), (1, 1, 1, 1), (2, 33, 12, 9), (0, 2, 3, 2)] {
            let (a, w) = (normal(&[batch, m, m], 1), normal(&[d, p, m], 2));
            let a = (&a + a.t().unwrap()).unwrap();
            let truth = reference(&a, &w);
            let size = truth.iter().fold(1e-6, |size: f64, v| size.max(v.abs()));
            let found = trace_form(&a, &w).unwrap();
            assert_eq!(found.dims(), [batch, d, d]);
            let others = [composed(&a, &w).unwrap(), by_pairs(&a, &w).unwrap()];
            for form in [&[found.clone()][..], &others].concat() {
                for (value, truth) in list(&form).iter().zip(&truth) {
                    assert!((value - truth).abs() < 1e-5 * size, "{value} {truth}");
                }
            }
            if batch > 0 {
                let again = trace_form(&scattered(&a), &scattered(&w)).unwrap();
                assert_eq!(bits(&again), bits(&found));
            }
        }
    }

    #[test]
    fn many_examples_of_few_pairs_are_told() {
        // A recipe with a z for the whole frame, and one with 64 parts.
        assert!(!pairs_are_less(32, (64, 48, 32)));
        assert!(pairs_are_less(2048, (64, 192, 16)));
    }

    #[test]
    fn shapes_that_do_not_fit_are_named() {
        let (a, w) = (normal(&[2, 3, 3], 1), normal(&[4, 5, 2], 2));
        let message = trace_form(&a, &w).unwrap_err().to_string();
        assert!(message.contains("(D, P, 3)"), "{message}");
        assert!(trace_form(&w, &w).is_err());
    }
}
