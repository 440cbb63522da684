//! Continuous ranked probability score.

use super::ensemble::Ensemble;
use rayon::prelude::*;

/// Values that one thread takes at a time.
const CHUNK: usize = 1024;

/// The fair CRPS of `samples` as a forecast of `truth`, each value by itself,
/// then the mean; in units of the frames, and lower is better:
///
/// mean |xᵢ − y| − 1 / (2m(m − 1)) Σᵢⱼ |xᵢ − xⱼ|
///
/// "Fair" (Ferro, "Fair scores for ensemble forecasts", 2014): its expectation
/// does not depend on m, so that few samples are not punished. For one sample
/// it is the absolute error. `None` without samples.
pub fn crps(samples: &[&[f32]], truth: &[f32], mask: Option<&[bool]>) -> Option<f64> {
    let Ensemble {
        samples,
        truth,
        pairs,
    } = Ensemble::new(samples, truth, mask)?;
    let count = samples.len();
    let totals: Vec<f64> = truth
        .par_chunks(CHUNK)
        .enumerate()
        .map(|(chunk, truth)| {
            let mut sorted = vec![0.0f32; count];
            let mut total = 0.0;
            for (offset, &y) in truth.iter().enumerate() {
                for (x, sample) in sorted.iter_mut().zip(&samples) {
                    *x = sample[chunk * CHUNK + offset];
                }
                sorted.sort_unstable_by(f32::total_cmp);
                let (mut error, mut spread) = (0.0, 0.0);
                for (rank, &x) in sorted.iter().enumerate() {
                    error += f64::from(x - y).abs();
                    // Σ over i < j of x₍ⱼ₎ − x₍ᵢ₎ counts x₍ᵣ₎ this often.
                    spread += (2.0 * rank as f64 - (count as f64 - 1.0)) * f64::from(x);
                }
                total += error / count as f64 - spread / pairs;
            }
            total
        })
        .collect();
    // In order, so that the sum does not depend on the threads.
    Some(totals.iter().sum::<f64>() / truth.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::super::region::reference::*;
    use super::*;

    #[test]
    fn as_properscoring() {
        let frames: Vec<_> = (1..6).map(frame).collect();
        let samples: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
        let truth = frame(0);
        close(crps(&samples, &truth, None), 0.166814472);
        close(crps(&samples, &truth, Some(&mask())), 0.165875462);
        assert_eq!(crps(&samples, &truth, Some(&nothing())), None);
        assert_eq!(crps(&[], &truth, None), None);
    }

    #[test]
    fn one_sample_gives_the_absolute_error() {
        close(crps(&[&[0.25, 1.0]], &[0.5, 0.5], None), 0.375);
    }
}
