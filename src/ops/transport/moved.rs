//! Moved frames: an example at a time, with a border wide enough for every
//! shift, so that a shifted row of a patch is a run of values.

use super::super::kernel::{Parts, filled, simd};
use super::super::vector;
use super::Transport;
use super::blend::{Blend, Match};
use rayon::prelude::*;

/// The widest vector: runs are read past their end by less than that.
const SLACK: usize = 16;

/// Where the shifted copies of a patch's rows lie.
pub(super) struct Moved {
    pub(super) along: Transport,
    /// Values of a frame with its border.
    plane: usize,
    /// From one row of it to the next.
    pub(super) stride: usize,
    /// Of each copy, source after source, from an example's first value.
    pub(super) offsets: Vec<usize>,
}

impl Moved {
    pub(super) fn new(along: Transport, sources: usize) -> Self {
        let side = 2 * along.reach + 1;
        let stride = (along.grid.1 * along.patch + 2 * along.reach) * along.channels;
        let plane = (along.grid.0 * along.patch + 2 * along.reach) * stride;
        let copy = |index: usize| {
            let (source, shift) = (index / along.shifts(), index % along.shifts());
            source * plane + shift / side * stride + shift % side * along.channels
        };
        Self {
            along,
            plane,
            stride,
            offsets: (0..sources * along.shifts()).map(copy).collect(),
        }
    }

    /// Values in a row of a patch.
    pub(super) fn run(&self) -> usize {
        self.along.patch * self.along.channels
    }

    /// A row of a patch with what vectors write past its end.
    pub(super) fn padded(&self) -> usize {
        self.run().next_multiple_of(SLACK)
    }

    /// Where a place's patch starts among the frames of an example.
    pub(super) fn corner(&self, place: usize) -> usize {
        let (row, column) = (place / self.along.grid.1, place % self.along.grid.1);
        row * self.along.patch * self.stride + column * self.run()
    }

    /// The frames of example `index`, each with its border.
    pub(super) fn frames(&self, sources: &[&[f32]], index: usize, frames: &mut [f32]) {
        let Transport {
            grid: (rows, columns),
            patch,
            channels,
            reach,
        } = self.along;
        let (run, size) = (self.run(), self.along.places() * self.along.pixels());
        for (source, frame) in sources.iter().zip(frames.chunks_exact_mut(self.plane)) {
            let tokens = &source[index * size..][..size];
            for y in 0..rows * patch {
                let line = &mut frame[(y + reach) * self.stride..][..self.stride];
                for column in 0..columns {
                    let place = y / patch * columns + column;
                    let from = place * self.along.pixels() + y % patch * run;
                    line[reach * channels + column * run..][..run]
                        .copy_from_slice(&tokens[from..from + run]);
                }
                let end = reach * channels + columns * run;
                for border in 0..reach {
                    line.copy_within(reach * channels..(reach + 1) * channels, border * channels);
                    line.copy_within(end - channels..end, end + border * channels);
                }
            }
            let last = (rows * patch + reach - 1) * self.stride;
            for border in 0..reach {
                let first = reach * self.stride;
                frame.copy_within(first..first + self.stride, border * self.stride);
                let to = (rows * patch + reach + border) * self.stride;
                frame.copy_within(last..last + self.stride, to);
            }
        }
    }

    /// Runs `task` for each example with its frames, some examples a thread.
    pub(super) fn each<S>(
        &self,
        sources: &[&[f32]],
        batch: usize,
        scratch: impl Fn() -> S + Sync,
        task: impl Fn(usize, &[f32], &mut S) + Sync,
    ) {
        let share = batch.div_ceil(4 * rayon::current_num_threads()).max(1);
        (0..batch.div_ceil(share)).into_par_iter().for_each(|turn| {
            // A run may be read past the end of the last frame.
            let mut frames = vec![0f32; sources.len() * self.plane + SLACK];
            let mut scratch = scratch();
            for index in turn * share..batch.min((turn + 1) * share) {
                self.frames(sources, index, &mut frames);
                task(index, &frames, &mut scratch);
            }
        });
    }

    /// Σ_k shares_k · copy_k: (B, N, p·p·C).
    pub(super) fn mix(&self, sources: &[&[f32]], shares: &[f32], batch: usize) -> Vec<f32> {
        let (places, count) = (self.along.places(), self.offsets.len());
        let (rows, run, pixels) = (self.along.patch, self.run(), self.along.pixels());
        let write = |out: Parts| {
            let scratch = || vec![0f32; rows * self.padded()];
            self.each(sources, batch, scratch, |index, frames, lines| {
                // SAFETY: each example has its own part.
                let out = unsafe { out.part(index * places * pixels, places * pixels) };
                for (place, out) in out.chunks_exact_mut(pixels).enumerate() {
                    let shares = &shares[(index * places + place) * count..][..count];
                    self.blend(frames, place, shares, lines);
                    let lines = lines.chunks_exact(self.padded());
                    for (to, line) in out.chunks_exact_mut(run).zip(lines) {
                        to.copy_from_slice(&line[..run]);
                    }
                }
            });
        };
        // SAFETY: the examples write all values.
        unsafe { filled(batch * places * pixels, write) }
    }

