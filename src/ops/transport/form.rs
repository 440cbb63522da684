//! The squared error of a mixture of moved copies as a quadratic in what tilts
//! the shares.

use super::super::kernel::{Parts, dot, lanes, simd};
use super::super::product::{Matrix, multiply};
use super::moved::Moved;

/// Effects that the sums have room for.
pub(super) const MOST_EFFECTS: usize = 16;

/// c, q and G of all examples.
type Forms = (Vec<f32>, Vec<f32>, Vec<f32>);

impl Moved {
    /// c, q and G; `given` are shares, effects, directions, z and y.
    pub(super) fn form(
        &self,
        sources: &[&[f32]],
        given: &[&[f32]],
        (batch, latent): (usize, usize),
    ) -> Forms {
        let &[shares, effects, directions, z, y] = given else {
            unreachable!("five tensors are given");
        };
        let (places, count) = (self.along.places(), self.offsets.len());
        let kinds = effects.len() / count;
        let effects: Vec<f32> = (0..kinds)
            .flat_map(|kind| effects.iter().skip(kind).step_by(kinds).copied())
            .collect();
        let rows = self.along.patch;
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
        let scratch = || Scratch {
            coefficients: vec![0f32; count * (kinds + 1)],
            lines: vec![0f32; (kinds + 1) * rows * self.padded()],
            overlaps: vec![0f32; (kinds + 1) * (kinds + 1)],
            bent: vec![0f32; places * kinds * latent],
        };
        self.each(sources, batch, scratch, |index, frames, scratch| {
            let z = &z[index * latent..][..latent];
            // SAFETY: each example has its own parts.
            let (constant, slope, curvature) = unsafe {
                (
                    &mut constants.part(index, 1)[0],
                    slopes.part(index * latent, latent),
                    curvatures.part(index * latent * latent, latent * latent),
                )
            };
            let size = kinds * latent;
            let directions = &directions[index * places * size..][..places * size];
            let mut total = 0f64;
            for place in 0..places {
                let shares = &shares[(index * places + place) * count..][..count];
                let y = &y[(index * places + place) * self.along.pixels()..];
                self.overlap_of_slopes(frames, place, (shares, &effects, y), scratch);
                let directions = &directions[place * size..][..size];
                let bent = &mut scratch.bent[place * size..][..size];
                total += f64::from(add_place(&scratch.overlaps, directions, z, slope, bent));
            }
            *constant = total as f32;
            let all = places * kinds;
            let (a, b) = (
                Matrix::rows(directions, latent).t(),
                Matrix::rows(&scratch.bent, latent),
            );
            // SAFETY: the sizes are those of the slices.
            unsafe {
                multiply(
                    latent,
                    latent,
                    all,
                    curvature.as_mut_ptr(),
                    latent,
                    false,
                    a,
                    b,
                )
            };
        });
        (constant, slope, curvature)
    }

    /// The products with each other of a patch's slopes Σ_k effect_k share_k
    /// (copy_k − ŷ), one for each effect, and of what is left, y − ŷ.
    fn overlap_of_slopes(
        &self,
        frames: &[f32],
        place: usize,
        (shares, effects, y): (&[f32], &[f32], &[f32]),
        scratch: &mut Scratch,
    ) {
        let kinds = effects.len() / shares.len();
        let mut means = [0f32; MOST_EFFECTS];
        let (of_effects, own) = scratch.coefficients.split_at_mut(effects.len());
        own.copy_from_slice(shares);
        let columns = of_effects.chunks_exact_mut(shares.len());
        for ((column, effect), mean) in columns
            .zip(effects.chunks_exact(shares.len()))
            .zip(&mut means)
        {
            *mean = products(effect, shares, column);
        }
        self.blend(frames, place, &scratch.coefficients, &mut scratch.lines);
        let (run, padded) = (self.run(), self.padded());
        let (slopes, made) = scratch
            .lines
            .split_at_mut(kinds * self.along.patch * padded);
        for (slope, mean) in slopes.chunks_exact_mut(made.len()).zip(means) {
            add_scaled(made, -mean, slope);
        }
        for (made, y) in made.chunks_exact_mut(padded).zip(y.chunks_exact(run)) {
            for (made, y) in made.iter_mut().zip(y) {
                *made = y - *made;
            }
        }
        // What vectors wrote past a row's end counts as nothing.
        for line in scratch.lines.chunks_exact_mut(padded) {
            line[run..].fill(0.0);
        }
        let length = self.along.patch * padded;
        overlaps(&scratch.lines, length, &mut scratch.overlaps);
    }
}

struct Scratch {
    coefficients: Vec<f32>,
    lines: Vec<f32>,
    overlaps: Vec<f32>,
    bent: Vec<f32>,
}

simd! {
    /// What a place adds to c (returned), to q and to G (as P V, `bent`). With
    /// A its slopes by effect, r = y − ŷ, t = Aᵀr and P = AᵀA, all of which
    /// `overlaps` holds, and v = V z, what is left at z' = 0 is r + A v: its
    /// square is rᵀr + 2 tᵀv + vᵀPv, and Aᵀ of it t + P v.
    fn add_place(
        overlaps: &[f32],
        directions: &[f32],
        z: &[f32],
        slope: &mut [f32],
        bent: &mut [f32],
    ) -> f32 {
        let latent = z.len();
        let kinds = directions.len() / latent.max(1);
        let own = kinds + 1;
        let mut tilt = [0f32; MOST_EFFECTS];
        for (tilt, direction) in tilt.iter_mut().zip(directions.chunks_exact(latent)) {
            *tilt = dot::<FMA>(direction, z);
        }
        let mut total = overlaps[kinds * own + kinds];
        for (kind, bent) in bent.chunks_exact_mut(latent).enumerate() {
            let row = &overlaps[kind * own..][..own];
            let bend: f32 = row[..kinds].iter().zip(tilt).map(|(p, v)| p * v).sum();
            let left = row[kinds];
            total += tilt[kind] * (2.0 * left + bend);
            let direction = &directions[kind * latent..][..latent];
            for (slope, direction) in slope.iter_mut().zip(direction) {
                *slope += (left + bend) * direction;
            }
            bent.fill(0.0);
            for (p, direction) in row.iter().zip(directions.chunks_exact(latent)) {
                for (bent, direction) in bent.iter_mut().zip(direction) {
                    *bent += p * direction;
                }
            }
        }
        total
    }
}

simd! {
    /// The products of all pairs, and their sum.
    fn products(a: &[f32], b: &[f32], out: &mut [f32]) -> f32 {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = a * b;
        }
        lanes(out, 0.0, |sum, value| sum + value)
    }
}

simd! {
    fn add_scaled(from: &[f32], factor: f32, to: &mut [f32]) {
        for (to, from) in to.iter_mut().zip(from) {
            *to += factor * from;
        }
    }
}

simd! {
    /// All products of rows of `length` (a multiple of 16) with each other.
    fn overlaps(rows: &[f32], length: usize, out: &mut [f32]) {
        let count = rows.len() / length;
        for i in 0..count {
            for j in 0..=i {
                let mut lanes = [0f32; 16];
                let (a, b) = (&rows[i * length..][..length], &rows[j * length..][..length]);
                for (a, b) in a.chunks_exact(16).zip(b.chunks_exact(16)) {
                    for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                        *lane += a * b;
                    }
                }
                let sum: f32 = lanes.iter().sum();
                out[i * count + j] = sum;
                out[j * count + i] = sum;
            }
        }
    }
}
