//! A quadratic form over matrices, for each example.

use super::check::{alike, fused, wrong_shape};
use super::kernel::{read, tensor};
use super::product::{Matrix, multiply};
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
    if fused(&a) {
        return kernel(&a, &w);
    }
    composed(&a, &w)
}

/// Rows of G that are computed together, up to the diagonal block.
const ROWS: usize = 32;

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

/// An example at a time, so that W A stays in the cache: written out for all
/// examples it would be the largest tensor of a training step.
fn kernel(a: &Tensor, w: &Tensor) -> Result<Tensor> {
    let (batch, inner, _) = a.dims3()?;
    let (count, rows, _) = w.dims3()?;
    let (tall, long) = (count * rows, rows * inner);
    // One task a thread, with one scratch: fresh memory for each example costs
    // more in page faults than the products do.
    let share = batch.div_ceil(rayon::current_num_threads()).max(1);
    let forms = read(a, |a| {
        read(w, |w| {
            let mut forms = vec![0f32; batch * count * count];
            let tasks = forms.par_chunks_mut((share * count * count).max(1));
            tasks.enumerate().for_each(|(task, forms)| {
                let mut products = vec![0f32; tall * inner];
                for (index, form) in forms.chunks_mut(count * count).enumerate() {
                    let a = &a[(task * share + index) * inner * inner..][..inner * inner];
                    let (rows, a) = (Matrix::rows(w, inner), Matrix::rows(a, inner));
                    let out = products.as_mut_ptr();
                    // SAFETY: W (tall × M) times A (M × M) fills W A.
                    unsafe { multiply(tall, inner, inner, out, inner, false, rows, a) };
                    let (left, right) = (Matrix::rows(&products, long), Matrix::rows(w, long));
                    let out = form.as_mut_ptr();
                    for first in (0..count).step_by(ROWS) {
                        let last = count.min(first + ROWS);
                        // SAFETY: rows `first` to `last` of W A times the rows
                        // of W before `last`, all P·M long, fill what is not
                        // above the diagonal block in those rows of D × D.
                        unsafe {
                            let (left, out) = (left.skip_rows(first), out.add(first * count));
                            let (rows, right) = (last - first, right.t());
                            multiply(rows, last, long, out, count, false, left, right);
                        }
                    }
                    for row in 0..count {
                        for column in row + 1..count {
                            form[row * count + column] = form[column * count + row];
                        }
                    }
                }
            });
            forms
        })
    })??;
    Ok(tensor(forms, (batch, count, count))?)
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
            for form in [found.clone(), composed(&a, &w).unwrap()] {
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
    fn shapes_that_do_not_fit_are_named() {
        let (a, w) = (normal(&[2, 3, 3], 1), normal(&[4, 5, 2], 2));
        let message = trace_form(&a, &w).unwrap_err().to_string();
        assert!(message.contains("(D, P, 3)"), "{message}");
        assert!(trace_form(&w, &w).is_err());
    }
}
