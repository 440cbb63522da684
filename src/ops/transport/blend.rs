//! The loops over copies, with their sums in registers.

use super::super::vector::{Kernel, Vector};
use super::moved::Moved;

/// Sums of a patch's copies; see [`Moved::blend`].
pub(super) struct Blend<'a> {
    pub(super) moved: &'a Moved,
    pub(super) frames: &'a [f32],
    /// (Q, K).
    pub(super) coefficients: &'a [f32],
    /// Q.
    pub(super) sums: usize,
    pub(super) lines: *mut f32,
}

impl Blend<'_> {
    /// Of one row of the patch, `COUNT` sums from `first` on; says how many.
    #[inline(always)]
    unsafe fn row<V: Vector, const COUNT: usize>(&self, row: usize, first: usize) -> usize {
        let (padded, patch) = (self.moved.padded(), self.moved.along.patch);
        let from = row * self.moved.stride;
        let mut at = 0;
        while at < self.moved.run() {
            let mut sums = [V::zero(); COUNT];
            let count = self.moved.offsets.len();
            for (copy, offset) in self.moved.offsets.iter().enumerate() {
                // SAFETY: the copies of the patch lie in the frames, whose
                // slack bears a vector that starts within a run; there is a
                // coefficient for each sum and copy.
                unsafe {
                    let values = V::load(self.frames.as_ptr().add(from + offset + at));
                    for (index, sum) in sums.iter_mut().enumerate() {
                        let coefficient = (first + index) * count + copy;
                        let coefficient = V::splat(self.coefficients.as_ptr().add(coefficient));
                        *sum = sum.add_product(coefficient, values);
                    }
                }
            }
            for (index, sum) in sums.into_iter().enumerate() {
                let line = (first + index) * patch + row;
                // SAFETY: a line has room for all vectors of a run.
                unsafe { sum.store(self.lines.add(line * padded + at)) };
            }
            at += V::WIDTH;
        }
        COUNT
    }

    /// Of one sum, four rows of the patch from `row` on: they keep several sums
    /// going at once.
    #[inline(always)]
    unsafe fn rows<V: Vector>(&self, row: usize) {
        let padded = self.moved.padded();
        let mut at = 0;
        while at < self.moved.run() {
            let mut sums = [V::zero(); 4];
            for (index, offset) in self.moved.offsets.iter().enumerate() {
                // SAFETY: as in `row`.
                unsafe {
                    let share = V::splat(self.coefficients.as_ptr().add(index));
                    for (next, sum) in sums.iter_mut().enumerate() {
                        let from = (row + next) * self.moved.stride + offset + at;
                        let values = V::load(self.frames.as_ptr().add(from));
                        *sum = sum.add_product(share, values);
                    }
                }
            }
            for (next, sum) in sums.into_iter().enumerate() {
                // SAFETY: as in `row`.
                unsafe { sum.store(self.lines.add((row + next) * padded + at)) };
            }
            at += V::WIDTH;
        }
    }
}

impl Kernel for Blend<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(&self) {
        let patch = self.moved.along.patch;
        let mut row = 0;
        // SAFETY: the caller's promise; rows and sums are counted.
        unsafe {
            if self.sums == 1 {
                while row + 4 <= patch {
                    self.rows::<V>(row);
                    row += 4;
                }
            }
            while row < patch {
                let mut first = 0;
                while first < self.sums {
                    // As many sums at once as are left, up to 8.
                    first += match self.sums - first {
                        8.. => self.row::<V, 8>(row, first),
                        7 => self.row::<V, 7>(row, first),
                        6 => self.row::<V, 6>(row, first),
                        5 => self.row::<V, 5>(row, first),
                        4 => self.row::<V, 4>(row, first),
                        3 => self.row::<V, 3>(row, first),
                        2 => self.row::<V, 2>(row, first),
                        _ => self.row::<V, 1>(row, first),
                    };
                }
                row += 1;
            }
        }
    }
}

/// Of each copy of a patch its product with `lines`.
pub(super) struct Match<'a> {
    pub(super) moved: &'a Moved,
    pub(super) frames: &'a [f32],
    /// p lines, each padded with zeros.
    pub(super) lines: &'a [f32],
    /// A vector for each copy.
    pub(super) sums: *mut f32,
}

impl Kernel for Match<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(&self) {
        let padded = self.moved.padded();
        for (index, offset) in self.moved.offsets.iter().enumerate() {
            let mut sums = [V::zero(); 2];
            for row in 0..self.moved.along.patch {
                let mut at = 0;
                while at < self.moved.run() {
                    let from = row * self.moved.stride + offset + at;
                    let sum = &mut sums[row % 2];
                    // SAFETY: the copies of the patch lie in the frames, whose
                    // slack bears a vector that starts within a run; a line
                    // has room for all vectors of a run.
                    unsafe {
                        let values = V::load(self.frames.as_ptr().add(from));
                        let line = V::load(self.lines.as_ptr().add(row * padded + at));
                        *sum = sum.add_product(values, line);
                    }
                    at += V::WIDTH;
                }
            }
            let one = [1f32];
            // SAFETY: there is a vector for each copy.
            unsafe {
                let both = sums[0].add_product(sums[1], V::splat(one.as_ptr()));
                both.store(self.sums.add(index * V::WIDTH));
            }
        }
    }
}
