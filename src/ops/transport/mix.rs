//! Patches as mixtures of copies, and the gradient of such.

use super::super::kernel::{Parts, filled};
use super::super::vector::{self, Kernel, Vector};
use super::blend::{Blend, Match};
use super::moved::Moved;
use super::shares::{parts_mut, product, shares};
use std::slice::from_raw_parts_mut;

impl Moved {
    /// Σ_k shares_k · copy_k: (B, N, p·p·C), of logits (B, N, K).
    pub(super) fn mix(&self, frames: &[f32], logits: &[f32], batch: usize) -> Vec<f32> {
        let size = self.along.places() * self.along.pixels();
        let write = |out: Parts| {
            let scratch = || vec![0f32; self.wide() + self.along.patch * self.padded()];
            self.each(frames, batch, scratch, |index, frames, scratch| {
                let (row, lines) = scratch.split_at_mut(self.wide());
                let kernel = Mix {
                    moved: self,
                    frames,
                    logits: self.of_example(logits, index),
                    row: row.as_mut_ptr(),
                    lines: lines.as_mut_ptr(),
                    // SAFETY: each example has its own part.
                    out: unsafe { out.at(index * size) },
                };
                // SAFETY: there is room as the kernel asks.
                unsafe { vector::run(&kernel) };
            });
        };
        filled(batch * size, write)
    }

    /// The gradient of [`Self::mix`]: of the logits.
    pub(super) fn mix_backward(&self, frames: &[f32], logits: &[f32], g: &[f32]) -> Vec<f32> {
        let places = self.along.places();
        let size = places * self.along.pixels();
        let sizes = [self.wide(), self.wide(), self.along.patch * self.padded()];
        let room = sizes.iter().sum::<usize>() + self.wide() * vector::width();
        let batch = g.len() / size;
        let write = |to: Parts| {
            self.each(
                frames,
                batch,
                || vec![0f32; room],
                |index, frames, scratch| {
                    let mut rest = &mut scratch[..];
                    let [row, slopes, lines] = sizes.map(|size| {
                        let (part, after) = std::mem::take(&mut rest).split_at_mut(size);
                        rest = after;
                        part.as_mut_ptr()
                    });
                    let kernel = Backward {
                        moved: self,
                        frames,
                        logits: self.of_example(logits, index),
                        g: &g[index * size..][..size],
                        row,
                        slopes,
                        lines,
                        vectors: rest.as_mut_ptr(),
                        // SAFETY: each example has its own part.
                        to: unsafe { to.at(index * places * self.offsets.len()) },
                    };
                    // SAFETY: there is room as the kernel asks.
                    unsafe { vector::run(&kernel) };
                },
            );
        };
        filled(logits.len(), write)
    }

    /// Those of an example's places.
    fn of_example<'a>(&self, logits: &'a [f32], index: usize) -> &'a [f32] {
        let size = self.along.places() * self.offsets.len();
        &logits[index * size..][..size]
    }
}

/// All patches of an example.
struct Mix<'a> {
    moved: &'a Moved,
    frames: &'a [f32],
    /// (N, K).
    logits: &'a [f32],
    /// [`Moved::wide`] values.
    row: *mut f32,
    /// p padded lines.
    lines: *mut f32,
    /// (N, p·p·C).
    out: *mut f32,
}

impl Kernel for Mix<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            match V::FUSED {
                true => self.places::<V, true>(),
                false => self.places::<V, false>(),
            }
        }
    }
}

impl Mix<'_> {
    #[inline(always)]
    unsafe fn places<V: Vector, const FMA: bool>(&self) {
        let moved = self.moved;
        let (count, run, padded) = (moved.offsets.len(), moved.run(), moved.padded());
        for (place, logits) in self.logits.chunks_exact(count).enumerate() {
            // SAFETY: the caller's promise, for all pointers here.
            unsafe {
                let row = from_raw_parts_mut(self.row, moved.wide());
                shares::<FMA>(logits, row);
                let lines = from_raw_parts_mut(self.lines, moved.along.patch * padded);
                lines.fill(0.0);
                let blend = Blend {
                    moved,
                    frames: self.frames.as_ptr().add(moved.corner(place)),
                    coefficients: self.row,
                    lines: self.lines,
                };
                blend.run::<V>();
                let out = self.out.add(place * moved.along.pixels());
                for (index, line) in lines.chunks_exact(padded).enumerate() {
                    out.add(index * run)
                        .copy_from_nonoverlapping(line.as_ptr(), run);
                }
            }
        }
    }
}

/// The gradients of all patches of an example.
struct Backward<'a> {
    moved: &'a Moved,
    frames: &'a [f32],
    /// (N, K).
    logits: &'a [f32],
    /// (N, p·p·C).
    g: &'a [f32],
    /// [`Moved::wide`] values.
    row: *mut f32,
    /// As many.
    slopes: *mut f32,
    /// p padded lines, 0 where nothing is written.
    lines: *mut f32,
    /// As many vectors as `slopes` has values.
    vectors: *mut f32,
    /// (N, K).
    to: *mut f32,
}

impl Kernel for Backward<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            match V::FUSED {
                true => self.places::<V, true>(),
                false => self.places::<V, false>(),
            }
        }
    }
}

impl Backward<'_> {
    #[inline(always)]
    unsafe fn places<V: Vector, const FMA: bool>(&self) {
        let moved = self.moved;
        let (count, run, padded) = (moved.offsets.len(), moved.run(), moved.padded());
        for (place, logits) in self.logits.chunks_exact(count).enumerate() {
            let g = &self.g[place * moved.along.pixels()..][..moved.along.pixels()];
            // SAFETY: the caller's promise, for all pointers here.
            unsafe {
                let row = from_raw_parts_mut(self.row, moved.wide());
                shares::<FMA>(logits, row);
                for (index, g) in g.chunks_exact(run).enumerate() {
                    let line = self.lines.add(index * padded);
                    line.copy_from_nonoverlapping(g.as_ptr(), run);
                }
                let overlap = Match {
                    moved,
                    frames: self.frames.as_ptr().add(moved.corner(place)),
                    lines: self.lines,
                    vectors: self.vectors,
                    sums: self.slopes,
                };
                overlap.run::<V>();
                // Of softmax: share · (slope − Σ share · slope). Beyond the
                // last copy shares are 0, and slopes finite.
                let slopes = from_raw_parts_mut(self.slopes, moved.wide());
                slopes[count..].fill(0.0);
                let mean = product::<FMA>(row, slopes);
                for (slopes, row) in parts_mut(slopes).iter_mut().zip(parts_mut(row)) {
                    for (slope, share) in slopes.iter_mut().zip(row) {
                        *slope = *share * (*slope - mean);
                    }
                }
                self.to
                    .add(place * count)
                    .copy_from_nonoverlapping(self.slopes, count);
            }
        }
    }
}
