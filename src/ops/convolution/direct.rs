//! A plane's products without a matrix of what each pixel sees: tiles of
//! pixels × channels stay in registers while the kernel walks over the frame.

use super::super::geometry::Plane;
use super::super::kernel::Parts;
use super::super::vector::{self, Kernel, Vector};
use super::packing::{Packing, VECTORS};
use rayon::prelude::*;
use std::cell::RefCell;
use std::ops::Range;

/// A buffer of this thread, kept from call to call; its values are left over.
pub(super) fn scratch<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    thread_local! {
        static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    }
    // Taken out while in use, so that nothing that `f` does can meet it.
    let mut buffer = SCRATCH.with(RefCell::take);
    if buffer.len() < len {
        buffer = vec![0.0; len];
    }
    let result = f(&mut buffer[..len]);
    SCRATCH.with(|scratch| scratch.replace(buffer));
    result
}

/// Rows of a frame that one task computes.
#[derive(Clone)]
pub(super) struct Band {
    pub(super) frame: usize,
    pub(super) rows: Range<usize>,
}

/// All rows of all frames; few frames are cut into several bands each. It
/// depends on the sizes alone, never on the threads.
pub(super) fn bands(frames: usize, rows: usize) -> Vec<Band> {
    let size = rows.div_ceil(16_usize.div_ceil(frames.max(1))).max(1);
    (0..frames)
        .flat_map(|frame| {
            (0..rows).step_by(size).map(move |first| Band {
                frame,
                rows: first..rows.min(first + size),
            })
        })
        .collect()
}

/// Writes one plane's output pixels of all frames: start + what they see times
/// the packed weight.
///
/// # Safety
/// `out` holds all target frames with as many channels as `start`.
pub(super) unsafe fn fill(
    plane: &Plane,
    frames: &[f32],
    weight: &[f32],
    start: &[f32],
    out: Parts,
) {
    let channels = start.len();
    let mut padded = start.to_vec();
    padded.resize(Packing::new(channels).padded(), 0.0);
    let bands = bands(frames.len() / plane.source_size(), plane.size().0);
    bands.into_par_iter().for_each(|band| {
        let frame = &frames[band.frame * plane.source_size()..][..plane.source_size()];
        scratch(plane.window_size(band.rows.len()), |window| {
            plane.window(frame, band.rows.clone(), window);
            let kernel = Fill {
                plane,
                window,
                rows: band.rows.clone(),
                weight,
                start: &padded,
                channels,
                // SAFETY: the frame lies in `out`.
                out: unsafe { out.at(band.frame * plane.target_size() * channels) },
            };
            // SAFETY: each pixel of each plane has a place of its own.
            unsafe { vector::run(&kernel) };
        });
    });
}

/// A band of output pixels.
struct Fill<'a> {
    plane: &'a Plane,
    window: &'a [f32],
    rows: Range<usize>,
    weight: &'a [f32],
    start: &'a [f32],
    channels: usize,
    /// The band's frame.
    out: *mut f32,
}

