//! Frames to patches and back.

use super::check::{alike, fused, wrong_shape};
use super::kernel::{Parts, filled, read, tensor, values};
use crate::error::{Error, Result};
use candle_core::{CpuStorage, CustomOp1, Layout, Shape, Tensor};
use rayon::prelude::*;
use std::ops::Range;

/// Cuts frames into square patches: (B, C, H, W) in, (B, H/p, W/p, p·p·C) out,
/// a patch's values in the order (row, column, channel). Frames (B, T, C, H, W) are
/// seen as one of T·C channels.
///
/// Fails if `patch` does not divide H and W, on other shapes, and on a dtype
/// that is not a float. [`unpatchify`] is its inverse.
pub fn patchify(frames: &Tensor, patch: usize) -> Result<Tensor> {
    let name = "patchify";
    alike(name, &[("frames", frames)])?;
    let (channels, height, width) = match *frames.dims() {
        [_, channels, height, width] => (channels, height, width),
        [_, time, channels, height, width] => (time * channels, height, width),
        _ => {
            let expected = "(B, C, H, W) or (B, T, C, H, W)";
            return Err(wrong_shape(name, "frames", frames, expected));
        }
    };
    if patch == 0 || height % patch != 0 || width % patch != 0 {
        return Err(Error::input(
            format!("{name}: patch"),
            format!("{patch} does not divide frames of {height}×{width}"),
            "choose a divisor of both, or resize the frames",
        ));
    }
    let grid = Grid {
        channels,
        rows: height / patch,
        columns: width / patch,
        patch,
    };
    if fused(frames) {
        // Frames that are whole in themselves may lie apart.
        let frames = match whole_frames(frames.layout()) {
            Some(_) => frames.clone(),
            None => frames.contiguous()?,
        };
        return Ok(frames.apply_op1(Patchify(grid))?);
    }
    grid.composed_patchify(frames)
}

/// Puts patches together to frames: (B, h, w, p·p·C) in, (B, C, h·p, w·p) out.
///
/// Fails on other shapes and on a dtype that is not a float. The inverse of
/// [`patchify`].
pub fn unpatchify(tokens: &Tensor, patch: usize, channels: usize) -> Result<Tensor> {
    let name = "unpatchify";
    alike(name, &[("tokens", tokens)])?;
    let grid = match tokens.dims() {
        &[_, rows, columns, size] if size > 0 && size == patch * patch * channels => Grid {
            channels,
            rows,
            columns,
            patch,
        },
        _ => {
            let expected = format!(
                "(B, h, w, {}) for patches of {patch}×{patch} and {channels} channels",
                patch * patch * channels
            );
            return Err(wrong_shape(name, "tokens", tokens, expected));
        }
    };
    if fused(tokens) {
        return Ok(tokens.contiguous()?.apply_op1(Unpatchify(grid))?);
    }
    grid.composed_unpatchify(tokens)
}

/// From one frame to the next where each frame's values lie in order.
fn whole_frames(layout: &Layout) -> Option<usize> {
    let (dims, stride) = (layout.dims(), layout.stride());
    let mut dense = 1;
    let inner = dims[1..].iter().zip(&stride[1..]).rev();
    let whole = inner.fold(true, |whole, (&side, &step)| {
        let in_order = step == dense;
        dense *= side;
        whole && in_order
    });
    (whole && dims[0] > 0).then_some(stride[0])
}

/// A frame as a grid of patches.
#[derive(Debug, Clone, Copy)]
struct Grid {
    channels: usize,
    rows: usize,
    columns: usize,
    patch: usize,
}

impl Grid {
    fn frames(self, batch: usize) -> [usize; 4] {
        let (height, width) = (self.rows * self.patch, self.columns * self.patch);
        [batch, self.channels, height, width]
    }

    fn tokens(self, batch: usize) -> [usize; 4] {
        let size = self.patch * self.patch * self.channels;
        [batch, self.rows, self.columns, size]
    }

    fn composed_patchify(self, frames: &Tensor) -> Result<Tensor> {
        let batch = frames.dim(0)?;
        let split: Shape = vec![
            batch,
            self.channels,
            self.rows,
            self.patch,
            self.columns,
            self.patch,
        ]
        .into();
        let moved = frames
            .reshape(split)?
            .permute([0, 2, 4, 3, 5, 1].to_vec())?;
        Ok(moved.contiguous()?.reshape(self.tokens(batch).to_vec())?)
    }

