//! Small matrix products, one for each example.

use super::check::{alike, fused, shape, wrong_shape};
use super::kernel::{Parts, filled, read, tensor, values};
use super::product::{Matrix, multiply};
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp3, Layout, Shape, Tensor};
use rayon::prelude::*;

/// `start_i` + `a_i` · `b_iᵀ` for each example i.
///
/// a (B, N, K), b (B, P, K) and start (B, N, P) in, (B, N, P) out. Fails on
/// other shapes and on a dtype that is not a float or not the same for all.
pub fn each_product(a: &Tensor, b: &Tensor, start: &Tensor) -> Result<Tensor> {
    let name = "each_product";
    alike(name, &[("a", a), ("b", b), ("start", start)])?;
    let &[batch, rows, inner] = a.dims() else {
        return Err(wrong_shape(name, "a", a, "(B, N, K)"));
    };
    let columns = match b.dims() {
        &[examples, columns, k] if examples == batch && k == inner => columns,
        _ => return Err(wrong_shape(name, "b", b, format!("({batch}, P, {inner})"))),
    };
    shape(name, "start", start, &[batch, rows, columns])?;
    if fused(a) {
        let (a, b, start) = (a.contiguous()?, b.contiguous()?, start.contiguous()?);
        return Ok(a.apply_op3(&b, &start, EachProduct)?);
    }
    composed_product(a, b, start)
}

fn composed_product(a: &Tensor, b: &Tensor, start: &Tensor) -> Result<Tensor> {
    Ok((start + a.contiguous()?.matmul(&b.t()?.contiguous()?)?)?)
}

/// `a_iᵀ` · `b_i` for each example i.
///
/// a (B, N, P) and b (B, N, K) in, (B, P, K) out. It is made for solvers that
/// need no gradient: nothing of it is tracked. Fails on other shapes and on a
/// dtype that is not a float or not the same.
pub fn each_overlap(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let name = "each_overlap";
    alike(name, &[("a", a), ("b", b)])?;
    let &[batch, inner, rows] = a.dims() else {
        return Err(wrong_shape(name, "a", a, "(B, N, P)"));
    };
    let columns = match b.dims() {
        &[examples, n, columns] if examples == batch && n == inner => columns,
        _ => return Err(wrong_shape(name, "b", b, format!("({batch}, {inner}, K)"))),
    };
    let (a, b) = (a.detach(), b.detach());
    if fused(&a) {
        let y = read(&a, |a| {
            read(&b, |b| overlap(a, b, (batch, rows, columns, inner)))
        })??;
        return Ok(tensor(y, (batch, rows, columns))?);
    }
    composed_overlap(&a, &b)
}

fn composed_overlap(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    Ok(a.t()?.contiguous()?.matmul(&b.contiguous()?)?)
}

/// Sizes of B products of (m × k) · (k × n): (B, m, n, k).
type Sizes = (usize, usize, usize, usize);

/// C of each example; `task` writes all of it.
fn each((batch, m, n, _): Sizes, task: impl Fn(usize, *mut f32) + Sync + Send) -> Vec<f32> {
    let write = |out: Parts| {
        // SAFETY: each example has its own part.
        let run = |i: usize| task(i, unsafe { out.at(i * m * n) });
        (0..batch).into_par_iter().for_each(run);
    };
    filled(batch * m * n, write)
}

/// `a_i` · `b_i` of (m × k) and (k × n).
fn plain(a: &[f32], b: &[f32], sizes: Sizes) -> Vec<f32> {
    let (_, m, n, k) = sizes;
    each(sizes, |i, out| {
        let a = Matrix::rows(&a[i * m * k..(i + 1) * m * k], k);
        let b = Matrix::rows(&b[i * k * n..(i + 1) * k * n], n);
        // SAFETY: the sizes are those of the slices.
        unsafe { multiply(m, n, k, out, n, false, a, b) };
    })
}

