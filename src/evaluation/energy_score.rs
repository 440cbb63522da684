//! Energy score: CRPS for whole frames at once.

use super::ensemble::Ensemble;
use rayon::prelude::*;

/// The fair energy score of `samples` as a forecast of `truth`; lower is better:
///
/// mean ‖xᵢ − y‖ − ½ mean over i ≠ j of ‖xᵢ − xⱼ‖
///
/// (Gneiting and Raftery, "Strictly proper scoring rules, prediction, and
/// estimation", 2007, eq. 22, with the fair mean over pairs.) ‖·‖ is the
/// Euclidean norm ÷ √(number of values that count), the root mean square, so
/// that frames and masks of different sizes compare. For one sample it is the
/// root mean square error. `None` without samples.
pub fn energy_score(samples: &[&[f32]], truth: &[f32], mask: Option<&[bool]>) -> Option<f64> {
    let Ensemble {
        samples,
        truth,
        pairs,
    } = Ensemble::new(samples, truth, mask)?;
    let count = samples.len();
    let terms: Vec<f64> = (0..count)
        .into_par_iter()
        .map(|i| {
            let later = samples[i + 1..].iter();
            let spread: f64 = later.map(|other| distance(&samples[i], other)).sum();
            distance(&samples[i], &truth) / count as f64 - spread / pairs
        })
        .collect();
    // In order, so that the sum does not depend on the threads.
    Some(terms.iter().sum())
}

/// Root mean square difference.
fn distance(a: &[f32], b: &[f32]) -> f64 {
    const LANES: usize = 16;
    // Short sums in single precision, side by side, then long ones in double.
    let part = |a: &[f32], b: &[f32]| {
        let mut sums = [0.0f32; LANES];
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest = a.remainder().iter().zip(b.remainder());
        let rest: f32 = rest.map(|(a, b)| (a - b) * (a - b)).sum();
        for (a, b) in a.zip(b) {
            for lane in 0..LANES {
                let off = a[lane] - b[lane];
                sums[lane] += off * off;
            }
        }
        f64::from(sums.iter().sum::<f32>() + rest)
    };
    let total: f64 = a
        .chunks(512)
        .zip(b.chunks(512))
        .map(|(a, b)| part(a, b))
        .sum();
    (total / a.len() as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::super::region::reference::*;
    use super::*;

    #[test]
    fn as_numpy() {
        let frames: Vec<_> = (1..6).map(frame).collect();
        let samples: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
        let truth = frame(0);
        close(energy_score(&samples, &truth, None), 0.197393890);
        close(energy_score(&samples, &truth, Some(&mask())), 0.197167030);
        assert_eq!(energy_score(&samples, &truth, Some(&nothing())), None);
        assert_eq!(energy_score(&[], &truth, None), None);
    }

    #[test]
    fn one_sample_gives_the_root_mean_square_error() {
        close(
            energy_score(&[&[0.25, 1.0]], &[0.5, 0.5], None),
            0.15625f64.sqrt(),
        );
    }
}
