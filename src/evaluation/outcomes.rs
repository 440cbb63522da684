//! Sampled futures against all that can come, in a world where that is known.

use super::comparison::{Plan, Predictor, samples};
use crate::error::Result;
use crate::interrupt;
use crate::rng::Seed;
use crate::video::worlds::{Question, SIZE, World};
use candle_core::{Device, Tensor};
use serde::Serialize;

/// Frequencies are listed for so many outcomes at most.
const LISTED: usize = 8;

/// So many frames of a world are looked at, at most.
pub const FRAMES: usize = 100_000;

/// What to ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Inquiry {
    /// At how many moments of the film to ask, the first ones.
    pub moments: usize,
    /// Futures drawn at each; a model that is certain has one.
    pub futures: usize,
    /// Of the prior.
    pub temperature: f64,
    /// The same seed draws the same futures.
    pub seed: Seed,
}

/// What the futures showed, at all moments together.
///
/// A future is near an outcome where it is nearer to it than half way to the
/// outcome's nearest neighbour, by Euclidean distance over all pixels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answers {
    /// How many frames after the last one seen, at least and at most.
    pub ahead: [usize; 2],
    /// Moments asked at.
    pub moments: usize,
    /// Futures at each.
    pub futures: usize,
    /// Outcomes that can come, the mean over moments.
    pub possible: f64,
    /// How many of them had a future near them, the mean over moments.
    pub covered: f64,
    /// How many would have on average, were futures drawn from the truth.
    pub covered_by_truth: f64,
    /// The share of futures that are near one that can come.
    pub near: f64,
    /// Where all moments have the same few outcomes: the probability of each.
    pub probabilities: Option<Vec<f64>>,
    /// Beside it, the share of futures to which it is the nearest.
    pub frequencies: Option<Vec<f64>>,
}

/// Asks a `predictor` that sees `context` frames at the `inquiry`'s first moments of `world`;
/// moments before which the film has no context are passed over. One element for each of the questions that the world
/// has at a moment; none where it has none in its first 100,000 frames.
///
/// # Errors
/// Those of the predictor, and an interrupt.
pub fn ask(
    (predictor, context): (Predictor, usize),
    world: &dyn World,
    inquiry: &Inquiry,
    device: &Device,
    watch: &mut dyn FnMut(usize),
) -> Result<Vec<Answers>> {
    let mut tallies: Vec<Tally> = Vec::new();
    let mut moments = 0;
    for time in context - 1..FRAMES {
        if moments == inquiry.moments {
            break;
        }
        let first = time + 1 - context;
        if (first + 1..=time).any(|time| world.starts(time)) {
            continue;
        }
        let questions = world.questions(time);
        if questions.is_empty() {
            continue;
        }
        interrupt::check()?;
        let past = (first..=time).flat_map(|time| world.frame(time));
        let past: Vec<f32> = past.map(|byte| f32::from(byte) / 255.0).collect();
        let shape = (1, context, world.channels(), SIZE, SIZE);
        let x = Tensor::from_vec(past, shape, device)?;
        let ahead: Vec<usize> = questions.iter().map(|question| question.ahead).collect();
        let plan = Plan {
            context,
            horizons: ahead,
            futures: inquiry.futures,
            temperature: inquiry.temperature,
            seed: inquiry.seed,
        };
        let made = predictor.futures(&x, &plan, time)?;
        tallies.resize_with(questions.len(), Tally::default);
        for (at, (question, tally)) in questions.iter().zip(&mut tallies).enumerate() {
            tally.add(question, &samples(&made, at)?);
        }
        moments += 1;
        watch(moments);
    }
    Ok(tallies.into_iter().map(Tally::answers).collect())
}

/// Sums over moments.
#[derive(Debug, Clone, Default)]
struct Tally {
    ahead: Option<[usize; 2]>,
    moments: usize,
    futures: usize,
    possible: usize,
    covered: usize,
    covered_by_truth: f64,
    near: usize,
    drawn: usize,
    /// Unless moments differ.
    same: Option<Vec<f64>>,
    counts: Vec<usize>,
}

