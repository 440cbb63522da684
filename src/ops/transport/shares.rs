//! The shares of a patch's copies: softmax(ℓ).

use super::super::kernel::{exp, halved, larger, multiply_add};
use super::moved::WIDEST;

/// A smaller share counts as none. What is made of such, and its square, may be
/// too small for normal numbers, and a processor can take a hundred times as
/// long over these.
const LEAST: f32 = 1e-10;

/// softmax(ℓ) into `row`, of [`super::Moved::wide`], with zeros after the last copy.
#[inline(always)]
pub(super) fn shares<const FMA: bool>(logits: &[f32], row: &mut [f32]) {
    let count = logits.len();
    row[..count].copy_from_slice(logits);
    row[count..].fill(f32::NEG_INFINITY);
    let mut most = [f32::NEG_INFINITY; WIDEST];
    for x in parts(row) {
        for (most, &x) in most.iter_mut().zip(x) {
            *most = larger(x, *most);
        }
    }
    let shift = halved(most, larger);
    for x in parts_mut(row) {
        for x in x {
            *x = exp::<FMA>(*x - shift);
        }
    }
    row[count..].fill(0.0);
    let share = 1.0 / sum(row);
    for x in parts_mut(row) {
        for x in x {
            let found = *x * share;
            *x = if found < LEAST { 0.0 } else { found };
        }
    }
}

/// Rows of whole vectors as such.
#[inline(always)]
fn parts(row: &[f32]) -> &[[f32; WIDEST]] {
    row.as_chunks().0
}

#[inline(always)]
pub(super) fn parts_mut(row: &mut [f32]) -> &mut [[f32; WIDEST]] {
    row.as_chunks_mut().0
}

#[inline(always)]
fn sum(row: &[f32]) -> f32 {
    let mut sums = [0f32; WIDEST];
    for x in parts(row) {
        for (sum, x) in sums.iter_mut().zip(x) {
            *sum += x;
        }
    }
    halved(sums, |a, b| a + b)
}

/// Σ a·b of rows of whole vectors.
#[inline(always)]
pub(super) fn product<const FMA: bool>(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; WIDEST];
    for (a, b) in parts(a).iter().zip(parts(b)) {
        for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
            *sum = multiply_add::<FMA>(a, b, *sum);
        }
    }
    halved(sums, |a, b| a + b)
}
