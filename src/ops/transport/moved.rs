//! Moved frames: an example at a time, with a border wide enough for every
//! shift (see [`super::Scene`]), so that a shifted row of a patch is a run of
//! values.

use super::super::kernel::{Parts, filled, simd};
use super::Patches;
use rayon::prelude::*;
use std::ops::Range;

/// The widest vector: a run is read as so many values, or a multiple.
pub(super) const WIDEST: usize = 16;

/// Where the shifted copies of a patch's rows lie.
pub(super) struct Moved {
    pub(super) along: Patches,
    /// Pixels around a frame.
    pub(super) border: usize,
    /// Values of a frame with its border.
    pub(super) plane: usize,
    /// From one row of it to the next.
    pub(super) stride: usize,
    /// Of each copy, source after source, from an example's first value.
    pub(super) offsets: Vec<usize>,
    /// The copies of each source.
    pub(super) copies: Vec<Range<usize>>,
}

impl Moved {
    /// Of sources with these longest shifts.
    pub(super) fn new(along: Patches, reaches: &[usize]) -> Self {
        let border = reaches.iter().copied().max().unwrap_or(0);
        let run = along.patch * along.channels;
        // The last run of a line is read as vectors too.
        let slack = run.next_multiple_of(WIDEST) - run;
        let stride = along.grid.1 * run + 2 * border * along.channels + slack;
        let plane = (along.grid.0 * along.patch + 2 * border) * stride;
        let (mut offsets, mut copies) = (Vec::new(), Vec::new());
        for (source, reach) in reaches.iter().enumerate() {
            let first = offsets.len();
            let all = border - reach..=border + reach;
            for (down, right) in all.clone().flat_map(|y| all.clone().map(move |x| (y, x))) {
                offsets.push(source * plane + down * stride + right * along.channels);
            }
            copies.push(first..offsets.len());
        }
        Self {
            along,
            border,
            plane,
            stride,
            offsets,
            copies,
        }
    }

    /// Values in a row of a patch.
    pub(super) fn run(&self) -> usize {
        self.along.patch * self.along.channels
    }

    /// A row of a patch with what vectors write past its end.
    pub(super) fn padded(&self) -> usize {
        self.run().next_multiple_of(WIDEST)
    }

    /// Copies, with what vectors write past the last.
    pub(super) fn wide(&self) -> usize {
        self.offsets.len().next_multiple_of(WIDEST)
    }

    /// Where a place's patch starts among the frames of an example.
    pub(super) fn corner(&self, place: usize) -> usize {
        let (row, column) = (place / self.along.grid.1, place % self.along.grid.1);
        row * self.along.patch * self.stride + column * self.run()
    }

    /// The frames of example `index`, each with its border; all is written.
    pub(super) fn frames(&self, sources: &[&[f32]], index: usize, frames: &mut [f32]) {
        let Patches {
            grid: (rows, columns),
            patch,
            channels,
        } = self.along;
        let reach = self.border;
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
                line[end + reach * channels..].fill(0.0);
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
        frames: &[f32],
        batch: usize,
        scratch: impl Fn() -> S + Sync,
        task: impl Fn(usize, &[f32], &mut S) + Sync,
    ) {
        let size = frames.len().checked_div(batch).unwrap_or(0);
        let share = batch.div_ceil(4 * rayon::current_num_threads()).max(1);
        (0..batch.div_ceil(share)).into_par_iter().for_each(|turn| {
            let mut scratch = scratch();
            for index in turn * share..batch.min((turn + 1) * share) {
                task(index, &frames[index * size..][..size], &mut scratch);
            }
        });
    }

    /// x + amount · (x − x̄) within the values around; the copies are nine.
    pub(super) fn sharpen(&self, frames: &[f32], batch: usize, amount: f32) -> Vec<f32> {
        let (places, pixels, run) = (self.along.places(), self.along.pixels(), self.run());
        let near: [usize; 9] = std::array::from_fn(|copy| self.offsets[copy]);
        let write = |out: Parts| {
            self.each(
                frames,
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

    /// `values` within the least and the most of the copies, pixel by pixel.
    pub(super) fn within(&self, frames: &[f32], values: &[f32], batch: usize) -> Vec<f32> {
        let (places, pixels, run) = (self.along.places(), self.along.pixels(), self.run());
        let size = places * pixels;
        let write = |out: Parts| {
            let scratch = || (vec![0f32; run], vec![0f32; run]);
            self.each(frames, batch, scratch, |index, frames, (least, most)| {
                // SAFETY: each example has its own part.
                let out = unsafe { out.part(index * size, size) };
                let rows = values[index * size..][..size].chunks_exact(run);
                for (number, (out, row)) in out.chunks_exact_mut(run).zip(rows).enumerate() {
                    let (place, line) = (number / self.along.patch, number % self.along.patch);
                    let frames = &frames[self.corner(place) + line * self.stride..];
                    least.fill(f32::INFINITY);
                    most.fill(f32::NEG_INFINITY);
                    for &offset in &self.offsets {
                        widen(&frames[offset..][..run], least, most);
                    }
                    for (i, (out, &value)) in out.iter_mut().zip(row).enumerate() {
                        let value = if value > most[i] { most[i] } else { value };
                        *out = if value < least[i] { least[i] } else { value };
                    }
                }
            });
        };
        // SAFETY: the examples write all values.
        unsafe { filled(batch * size, write) }
    }
}

simd! {
    fn widen(row: &[f32], least: &mut [f32], most: &mut [f32]) {
        for ((&x, least), most) in row.iter().zip(least).zip(most) {
            *least = if x < *least { x } else { *least };
            *most = if x > *most { x } else { *most };
        }
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
