//! The squared error of a mixture of moved copies as a quadratic in what tilts
//! the shares.

use super::super::kernel::{Parts, dot};
use super::super::overlap::Overlap;
use super::super::vector::{self, Kernel, Vector};
use super::blend::{Blend, overlaps};
use super::moved::Moved;
use super::shares::Effects;
use std::slice::{from_raw_parts, from_raw_parts_mut};

/// Effects that the sums have room for.
pub(super) const MOST_EFFECTS: usize = 16;

/// Places whose part of G is summed together: few enough that they stay in the
/// nearest cache.
const TOGETHER: usize = 16;

/// c, q and G of all examples.
type Forms = (Vec<f32>, Vec<f32>, Vec<f32>);

impl Moved {
    /// c, q and G; `given` are logits, directions, z and y.
    pub(super) fn form(
        &self,
        frames: &[f32],
        given: &[&[f32]],
        effects: &Effects,
        (batch, latent): (usize, usize),
    ) -> Forms {
        let &[logits, directions, z, y] = given else {
            unreachable!("four tensors are given");
        };
        let kinds = effects.kinds;
        let padded = latent.next_multiple_of(vector::width());
        let (mut constant, mut slope, mut curvature) = (
            vec![0f32; batch],
            vec![0f32; batch * latent],
            vec![0f32; batch * latent * latent],
        );
        let (constants, slopes, curvatures) = (
            Parts::of(&mut constant),
            Parts::of(&mut slope),
            Parts::of(&mut curvature),
        );
        let mut kept = vec![1f32; self.padded()];
        kept[self.run()..].fill(0.0);
        let scratch = || Scratch {
            coefficients: vec![0f32; self.wide() * (kinds + 1)],
            lines: vec![0f32; (kinds + 1) * self.along.patch * self.padded()],
            vectors: vec![0f32; vector::width() * vector::width()],
            bent: vec![0f32; TOGETHER * kinds * padded],
            curvature: vec![0f32; latent * padded],
        };
        self.each(frames, batch, scratch, |index, frames, scratch| {
            let part = |values: &'_ [f32]| {
                let size = values.len() / batch;
                index * size..(index + 1) * size
            };
            // SAFETY: each example has its own parts.
            let (constant, slope, curvature) = unsafe {
                (
                    &mut constants.part(index, 1)[0],
                    slopes.part(index * latent, latent),
                    curvatures.part(index * latent * latent, latent * latent),
                )
            };
            scratch.curvature.fill(0.0);
            let kernel = Form {
                moved: self,
                frames,
                effects,
                logits: &logits[part(logits)],
                directions: &directions[part(directions)],
                z: &z[part(z)],
                y: &y[part(y)],
                coefficients: scratch.coefficients.as_mut_ptr(),
                lines: scratch.lines.as_mut_ptr(),
                vectors: scratch.vectors.as_mut_ptr(),
                kept: &kept,
                bent: scratch.bent.as_mut_ptr(),
                curvature: scratch.curvature.as_mut_ptr(),
                constant,
                slope: slope.as_mut_ptr(),
            };
            // SAFETY: there is room as the kernel asks.
            unsafe { vector::run(&kernel) };
            for (i, row) in scratch.curvature.chunks_exact(padded).enumerate() {
                for (j, &value) in row[..=i].iter().enumerate() {
                    curvature[i * latent + j] = value;
                    curvature[j * latent + i] = value;
                }
            }
        });
        (constant, slope, curvature)
    }
}

struct Scratch {
    coefficients: Vec<f32>,
    lines: Vec<f32>,
    vectors: Vec<f32>,
    bent: Vec<f32>,
    curvature: Vec<f32>,
}

/// c, q and G of an example.
struct Form<'a> {
    moved: &'a Moved,
    frames: &'a [f32],
    effects: &'a Effects,
    /// (N, K).
    logits: &'a [f32],
    /// (N, R, d).
    directions: &'a [f32],
    z: &'a [f32],
    /// (N, p·p·C).
    y: &'a [f32],
    /// (R + 1, wide).
    coefficients: *mut f32,
    /// Slopes and what is left, p lines each.
    lines: *mut f32,
    /// A vector of vectors.
    vectors: *mut f32,
    /// A padded line, 1 where there are pixels and 0 after them.
    kept: &'a [f32],
    /// P V of [`TOGETHER`] places, (R, d) each, rows padded to vectors.
    bent: *mut f32,
    /// (d, d), rows padded to vectors.
    curvature: *mut f32,
    constant: *mut f32,
    slope: *mut f32,
}

impl Kernel for Form<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(&self) {
        // SAFETY: the caller's promise.
        unsafe {
            match V::FUSED {
                true => self.places::<V, true>(),
                false => self.places::<V, false>(),
            }
        }
    }
}

