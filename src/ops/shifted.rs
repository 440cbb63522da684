//! Sums of pictures shifted as wholes, and what a solver over the shifts needs.
//!
//! S_d moves a picture by d = (down, right), up to a reach each way: (S_d o)[p] =
//! o[p − d], and what comes in over the border is 0. Shifts are numbered row by row,
//! (down + reach)·(2·reach + 1) + right + reach, as [`shifts`] counts them.

use super::check::{alike, fused, wrong_shape};
use super::kernel::{Parts, dot, filled, multiply_add, read, simd, tensor, values};
use super::product::{Matrix, multiply};
use super::transport::shifts;
use crate::error::Result;
use candle_core::{CpuStorage, CustomOp2, Layout, Shape, Tensor};
use rayon::prelude::*;

/// Σ_k Σ_d `z_kd` S_d `o_k` for each example: objects (B, K, C, H, W) and z (B, K, D)
/// in, D = [`shifts`]`(reach)`, (B, C, H, W) out. Of a z that is 0 nothing is computed,
/// so one-hots cost one addition an object.
///
/// Fails on other shapes and on a dtype that is not a float or not the same.
pub fn shifted_sum(objects: &Tensor, z: &Tensor, reach: usize) -> Result<Tensor> {
    let name = "shifted_sum";
    alike(name, &[("objects", objects), ("z", z)])?;
    let along = Along::of(name, objects, reach)?;
    if z.dims() != [along.batch, along.count, shifts(reach)] {
        let expected = format!("({}, {}, {})", along.batch, along.count, shifts(reach));
        return Err(wrong_shape(name, "z", z, expected));
    }
    if fused(objects) {
        let (objects, z) = (objects.contiguous()?, z.contiguous()?);
        return Ok(objects.apply_op2(&z, ShiftedSum(along))?);
    }
    composed_sum(objects, z, along)
}

/// ⟨S_d `o_k`, y⟩ for each example, object and shift: objects (B, K, C, H, W) and y
/// (B, C, H, W) in, (B, K, D) out. Nothing of it is tracked.
///
/// Fails on other shapes and on a dtype that is not a float or not the same.
pub fn shifted_products(objects: &Tensor, y: &Tensor, reach: usize) -> Result<Tensor> {
    let name = "shifted_products";
    alike(name, &[("objects", objects), ("y", y)])?;
    let along = Along::of(name, objects, reach)?;
    if y.dims() != [along.batch, along.channels, along.height, along.width] {
        let (batch, channels) = (along.batch, along.channels);
        let expected = format!("({batch}, {channels}, {}, {})", along.height, along.width);
        return Err(wrong_shape(name, "y", y, expected));
    }
    let (objects, y) = (objects.detach(), y.detach());
    if fused(&objects) {
        let products = read(&objects, |o| read(&y, |y| along.products(o, y)))??;
        return Ok(tensor(products, (along.batch, along.count, shifts(reach)))?);
    }
    composed_products(&objects, &y, along)
}

/// ⟨S_d `o_k`, S_e `o_l`⟩ for each example and all pairs: objects (B, K, C, H, W) in,
/// (B, K·D, K·D) out. Nothing of it is tracked.
///
/// Fails on other shapes and on a dtype that is not a float.
pub fn shifted_gram(objects: &Tensor, reach: usize) -> Result<Tensor> {
    let name = "shifted_gram";
    alike(name, &[("objects", objects)])?;
    let along = Along::of(name, objects, reach)?;
    let objects = objects.detach();
    if fused(&objects) {
        let side = along.count * shifts(reach);
        let gram = read(&objects, |o| along.gram(o))?;
        return Ok(tensor(gram, (along.batch, side, side))?);
    }
    let copies = along.copies(&objects)?;
    Ok(copies.matmul(&copies.t()?.contiguous()?)?)
}

/// Objects' sizes, and how far they move.
#[derive(Debug, Clone, Copy)]
struct Along {
    batch: usize,
    count: usize,
    channels: usize,
    height: usize,
    width: usize,
    reach: usize,
}

/// The pixels a shift keeps along one axis: so many, from the first on where they go to
/// and from the second on where they come from.
fn kept(shift: isize, length: usize) -> (usize, usize, usize) {
    let away = shift.unsigned_abs().min(length);
    let (to, from) = if shift > 0 { (away, 0) } else { (0, away) };
    (length - away, to, from)
}

