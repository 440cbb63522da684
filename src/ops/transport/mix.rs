//! Patches as mixtures of copies, and the gradient of such.

use super::super::kernel::{Parts, filled};
use super::super::vector::{self, Kernel, Vector};
use super::blend::{Blend, Match};
use super::moved::Moved;
use super::shares::{Effects, parts_mut, product};
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// Logits (B, N, K) and tilts (B, N, R).
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    pub(super) logits: &'a [f32],
    pub(super) tilts: &'a [f32],
}

impl<'a> Given<'a> {
    /// Those of an example of `places`.
    fn of(self, index: usize, places: usize, count: usize, kinds: usize) -> Self {
        Given {
            logits: &self.logits[index * places * count..][..places * count],
            tilts: &self.tilts[index * places * kinds..][..places * kinds],
        }
    }
}

impl Moved {
    /// Σ_k shares_k · copy_k: (B, N, p·p·C).
    pub(super) fn mix(
        &self,
        frames: &[f32],
        given: Given,
        effects: &Effects,
        batch: usize,
    ) -> Vec<f32> {
        let size = self.along.places() * self.along.pixels();
        let write = |out: Parts| {
            let scratch = || vec![0f32; self.wide() + self.along.patch * self.padded()];
            self.each(frames, batch, scratch, |index, frames, scratch| {
                let (row, lines) = scratch.split_at_mut(self.wide());
                let kernel = Mix {
                    moved: self,
                    frames,
                    given: given.of(
                        index,
                        self.along.places(),
                        self.offsets.len(),
                        effects.kinds,
                    ),
                    effects,
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

    /// The gradient of [`Self::mix`]: of the logits and of the tilts, where
    /// there is a place for it.
    pub(super) fn mix_backward(
        &self,
        frames: &[f32],
        given: Given,
        effects: &Effects,
        g: &[f32],
        (to_logits, to_tilts): (Option<Parts>, Option<Parts>),
    ) {
        let (places, count, kinds) = (self.along.places(), self.offsets.len(), effects.kinds);
        let size = places * self.along.pixels();
        let sizes = [self.wide(), self.wide(), self.along.patch * self.padded()];
        let room = sizes.iter().sum::<usize>() + self.wide() * vector::width();
        let batch = g.len() / size;
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
                    given: given.of(index, places, count, kinds),
                    effects,
                    g: &g[index * size..][..size],
                    row,
                    slopes,
                    lines,
                    vectors: rest.as_mut_ptr(),
                    // SAFETY: each example has its own parts.
                    to_logits: to_logits.map(|to| unsafe { to.at(index * places * count) }),
                    // SAFETY: as above.
                    to_tilts: to_tilts.map(|to| unsafe { to.at(index * places * kinds) }),
                };
                // SAFETY: there is room as the kernel asks.
                unsafe { vector::run(&kernel) };
            },
        );
    }
}

/// All patches of an example.
struct Mix<'a> {
    moved: &'a Moved,
    frames: &'a [f32],
    given: Given<'a>,
    effects: &'a Effects,
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
        let (moved, kinds) = (self.moved, self.effects.kinds);
        let (count, run, padded) = (moved.offsets.len(), moved.run(), moved.padded());
        for (place, logits) in self.given.logits.chunks_exact(count).enumerate() {
            let tilts = &self.given.tilts[place * kinds..][..kinds];
            // SAFETY: the caller's promise, for all pointers here.
            unsafe {
                let row = from_raw_parts_mut(self.row, moved.wide());
                self.effects.shares::<FMA>(logits, tilts, row);
                let lines = from_raw_parts_mut(self.lines, moved.along.patch * padded);
                lines.fill(0.0);
                let blend = Blend {
                    moved,
                    frames: self.frames.as_ptr().add(moved.corner(place)),
                    offsets: &moved.offsets,
                    coefficients: self.row,
                    wide: 0,
                    sums: &[0],
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
    given: Given<'a>,
    effects: &'a Effects,
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
    to_logits: Option<*mut f32>,
    /// (N, R).
    to_tilts: Option<*mut f32>,
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
        let (moved, kinds) = (self.moved, self.effects.kinds);
        let (count, run, padded) = (moved.offsets.len(), moved.run(), moved.padded());
        for (place, logits) in self.given.logits.chunks_exact(count).enumerate() {
            let tilts = &self.given.tilts[place * kinds..][..kinds];
            let g = &self.g[place * moved.along.pixels()..][..moved.along.pixels()];
            // SAFETY: the caller's promise, for all pointers here.
            unsafe {
                let row = from_raw_parts_mut(self.row, moved.wide());
                self.effects.shares::<FMA>(logits, tilts, row);
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
                if let Some(to) = self.to_logits {
                    to.add(place * count)
                        .copy_from_nonoverlapping(self.slopes, count);
                }
                if let Some(to) = self.to_tilts {
                    let effects = self.effects.rows.chunks_exact(self.effects.wide);
                    for (kind, effect) in effects.enumerate() {
                        let slopes = from_raw_parts(self.slopes, moved.wide());
                        *to.add(place * kinds + kind) = product::<FMA>(slopes, effect);
                    }
                }
            }
        }
    }
}