impl Form<'_> {
    #[inline(always)]
    unsafe fn places<V: Vector, const FMA: bool>(&self) {
        let (count, latent, kinds) = (self.moved.offsets.len(), self.z.len(), self.effects.kinds);
        let (pixels, own) = (self.moved.along.pixels(), kinds + 1);
        let padded = latent.next_multiple_of(V::WIDTH);
        let places = self.moved.along.places();
        let size = kinds * latent;
        let mut total = 0f64;
        let mut products = [0f32; (MOST_EFFECTS + 1) * (MOST_EFFECTS + 1)];
        for (place, logits) in self.logits.chunks_exact(count).enumerate() {
            let directions = &self.directions[place * size..][..size];
            let y = &self.y[place * pixels..][..pixels];
            let products = &mut products[..own * own];
            // SAFETY: the caller's promise.
            unsafe {
                let tilts = self.tilts::<V, FMA>(directions);
                self.slopes::<V, FMA>(place, logits, &tilts[..kinds], y);
                let length = self.moved.along.patch * self.moved.padded();
                overlaps::<V>((self.lines, own, length), self.vectors, products);
                let bent = self.bent.add(place % TOGETHER * kinds * padded);
                let added = self.add_place::<V>(products, directions, &tilts, bent);
                total += f64::from(added);
            }
            let done = place % TOGETHER + 1;
            if done == TOGETHER || place + 1 == places {
                let first = (place + 1 - done) * size;
                let sum = Overlap {
                    x: &self.directions[first..][..done * size],
                    x_step: latent,
                    // SAFETY: nothing else holds it now.
                    g: unsafe { from_raw_parts(self.bent, done * kinds * padded) },
                    sizes: (latent, padded, done * kinds),
                    out: self.curvature,
                    lower: true,
                };
                // SAFETY: the sizes are those of the slices.
                unsafe { sum.run::<V>() };
            }
        }
        // SAFETY: the caller's promise.
        unsafe { *self.constant = total as f32 };
    }

    /// V z of a place.
    #[inline(always)]
    unsafe fn tilts<V: Vector, const FMA: bool>(&self, directions: &[f32]) -> [f32; MOST_EFFECTS] {
        let (latent, kinds) = (self.z.len(), self.effects.kinds);
        let mut tilts = [0f32; MOST_EFFECTS];
        if !latent.is_multiple_of(V::WIDTH) || kinds > V::WIDTH {
            for (tilt, direction) in tilts.iter_mut().zip(directions.chunks_exact(latent)) {
                *tilt = dot::<FMA>(direction, self.z);
            }
            return tilts;
        }
        // SAFETY: the caller's promise; rows of z are whole vectors, and a
        // vector has no more values than there may be effects.
        unsafe {
            for (kind, direction) in directions.chunks_exact(latent).enumerate() {
                let mut sum = V::zero();
                let mut at = 0;
                while at < latent {
                    let z = V::load(self.z.as_ptr().add(at));
                    sum = sum.add_product(V::load(direction.as_ptr().add(at)), z);
                    at += V::WIDTH;
                }
                sum.store(self.vectors.add(kind * V::WIDTH));
            }
            V::fold(self.vectors).store(tilts.as_mut_ptr());
        }
        tilts[kinds..].fill(0.0);
        tilts
    }

    /// Of a patch the slopes Σ_k effect_k share_k (copy_k − ŷ), one for each
    /// effect, and what is left, y − ŷ.
    #[inline(always)]
    unsafe fn slopes<V: Vector, const FMA: bool>(
        &self,
        place: usize,
        logits: &[f32],
        tilts: &[f32],
        y: &[f32],
    ) {
        let (moved, effects) = (self.moved, self.effects);
        let (kinds, wide) = (effects.kinds, effects.wide);
        let (run, padded) = (moved.run(), moved.padded());
        let length = moved.along.patch * padded;
        // SAFETY: the caller's promise, for all pointers here: `wide` and
        // `padded` are whole vectors.
        unsafe {
            let shares = self.coefficients.add(kinds * wide);
            effects.shares::<FMA>(logits, tilts, from_raw_parts_mut(shares, wide));
            let mut means = [0f32; MOST_EFFECTS];
            for (kind, effect) in effects.rows.chunks_exact(wide).enumerate() {
                let mut sum = V::zero();
                let mut at = 0;
                while at < wide {
                    let share = V::load(shares.add(at));
                    let product = V::zero().add_product(share, V::load(effect.as_ptr().add(at)));
                    product.store(self.coefficients.add(kind * wide + at));
                    sum = sum.add_product(share, V::load(effect.as_ptr().add(at)));
                    at += V::WIDTH;
                }
                let vector = self.vectors.add(kind % V::WIDTH * V::WIDTH);
                sum.store(vector);
                if (kind + 1).is_multiple_of(V::WIDTH) || kind + 1 == kinds {
                    let first = kind / V::WIDTH * V::WIDTH;
                    V::fold(self.vectors).store(means.as_mut_ptr().add(first));
                }
            }
            from_raw_parts_mut(self.lines, (kinds + 1) * length).fill(0.0);
            for (sums, copies) in effects.of_sources.iter().zip(&moved.copies) {
                let blend = Blend {
                    moved,
                    frames: self.frames.as_ptr().add(moved.corner(place)),
                    offsets: &moved.offsets[copies.clone()],
                    coefficients: self.coefficients.add(copies.start),
                    wide,
                    sums,
                    lines: self.lines,
                };
                blend.run::<V>();
            }
            // What vectors wrote past a row's end counts as nothing.
            let made = self.lines.add(kinds * length);
            let mut row = 0;
            while row < length {
                let mut at = 0;
                while at < padded {
                    let kept = V::load(self.kept.as_ptr().add(at));
                    let here = made.add(row + at);
                    let value = V::zero().add_product(V::load(here), kept);
                    value.store(here);
                    for (kind, mean) in means[..kinds].iter().enumerate() {
                        let mean = -mean;
                        let slope = self.lines.add(kind * length + row + at);
                        let kept = V::zero().add_product(V::load(slope), kept);
                        kept.add_product(V::splat(&raw const mean), value)
                            .store(slope);
                    }
                    at += V::WIDTH;
                }
                row += padded;
            }
            let made = from_raw_parts_mut(made, length);
            for (made, y) in made.chunks_exact_mut(padded).zip(y.chunks_exact(run)) {
                let (fours, rest) = y.as_chunks::<4>();
                let (made, tail) = made.split_at_mut(run - rest.len());
                for (made, y) in made.as_chunks_mut::<4>().0.iter_mut().zip(fours) {
                    for (made, y) in made.iter_mut().zip(y) {
                        *made = y - *made;
                    }
                }
                for (made, y) in tail.iter_mut().zip(rest) {
                    *made = y - *made;
                }
            }
        }
    }

    /// What a place adds to c (returned), to q and to G (as P V, `bent`). With
    /// A its slopes by effect, r = y − ŷ, t = Aᵀr and P = AᵀA, all of which
    /// `overlaps` holds, and v = V z, what is left at z' = 0 is r + A v: its
    /// square is rᵀr + 2 tᵀv + vᵀPv, and Aᵀ of it t + P v.
    #[inline(always)]
    unsafe fn add_place<V: Vector>(
        &self,
        overlaps: &[f32],
        directions: &[f32],
        tilts: &[f32; MOST_EFFECTS],
        bent: *mut f32,
    ) -> f32 {
        let (latent, kinds) = (self.z.len(), self.effects.kinds);
        let (own, padded) = (kinds + 1, latent.next_multiple_of(V::WIDTH));
        let mut total = overlaps[kinds * own + kinds];
        let mut left = [0f32; MOST_EFFECTS];
        for (kind, left) in left[..kinds].iter_mut().enumerate() {
            let row = &overlaps[kind * own..][..own];
            let bend: f32 = row[..kinds].iter().zip(tilts).map(|(p, v)| p * v).sum();
            total += tilts[kind] * (2.0 * row[kinds] + bend);
            *left = row[kinds] + bend;
        }
        let mut at = 0;
        while latent.is_multiple_of(V::WIDTH) && at < latent {
            // SAFETY: the caller's promise; rows of z are whole vectors.
            unsafe {
                let directions = directions.as_ptr().add(at);
                let slope = self.slope.add(at);
                let mut sum = V::load(slope);
                for (kind, left) in left[..kinds].iter().enumerate() {
                    sum = sum.add_product(V::splat(left), V::load(directions.add(kind * latent)));
                }
                sum.store(slope);
                for kind in 0..kinds {
                    let mut sum = V::zero();
                    for (other, p) in overlaps[kind * own..][..kinds].iter().enumerate() {
                        let direction = V::load(directions.add(other * latent));
                        sum = sum.add_product(V::splat(p), direction);
                    }
                    sum.store(bent.add(kind * padded + at));
                }
            }
            at += V::WIDTH;
        }
        for at in at..latent {
            let column = directions.iter().skip(at).step_by(latent);
            let along = |row: &[f32]| -> f32 {
                column
                    .clone()
                    .zip(row)
                    .map(|(direction, p)| direction * p)
                    .sum()
            };
            // SAFETY: the caller's promise.
            unsafe {
                *self.slope.add(at) += along(&left[..kinds]);
                for kind in 0..kinds {
                    *bent.add(kind * padded + at) = along(&overlaps[kind * own..][..kinds]);
                }
            }
        }
        total
    }
}