impl Along {
    fn of(name: &str, objects: &Tensor, reach: usize) -> Result<Self> {
        match *objects.dims() {
            [batch, count, channels, height, width] => Ok(Self {
                batch,
                count,
                channels,
                height,
                width,
                reach,
            }),
            _ => Err(wrong_shape(name, "objects", objects, "(B, K, C, H, W)")),
        }
    }

    /// Values of a picture.
    fn pixels(self) -> usize {
        self.channels * self.height * self.width
    }

    /// All shifts, down and right, in their order.
    fn all(self) -> impl Iterator<Item = (isize, isize)> {
        let reach = self.reach as isize;
        (-reach..=reach).flat_map(move |down| (-reach..=reach).map(move |right| (down, right)))
    }

    /// Calls `f(to, from, count)` for each run of pixels that a shift keeps: where it
    /// goes to, where it comes from.
    fn runs(self, (down, right): (isize, isize), mut f: impl FnMut(usize, usize, usize)) {
        let (rows, to_row, from_row) = kept(down, self.height);
        let (columns, to_column, from_column) = kept(right, self.width);
        for channel in 0..self.channels {
            let first = channel * self.height;
            for row in 0..rows {
                let to = (first + to_row + row) * self.width + to_column;
                let from = (first + from_row + row) * self.width + from_column;
                f(to, from, columns);
            }
        }
    }

    /// Σ of shifted pictures: `back` shifts by −d.
    fn add(self, picture: &[f32], weights: &[f32], back: bool, sum: &mut [f32]) {
        for (shift, &weight) in self.all().zip(weights) {
            if weight == 0.0 {
                continue;
            }
            self.runs(shift, |to, from, count| {
                let (to, from) = if back { (from, to) } else { (to, from) };
                add_times(
                    &picture[from..from + count],
                    weight,
                    &mut sum[to..to + count],
                );
            });
        }
    }

    fn sum(self, objects: &[f32], z: &[f32]) -> Vec<f32> {
        let (pixels, shifts) = (self.pixels(), shifts(self.reach));
        let write = |out: Parts| {
            (0..self.batch).into_par_iter().for_each(|example| {
                // SAFETY: each example has its own part.
                let sum = unsafe { out.part(example * pixels, pixels) };
                sum.fill(0.0);
                for object in example * self.count..(example + 1) * self.count {
                    let picture = &objects[object * pixels..][..pixels];
                    self.add(picture, &z[object * shifts..][..shifts], false, sum);
                }
            });
        };
        filled(self.batch * pixels, write)
    }

    /// What goes back to objects.
    fn back(self, gradient: &[f32], z: &[f32]) -> Vec<f32> {
        let (pixels, shifts) = (self.pixels(), shifts(self.reach));
        let write = |out: Parts| {
            let all = (0..self.batch * self.count).into_par_iter();
            all.for_each(|object| {
                // SAFETY: each object has its own part.
                let sum = unsafe { out.part(object * pixels, pixels) };
                sum.fill(0.0);
                let gradient = &gradient[object / self.count * pixels..][..pixels];
                self.add(gradient, &z[object * shifts..][..shifts], true, sum);
            });
        };
        filled(self.batch * self.count * pixels, write)
    }

    fn products(self, objects: &[f32], y: &[f32]) -> Vec<f32> {
        let (pixels, shifts) = (self.pixels(), shifts(self.reach));
        let write = |out: Parts| {
            let all = (0..self.batch * self.count).into_par_iter();
            all.for_each(|object| {
                // SAFETY: each object has its own part.
                let products = unsafe { out.part(object * shifts, shifts) };
                let picture = &objects[object * pixels..][..pixels];
                let y = &y[object / self.count * pixels..][..pixels];
                for (shift, product) in self.all().zip(products) {
                    let mut sum = 0f32;
                    self.runs(shift, |to, from, count| {
                        sum += inner(&picture[from..from + count], &y[to..to + count]);
                    });
                    *product = sum;
                }
            });
        };
        filled(self.batch * self.count * shifts, write)
    }

