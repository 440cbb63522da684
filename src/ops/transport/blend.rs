//! The loops over copies, with their sums in registers.

use super::super::vector::Vector;
use super::moved::Moved;

/// A sum of the copies of one patch, added to lines.
pub(super) struct Blend<'a> {
    pub(super) moved: &'a Moved,
    /// Where the patch starts.
    pub(super) frames: *const f32,
    /// Of each copy.
    pub(super) coefficients: *const f32,
    /// p padded lines.
    pub(super) lines: *mut f32,
}

impl Blend<'_> {
    /// # Safety
    /// The frames have the patch's copies, whose lines bear a vector that
    /// starts within a run; there are coefficients and lines as said.
    #[inline(always)]
    pub(super) unsafe fn run<V: Vector>(&self) {
        let patch = self.moved.along.patch;
        let mut row = 0;
        // SAFETY: the caller's promise; rows are counted.
        unsafe {
            // Four rows keep enough sums going, and share coefficients.
            while row + 4 <= patch {
                self.rows::<V, 4>(row);
                row += 4;
            }
            while row < patch {
                self.rows::<V, 1>(row);
                row += 1;
            }
        }
    }

    /// The sums of `ROWS` rows.
    #[inline(always)]
    unsafe fn rows<V: Vector, const ROWS: usize>(&self, row: usize) {
        let padded = self.moved.padded();
        // SAFETY: the caller's promise, for all pointers here.
        unsafe {
            let lines = self.lines.add(row * padded);
            let mut at = 0;
            while at < self.moved.run() {
                let mut tile = [V::zero(); ROWS];
                let mut next = 0;
                while next < ROWS {
                    tile[next] = V::load(lines.add(next * padded + at));
                    next += 1;
                }
                let from = self.frames.add(row * self.moved.stride + at);
                for (copy, &offset) in self.moved.offsets.iter().enumerate() {
                    let coefficient = V::splat(self.coefficients.add(copy));
                    let mut next = 0;
                    while next < ROWS {
                        let values = V::load(from.add(next * self.moved.stride + offset));
                        tile[next] = tile[next].add_product(coefficient, values);
                        next += 1;
                    }
                }
                let mut next = 0;
                while next < ROWS {
                    tile[next].store(lines.add(next * padded + at));
                    next += 1;
                }
                at += V::WIDTH;
            }
        }
    }
}

/// Of each copy of a patch its product with `lines`.
pub(super) struct Match<'a> {
    pub(super) moved: &'a Moved,
    /// Where the patch starts.
    pub(super) frames: *const f32,
    /// p lines, each padded with zeros.
    pub(super) lines: *const f32,
    /// Room for a vector for each of [`Moved::wide`] copies.
    pub(super) vectors: *mut f32,
    /// And for so many sums.
    pub(super) sums: *mut f32,
}

impl Match<'_> {
    /// # Safety
    /// The frames have the patch's copies, whose lines bear a vector that
    /// starts within a run; there is room as said.
    #[inline(always)]
    pub(super) unsafe fn run<V: Vector>(&self) {
        let (run, patch, stride) = (self.moved.run(), self.moved.along.patch, self.moved.stride);
        // SAFETY: the caller's promise, for all pointers here.
        unsafe {
            if patch == 4 && run <= V::WIDTH {
                let mut lines = [V::zero(); 4];
                let mut row = 0;
                while row < 4 {
                    lines[row] = V::load(self.lines.add(row * self.moved.padded()));
                    row += 1;
                }
                for (index, &offset) in self.moved.offsets.iter().enumerate() {
                    let mut sum = V::zero();
                    let mut row = 0;
                    while row < 4 {
                        let values = V::load(self.frames.add(row * stride + offset));
                        sum = sum.add_product(lines[row], values);
                        row += 1;
                    }
                    sum.store(self.vectors.add(index * V::WIDTH));
                }
            } else {
                for (index, &offset) in self.moved.offsets.iter().enumerate() {
                    let mut sum = V::zero();
                    for row in 0..patch {
                        let mut at = 0;
                        while at < run {
                            let values = V::load(self.frames.add(row * stride + offset + at));
                            let line = V::load(self.lines.add(row * self.moved.padded() + at));
                            sum = sum.add_product(values, line);
                            at += V::WIDTH;
                        }
                    }
                    sum.store(self.vectors.add(index * V::WIDTH));
                }
            }
            let mut first = 0;
            while first < self.moved.offsets.len() {
                let vectors = self.vectors.add(first * V::WIDTH);
                V::fold(vectors).store(self.sums.add(first));
                first += V::WIDTH;
            }
        }
    }
}