    /// x + amount · (x − x̄) within the values around; the reach is 1.
    pub(super) fn sharpen(&self, frame: &[f32], batch: usize, amount: f32) -> Vec<f32> {
        let (places, pixels, run) = (self.along.places(), self.along.pixels(), self.run());
        let near: [usize; 9] = std::array::from_fn(|copy| self.offsets[copy]);
        let write = |out: Parts| {
            self.each(
                &[frame],
                batch,
                || (),
                |index, frames, ()| {
                    // SAFETY: each example has its own part.
                    let out = unsafe { out.part(index * places * pixels, places * pixels) };
                    for (place, out) in out.chunks_exact_mut(pixels).enumerate() {
                        for (row, out) in out.chunks_exact_mut(run).enumerate() {
                            let from = self.corner(place) + row * self.stride;
                            let near = near.map(|offset| &frames[from + offset..][..run]);
                            sharpened(near, amount, out);
                        }
                    }
                },
            );
        };
        // SAFETY: the examples write all values.
        unsafe { filled(batch * places * pixels, write) }
    }

    /// The gradient of [`Self::mix`]: of each copy Σ g · copy, (B, N, K).
    pub(super) fn overlaps(&self, sources: &[&[f32]], g: &[f32], batch: usize) -> Vec<f32> {
        let (places, count) = (self.along.places(), self.offsets.len());
        let (rows, run, pixels) = (self.along.patch, self.run(), self.along.pixels());
        let lanes = vector::width();
        let write = |out: Parts| {
            let scratch = || (vec![0f32; rows * self.padded()], vec![0f32; count * lanes]);
            self.each(sources, batch, scratch, |index, frames, (lines, sums)| {
                // SAFETY: each example has its own part.
                let out = unsafe { out.part(index * places * count, places * count) };
                for (place, out) in out.chunks_exact_mut(count).enumerate() {
                    let g = &g[(index * places + place) * pixels..][..pixels];
                    let to = lines.chunks_exact_mut(self.padded());
                    for (line, g) in to.zip(g.chunks_exact(run)) {
                        line[..run].copy_from_slice(g);
                    }
                    let kernel = Match {
                        moved: self,
                        frames: &frames[self.corner(place)..],
                        lines,
                        sums: sums.as_mut_ptr(),
                    };
                    // SAFETY: `sums` has a vector for each copy; the frames
                    // have every shift of the patch and some slack.
                    unsafe { vector::run(&kernel) };
                    for (out, sum) in out.iter_mut().zip(sums.chunks_exact(lanes)) {
                        *out = sum.iter().sum();
                    }
                }
            });
        };
        // SAFETY: the examples write all values.
        unsafe { filled(batch * places * count, write) }
    }

    /// Sums of a patch's copies, one for each row of `coefficients` (Q, K):
    /// Q·p lines, each padded.
    pub(super) fn blend(
        &self,
        frames: &[f32],
        place: usize,
        coefficients: &[f32],
        lines: &mut [f32],
    ) {
        let sums = coefficients.len() / self.offsets.len();
        assert_eq!(coefficients.len(), sums * self.offsets.len());
        assert_eq!(lines.len(), sums * self.along.patch * self.padded());
        let kernel = Blend {
            moved: self,
            frames: &frames[self.corner(place)..],
            coefficients,
            sums,
            lines: lines.as_mut_ptr(),
        };
        // SAFETY: as asserted; the frames have every shift of the patch, and
        // some slack.
        unsafe { vector::run(&kernel) };
    }
}

simd! {
    /// Of the nine rows shifted by up to a pixel, the fifth not at all.
    fn sharpened(near: [&[f32]; 9], amount: f32, out: &mut [f32]) {
        for (i, out) in out.iter_mut().enumerate() {
            let sum = near[1][i] + near[3][i] + near[4][i] + near[5][i] + near[7][i];
            let (mut least, mut most) = (near[0][i], near[0][i]);
            for row in &near[1..] {
                least = if row[i] < least { row[i] } else { least };
                most = if row[i] > most { row[i] } else { most };
            }
            let sharp = (1.0 + amount) * near[4][i] - amount / 5.0 * sum;
            let sharp = if sharp > most { most } else { sharp };
            *out = if sharp < least { least } else { sharp };
        }
    }
}
