//! The gradient of a plane's weight, summed in registers over its pixels.

use super::super::geometry::Plane;
use super::super::kernel::in_order;
use super::super::vector::{self, Kernel, Vector};
use super::direct::{Band, bands, scratch};
use super::packing::{Packing, VECTORS};
use rayon::prelude::*;
use std::ops::Range;

/// The gradient of a plane's packed weight from that of its output.
pub(super) fn weight_gradient(
    plane: &Plane,
    frames: &[f32],
    g: &[f32],
    channels: usize,
) -> Vec<f32> {
    let seen = plane.seen();
    let padded = Packing::new(channels).padded();
    let bands = bands(frames.len() / plane.source_size(), plane.size().0);
    // A fixed number of sums, few enough that they do not outweigh the frames.
    let most = (frames.len() / (padded * seen).max(1)).clamp(4, 16);
    let together = bands.len().div_ceil(most).max(1);
    let add = |band: &Band, sums: &mut [f32]| {
        let frame = &frames[band.frame * plane.source_size()..][..plane.source_size()];
        let target = plane.target_size();
        let g = &g[band.frame * target * channels..][..target * channels];
        // Whole vectors are read, also beyond a pixel's last channel.
        let wide = if padded == channels {
            0
        } else {
            target * padded
        };
        let size = plane.window_size(band.rows.len());
        scratch(size + wide, |buffer| {
            let (window, wide) = buffer.split_at_mut(size);
            plane.window(frame, band.rows.clone(), window);
            for (to, from) in wide
                .chunks_exact_mut(padded)
                .zip(g.chunks_exact(channels.max(1)))
            {
                to[..channels].copy_from_slice(from);
                to[channels..].fill(0.0);
            }
            let kernel = Collect {
                plane,
                window,
                rows: band.rows.clone(),
                g: if wide.is_empty() { g } else { wide },
                padded,
                sums: sums.as_mut_ptr(),
            };
            // SAFETY: `sums` holds (padded, seen).
            unsafe { vector::run(&kernel) };
        });
    };
    let sums = bands.par_chunks(together).map(|bands| {
        let mut sums = vec![0f32; padded * seen];
        bands.iter().for_each(|band| add(band, &mut sums));
        sums
    });
    in_order(sums.collect(), padded * seen)
}

/// What a band adds to the gradient of the packed weight.
struct Collect<'a> {
    plane: &'a Plane,
    window: &'a [f32],
    rows: Range<usize>,
    /// The band's frame, `padded` channels.
    g: &'a [f32],
    padded: usize,
    sums: *mut f32,
}

impl Kernel for Collect<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(&self) {
        let plane = self.plane;
        let (lines, run) = plane.run();
        let mut first = 0;
        while first < self.padded {
            let vectors = ((self.padded - first) / V::WIDTH).min(VECTORS);
            // SAFETY: the block lies in the sums.
            let mut sums = unsafe { self.sums.add(first * plane.seen()) };
            for line in 0..lines {
                let mut at = 0;
                while at < run {
                    let from = line * plane.line() + at;
                    let left = if V::WIDTH >= 16 {
                        run - at
                    } else {
                        (run - at).min(4)
                    };
                    // SAFETY: the window and the block hold as much as is left.
                    let done = unsafe {
                        match (left, vectors) {
                            (8.., 2) => self.tile::<V, 8, 2>(from, first, sums),
                            (8.., _) => self.tile::<V, 8, 1>(from, first, sums),
                            (4.., 2) => self.tile::<V, 4, 2>(from, first, sums),
                            (4.., _) => self.tile::<V, 4, 1>(from, first, sums),
                            (2.., 2) => self.tile::<V, 2, 2>(from, first, sums),
                            (2.., _) => self.tile::<V, 2, 1>(from, first, sums),
                            (_, 2) => self.tile::<V, 1, 2>(from, first, sums),
                            (_, _) => self.tile::<V, 1, 1>(from, first, sums),
                        }
                    };
                    at += done;
                    // SAFETY: so much of the block has been added to.
                    sums = unsafe { sums.add(done * vectors * V::WIDTH) };
                }
            }
            first += vectors * V::WIDTH;
        }
    }
}

impl Collect<'_> {
    /// Adds to S values seen × N vectors of channels over all pixels of the
    /// band; returns S.
    ///
    /// # Safety
    /// From `from` on the window holds what the pixels see of the S values,
    /// and from `first` on each pixel of g has N vectors.
    #[inline(always)]
    unsafe fn tile<V: Vector, const S: usize, const N: usize>(
        &self,
        from: usize,
        first: usize,
        sums: *mut f32,
    ) -> usize {
        let plane = self.plane;
        let (down, right) = plane.steps();
        let spacing = plane.spacing() * self.padded;
        let columns = plane.size().1;
        // SAFETY: the caller's promise.
        unsafe {
            let mut tile = [[V::zero(); N]; S];
            let mut s = 0;
            while s < S {
                let mut n = 0;
                while n < N {
                    tile[s][n] = V::load(sums.add((s * N + n) * V::WIDTH));
                    n += 1;
                }
                s += 1;
            }
            for row in self.rows.clone() {
                let mut x = self
                    .window
                    .as_ptr()
                    .add(from + (row - self.rows.start) * down);
                let mut g = self
                    .g
                    .as_ptr()
                    .add(plane.place(row, 0) * self.padded + first);
                for _ in 0..columns {
                    let mut values = [V::zero(); N];
                    let mut n = 0;
                    while n < N {
                        values[n] = V::load(g.add(n * V::WIDTH));
                        n += 1;
                    }
                    let mut s = 0;
                    while s < S {
                        let seen = V::splat(x.add(s));
                        let mut n = 0;
                        while n < N {
                            tile[s][n] = tile[s][n].add_product(seen, values[n]);
                            n += 1;
                        }
                        s += 1;
                    }
                    x = x.wrapping_add(right);
                    g = g.wrapping_add(spacing);
                }
            }
            let mut s = 0;
            while s < S {
                let mut n = 0;
                while n < N {
                    tile[s][n].store(sums.add((s * N + n) * V::WIDTH));
                    n += 1;
                }
                s += 1;
            }
        }
        S
    }
}
