//! What the fused kernels share: access to values, fixed chunks, vector code
//! chosen at run time, and reductions whose order never changes.

use candle_core::{CpuStorage, Device, Layout, Result, Shape, Storage, Tensor};
use rayon::prelude::*;
use std::ops::Range;

/// The values of a contiguous f32 storage.
pub(super) fn values<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(all) = storage else {
        candle_core::bail!("a fused kernel needs f32")
    };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&all[start..end]),
        None => candle_core::bail!("a fused kernel needs a contiguous layout, got {layout:?}"),
    }
}

/// Hands the values of an f32 tensor on the CPU to `f`.
pub(super) fn read<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(f(values(storage, layout)?)),
        _ => candle_core::bail!("a fused kernel needs a tensor on the CPU"),
    }
}

/// A tensor on the CPU of these values.
pub(super) fn tensor(values: Vec<f32>, shape: impl Into<Shape>) -> Result<Tensor> {
    Tensor::from_vec(values, shape.into(), &Device::Cpu)
}

/// A buffer that several tasks write to, each to a part of its own.
#[derive(Clone, Copy)]
pub(super) struct Parts(*mut f32);

// SAFETY: it is only a place; what `part` and `at` hand out they put on the
// caller: that no two tasks share a part.
unsafe impl Send for Parts {}
// SAFETY: as above.
unsafe impl Sync for Parts {}

impl Parts {
    pub(super) fn of(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr())
    }

    /// # Safety
    /// The range lies in the buffer, which outlives the slice, and nothing else
    /// touches it meanwhile. It may be [`unwritten`]: write before reading.
    pub(super) unsafe fn part<'a>(self, start: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }

    /// # Safety
    /// `start` lies in the buffer or at its end, and nothing else touches what is
    /// read or written from there meanwhile.
    pub(super) unsafe fn at(self, start: usize) -> *mut f32 {
        // SAFETY: the caller's promise.
        unsafe { self.0.add(start) }
    }
}

/// A buffer of `len` values that `write` fills; what it leaves out has any value.
pub(super) fn filled(len: usize, write: impl FnOnce(Parts)) -> Vec<f32> {
    let mut buffer = unwritten(len);
    write(Parts::of(&mut buffer));
    buffer
}

/// `len` values, whatever was there before: clearing what will be overwritten
/// costs a pass over the memory.
///
/// To Rust, new memory holds no values at all, and there may be no slice of such.
/// What an assembler block was given may have been written by it, though, so it
/// holds some, if nobody knows which; an empty block is enough.
pub(super) fn unwritten(len: usize) -> Vec<f32> {
    #[cfg(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri)))]
    {
        let mut buffer: Vec<f32> = Vec::with_capacity(len);
        // SAFETY: the block does nothing. All bits are values of f32, and the
        // capacity is `len`.
        unsafe {
            std::arch::asm!("/* {0} */", in(reg) buffer.as_mut_ptr(), options(nostack, preserves_flags));
            buffer.set_len(len);
        }
        buffer
    }
    #[cfg(not(all(any(target_arch = "x86_64", target_arch = "aarch64"), not(miri))))]
    vec![0.0; len]
}

/// How many items a task takes: at least `least`, at most 64 tasks. It depends
/// on the sizes alone, never on the threads, and so do the bits of a result.
fn step(items: usize, least: usize) -> usize {
    items.div_ceil(64).max(least).max(1)
}

/// Runs `f` on consecutive ranges of `0..items`, in parallel.
pub(super) fn ranges(items: usize, least: usize, f: impl Fn(Range<usize>) + Sync + Send) {
    let step = step(items, least);
    if items <= step {
        if items > 0 {
            f(0..items);
        }
        return;
    }
    (0..items.div_ceil(step))
        .into_par_iter()
        .for_each(|i| f(i * step..items.min((i + 1) * step)));
}

/// A buffer of `rows` × `width` values; `f` gets a range of rows and their place,
/// and writes all of it.
pub(super) fn by_rows(
    rows: usize,
    width: usize,
    f: impl Fn(Range<usize>, &mut [f32]) + Sync + Send,
) -> Vec<f32> {
    let write = |parts: Parts| {
        ranges(rows, 16384 / width.max(1), |range| {
            // SAFETY: ranges are disjoint and lie in the buffer.
            let place = unsafe { parts.part(range.start * width, range.len() * width) };
            f(range, place);
        });
    };
    filled(rows * width, write)
}