    fn composed_unpatchify(self, tokens: &Tensor) -> Result<Tensor> {
        let batch = tokens.dim(0)?;
        let split: Shape = vec![
            batch,
            self.rows,
            self.columns,
            self.patch,
            self.patch,
            self.channels,
        ]
        .into();
        let moved = tokens
            .reshape(split)?
            .permute([0, 5, 1, 3, 2, 4].to_vec())?;
        Ok(moved.contiguous()?.reshape(self.frames(batch).to_vec())?)
    }

    /// Calls `each(line, place)` for each row of pixels of one frame: `line`
    /// is the frame's row in each channel, and the tokens of its first patch
    /// hold it from `place` on.
    fn lines(self, mut each: impl FnMut(usize, usize)) {
        let size = self.patch * self.patch * self.channels;
        for row in 0..self.rows {
            for y in 0..self.patch {
                let place = row * self.columns * size + y * self.patch * self.channels;
                each(row * self.patch + y, place);
            }
        }
    }

    /// Where channel `channel` has row `line` in a frame.
    fn line(self, channel: usize, line: usize) -> Range<usize> {
        let width = self.columns * self.patch;
        let first = (channel * self.rows * self.patch + line) * width;
        first..first + width
    }

    /// Of one row of pixels: its values in the tokens, and where they lie in a
    /// buffer (channels, width).
    fn runs(self, place: usize, mut each: impl FnMut(usize, usize)) {
        let size = self.patch * self.patch * self.channels;
        for column in 0..self.columns {
            for x in 0..self.patch {
                let token = place + column * size + x * self.channels;
                each(token, column * self.patch + x);
            }
        }
    }

    /// Rows of pixels are first brought together from all channels: frames of
    /// a power of two would otherwise meet in the same lines of the cache.
    fn to_tokens(self, frames: &[f32], places: (usize, usize)) -> Vec<f32> {
        let (channels, width) = (self.channels, self.columns * self.patch);
        self.each_frame(frames, places, |frame, out| {
            let mut rows = vec![0f32; channels * width];
            self.lines(|line, place| {
                for (channel, row) in rows.chunks_exact_mut(width.max(1)).enumerate() {
                    row.copy_from_slice(&frame[self.line(channel, line)]);
                }
                self.runs(place, |token, pixel| {
                    let pixels = rows[pixel..].iter().step_by(width);
                    for (out, &value) in out[token..token + channels].iter_mut().zip(pixels) {
                        *out = value;
                    }
                });
            });
        })
    }

    fn to_frames(self, tokens: &[f32]) -> Vec<f32> {
        let (channels, width) = (self.channels, self.columns * self.patch);
        self.each_frame(tokens, self.dense(tokens), |frame, out| {
            let mut rows = vec![0f32; channels * width];
            self.lines(|line, place| {
                self.runs(place, |token, pixel| {
                    let pixels = rows[pixel..].iter_mut().step_by(width);
                    for (row, &value) in pixels.zip(&frame[token..token + channels]) {
                        *row = value;
                    }
                });
                for (channel, row) in rows.chunks_exact(width.max(1)).enumerate() {
                    out[self.line(channel, line)].copy_from_slice(row);
                }
            });
        })
    }

    /// Of frames (or their tokens) that start `apart` values after each other.
    fn each_frame(
        self,
        values: &[f32],
        (batch, apart): (usize, usize),
        f: impl Fn(&[f32], &mut [f32]) + Sync + Send,
    ) -> Vec<f32> {
        let size = self.frames(1).iter().product::<usize>();
        let run = |out: Parts| {
            (0..batch).into_par_iter().for_each(|i| {
                // SAFETY: each frame has its own part.
                let out = unsafe { out.part(i * size, size) };
                f(&values[i * apart..i * apart + size], out);
            });
        };
        filled(batch * size, run)
    }

    /// Frames that lie side by side: how many, and how far apart.
    fn dense(self, values: &[f32]) -> (usize, usize) {
        let size = self.frames(1).iter().product::<usize>();
        (values.len() / size.max(1), size)
    }
}

struct Patchify(Grid);

