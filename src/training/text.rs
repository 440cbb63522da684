//! Training on text: a BERT, its optimiser, and one step.

use super::learner::{LEAST_CAUTION, LearnerState, StepReport};
use super::parts;
use super::revival::Revival;
use super::schedule;
use super::snapshot::Snapshot;
use super::watch::{Alarm, Watch};
use crate::energy::MaskedText;
use crate::error::{Error, Result};
use crate::models::{Bert, BertConfig, Source as _, Weights, begin_bert};
use crate::ops::{AdamW, AdamWConfig};
use crate::rng::{Rng, Seed};
use crate::text::{Masked, Masking};
use candle_core::backprop::GradStore;
use candle_core::{Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// A recipe of text, resolved: what `config.toml` of a run holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextSettings {
    /// How text becomes sequences.
    pub data: TextData,
    /// The network, by the names of Hugging Face's config.json. `vocab_size` is that of
    /// the tokenizer.
    pub model: BertConfig,
    /// What is hidden.
    pub masking: Masking,
    /// How it is trained.
    pub training: TextTraining,
}

/// How text becomes sequences.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextData {
    /// Tokens of a sequence, `[CLS]` and `[SEP]` included.
    pub length: usize,
    /// Tokens of a vocabulary that is learned from the corpus.
    pub vocabulary: usize,
    /// Whether that vocabulary is of small letters only.
    pub lower_case: bool,
}

impl Default for TextData {
    fn default() -> Self {
        Self {
            length: 128,
            vocabulary: 8192,
            lower_case: true,
        }
    }
}

/// How a model of text is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TextTraining {
    /// Sequences in a step.
    pub batch: usize,
    /// The learning rate's peak; it rises over `rise` steps, then falls to
    /// 2% of it along a cosine over the budget.
    pub learning_rate: f64,
    /// Steps over which the learning rate rises.
    pub rise: u64,
    /// AdamW's weight decay.
    pub weight_decay: f64,
    /// The largest norm of a step's gradient; larger ones are scaled down.
    pub clip: f64,
}

impl Default for TextTraining {
    fn default() -> Self {
        Self {
            batch: 32,
            learning_rate: 1e-3,
            rise: 100,
            weight_decay: 0.01,
            clip: 1.0,
        }
    }
}

impl TextSettings {
    /// # Errors
    /// A value out of its range.
    pub fn check(&self) -> Result<()> {
        let most = self.model.max_position_embeddings;
        if !(3..=most).contains(&self.data.length) {
            return Err(Error::input(
                "data.length",
                format!(
                    "it is {}, the model has places for 3 to {most}",
                    self.data.length
                ),
                "choose it so, or raise model.max_position_embeddings",
            ));
        }
        if self.training.batch == 0 {
            return Err(Error::input("training.batch", "it is 0", "give at least 1"));
        }
        let training = &self.training;
        for (key, value, least) in [
            (
                "training.learning_rate",
                training.learning_rate,
                f64::MIN_POSITIVE,
            ),
            ("training.weight_decay", training.weight_decay, 0.0),
            ("training.clip", training.clip, f64::MIN_POSITIVE),
        ] {
            if !(least..f64::INFINITY).contains(&value) {
                let hint = match least {
                    0.0 => "give at least 0",
                    _ => "give a number above 0",
                };
                return Err(Error::input(key, format!("it is {value}"), hint));
            }
        }
        self.masking.check()?;
        self.model.check()
    }
}

/// Sequences as tensors: x (B, T) u32, and places (M) and targets (M) of all of them.
pub struct TextBatch {
    /// x, some of it hidden.
    pub tokens: Tensor,
    /// Where tokens are to be told, each in 0..B·T.
    pub places: Tensor,
    /// The tokens that were there.
    pub targets: Tensor,
}

impl TextBatch {
    /// Of sequences of one length, at least one.
    ///
    /// # Errors
    /// Sequences of several lengths.
    pub fn new(sequences: &[Masked], device: &Device) -> Result<Self> {
        let length = sequences
            .first()
            .map_or(0, |sequence| sequence.tokens.len());
        let (mut tokens, mut places, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for (row, sequence) in sequences.iter().enumerate() {
            tokens.extend_from_slice(&sequence.tokens);
            places.extend(
                sequence
                    .places
                    .iter()
                    .map(|place| (row * length + place) as u32),
            );
            targets.extend_from_slice(&sequence.targets);
        }
        let count = places.len();
        Ok(Self {
            tokens: Tensor::from_vec(tokens, (sequences.len(), length), device)?,
            places: Tensor::from_vec(places, count, device)?,
            targets: Tensor::from_vec(targets, count, device)?,
        })
    }
}

/// A BERT in training.
pub struct TextLearner {
    bert: Bert,
    /// The same without gradients, which sees each step at once.
    frozen: Bert,
    weights: Weights,
    optimiser: AdamW,
    settings: TextTraining,
    mask: u32,
    caution: f64,
    watch: Watch,
    good: Snapshot,
}

impl TextLearner {
    /// A new model; `mask` is the token that hides another.
    ///
    /// # Errors
    /// Settings that make no model.
    pub fn new(settings: &TextSettings, mask: u32, seed: Seed, device: &Device) -> Result<Self> {
        let mut weights = Weights::new(seed, device);
        let bert = Bert::new(&settings.model, weights.root())?;
        let frozen = Bert::new(&settings.model, weights.frozen().root())?;
        let config = AdamWConfig {
            weight_decay: settings.training.weight_decay,
            ..AdamWConfig::default()
        };
        let optimiser = AdamW::new(weights.pairs().to_vec(), config)?;
        let good = Snapshot::take(&weights, None, &optimiser, &Revival::default())?;
        Ok(Self {
            bert,
            frozen,
            weights,
            optimiser,
            settings: settings.training.clone(),
            mask,
            caution: 1.0,
            watch: Watch::default(),
            good,
        })
    }

