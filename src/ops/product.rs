//! Matrix products for the fused kernels.

use super::kernel::Parts;
use rayon::prelude::*;
use std::ops::Range;

/// A matrix inside a buffer: its first value and the steps to the next row and
/// the next column.
#[derive(Clone, Copy)]
pub(super) struct Matrix {
    pub(super) start: *const f32,
    pub(super) row: usize,
    pub(super) column: usize,
}

// SAFETY: it only points at values that tasks read; see `multiply`.
unsafe impl Send for Matrix {}
// SAFETY: as above.
unsafe impl Sync for Matrix {}

impl Matrix {
    /// Rows of `width` values, one after the other.
    pub(super) fn rows(values: &[f32], width: usize) -> Self {
        Self::strided(values.as_ptr(), width)
    }

    /// Rows that start `step` values apart.
    pub(super) fn strided(start: *const f32, step: usize) -> Self {
        Self {
            start,
            row: step,
            column: 1,
        }
    }

    /// The matrix from row `rows` on.
    ///
    /// # Safety
    /// That row starts in the buffer.
    unsafe fn skip_rows(self, rows: usize) -> Self {
        Self {
            // SAFETY: the caller's promise.
            start: unsafe { self.start.add(rows * self.row) },
            ..self
        }
    }

    /// The transpose.
    pub(super) fn t(self) -> Self {
        Self {
            start: self.start,
            row: self.column,
            column: self.row,
        }
    }
}

/// C (m × n, rows `step` apart) = A (m × k) · B (k × n), added to what C holds
/// if `add`; on this thread.
///
/// # Safety
/// A, B and C lie in live buffers, C is this task's own and written if `add`.
#[expect(clippy::too_many_arguments, reason = "a matrix product's own")]
pub(super) unsafe fn multiply(
    m: usize,
    n: usize,
    k: usize,
    c: *mut f32,
    step: usize,
    add: bool,
    a: Matrix,
    b: Matrix,
) {
    // SAFETY: the caller's promise.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c,
            1,
            step as isize,
            add,
            a.start,
            a.column as isize,
            a.row as isize,
            b.start,
            b.column as isize,
            b.row as isize,
            1f32,
            1f32,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

/// Writes a range of rows before a product is added to them.
pub(super) type Before<'a> = &'a (dyn Fn(Range<usize>, &mut [f32]) + Sync);

/// C (m × n) = A · B in blocks of C's rows or columns, each a product on one
/// thread: less waiting than one product on all threads. `before` may write the
/// rows of a block first, and the product is then added.
///
/// # Safety
/// As `multiply`; C has room for m × n, and `before` writes all it is given.
pub(super) unsafe fn multiply_in_blocks(
    (m, n, k): (usize, usize, usize),
    c: Parts,
    a: Matrix,
    b: Matrix,
    before: Option<Before>,
) {
    const SMALL: usize = 1 << 18;
    let blocks = |length: usize, unit: usize| {
        if m * n * k <= SMALL {
            return length.max(1);
        }
        let count = (length / 512).clamp(8, 64);
        length.div_ceil(count).next_multiple_of(unit)
    };
    if m >= n || before.is_some() {
        let size = blocks(m, 16);
        let block = |i: usize| {
            let (low, high) = (i * size, m.min((i + 1) * size));
            // SAFETY: row `low` lies in A.
            let a = unsafe { a.skip_rows(low) };
            if let Some(before) = before {
                // SAFETY: blocks are disjoint ranges of rows.
                before(low..high, unsafe { c.part(low * n, (high - low) * n) });
            }
            // SAFETY: the caller's promise, for disjoint blocks of rows.
            unsafe { multiply(high - low, n, k, c.at(low * n), n, before.is_some(), a, b) };
        };
        each(m.div_ceil(size), block);
    } else {
        let size = blocks(n, 16);
        let block = |i: usize| {
            let (low, high) = (i * size, n.min((i + 1) * size));
            // SAFETY: column `low` lies in B.
            let b = unsafe { b.t().skip_rows(low).t() };
            // SAFETY: the caller's promise, for disjoint blocks of columns.
            unsafe { multiply(m, high - low, k, c.at(low), n, false, a, b) };
        };
        each(n.div_ceil(size), block);
    }
}

/// Runs tasks 0..count, in parallel if there are several.
fn each(count: usize, task: impl Fn(usize) + Sync + Send) {
    if count == 1 {
        return task(0);
    }
    (0..count).into_par_iter().for_each(task);
}
