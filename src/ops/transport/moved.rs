//! Moved frames: an example at a time, with a border wide enough for every
//! shift (see [`super::Scene`]), so that a shifted row of a patch is a run of
//! values.

use super::super::kernel::{Parts, filled, simd};
use super::Patches;
use rayon::prelude::*;

/// The widest vector: a run is read as so many values, or a multiple.
pub(super) const WIDEST: usize = 16;

/// Where the shifted copies of a patch's rows lie.
pub(super) struct Moved {
    pub(super) along: Patches,
    /// Pixels around a frame.
    pub(super) border: usize,
    /// The longest shift of each source.
    reaches: Vec<usize>,
    /// Values of a frame with its border.
    pub(super) plane: usize,
    /// From one row of it to the next.
    pub(super) stride: usize,
    /// Of each copy, source after source, from an example's first value.
    pub(super) offsets: Vec<usize>,
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
        let mut offsets = Vec::new();
        for (source, reach) in reaches.iter().enumerate() {
            let all = border - reach..=border + reach;
            for (down, right) in all.clone().flat_map(|y| all.clone().map(move |x| (y, x))) {
                offsets.push(source * plane + down * stride + right * along.channels);
            }
        }
        Self {
            along,
            border,
            reaches: reaches.to_vec(),
            plane,
            stride,
            offsets,
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

    /// Rows of pixels of a frame, and values in one.
    fn lines(&self) -> (usize, usize) {
        let (rows, columns) = self.along.grid;
        (rows * self.along.patch, columns * self.run())
    }

    /// Where a line's run in each column of patches starts among an example's
    /// patches.
    fn runs(&self, line: usize) -> impl Iterator<Item = usize> + use<> {
        let (patch, columns, pixels) = (self.along.patch, self.along.grid.1, self.along.pixels());
        let first = line / patch * columns * pixels + line % patch * self.run();
        (0..columns).map(move |column| first + column * pixels)
    }

    /// Where a place's patch starts among the frames of an example.
    pub(super) fn corner(&self, place: usize) -> usize {
        let (row, column) = (place / self.along.grid.1, place % self.along.grid.1);
        row * self.along.patch * self.stride + column * self.run()
    }

    /// The frames of example `index`, each with its border; all is written.
    pub(super) fn frames(&self, sources: &[&[f32]], index: usize, frames: &mut [f32]) {
        let (channels, reach) = (self.along.channels, self.border);
        let (height, width) = self.lines();
        let (run, size) = (self.run(), height * width);
        for (source, frame) in sources.iter().zip(frames.chunks_exact_mut(self.plane)) {
            let tokens = &source[index * size..][..size];
            for y in 0..height {
                let line = &mut frame[(y + reach) * self.stride..][..self.stride];
                let inner = &mut line[reach * channels..][..width];
                for (to, from) in inner.chunks_exact_mut(run).zip(self.runs(y)) {
                    copy_run(&tokens[from..from + run], to);
                }
                let end = reach * channels + width;
                for border in 0..reach {
                    line.copy_within(reach * channels..(reach + 1) * channels, border * channels);
                    line.copy_within(end - channels..end, end + border * channels);
                }
                line[end + reach * channels..].fill(0.0);
            }
            let last = (height + reach - 1) * self.stride;
            for border in 0..reach {
                let first = reach * self.stride;
                frame.copy_within(first..first + self.stride, border * self.stride);
                let to = (height + reach + border) * self.stride;
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
        let (height, width) = self.lines();
        let size = height * width;
        let near: [usize; 9] = std::array::from_fn(|copy| self.offsets[copy]);
        let write = |out: Parts| {
            let scratch = || vec![0f32; width];
            self.each(frames, batch, scratch, |index, frames, sharp| {
                // SAFETY: each example has its own part.
                let out = unsafe { out.part(index * size, size) };
                for line in 0..height {
                    let frames = &frames[line * self.stride..];
                    sharpened(near.map(|offset| &frames[offset..][..width]), amount, sharp);
                    for (run, to) in sharp.chunks_exact(self.run()).zip(self.runs(line)) {
                        copy_run(run, &mut out[to..to + run.len()]);
                    }
                }
            });
        };
        filled(batch * size, write)
    }

    /// `values` within the least and the most of the copies and `room` beyond,
    /// pixel by pixel.
    pub(super) fn within(
        &self,
        frames: &[f32],
        values: &[f32],
        room: f32,
        batch: usize,
    ) -> Vec<f32> {
        let (height, width) = self.lines();
        let (size, run) = (height * width, self.run());
        let write = |out: Parts| {
            let scratch = || Bounds::new(width, self.stride);
            self.each(frames, batch, scratch, |index, frames, bounds| {
                // SAFETY: each example has its own part.
                let out = unsafe { out.part(index * size, size) };
                let values = &values[index * size..][..size];
                for line in 0..height {
                    bounds.find(self, frames, line);
                    let ends = (bounds.least.chunks_exact(run)).zip(bounds.most.chunks_exact(run));
                    for ((least, most), at) in ends.zip(self.runs(line)) {
                        let at = at..at + run;
                        confine(&values[at.clone()], least, most, room, &mut out[at]);
                    }
                }
            });
        };
        filled(batch * size, write)
    }
}

/// Runs are short: a copy whose length is known beforehand takes a few
/// instructions, another a call.
fn copy_run(from: &[f32], to: &mut [f32]) {
    fn known<const N: usize>(from: &[f32], to: &mut [f32]) -> bool {
        match (<&[f32; N]>::try_from(from), <&mut [f32; N]>::try_from(to)) {
            (Ok(from), Ok(to)) => *to = *from,
            _ => return false,
        }
        true
    }
    // Patches of 4 and 8 pixels, grey and in colour.
    if !(known::<12>(from, to) || known::<4>(from, to) || known::<24>(from, to)) {
        to.copy_from_slice(from);
    }
}

/// The least and the most of all copies along a line.
struct Bounds {
    least: Vec<f32>,
    most: Vec<f32>,
    /// Of one source's copies that are moved down and up alone.
    low: Vec<f32>,
    high: Vec<f32>,
}

impl Bounds {
    fn new(width: usize, wide: usize) -> Self {
        Self {
            least: vec![0.0; width],
            most: vec![0.0; width],
            low: vec![0.0; wide],
            high: vec![0.0; wide],
        }
    }

    fn find(&mut self, moved: &Moved, frames: &[f32], line: usize) {
        let (channels, width) = (moved.along.channels, self.least.len());
        self.least.fill(f32::INFINITY);
        self.most.fill(f32::NEG_INFINITY);
        for (&reach, frame) in moved.reaches.iter().zip(frames.chunks_exact(moved.plane)) {
            let wide = width + 2 * reach * channels;
            let (low, high) = (&mut self.low[..wide], &mut self.high[..wide]);
            low.fill(f32::INFINITY);
            high.fill(f32::NEG_INFINITY);
            let first = (moved.border - reach) * channels;
            for down in moved.border - reach..=moved.border + reach {
                let row = &frame[(line + down) * moved.stride + first..][..wide];
                widen(row, row, low, high);
            }
            for right in 0..=2 * reach {
                let at = right * channels..right * channels + width;
                widen(&low[at.clone()], &high[at], &mut self.least, &mut self.most);
            }
        }
    }
}

simd! {
    fn widen(low: &[f32], high: &[f32], least: &mut [f32], most: &mut [f32]) {
        for (((&l, &h), least), most) in low.iter().zip(high).zip(least).zip(most) {
            *least = if l < *least { l } else { *least };
            *most = if h > *most { h } else { *most };
        }
    }
}

simd! {
    fn confine(values: &[f32], least: &[f32], most: &[f32], room: f32, out: &mut [f32]) {
        for (((out, &x), &least), &most) in out.iter_mut().zip(values).zip(least).zip(most) {
            let (least, most) = (least - room, most + room);
            let x = if x > most { most } else { x };
            *out = if x < least { least } else { x };
        }
    }
}

simd! {
    /// Of nine rows shifted by up to a pixel, the fifth not at all.
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