impl CustomOp1 for Patchify {
    fn name(&self) -> &'static str {
        "patchify"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let tokens = match (whole_frames(layout), storage) {
            (Some(apart), CpuStorage::F32(all)) => {
                let frames = &all[layout.start_offset()..];
                self.0.to_tokens(frames, (layout.dims()[0], apart))
            }
            _ => {
                let frames = values(storage, layout)?;
                self.0.to_tokens(frames, self.0.dense(frames))
            }
        };
        let shape = self.0.tokens(layout.dims()[0]).to_vec();
        Ok((CpuStorage::F32(tokens), shape.into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let gradient = read(g, |g| self.0.to_frames(g))?;
        Ok(Some(tensor(gradient, x.shape())?))
    }
}

struct Unpatchify(Grid);

impl CustomOp1 for Unpatchify {
    fn name(&self) -> &'static str {
        "unpatchify"
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let frames = self.0.to_frames(values(storage, layout)?);
        let shape = self.0.frames(layout.dims()[0]).to_vec();
        Ok((CpuStorage::F32(frames), shape.into()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, g: &Tensor) -> candle_core::Result<Option<Tensor>> {
        let gradient = read(g, |g| self.0.to_tokens(g, self.0.dense(g)))?;
        Ok(Some(tensor(gradient, x.shape())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{agree, bits, empty, fails, normal};
    use candle_core::Device;

    #[test]
    fn fused_and_composed_agree() {
        for (batch, channels, rows, columns, patch) in
            [(1, 1, 1, 1, 1), (1, 3, 2, 3, 2), (3, 2, 1, 2, 3)]
        {
            let grid = Grid {
                channels,
                rows,
                columns,
                patch,
            };
            agree(
                &[normal(&grid.frames(batch), 1)],
                |x| patchify(&x[0], patch),
                |x| grid.composed_patchify(&x[0]),
            );
            agree(
                &[normal(&grid.tokens(batch), 1)],
                |x| unpatchify(&x[0], patch, channels),
                |x| grid.composed_unpatchify(&x[0]),
            );
        }
    }

    #[test]
    fn a_patch_is_row_column_channel() {
        // Channel c of pixel (y, x) holds 100 c + 10 y + x.
        let values = (0..2 * 2 * 4).map(|i| (i / 8 * 100 + i / 4 % 2 * 10 + i % 4) as f32);
        let frames = Tensor::from_iter(values, &Device::Cpu).unwrap();
        let frames = frames.reshape((1, 2, 2, 4)).unwrap();
        let tokens = patchify(&frames, 2).unwrap();
        assert_eq!(tokens.dims(), [1, 1, 2, 8]);
        let second: Vec<f32> = tokens
            .flatten_to(2)
            .unwrap()
            .get(1)
            .unwrap()
            .to_vec1()
            .unwrap();
        assert_eq!(second, [2.0, 102.0, 3.0, 103.0, 12.0, 112.0, 13.0, 113.0]);
        let back = unpatchify(&tokens, 2, 2).unwrap();
        assert_eq!(bits(&back), bits(&frames));
    }

    #[test]
    fn times_are_channels() {
        let film = normal(&[2, 5, 3, 4, 6], 1);
        // Seen where it lies, and as a copy.
        let some = film.narrow(1, 1, 3).unwrap();
        let flat = some.contiguous().unwrap().flatten(1, 2).unwrap();
        let [found, truth] = [&some, &flat].map(|x| patchify(x, 2).unwrap());
        assert_eq!(found.dims(), [2, 2, 3, 36]);
        assert_eq!(bits(&found), bits(&truth));
        let grid = Grid {
            channels: 9,
            rows: 2,
            columns: 3,
            patch: 2,
        };
        agree(
            &[some.contiguous().unwrap()],
            |x| patchify(&x[0], 2),
            |x| grid.composed_patchify(&x[0]),
        );
    }

    #[test]
    fn edges() {
        empty(&[normal(&[0, 3, 4, 6], 1)], &[0, 2, 3, 12], |x| {
            patchify(&x[0], 2)
        });
        empty(&[normal(&[0, 2, 3, 12], 1)], &[0, 3, 4, 6], |x| {
            unpatchify(&x[0], 2, 3)
        });
        let x = normal(&[1, 3, 4, 6], 1);
        fails(
            patchify(&x, 4),
            &["patchify: patch", "4 does not divide", "4×6"],
        );
        fails(patchify(&x, 0), &["patchify: patch", "0 does not divide"]);
        fails(
            unpatchify(&x, 2, 3),
            &["unpatchify: tokens", "[1, 3, 4, 6]", "12"],
        );
    }
}
