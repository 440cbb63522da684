//! Which input pixels a convolution's output pixels see.
//!
//! A convolution, upsampled or strided, and its gradient to the input are all
//! sets of plain convolutions, each for every `step`-th output pixel. With the
//! input doubled, the taps that fall on one stored pixel are added up first:
//! the 3 × 3 kernel becomes four of 2 × 2 and the work 16/36 (sub-pixel
//! convolution, Shi et al. 2016).

use std::ops::Range;

/// One dimension of one plain convolution: output `first + step · t` for t below
/// `count` is the sum over (d, tap) of weight `tap` · source `stride · t + d`.
#[derive(Debug, Clone)]
pub(super) struct Axis {
    first: usize,
    step: usize,
    count: usize,
    stride: usize,
    pairs: Vec<(isize, usize)>,
    /// The first source for t = 0, and how many there are from it to the last.
    span: (isize, usize),
}

impl Axis {
    /// The convolution itself, to `length` outputs.
    pub(super) fn forward(k: usize, stride: usize, upsample: usize, length: usize) -> Vec<Self> {
        let border = (k / 2) as isize;
        let phases = if upsample == 2 && stride == 1 { 2 } else { 1 };
        let of_phase = |first: usize| {
            let source = |tap: usize| {
                let row = (first * stride + tap) as isize - border;
                (row.div_euclid(upsample as isize), tap)
            };
            let count = (length + phases - 1 - first) / phases;
            let stride = phases * stride / upsample;
            Self::new((first, phases, count), stride, (0..k).map(source).collect())
        };
        (0..phases).map(of_phase).collect()
    }

    /// Its gradient to an input of `length`: the source is the output's.
    pub(super) fn backward(k: usize, stride: usize, upsample: usize, length: usize) -> Vec<Self> {
        let border = (k / 2) as isize;
        let phases = if stride == 2 && upsample == 1 { 2 } else { 1 };
        let of_phase = |first: usize| {
            let (first_row, k) = (first as isize, k as isize);
            // Output o reads input ⌊(stride · o + tap − border) / upsample⌋.
            let pairs = (0..k).flat_map(|tap| {
                let from = -(k + 1)..=k + 1;
                let reads = move |o: &isize| {
                    let row = stride as isize * o + tap - border;
                    row.div_euclid(upsample as isize) == first_row
                };
                from.filter(reads).map(move |o| (o, tap as usize))
            });
            let count = (length + phases - 1 - first) / phases;
            Self::new(
                (first, phases, count),
                phases * upsample / stride,
                pairs.collect(),
            )
        };
        (0..phases).map(of_phase).collect()
    }

    fn new(
        (first, step, count): (usize, usize, usize),
        stride: usize,
        pairs: Vec<(isize, usize)>,
    ) -> Self {
        let sources = pairs.iter().map(|(d, _)| *d);
        let span = match (sources.clone().min(), sources.max()) {
            (Some(low), Some(high)) => (low, (high - low + 1) as usize),
            _ => (0, 0),
        };
        Self {
            first,
            step,
            count,
            stride,
            pairs,
            span,
        }
    }
}

/// One plain convolution from frames of `height` × `width` × `channels`.
#[derive(Debug, Clone)]
pub(super) struct Plane {
    rows: Axis,
    columns: Axis,
    height: usize,
    width: usize,
    channels: usize,
    /// Width and height of the frames it writes to.
    target: (usize, usize),
}

impl Plane {
    /// All combinations of phases, from frames of `source` (height, width,
    /// channels) to frames of `target` (height, width).
    pub(super) fn all(
        rows: &[Axis],
        columns: &[Axis],
        (height, width, channels): (usize, usize, usize),
        (target_height, target_width): (usize, usize),
    ) -> Vec<Self> {
        let plane = |rows: &Axis, columns: &Axis| Self {
            rows: rows.clone(),
            columns: columns.clone(),
            height,
            width,
            channels,
            target: (target_width, target_height),
        };
        rows.iter()
            .flat_map(|rows| columns.iter().map(move |columns| plane(rows, columns)))
            .collect()
    }

    /// Rows and columns of output pixels in a frame.
    pub(super) fn size(&self) -> (usize, usize) {
        (self.rows.count, self.columns.count)
    }

    /// Values of one source frame.
    pub(super) fn source_size(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Channels of the source.
    pub(super) fn channels(&self) -> usize {
        self.channels
    }

    /// Values one output pixel sees.
    pub(super) fn seen(&self) -> usize {
        self.rows.span.1 * self.columns.span.1 * self.channels
    }

    /// Lines that an output pixel sees, and values that it sees of each.
    pub(super) fn run(&self) -> (usize, usize) {
        (self.rows.span.1, self.columns.span.1 * self.channels)
    }

    /// Pixels of one target frame.
    pub(super) fn target_size(&self) -> usize {
        self.target.0 * self.target.1
    }

    /// The pixel of the target frame that output pixel (row, column) is.
    #[inline(always)]
    pub(super) fn place(&self, row: usize, column: usize) -> usize {
        let y = self.rows.first + self.rows.step * row;
        y * self.target.0 + self.columns.first + self.columns.step * column
    }

    /// Pixels of the target frame from an output pixel to the next in its row.
    #[inline(always)]
    pub(super) fn spacing(&self) -> usize {
        self.columns.step
    }

    /// Values of a window from what an output pixel sees to what the one
    /// below, and the one to the right, sees.
    #[inline(always)]
    pub(super) fn steps(&self) -> (usize, usize) {
        (
            self.rows.stride * self.line(),
            self.columns.stride * self.channels,
        )
    }

    /// Values in a line of a window.
    #[inline(always)]
    pub(super) fn line(&self) -> usize {
        let across = self.columns.span.1;
        (self.columns.stride * self.columns.count.saturating_sub(1) + across) * self.channels
    }

    /// Values of a window for so many rows of output pixels.
    pub(super) fn window_size(&self, rows: usize) -> usize {
        let down = self.rows.span.1;
        (self.rows.stride * rows.saturating_sub(1) + down) * self.line()
    }

    /// All that the output pixels of these rows see of a frame, line after
    /// line, zeros where they look beyond it.
    pub(super) fn window(&self, frame: &[f32], rows: Range<usize>, window: &mut [f32]) {
        let (top, left) = (self.rows.span.0, self.columns.span.0);
        let line = self.line();
        if line == 0 {
            return;
        }
        let width = (line / self.channels) as isize;
        // Columns of the window that lie in the frame.
        let from = (-left).clamp(0, width);
        let to = (self.width as isize - left).clamp(from, width);
        for (i, out) in window.chunks_exact_mut(line).enumerate() {
            let y = (self.rows.stride * rows.start + i) as isize + top;
            if y < 0 || y >= self.height as isize || from == to {
                out.fill(0.0);
                continue;
            }
            let values = |column: isize| column as usize * self.channels;
            let source = values(y * self.width as isize + left + from);
            out[..values(from)].fill(0.0);
            out[values(from)..values(to)].copy_from_slice(&frame[source..][..values(to - from)]);
            out[values(to)..].fill(0.0);
        }
    }

    /// For each tap of the kernel (row, column): its place among the taps seen.
    /// `visit` gets the tap's row and column and that place.
    pub(super) fn taps(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let ((top, _), (left, across)) = (self.rows.span, self.columns.span);
        for &(dy, ky) in &self.rows.pairs {
            for &(dx, kx) in &self.columns.pairs {
                let place = (dy - top) as usize * across + (dx - left) as usize;
                visit(ky, kx, place);
            }
        }
    }
}
