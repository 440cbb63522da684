//! Sums of outer products, kept in registers.

use super::vector::{Kernel, Vector};

/// Adds Σ_k `x_kᵀ` · `g_k` to `out`: the product XᵀG of X (k × m) and G (k × n)
/// as their rows lie, without packing either.
pub(super) struct Overlap<'a> {
    /// k rows, `x_step` apart, of which the first m values count.
    pub(super) x: &'a [f32],
    pub(super) x_step: usize,
    /// k rows of n values, n a multiple of the vector's width.
    pub(super) g: &'a [f32],
    /// (m, n, k).
    pub(super) sizes: (usize, usize, usize),
    /// m rows of n values.
    pub(super) out: *mut f32,
    /// Leaves out blocks that lie above the diagonal altogether.
    pub(super) lower: bool,
}

impl Kernel for Overlap<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(&self) {
        let (m, n, k) = self.sizes;
        debug_assert!(n.is_multiple_of(V::WIDTH) && self.g.len() >= k * n);
        debug_assert!(k == 0 || self.x.len() >= (k - 1) * self.x_step + m);
        // More sums than registers would be slower.
        let most = if V::WIDTH >= 16 { 8 } else { 4 };
        let mut row = 0;
        while row < m {
            let left = (m - row).min(most);
            let height = match left {
                8.. => 8,
                4.. => 4,
                2.. => 2,
                _ => 1,
            };
            let end = if self.lower { n.min(row + height) } else { n };
            let mut column = 0;
            while column < end {
                let two = column + 2 * V::WIDTH <= n && column + V::WIDTH < end;
                // SAFETY: the caller's promise: so many rows and columns are
                // left.
                unsafe {
                    match (height, two) {
                        (8, true) => self.tile::<V, 8, 2>(row, column),
                        (8, false) => self.tile::<V, 8, 1>(row, column),
                        (4, true) => self.tile::<V, 4, 2>(row, column),
                        (4, false) => self.tile::<V, 4, 1>(row, column),
                        (2, true) => self.tile::<V, 2, 2>(row, column),
                        (2, false) => self.tile::<V, 2, 1>(row, column),
                        (_, true) => self.tile::<V, 1, 2>(row, column),
                        (_, false) => self.tile::<V, 1, 1>(row, column),
                    }
                }
                column += if two { 2 * V::WIDTH } else { V::WIDTH };
            }
            row += height;
        }
    }
}

impl Overlap<'_> {
    /// Adds to S rows × N vectors of `out`.
    ///
    /// # Safety
    /// They lie in `out`, and in what is seen of x and g.
    #[inline(always)]
    unsafe fn tile<V: Vector, const S: usize, const N: usize>(&self, row: usize, column: usize) {
        let (_, n, k) = self.sizes;
        // SAFETY: the caller's promise; pointers past the last row are not read.
        unsafe {
            let out = self.out.add(row * n + column);
            let mut tile = [[V::zero(); N]; S];
            let mut s = 0;
            while s < S {
                let mut v = 0;
                while v < N {
                    tile[s][v] = V::load(out.add(s * n + v * V::WIDTH));
                    v += 1;
                }
                s += 1;
            }
            let mut x = self.x.as_ptr().wrapping_add(row);
            let mut g = self.g.as_ptr().wrapping_add(column);
            for _ in 0..k {
                let mut values = [V::zero(); N];
                let mut v = 0;
                while v < N {
                    values[v] = V::load(g.add(v * V::WIDTH));
                    v += 1;
                }
                let mut s = 0;
                while s < S {
                    let seen = V::splat(x.add(s));
                    let mut v = 0;
                    while v < N {
                        tile[s][v] = tile[s][v].add_product(seen, values[v]);
                        v += 1;
                    }
                    s += 1;
                }
                x = x.wrapping_add(self.x_step);
                g = g.wrapping_add(n);
            }
            let mut s = 0;
            while s < S {
                let mut v = 0;
                while v < N {
                    tile[s][v].store(out.add(s * n + v * V::WIDTH));
                    v += 1;
                }
                s += 1;
            }
        }
    }
}
