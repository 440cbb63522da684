//! How well hidden tokens are told, and whether the chances given are right.

use super::reliability::{BINS, Bin, calibration_error};
use crate::energy::MaskedText;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::rng::Seed;
use crate::text::{Masked, Masking, Tokenizer};
use crate::training::text::TextBatch;
use candle_core::Device;
use rayon::prelude::*;
use serde::Serialize;

/// Sequences that go through the network at once.
const AT_ONCE: usize = 16;

/// Of the tokens that were hidden.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TextFigures {
    /// How many there were.
    pub told: usize,
    /// The share of them that the likeliest token is.
    pub accuracy: f64,
    /// The share that is among the five likeliest.
    pub top5: f64,
    /// The mean of E − F = −log p, in nats.
    pub cross_entropy: f64,
    /// exp of it.
    pub perplexity: f64,
    /// The mean entropy of what was given, in nats: as large as the cross-entropy where
    /// chances are right.
    pub entropy: f64,
    /// The expected calibration error of the likeliest token's chance, ten bins (Guo et
    /// al. 2017, "On calibration of modern neural networks").
    pub calibration_error: f64,
    /// 1/β: what logits were divided by.
    pub temperature: f64,
    /// The reliability diagram of the likeliest token.
    pub bins: [Bin; BINS],
}

/// What one hidden token adds.
struct Told {
    cost: f64,
    entropy: f64,
    best: f64,
    rank: usize,
}

impl Told {
    /// Of a row of logits at inverse temperature `beta`.
    fn of(logits: &[f32], target: u32, beta: f64) -> Self {
        let own = logits[target as usize];
        let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let (mut sum, mut weighted, mut rank) = (0.0, 0.0, 0);
        for &logit in logits {
            let above = beta * f64::from(logit - most);
            let share = above.exp();
            sum += share;
            weighted += share * above;
            rank += usize::from(logit > own);
        }
        let total = sum.ln();
        Self {
            cost: total - beta * f64::from(own - most),
            entropy: total - weighted / sum,
            best: 1.0 / sum,
            rank,
        }
    }
}

/// Sequences with `masking`'s share hidden by `[MASK]`, the same for the same seed.
pub fn hidden(
    sequences: impl Iterator<Item = Vec<u32>>,
    tokenizer: &Tokenizer,
    masking: &Masking,
    seed: Seed,
) -> Vec<Masked> {
    let masking = masking.hiding();
    (0u64..)
        .zip(sequences)
        .map(|(index, sequence)| {
            masking.corrupt(&sequence, tokenizer, &mut seed.stream("evaluation", index))
        })
        .collect()
}

/// Judges a model at 1/β = `temperature` on sequences of one length.
///
/// # Errors
/// Tokens that the model does not know, a network that gives no numbers; Ctrl-C.
pub fn judge(
    text: &MaskedText,
    sequences: &[Masked],
    temperature: f64,
    device: &Device,
) -> Result<TextFigures> {
    let mut bins = [Bin::default(); BINS];
    let (mut told, mut right, mut near, mut cost, mut entropy) = (0, 0, 0, 0.0, 0.0);
    each(text, sequences, device, &mut |logits, targets| {
        let pairs = logits.par_iter().zip(targets);
        let all: Vec<Told> = pairs
            .map(|(logits, &target)| Told::of(logits, target, 1.0 / temperature))
            .collect();
        for one in all {
            told += 1;
            right += usize::from(one.rank == 0);
            near += usize::from(one.rank < 5);
            cost += one.cost;
            entropy += one.entropy;
            Bin::add(&mut bins, one.best, one.rank == 0);
        }
    })?;
    if !(cost + entropy).is_finite() {
        return Err(Error::NotFinite {
            what: "what the model says of hidden tokens".to_owned(),
        });
    }
    let share = |count: usize| count as f64 / told.max(1) as f64;
    let mean = |sum: f64| sum / told.max(1) as f64;
    Ok(TextFigures {
        told,
        accuracy: share(right),
        top5: share(near),
        cross_entropy: mean(cost),
        perplexity: mean(cost).exp(),
        entropy: mean(entropy),
        calibration_error: calibration_error(&bins).unwrap_or(0.0),
        temperature,
        bins,
    })
}