    /// Sets a new model's weights to what is known before training; see [`begin_bert`].
    ///
    /// # Errors
    /// `shares` of another vocabulary than the model's.
    pub fn begin_at(&mut self, shares: &[f64]) -> Result<()> {
        begin_bert(self.bert.config(), self.weights.pairs(), shares)?;
        self.remember_now()
    }

    /// The model as it is now; it costs no gradients.
    pub fn frozen(&self) -> &Bert {
        &self.frozen
    }

    /// Its parameters.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// One step on sequences of one length: the mean of −log p over all that is to be
    /// told. `used` is the share of the budget that is used; `rng` draws what is dropped.
    /// In the report the energy is that mean, in nats, the error its share of that of even
    /// guesses.
    ///
    /// # Errors
    /// A tensor operation that fails. A step that is not finite changes nothing and is
    /// told to [`Self::look_after`] by its report.
    pub fn step(&mut self, batch: &[Masked], used: f64, rng: &mut Rng) -> Result<StepReport> {
        let device = self.weights.device().clone();
        let count = parts::best_count(batch.len(), &device);
        let told: usize = batch.iter().map(|sequence| sequence.places.len()).sum();
        let start = |part: usize| part * batch.len() / count;
        let parts: Vec<_> = (0..count)
            .map(|part| (&batch[start(part)..start(part + 1)], rng.branch()))
            .collect();
        let text = MaskedText::new(&self.bert, self.mask);
        // Each part on a thread of its own.
        let made: Vec<(GradStore, f64)> = parts
            .into_par_iter()
            .with_max_len(1)
            .map(|(sequences, mut rng)| {
                let TextBatch {
                    tokens,
                    places,
                    targets,
                } = TextBatch::new(sequences, &device)?;
                let costs = text.costs(&tokens, &places, &targets, Some(&mut rng))?;
                let loss = (costs.sum_all()? / told as f64)?;
                let value = f64::from(loss.to_scalar::<f32>()?);
                Ok((loss.backward()?, value))
            })
            .collect::<Result<_>>()?;
        let (stores, losses): (Vec<_>, Vec<f64>) = made.into_iter().unzip();
        let gradients = parts::sum(stores, self.weights.pairs())?;
        let energy = losses.iter().sum::<f64>();
        let rate = self.caution
            * schedule::rate(
                self.settings.learning_rate,
                self.settings.rise,
                self.optimiser.steps(),
                used,
            );
        let gradient = match energy.is_finite() {
            true => self
                .optimiser
                .step(&gradients, rate, Some(self.settings.clip))?,
            false => f64::NAN,
        };
        Ok(StepReport {
            energy,
            error: energy / (self.bert.config().vocab_size as f64).ln(),
            surprise: 0.0,
            contrast: 0.0,
            gradient,
        })
    }

    /// Judges the step just made. Where it says that training diverges or has
    /// died, goes back to the last good state with half the step size.
    ///
    /// # Errors
    /// Where that did not help.
    pub fn look_after(&mut self, report: &StepReport) -> Result<Option<Alarm>> {
        let alarm = self.watch.judge(report);
        if alarm.is_some() {
            self.go_back()?;
        }
        Ok(alarm)
    }

    /// Remembers this state as one to go back to, if training is well.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn remember(&mut self) -> Result<()> {
        if self.watch.is_well() {
            self.good = self.snapshot()?;
        }
        Ok(())
    }

    /// Remembers this state, whatever it is: weights that were put in place.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn remember_now(&mut self) -> Result<()> {
        self.good = self.snapshot()?;
        Ok(())
    }

    /// Whether all weights are finite.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn is_finite(&self) -> Result<bool> {
        for (_, var) in self.weights.pairs() {
            let sum = var.as_detached_tensor().abs()?.sum_all()?;
            if !sum.to_scalar::<f32>()?.is_finite() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Goes back to the last good state, with half the step size.
    ///
    /// # Errors
    /// Where that did not help before.
    pub fn go_back(&mut self) -> Result<()> {
        self.caution *= 0.5;
        if self.caution < LEAST_CAUTION {
            return Err(Error::input(
                "the model of text",
                "keeps failing, however small the steps",
                "look at the text and lower training.learning_rate",
            ));
        }
        let revival = &mut Revival::default();
        (self.good).restore(&self.weights, None, &mut self.optimiser, revival)
    }

    fn snapshot(&self) -> Result<Snapshot> {
        Snapshot::take(&self.weights, None, &self.optimiser, &Revival::default())
    }

    /// The optimiser's tensors, for a checkpoint.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn moments(&self) -> Result<Vec<(String, Tensor)>> {
        self.optimiser.state()
    }

    /// What a checkpoint holds beside tensors.
    pub fn state(&self) -> LearnerState {
        LearnerState {
            steps: self.optimiser.steps(),
            caution: self.caution,
            watch: self.watch.clone(),
            revival: Revival::default(),
        }
    }

    /// Goes on from a checkpoint whose weights are already in place.
    ///
    /// # Errors
    /// Moments that are not this model's.
    pub fn resume(&mut self, moments: &HashMap<String, Tensor>, state: LearnerState) -> Result<()> {
        self.optimiser.load_state(moments, state.steps)?;
        self.caution = state.caution;
        self.watch = state.watch;
        self.good = self.snapshot()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