    fn gram(self, objects: &[f32]) -> Vec<f32> {
        let (pixels, side) = (self.pixels(), self.count * shifts(self.reach));
        // One task a thread, with one scratch for the shifted pictures.
        let share = (self.batch.div_ceil(rayon::current_num_threads())).max(1);
        let write = |out: Parts| {
            let tasks = (0..self.batch.div_ceil(share)).into_par_iter();
            tasks.for_each(|task| {
                let mut copies = vec![0f32; side * pixels];
                for example in task * share..self.batch.min((task + 1) * share) {
                    let own = &objects[example * self.count * pixels..][..self.count * pixels];
                    copies.fill(0.0);
                    let mut places = copies.chunks_exact_mut(pixels.max(1));
                    for picture in own.chunks_exact(pixels.max(1)) {
                        for (shift, place) in self.all().zip(&mut places) {
                            self.runs(shift, |to, from, count| {
                                place[to..to + count].copy_from_slice(&picture[from..][..count]);
                            });
                        }
                    }
                    let copies = Matrix::rows(&copies, pixels);
                    // SAFETY: each example has its own part, of these sizes.
                    unsafe {
                        let out = out.at(example * side * side);
                        multiply(side, side, pixels, out, side, false, copies, copies.t());
                    }
                }
            });
        };
        filled(self.batch * side * side, write)
    }

    /// All shifted pictures, (B, K·D, C·H·W), of candle's own operations.
    fn copies(self, objects: &Tensor) -> Result<Tensor> {
        let along = |x: &Tensor, axis: usize, shift: isize| -> Result<Tensor> {
            let (count, to, from) = kept(shift, x.dim(axis)?);
            let rest = x.dim(axis)? - count;
            if rest == 0 {
                return Ok(x.clone());
            }
            let mut dims = x.dims().to_vec();
            dims[axis] = rest;
            let none = Tensor::zeros(dims, x.dtype(), x.device())?;
            let kept = x.narrow(axis, from, count)?;
            let parts = if to > 0 { [none, kept] } else { [kept, none] };
            Ok(Tensor::cat(&parts, axis)?)
        };
        let shifted = |(down, right)| -> Result<Tensor> {
            Ok(along(&along(objects, 3, down)?, 4, right)?.unsqueeze(2)?)
        };
        let copies: Vec<Tensor> = self.all().map(shifted).collect::<Result<_>>()?;
        let rows = self.count * shifts(self.reach);
        Ok(Tensor::cat(&copies, 2)?.reshape((self.batch, rows, self.pixels()))?)
    }
}

fn composed_sum(objects: &Tensor, z: &Tensor, along: Along) -> Result<Tensor> {
    let rows = along.count * shifts(along.reach);
    let sum = (z.reshape((along.batch, 1, rows))?).matmul(&along.copies(objects)?)?;
    Ok(sum.reshape((along.batch, along.channels, along.height, along.width))?)
}

fn composed_products(objects: &Tensor, y: &Tensor, along: Along) -> Result<Tensor> {
    let y = y.contiguous()?.reshape((along.batch, along.pixels(), 1))?;
    let products = along.copies(objects)?.matmul(&y)?;
    Ok(products.reshape((along.batch, along.count, shifts(along.reach)))?)
}

simd! {
    /// sum + weight · x.
    fn add_times(x: &[f32], weight: f32, sum: &mut [f32]) {
        for (sum, &x) in sum.iter_mut().zip(x) {
            *sum = multiply_add::<FMA>(weight, x, *sum);
        }
    }
}

simd! {
    fn inner(x: &[f32], y: &[f32]) -> f32 {
        dot::<FMA>(x, y)
    }
}

struct ShiftedSum(Along);

impl CustomOp2 for ShiftedSum {
    fn name(&self) -> &'static str {
        "shifted_sum"
    }

    fn cpu_fwd(
        &self,
        objects: &CpuStorage,
        layout: &Layout,
        z: &CpuStorage,
        z_layout: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        let along = self.0;
        let sum = along.sum(values(objects, layout)?, values(z, z_layout)?);
        let shape = (along.batch, along.channels, along.height, along.width);
        Ok((CpuStorage::F32(sum), shape.into()))
    }

    fn bwd(
        &self,
        objects: &Tensor,
        z: &Tensor,
        _sum: &Tensor,
        g: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let to_objects = match objects.track_op() {
            true => {
                let back = read(g, |g| read(z, |z| self.0.back(g, z)))??;
                Some(tensor(back, objects.shape())?)
            }
            false => None,
        };
        let to_z = match z.track_op() {
            true => {
                let products = read(objects, |o| read(g, |g| self.0.products(o, g)))??;
                Some(tensor(products, z.shape())?)
            }
            false => None,
        };
        Ok((to_objects, to_z))
    }
}

#[cfg(test)]
mod tests;