/// Sums what `f` adds to a zeroed buffer of `width` values for each of a fixed
/// set of row ranges; partial sums are added in the order of the rows.
pub(super) fn reduced(
    rows: usize,
    width: usize,
    f: impl Fn(Range<usize>, &mut [f32]) + Sync + Send,
) -> Vec<f32> {
    let step = rows.div_ceil(16).max(16384 / width.max(1)).max(1);
    let partial = |i: usize| {
        let mut sum = vec![0f32; width];
        f(i * step..rows.min((i + 1) * step), &mut sum);
        sum
    };
    let count = rows.div_ceil(step);
    if count <= 1 {
        return if count == 1 {
            partial(0)
        } else {
            vec![0f32; width]
        };
    }
    let sums: Vec<Vec<f32>> = (0..count).into_par_iter().map(partial).collect();
    in_order(sums, width)
}

/// The sum of buffers of `width` values, added in their order.
pub(super) fn in_order(sums: Vec<Vec<f32>>, width: usize) -> Vec<f32> {
    let mut sums = sums.into_iter();
    let mut total = sums.next().unwrap_or_else(|| vec![0f32; width]);
    for sum in sums {
        for (total, value) in total.iter_mut().zip(sum) {
            *total += value;
        }
    }
    total
}

/// The vector instructions of this machine.
#[cfg(target_arch = "x86_64")]
pub(super) enum Instructions {
    Avx512,
    Avx2,
    Plain,
}

#[cfg(target_arch = "x86_64")]
pub(super) fn instructions() -> Instructions {
    if !(is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")) {
        Instructions::Plain
    } else if is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512bw")
    {
        Instructions::Avx512
    } else {
        Instructions::Avx2
    }
}

