//! Rank histograms: where among the futures does the truth lie?

use super::ensemble::Ensemble;

/// Bins of a histogram, whatever the number of futures.
pub const BINS: usize = 10;

/// The share of values whose truth has a rank among the m `samples` in each tenth of
/// the ranks 0 to m (Hamill, "Interpretation of rank histograms for verifying
/// ensemble forecasts", 2001). All are 0.1 where the truth is as one more future;
/// high ends say that futures agree too much, a hump in the middle that they differ
/// too much.
///
/// Where the truth equals some samples (a still pixel, black), it has each of their
/// ranks with an equal share. A rank that lies in two bins counts in both. `None`
/// without samples or where nothing counts.
pub fn rank_histogram(
    samples: &[&[f32]],
    truth: &[f32],
    mask: Option<&[bool]>,
) -> Option<[f64; BINS]> {
    let Ensemble { samples, truth, .. } = Ensemble::new(samples, truth, mask)?;
    let width = BINS as f64 / (samples.len() + 1) as f64;
    let mut bins = [0.0; BINS];
    for (place, &y) in truth.iter().enumerate() {
        let below = samples.iter().filter(|sample| sample[place] < y).count();
        let ties = samples.iter().filter(|sample| sample[place] == y).count();
        // Ranks below..=below + ties, as a stretch of the line from 0 to BINS.
        let (low, high) = (below as f64 * width, (below + ties + 1) as f64 * width);
        let density = 1.0 / (high - low);
        for (bin, share) in bins.iter_mut().enumerate() {
            let overlap = high.min(bin as f64 + 1.0) - low.max(bin as f64);
            *share += overlap.max(0.0) * density;
        }
    }
    Some(bins.map(|share| share / truth.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::super::region::reference::*;
    use super::*;

    #[test]
    fn as_numpy() {
        // In 10 bins from 9 samples each rank is a bin:
        // xs = np.stack([frame(k) for k in range(1, 10)])
        // rank = (f64(xs) < f64(t)).sum(0)
        // print(np.bincount(rank.ravel(), minlength=10) / rank.size,
        //       np.bincount(rank[:, mask].ravel(), minlength=10) / rank[:, mask].size)
        const WHOLE: [f64; BINS] = [
            0.084027778,
            0.111111111,
            0.123611111,
            0.097916667,
            0.078472222,
            0.111111111,
            0.086805556,
            0.114583333,
            0.084722222,
            0.107638889,
        ];
        const MASKED: [f64; BINS] = [
            0.088541667,
            0.111111111,
            0.121527778,
            0.098958333,
            0.071180556,
            0.105902778,
            0.088541667,
            0.125,
            0.074652778,
            0.114583333,
        ];
        let frames: Vec<_> = (1..10).map(frame).collect();
        let samples: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
        let truth = frame(0);
        for (mask, expected) in [(None, WHOLE), (Some(mask()), MASKED)] {
            let found = rank_histogram(&samples, &truth, mask.as_deref()).unwrap();
            for (found, expected) in found.into_iter().zip(expected) {
                close(Some(found), expected);
            }
        }
        assert_eq!(rank_histogram(&samples, &truth, Some(&nothing())), None);
    }

    #[test]
    fn ties_and_ranks_between_bins_are_shared() {
        // Four samples: five ranks, each two bins wide.
        let samples: [&[f32]; 4] = [&[0.0], &[0.5], &[0.5], &[1.0]];
        let of = |y: f32| rank_histogram(&samples, &[y], None).unwrap();
        let below = of(-1.0);
        assert_eq!(below[..2], [0.5, 0.5]);
        assert_eq!(below.iter().sum::<f64>(), 1.0);
        // The truth ties with two: ranks 1, 2 and 3.
        let tied = of(0.5);
        for (bin, share) in tied.into_iter().enumerate() {
            let expected = if (2..8).contains(&bin) {
                1.0 / 6.0
            } else {
                0.0
            };
            assert!((share - expected).abs() < 1e-12, "{tied:?}");
        }
    }
}
