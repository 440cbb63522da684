//! Spread and skill: do futures differ from each other as much as from the truth?

use super::ensemble::Ensemble;

/// What spread ÷ skill is made of, for one frame; sums of many frames make one ratio.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SpreadSkill {
    /// The mean over values of the futures' variance (divided by m − 1), times
    /// (m + 1)/m.
    pub spread: f64,
    /// The mean over values of the squared error of the futures' mean.
    pub skill: f64,
}

impl SpreadSkill {
    /// Of m ≥ 2 `samples` as a forecast of `truth`, where `mask` lets them count.
    /// `None` with fewer, or where nothing counts.
    pub fn of(samples: &[&[f32]], truth: &[f32], mask: Option<&[bool]>) -> Option<Self> {
        let Ensemble { samples, truth, .. } = Ensemble::new(samples, truth, mask)?;
        let count = samples.len() as f64;
        if samples.len() < 2 {
            return None;
        }
        let (mut spread, mut skill) = (0.0, 0.0);
        for (place, &y) in truth.iter().enumerate() {
            let values = samples.iter().map(|sample| f64::from(sample[place]));
            let mean = values.clone().sum::<f64>() / count;
            spread += values.map(|x| (x - mean).powi(2)).sum::<f64>() / (count - 1.0);
            skill += (mean - f64::from(y)).powi(2);
        }
        let number = truth.len() as f64;
        Some(Self {
            spread: spread * (count + 1.0) / count / number,
            skill: skill / number,
        })
    }

    /// The same where the truth differs from any of the samples by noise of this mean
    /// variance too, which none of them shows (Saetra et al. 2004, "Effects of observation
    /// errors on the statistics for ensemble spread and reliability").
    pub fn beside(self, variance: f64) -> Self {
        Self {
            spread: self.spread + variance,
            ..self
        }
    }

    /// √spread ÷ √skill: 1 where the truth is as one more future; below, futures
    /// agree more than they are right. (Fortin et al., "Why should ensemble spread
    /// match the RMSE of the ensemble mean?", 2014, eq. 15.) `None` where the mean
    /// is exact.
    pub fn ratio(self) -> Option<f64> {
        (self.skill > 0.0).then(|| (self.spread / self.skill).sqrt())
    }
}

impl std::iter::Sum for SpreadSkill {
    fn sum<I: Iterator<Item = Self>>(each: I) -> Self {
        each.fold(Self::default(), |sum, one| Self {
            spread: sum.spread + one.spread,
            skill: sum.skill + one.skill,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::region::reference::*;
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn as_numpy() {
        // f, y, m = f64(xs)[:, :, mask], f64(t)[:, mask], 5
        // print(np.sqrt((m + 1) / m * f.var(0, ddof=1).mean() / ((f.mean(0) - y)**2).mean()))
        let frames: Vec<_> = (1..6).map(frame).collect();
        let samples: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
        let truth = frame(0);
        let ratio = |mask: Option<&[bool]>| SpreadSkill::of(&samples, &truth, mask)?.ratio();
        close(ratio(None), 0.963398568);
        // print(np.sqrt(((m + 1) / m * f.var(0, ddof=1).mean() + 0.01) / ((f.mean(0) - y)**2).mean()))
        let found = SpreadSkill::of(&samples, &truth, None).unwrap();
        close(found.beside(0.01).ratio(), 1.016946135);
        close(ratio(Some(&mask())), 0.963403969);
        assert_eq!(ratio(Some(&nothing())), None);
        assert_eq!(SpreadSkill::of(&samples[..1], &truth, None), None);
        assert_eq!(SpreadSkill::default().ratio(), None);
    }

    #[test]
    fn one_more_future_as_the_truth_gives_1() {
        let mut rng = Seed(1).stream("test", 0);
        let mut draw = || {
            (0..20_000)
                .map(|_| rng.normal() as f32)
                .collect::<Vec<f32>>()
        };
        let frames: Vec<Vec<f32>> = (0..4).map(|_| draw()).collect();
        let samples: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
        let found = SpreadSkill::of(&samples, &draw(), None).unwrap();
        let ratio = found.ratio().unwrap();
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
        // And of variance 1.5² seen through noise of variance 1.
        let blurred: Vec<f32> = draw()
            .iter()
            .zip(draw())
            .map(|(a, b)| 1.5 * a + b)
            .collect();
        let frames: Vec<Vec<f32>> = (0..4)
            .map(|_| draw().iter().map(|a| 1.5 * a).collect())
            .collect();
        let samples: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
        let found = SpreadSkill::of(&samples, &blurred, None).unwrap();
        assert!(found.ratio().unwrap() < 0.95, "{found:?}");
        let ratio = found.beside(1.0).ratio().unwrap();
        assert!((ratio - 1.0).abs() < 0.02, "{ratio}");
    }
}