impl Kernel for Fill<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(&self) {
        let (plane, channels) = (self.plane, self.channels);
        let tile = Tile {
            reach: plane.run(),
            line: plane.line(),
            step: plane.steps().1,
            out: plane.spacing() * channels,
        };
        let columns = plane.size().1;
        // More sums than registers would be slower.
        let most = if V::WIDTH >= 16 { 8 } else { 4 };
        let mut first = 0;
        while first < self.start.len() {
            let vectors = ((self.start.len() - first) / V::WIDTH).min(VECTORS);
            let valid = (channels - first).min(vectors * V::WIDTH);
            // SAFETY: the block lies in the packed weight and start.
            let (weight, start) = unsafe {
                (
                    self.weight.as_ptr().add(first * plane.seen()),
                    self.start.as_ptr().add(first),
                )
            };
            for row in self.rows.clone() {
                let from = (row - self.rows.start) * plane.steps().0;
                let mut column = 0;
                while column < columns {
                    // SAFETY: the window holds all that the band's pixels see,
                    // and the place lies in the frame.
                    let (x, out) = unsafe {
                        (
                            self.window.as_ptr().add(from + column * tile.step),
                            self.out.add(plane.place(row, column) * channels + first),
                        )
                    };
                    let left = (columns - column).min(most);
                    // SAFETY: as many pixels are left.
                    column += unsafe {
                        match (left, vectors) {
                            (8.., 2) => tile.fill::<V, 8, 2>(x, weight, start, out, valid),
                            (8.., _) => tile.fill::<V, 8, 1>(x, weight, start, out, valid),
                            (4.., 2) => tile.fill::<V, 4, 2>(x, weight, start, out, valid),
                            (4.., _) => tile.fill::<V, 4, 1>(x, weight, start, out, valid),
                            (2.., 2) => tile.fill::<V, 2, 2>(x, weight, start, out, valid),
                            (2.., _) => tile.fill::<V, 2, 1>(x, weight, start, out, valid),
                            (_, 2) => tile.fill::<V, 1, 2>(x, weight, start, out, valid),
                            (_, _) => tile.fill::<V, 1, 1>(x, weight, start, out, valid),
                        }
                    };
                }
            }
            first += vectors * V::WIDTH;
        }
    }
}

/// How a tile of neighbouring pixels reads and writes, in values.
struct Tile {
    /// Lines that a pixel sees, and how much of each.
    reach: (usize, usize),
    /// From a line to the next.
    line: usize,
    /// From what a pixel sees to what the next one sees.
    step: usize,
    /// From an output pixel to the next.
    out: usize,
}

impl Tile {
    /// P pixels of N vectors; returns P.
    ///
    /// # Safety
    /// `x`, `weight` and `start` hold what the tile reads, `out` the first
    /// `valid` channels of each of its pixels.
    #[inline(always)]
    unsafe fn fill<V: Vector, const P: usize, const N: usize>(
        &self,
        x: *const f32,
        weight: *const f32,
        start: *const f32,
        out: *mut f32,
        valid: usize,
    ) -> usize {
        // SAFETY: the caller's promise.
        unsafe {
            let mut sums = [[V::zero(); N]; P];
            let mut n = 0;
            while n < N {
                let start = V::load(start.add(n * V::WIDTH));
                let mut p = 0;
                while p < P {
                    sums[p][n] = start;
                    p += 1;
                }
                n += 1;
            }
            let (lines, run) = self.reach;
            let mut weight = weight;
            let mut line = 0;
            while line < lines {
                let mut x = x.add(line * self.line);
                let end = x.add(run);
                while x < end {
                    let mut w = [V::zero(); N];
                    let mut n = 0;
                    while n < N {
                        w[n] = V::load(weight.add(n * V::WIDTH));
                        n += 1;
                    }
                    let mut p = 0;
                    while p < P {
                        let value = V::splat(x.add(p * self.step));
                        let mut n = 0;
                        while n < N {
                            sums[p][n] = sums[p][n].add_product(value, w[n]);
                            n += 1;
                        }
                        p += 1;
                    }
                    weight = weight.add(N * V::WIDTH);
                    x = x.add(1);
                }
                line += 1;
            }
            let mut p = 0;
            while p < P {
                let out = out.add(p * self.out);
                let mut n = 0;
                while n < N {
                    let from = n * V::WIDTH;
                    if from + V::WIDTH <= valid {
                        sums[p][n].store(out.add(from));
                    } else if from < valid {
                        // The widest vector's width.
                        let mut last = [0f32; 16];
                        sums[p][n].store(last.as_mut_ptr());
                        out.add(from)
                            .copy_from_nonoverlapping(last.as_ptr(), valid - from);
                    }
                    n += 1;
                }
                p += 1;
            }
        }
        P
    }
}