/// Compiles a function for AVX-512, for AVX2 with FMA and for the build's own
/// target, and picks one at each call. In its body `FMA` says whether fused
/// multiply-add is an instruction (without one, `mul_add` would call libm).
macro_rules! simd {
    ($(#[$meta:meta])* $vis:vis fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $out:ty)? $body:block) => {
        $(#[$meta])*
        $vis fn $name($($arg: $type),*) $(-> $out)? {
            #[inline(always)]
            fn body<const FMA: bool>($($arg: $type),*) $(-> $out)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
                fn avx512($($arg: $type),*) $(-> $out)? {
                    body::<true>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn avx2($($arg: $type),*) $(-> $out)? {
                    body::<true>($($arg),*)
                }
                use $crate::ops::kernel::{Instructions, instructions};
                match instructions() {
                    // SAFETY: this machine has these instructions.
                    Instructions::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: as above.
                    Instructions::Avx2 => return unsafe { avx2($($arg),*) },
                    Instructions::Plain => {}
                }
            }
            body::<{ cfg!(any(target_arch = "aarch64", target_feature = "fma")) }>($($arg),*)
        }
    };
}
pub(super) use simd;

/// a·b + c.
#[inline(always)]
pub(super) fn multiply_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// eˣ within about 2 ulp, without a branch so that it becomes vector code.
/// x is clamped to [-87, 88]: never 0, never infinite. (Range reduction to
/// |r| ≤ ln 2 / 2 and the polynomial of Cephes' expf, S. L. Moshier.)
#[inline(always)]
pub(super) fn exp<const FMA: bool>(x: f32) -> f32 {
    // Adding 1.5·2²³ rounds to the nearest integer and leaves it in the low bits.
    const MAGIC: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = multiply_add::<FMA>(x, std::f32::consts::LOG2_E, MAGIC);
    let n = shifted - MAGIC;
    // ln 2 in two parts: the first has few bits, so n times it is exact.
    let r = multiply_add::<FMA>(n, -0.693_359_4, x);
    let r = multiply_add::<FMA>(n, 2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4;
    for coefficient in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        p = multiply_add::<FMA>(p, r, coefficient);
    }
    let y = multiply_add::<FMA>(p, r * r, r + 1.0);
    let exponent = shifted.to_bits().wrapping_sub(MAGIC.to_bits());
    y * f32::from_bits(exponent.wrapping_add(127) << 23)
}

/// Folds a slice in 32 lanes, then the lanes: `f` is associative.
#[inline(always)]
pub(super) fn lanes(x: &[f32], start: f32, f: impl Fn(f32, f32) -> f32 + Copy) -> f32 {
    let mut lanes = [start; 32];
    let chunks = x.chunks_exact(32);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane = f(*lane, value);
    }
    halved(lanes, f)
}

/// Folds lanes, half with half: few steps that wait for each other.
#[inline(always)]
pub(super) fn halved<const N: usize>(
    mut lanes: [f32; N],
    f: impl Fn(f32, f32) -> f32 + Copy,
) -> f32 {
    let mut half = N / 2;
    while half > 0 {
        for i in 0..half {
            lanes[i] = f(lanes[i], lanes[i + half]);
        }
        half /= 2;
    }
    lanes[0]
}

/// Folds two slices of one length into a sum in 32 lanes: `f(sum, x, y)`.
#[inline(always)]
pub(super) fn lanes2(x: &[f32], y: &[f32], f: impl Fn(f32, f32, f32) -> f32 + Copy) -> f32 {
    let mut lanes = [0f32; 32];
    let (x, y) = (x.chunks_exact(32), y.chunks_exact(32));
    let rest = x.remainder().iter().zip(y.remainder());
    for (x, y) in x.zip(y) {
        for ((lane, &x), &y) in lanes.iter_mut().zip(x).zip(y) {
            *lane = f(*lane, x, y);
        }
    }
    for (lane, (&x, &y)) in lanes.iter_mut().zip(rest) {
        *lane = f(*lane, x, y);
    }
    halved(lanes, |a, b| a + b)
}

/// Σ x·y.
#[inline(always)]
pub(super) fn dot<const FMA: bool>(x: &[f32], y: &[f32]) -> f32 {
    lanes2(x, y, |sum, x, y| multiply_add::<FMA>(x, y, sum))
}

/// The larger; a NaN on the left gives the right one.
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

simd! {
    /// Adds each row of `rows` to `sum`, whose length is a row's.
    fn add_rows(rows: &[f32], sum: &mut [f32]) {
        for row in rows.chunks_exact(sum.len()) {
            for (sum, value) in sum.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

/// The sum over rows of `width` values.
pub(super) fn column_sum(values: &[f32], width: usize) -> Vec<f32> {
    reduced(values.len() / width, width, |rows, sum| {
        add_rows(&values[rows.start * width..rows.end * width], sum);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_exact_to_a_few_ulp() {
        simd! {
            fn all(x: &[f32], y: &mut [f32]) {
                for (y, &x) in y.iter_mut().zip(x) {
                    *y = exp::<FMA>(x);
                }
            }
        }
        let x: Vec<f32> = (-87_000..=88_000).map(|i| i as f32 / 1000.0).collect();
        let mut y = vec![0f32; x.len()];
        all(&x, &mut y);
        let plain = x.iter().map(|&x| exp::<false>(x));
        for ((&x, y), plain) in x.iter().zip(y).zip(plain) {
            let exact = f64::from(x).exp();
            for y in [y, plain] {
                assert!((f64::from(y) / exact - 1.0).abs() < 3e-7, "exp({x}) = {y}");
            }
        }
        assert!(exp::<false>(f32::NAN).is_nan());
        assert!(exp::<false>(f32::INFINITY).is_finite());
        assert!(exp::<false>(f32::NEG_INFINITY) < 1e-37);
    }

    #[test]
    fn reductions_do_not_depend_on_threads() {
        let values: Vec<f32> = (0..300_000).map(|i| (i as f32).sin()).collect();
        let sums = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            let sum = || column_sum(&values, 3);
            pool.build().unwrap().install(sum)
        };
        assert_eq!(sums(1), sums(3));
        let exact: f64 = values.iter().step_by(3).map(|&v| f64::from(v)).sum();
        assert!((f64::from(sums(1)[0]) - exact).abs() < 1e-2);
    }
}
