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
            Self {
                first,
                step: phases,
                count: (length + phases - 1 - first) / phases,
                stride: phases * stride / upsample,
                pairs: (0..k).map(source).collect(),
            }
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
            Self {
                first,
                step: phases,
                count: (length + phases - 1 - first) / phases,
                stride: phases * upsample / stride,
                pairs: pairs.collect(),
            }
        };
        (0..phases).map(of_phase).collect()
    }

    /// The first source for t = 0, and how many there are from it to the last.
    fn span(&self) -> (isize, usize) {
        let sources = self.pairs.iter().map(|(d, _)| *d);
        match (sources.clone().min(), sources.max()) {
            (Some(low), Some(high)) => (low, (high - low + 1) as usize),
            _ => (0, 0),
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

    /// Output pixels of one frame.
    pub(super) fn pixels(&self) -> usize {
        self.rows.count * self.columns.count
    }

    /// Values of one source frame.
    pub(super) fn source_size(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// Values one output pixel sees.
    pub(super) fn seen(&self) -> usize {
        self.rows.span().1 * self.columns.span().1 * self.channels
    }

    /// Whether its outputs are all pixels, in order.
    pub(super) fn dense(&self) -> bool {
        self.rows.step == 1 && self.columns.step == 1
    }

    /// For each tap of the kernel (row, column): its place among the taps seen.
    /// `visit` gets the tap's row and column and that place.
    fn taps(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let ((top, _), (left, across)) = (self.rows.span(), self.columns.span());
        for &(dy, ky) in &self.rows.pairs {
            for &(dx, kx) in &self.columns.pairs {
                let place = (dy - top) as usize * across + (dx - left) as usize;
                visit(ky, kx, place);
            }
        }
    }

    /// The kernel (Co, k, k, Ci) as a matrix (Co, seen), taps on one source added.
    pub(super) fn fold(&self, weight: &[f32], k: usize) -> Vec<f32> {
        let (inputs, seen) = (self.channels, self.seen());
        let outputs = weight.len() / (k * k * inputs);
        let mut folded = vec![0f32; outputs * seen];
        for output in 0..outputs {
            self.taps(|ky, kx, place| {
                let from = ((output * k + ky) * k + kx) * inputs;
                let to = output * seen + place * inputs;
                let pairs = folded[to..to + inputs].iter_mut();
                for (to, from) in pairs.zip(&weight[from..from + inputs]) {
                    *to += from;
                }
            });
        }
        folded
    }

    /// The gradient of `fold`, added to `weight`.
    pub(super) fn unfold(&self, folded: &[f32], k: usize, weight: &mut [f32]) {
        let (inputs, seen) = (self.channels, self.seen());
        let outputs = weight.len() / (k * k * inputs);
        for output in 0..outputs {
            self.taps(|ky, kx, place| {
                let to = ((output * k + ky) * k + kx) * inputs;
                let from = output * seen + place * inputs;
                let pairs = weight[to..to + inputs].iter_mut();
                for (to, from) in pairs.zip(&folded[from..from + inputs]) {
                    *to += from;
                }
            });
        }
    }

    /// The kernel (Co, k, k, Ci) as a matrix (Ci, seen) for a plane whose
    /// source has the Co channels: the gradient to the input.
    pub(super) fn fold_turned(&self, weight: &[f32], k: usize, inputs: usize) -> Vec<f32> {
        let (outputs, seen) = (self.channels, self.seen());
        let mut folded = vec![0f32; inputs * seen];
        self.taps(|ky, kx, place| {
            for output in 0..outputs {
                let from = ((output * k + ky) * k + kx) * inputs;
                let to = place * outputs + output;
                for (input, from) in weight[from..from + inputs].iter().enumerate() {
                    folded[input * seen + to] += from;
                }
            }
        });
        folded
    }

    /// What each output pixel of a range sees, a row each; pixels are counted
    /// through all frames. Zeros beyond the frame.
    pub(super) fn gather(&self, frames: &[f32], pixels: Range<usize>, out: &mut [f32]) {
        let ((top, down), (left, across)) = (self.rows.span(), self.columns.span());
        let (run, seen) = (across * self.channels, self.seen());
        let frame_size = self.source_size();
        self.walk(pixels, |i, frame, row, column| {
            let frame = &frames[frame * frame_size..(frame + 1) * frame_size];
            let x = (self.columns.stride * column) as isize + left;
            let inside = x >= 0 && x + across as isize <= self.width as isize;
            for dy in 0..down {
                let y = (self.rows.stride * row + dy) as isize + top;
                let out = &mut out[i * seen + dy * run..i * seen + (dy + 1) * run];
                if y < 0 || y >= self.height as isize {
                    out.fill(0.0);
                    continue;
                }
                let line = y as usize * self.width;
                if inside {
                    let from = (line + x as usize) * self.channels;
                    out.copy_from_slice(&frame[from..from + run]);
                    continue;
                }
                for (dx, out) in out.chunks_exact_mut(self.channels).enumerate() {
                    let x = x + dx as isize;
                    if x < 0 || x >= self.width as isize {
                        out.fill(0.0);
                    } else {
                        let from = (line + x as usize) * self.channels;
                        out.copy_from_slice(&frame[from..from + self.channels]);
                    }
                }
            }
        });
    }

    /// Calls `visit` with each pixel's place in the range and its pixel in the
    /// target frames, counted through all of them.
    pub(super) fn places(&self, pixels: Range<usize>, mut visit: impl FnMut(usize, usize)) {
        let (width, height) = self.target;
        self.walk(pixels, |i, frame, row, column| {
            let y = self.rows.first + self.rows.step * row;
            let x = self.columns.first + self.columns.step * column;
            visit(i, (frame * height + y) * width + x);
        });
    }

    #[inline(always)]
    fn walk(&self, pixels: Range<usize>, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let (of_frame, columns) = (self.pixels(), self.columns.count);
        let (mut frame, rest) = (pixels.start / of_frame, pixels.start % of_frame);
        let (mut row, mut column) = (rest / columns, rest % columns);
        for i in 0..pixels.len() {
            visit(i, frame, row, column);
            column += 1;
            if column == columns {
                (row, column) = (row + 1, 0);
            }
            if row == self.rows.count {
                (frame, row) = (frame + 1, 0);
            }
        }
    }
}