/// The temperature at which hidden tokens of these sequences are likeliest (temperature
/// scaling; Guo et al. 2017), in steps of 2% from 0.5 to 2.
///
/// # Errors
/// As [`judge`].
pub fn fit_temperature(text: &MaskedText, sequences: &[Masked], device: &Device) -> Result<f64> {
    let tried: Vec<f64> = (-35..=35).map(|i| 1.02f64.powi(i)).collect();
    let mut costs = vec![0.0; tried.len()];
    each(text, sequences, device, &mut |logits, targets| {
        for (cost, temperature) in costs.iter_mut().zip(&tried) {
            let each = logits.par_iter().zip(targets);
            let all: Vec<f64> = each
                .map(|(logits, &target)| cost_at(logits, target, 1.0 / temperature))
                .collect();
            *cost += all.iter().sum::<f64>();
        }
    })?;
    let best = costs.iter().zip(&tried).min_by(|a, b| a.0.total_cmp(b.0));
    Ok(best.map_or(1.0, |(_, &temperature)| temperature))
}

/// −log p of the target alone.
fn cost_at(logits: &[f32], target: u32, beta: f64) -> f64 {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let beta = beta as f32;
    let sum: f32 = logits
        .iter()
        .map(|logit| (beta * (logit - most)).exp())
        .sum();
    f64::from(sum).ln() - f64::from(beta * (logits[target as usize] - most))
}

/// Takes in rows of logits and the tokens that were there.
type Take<'a> = dyn FnMut(&[Vec<f32>], &[u32]) + 'a;

/// Hands the logits at the hidden places and the tokens there to `take`.
fn each(text: &MaskedText, sequences: &[Masked], device: &Device, take: &mut Take) -> Result<()> {
    for some in sequences.chunks(AT_ONCE) {
        interrupt::check()?;
        let batch = TextBatch::new(some, device)?;
        if batch.places.elem_count() == 0 {
            continue;
        }
        let logits = text
            .logits(&batch.tokens, &batch.places)?
            .to_vec2::<f32>()?;
        take(&logits, &batch.targets.to_vec1::<u32>()?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Bert, BertConfig, Source as _, Weights};

    #[test]
    fn a_row_is_judged_as_by_scipy() {
        // import numpy as np; from scipy.special import log_softmax; from scipy.stats import entropy
        // l = np.array([0.3, 2.0, -1.0, 1.5]); p = log_softmax(l / 1.25)
        // print(-p[3], entropy(np.exp(p)), np.exp(p).max())
        let told = Told::of(&[0.3, 2.0, -1.0, 1.5], 3, 1.0 / 1.25);
        let expected = [1.101_957_6, 1.115_750_7, 0.495_614_1];
        for (found, expected) in [told.cost, told.entropy, told.best]
            .into_iter()
            .zip(expected)
        {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
        assert_eq!(told.rank, 1);
        assert!((cost_at(&[0.3, 2.0, -1.0, 1.5], 3, 0.8) - told.cost).abs() < 1e-6);
    }

    #[test]
    fn a_model_that_knows_nothing_guesses_evenly() {
        let config = BertConfig {
            vocab_size: 50,
            hidden_size: 8,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            intermediate_size: 8,
            initializer_range: 0.0,
            ..BertConfig::default()
        };
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let bert = Bert::new(&config, weights.root()).unwrap();
        let text = MaskedText::new(&bert, 4);
        let sequences: Vec<Masked> = (0..20)
            .map(|i| Masked {
                tokens: vec![2, 4, 7, 4, 3],
                places: vec![1, 3],
                targets: vec![5 + i, 6 + i],
            })
            .collect();
        let found = judge(&text, &sequences, 1.0, &Device::Cpu).unwrap();
        assert_eq!((found.told, found.bins[0].cases), (40, 40.0));
        let even = 50f64.ln();
        for value in [found.cross_entropy, found.entropy, found.perplexity.ln()] {
            assert!((value - even).abs() < 1e-5, "{value} {even}");
        }
        // Where logits are all the same, no temperature is better.
        let fitted = fit_temperature(&text, &sequences, &Device::Cpu).unwrap();
        assert!(fitted > 0.0);
    }
}