impl Tally {
    /// `futures`: frames (C, H, W) in [0, 1].
    fn add(&mut self, question: &Question, futures: &[Vec<f32>]) {
        let [low, high] = self.ahead.unwrap_or([question.ahead; 2]);
        self.ahead = Some([low.min(question.ahead), high.max(question.ahead)]);
        let outcomes: Vec<Vec<f32>> = (question.outcomes.iter())
            .map(|o| {
                o.frame
                    .iter()
                    .map(|&byte| f32::from(byte) / 255.0)
                    .collect()
            })
            .collect();
        let probabilities: Vec<f64> = question.outcomes.iter().map(|o| o.probability).collect();
        let reach: Vec<f64> = (outcomes.iter().enumerate())
            .map(|(index, outcome)| {
                let others = outcomes
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != index);
                let nearest = others.map(|(_, other)| distance(outcome, other));
                0.5 * nearest.fold(f64::INFINITY, f64::min)
            })
            .collect();
        let mut near = vec![0; outcomes.len()];
        let mut counts = vec![0; outcomes.len()];
        for future in futures {
            let each = outcomes.iter().map(|outcome| distance(future, outcome));
            let nearest = each.enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
            let Some((nearest, distance)) = nearest else {
                continue;
            };
            counts[nearest] += 1;
            if probabilities[nearest] > 0.0 && distance < reach[nearest] {
                near[nearest] += 1;
            }
        }
        let count = futures.len() as i32;
        let missed = |p: &f64| 1.0 - (1.0 - p).powi(count);
        self.covered_by_truth += probabilities.iter().map(missed).sum::<f64>();
        self.possible += probabilities.iter().filter(|&&p| p > 0.0).count();
        self.covered += near.iter().filter(|&&near| near > 0).count();
        self.near += near.iter().sum::<usize>();
        self.drawn += futures.len();
        self.futures = futures.len();
        if self.moments == 0 {
            self.same = (probabilities.len() <= LISTED).then_some(probabilities);
            self.counts = counts;
        } else if self.same.as_ref() == Some(&probabilities) {
            let pairs = self.counts.iter_mut().zip(counts);
            pairs.for_each(|(sum, count)| *sum += count);
        } else {
            self.same = None;
        }
        self.moments += 1;
    }

    fn answers(self) -> Answers {
        let mean = |sum: f64| sum / self.moments.max(1) as f64;
        let shares = |sum: &usize| *sum as f64 / self.drawn.max(1) as f64;
        let frequencies = self.counts.iter().map(shares).collect();
        Answers {
            ahead: self.ahead.unwrap_or_default(),
            moments: self.moments,
            futures: self.futures,
            possible: mean(self.possible as f64),
            covered: mean(self.covered as f64),
            covered_by_truth: mean(self.covered_by_truth),
            near: shares(&self.near),
            frequencies: self.same.is_some().then_some(frequencies),
            probabilities: self.same,
        }
    }
}

fn distance(a: &[f32], b: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
    a.iter().zip(b).map(square).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::worlds::Outcome;

    fn question(values: &[u8], probabilities: &[f64]) -> Question {
        let outcome = |(&value, &probability)| Outcome {
            frame: vec![value; 4],
            probability,
        };
        Question {
            ahead: 2,
            outcomes: values.iter().zip(probabilities).map(outcome).collect(),
        }
    }

    fn futures(values: &[f32]) -> Vec<Vec<f32>> {
        values.iter().map(|&value| vec![value; 4]).collect()
    }

    #[test]
    fn near_is_less_than_half_way_to_the_next() {
        // Outcomes at 0, 0.4 and 1; what reaches 0.2 of the first and second.
        let question = question(&[0, 102, 255], &[0.2, 0.3, 0.5]);
        let mut tally = Tally::default();
        tally.add(&question, &futures(&[0.0, 0.19, 0.21, 0.59, 0.65, 0.75]));
        let answers = tally.clone().answers();
        assert_eq!(
            (answers.ahead, answers.moments, answers.futures),
            ([2, 2], 1, 6)
        );
        assert_eq!((answers.possible, answers.covered), (3.0, 3.0));
        // 0.65 is nearest to 0.4, but too far from it.
        assert!((answers.near - 5.0 / 6.0).abs() < 1e-12);
        let frequencies = answers.frequencies.unwrap();
        for (found, truth) in frequencies.iter().zip([2.0, 3.0, 1.0]) {
            assert!((found - truth / 6.0).abs() < 1e-12);
        }
        let truth: f64 = [0.2f64, 0.3, 0.5]
            .iter()
            .map(|p| 1.0 - (1.0 - p).powi(6))
            .sum();
        assert!((answers.covered_by_truth - truth).abs() < 1e-12);
        // A moment with other outcomes leaves nothing to list.
        tally.add(&self::question(&[0, 255], &[0.5, 0.5]), &futures(&[0.0]));
        let answers = tally.answers();
        assert!(answers.frequencies.is_none() && answers.probabilities.is_none());
        assert_eq!((answers.possible, answers.covered), (2.5, 2.0));
    }

    #[test]
    fn what_cannot_come_is_never_near() {
        let question = question(&[0, 102, 255], &[0.0, 1.0, 0.0]);
        let mut tally = Tally::default();
        tally.add(&question, &futures(&[0.0, 0.4, 1.0, 0.9]));
        let answers = tally.answers();
        assert_eq!(
            (answers.near, answers.covered, answers.possible),
            (0.25, 1.0, 1.0)
        );
    }
}