/// `a_iᵀ` · `b_i` of (k × m) and (k × n).
fn overlap(a: &[f32], b: &[f32], sizes: Sizes) -> Vec<f32> {
    let (_, m, n, k) = sizes;
    each(sizes, |i, out| {
        let a = Matrix::rows(&a[i * m * k..(i + 1) * m * k], m).t();
        let b = Matrix::rows(&b[i * k * n..(i + 1) * k * n], n);
        // SAFETY: the sizes are those of the slices.
        unsafe { multiply(m, n, k, out, n, false, a, b) };
    })
}

struct EachProduct;

impl CustomOp3 for EachProduct {
    fn name(&self) -> &'static str {
        "each_product"
    }

    fn cpu_fwd(
        &self,
        a: &CpuStorage,
        layout: &Layout,
        b: &CpuStorage,
        b_layout: &Layout,
        start: &CpuStorage,
        start_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let (batch, m, k) = layout.shape().dims3()?;
        let n = b_layout.dims()[1];
        let (a, b) = (values(a, layout)?, values(b, b_layout)?);
        let start = values(start, start_layout)?;
        let y = each((batch, m, n, k), |i, out| {
            let a = Matrix::rows(&a[i * m * k..(i + 1) * m * k], k);
            let b = Matrix::rows(&b[i * n * k..(i + 1) * n * k], k).t();
            let start = &start[i * m * n..(i + 1) * m * n];
            // SAFETY: the sizes are those of the slices, and `out` has room
            // for m × n.
            unsafe {
                out.copy_from_nonoverlapping(start.as_ptr(), m * n);
                multiply(m, n, k, out, n, true, a, b);
            }
        });
        Ok((CpuStorage::F32(y), (batch, m, n).into()))
    }

    fn bwd(
        &self,
        a: &Tensor,
        b: &Tensor,
        start: &Tensor,
        _y: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (batch, m, k) = a.dims3()?;
        let n = b.dim(1)?;
        let to_a = match a.track_op() {
            true => {
                let sizes = (batch, m, k, n);
                let values = read(g, |g| read(b, |b| plain(g, b, sizes)))??;
                Some(tensor(values, a.shape())?)
            }
            false => None,
        };
        let to_b = match b.track_op() {
            true => {
                let sizes = (batch, n, k, m);
                let values = read(g, |g| read(a, |a| overlap(g, a, sizes)))??;
                Some(tensor(values, b.shape())?)
            }
            false => None,
        };
        Ok((to_a, to_b, start.track_op().then(|| g.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, bits, empty, fails, list, normal, scattered};

    #[test]
    fn fused_and_composed_agree() {
        for (batch, m, n, k) in [(1, 1, 1, 1), (3, 5, 2, 7), (2, 17, 33, 4)] {
            let (a, b) = (normal(&[batch, m, k], 1), normal(&[batch, n, k], 2));
            agree(
                &[a, b, normal(&[batch, m, n], 3)],
                |x| each_product(&x[0], &x[1], &x[2]),
                |x| composed_product(&x[0], &x[1], &x[2]),
            );
            let (a, b) = (normal(&[batch, k, m], 1), normal(&[batch, k, n], 2));
            let fused = each_overlap(&a, &b).unwrap();
            let pairs = list(&fused)
                .into_iter()
                .zip(list(&composed_overlap(&a, &b).unwrap()));
            for (found, truth) in pairs {
                assert!((found - truth).abs() < 1e-5 * truth.abs().max(1.0));
            }
            let again = each_overlap(&scattered(&a), &scattered(&b)).unwrap();
            assert_eq!(bits(&fused), bits(&again));
        }
    }

    #[test]
    fn edges() {
        let (a, b) = (normal(&[0, 2, 3], 1), normal(&[0, 4, 3], 2));
        empty(&[a, b, normal(&[0, 2, 4], 3)], &[0, 2, 4], |x| {
            each_product(&x[0], &x[1], &x[2])
        });
        let (a, b) = (normal(&[2, 2, 3], 1), normal(&[2, 4, 3], 2));
        let start = normal(&[2, 2, 4], 3);
        fails(
            each_product(&a, &start, &start),
            &["each_product: b", "(2, P, 3)"],
        );
        fails(
            each_product(&a, &b, &a),
            &["each_product: start", "[2, 2, 4]"],
        );
        fails(each_overlap(&a, &b), &["each_overlap: b", "(2, 2, K)"]);
    }
}
