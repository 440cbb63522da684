//! The loops over copies, with their sums in registers.

use super::super::vector::Vector;
use super::moved::Moved;

/// Sums of copies of one patch, added to lines.
pub(super) struct Blend<'a> {
    pub(super) moved: &'a Moved,
    /// Where the patch starts.
    pub(super) frames: *const f32,
    /// Of the copies that are summed.
    pub(super) offsets: &'a [usize],
    /// Of the first copy; a row for each sum there is, `wide` apart.
    pub(super) coefficients: *const f32,
    pub(super) wide: usize,
    /// Numbers of the sums that are made.
    pub(super) sums: &'a [usize],
    /// p padded lines for each sum there is.
    pub(super) lines: *mut f32,
}

impl Blend<'_> {
    /// # Safety
    /// The frames have the patch's copies, whose lines bear a vector that
    /// starts within a run; each of `sums` has coefficients and lines.
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

    /// Of `ROWS` rows all sums, as many at once as there are registers for.
    #[inline(always)]
    unsafe fn rows<V: Vector, const ROWS: usize>(&self, row: usize) {
        let most = if V::WIDTH >= 16 || ROWS == 1 { 5 } else { 2 };
        for sums in self.sums.chunks(most) {
            // SAFETY: the caller's promise.
            unsafe {
                match *sums {
                    [a, b, c, d, e] => self.tile::<V, ROWS, 5>(row, [a, b, c, d, e]),
                    [a, b, c, d] => self.tile::<V, ROWS, 4>(row, [a, b, c, d]),
                    [a, b, c] => self.tile::<V, ROWS, 3>(row, [a, b, c]),
                    [a, b] => self.tile::<V, ROWS, 2>(row, [a, b]),
                    [a] => self.tile::<V, ROWS, 1>(row, [a]),
                    _ => {}
                }
            }
        }
    }

    /// Of `ROWS` rows `COUNT` sums.
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const COUNT: usize>(
        &self,
        row: usize,
        sums: [usize; COUNT],
    ) {
        let (patch, padded) = (self.moved.along.patch, self.moved.padded());
        // SAFETY: the caller's promise, for all pointers here.
        unsafe {
            // (No `map`: its closures would not be compiled for the vectors.)
            let (mut coefficients, mut starts) = ([self.coefficients; COUNT], [self.lines; COUNT]);
            let mut sum = 0;
            while sum < COUNT {
                coefficients[sum] = self.coefficients.add(sums[sum] * self.wide);
                starts[sum] = self.lines.add((sums[sum] * patch + row) * padded);
                sum += 1;
            }
            let mut at = 0;
            while at < self.moved.run() {
                let mut tile = [[V::zero(); ROWS]; COUNT];
                let mut sum = 0;
                while sum < COUNT {
                    let mut next = 0;
                    while next < ROWS {
                        tile[sum][next] = V::load(starts[sum].add(next * padded + at));
                        next += 1;
                    }
                    sum += 1;
                }
                let from = self.frames.add(row * self.moved.stride + at);
                for (copy, &offset) in self.offsets.iter().enumerate() {
                    let mut values = [V::zero(); ROWS];
                    let mut next = 0;
                    while next < ROWS {
                        values[next] = V::load(from.add(next * self.moved.stride + offset));
                        next += 1;
                    }
                    let mut sum = 0;
                    while sum < COUNT {
                        let coefficient = V::splat(coefficients[sum].add(copy));
                        let mut next = 0;
                        while next < ROWS {
                            tile[sum][next] =
                                tile[sum][next].add_product(coefficient, values[next]);
                            next += 1;
                        }
                        sum += 1;
                    }
                }
                let mut sum = 0;
                while sum < COUNT {
                    let mut next = 0;
                    while next < ROWS {
                        tile[sum][next].store(starts[sum].add(next * padded + at));
                        next += 1;
                    }
                    sum += 1;
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

/// The products of `count` rows of `length` values, a multiple of every
/// vector's width, with each other: a (count, count) matrix.
///
/// # Safety
/// The rows can be read; `vectors` has room for `WIDTH` vectors and `out` for
/// the matrix.
#[inline(always)]
pub(super) unsafe fn overlaps<V: Vector>(
    (rows, count, length): (*const f32, usize, usize),
    vectors: *mut f32,
    out: &mut [f32],
) {
    let mut pairs = [(0, 0); 16];
    let mut waiting = 0;
    for i in 0..count {
        for j in 0..=i {
            let mut sum = V::zero();
            let mut at = 0;
            while at < length {
                // SAFETY: the caller's promise.
                sum = unsafe {
                    let a = V::load(rows.add(i * length + at));
                    sum.add_product(a, V::load(rows.add(j * length + at)))
                };
                at += V::WIDTH;
            }
            // SAFETY: the caller's promise; fewer than `WIDTH` wait.
            unsafe { sum.store(vectors.add(waiting * V::WIDTH)) };
            pairs[waiting] = (i, j);
            waiting += 1;
            if waiting == V::WIDTH || (i, j) == (count - 1, count - 1) {
                let mut sums = [0f32; 16];
                // SAFETY: there is room for `WIDTH` vectors; a vector is no
                // wider than 16.
                unsafe { V::fold(vectors).store(sums.as_mut_ptr()) };
                for (&(i, j), &sum) in pairs[..waiting].iter().zip(&sums) {
                    out[i * count + j] = sum;
                    out[j * count + i] = sum;
                }
                waiting = 0;
            }
        }
    }
}
