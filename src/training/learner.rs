//! One model in training: its weights, its optimiser, and one step.

use super::example::Example;
use super::revival::{Revival, revive};
use super::settings::{Settings, TrainingConfig};
use super::snapshot::Snapshot;
use super::watch::{Alarm, Watch};
use crate::error::{Error, Result};
use crate::inference::{Family, Forecaster, LatentConfig, UNEXPLAINED};
use crate::latent::Codes;
use crate::models::{DICTIONARIES, FrameShape, Observed, Stages, Weights};
use crate::ops::{self, AdamW, AdamWConfig, Average};
use crate::rng::{Rng, Seed};
use candle_core::{Device, Tensor, Var};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// How fast s² follows the batches.
const FOLLOW: f64 = 0.05;

/// What one step found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// The mean of F(x, y) = E(x, y, z*) per pixel and channel, in units of
    /// the frame change σ²: half the squared error where there is no z.
    pub energy: f64,
    /// The squared error that was stepped on, in units of σ².
    pub error: f64,
    /// −log p(z | x) per number of z; 0 without z.
    pub surprise: f64,
    /// The gradient's norm before clipping.
    pub gradient: f64,
}

/// What a learner's checkpoint holds beside tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LearnerState {
    /// Steps its optimiser has made.
    pub steps: usize,
    /// Halved each time training had to go back.
    pub caution: f64,
    /// How training has gone.
    pub watch: Watch,
    /// Which codes are in use, where z is one.
    #[serde(default)]
    pub revival: Revival,
}

/// A model in training.
pub struct Learner {
    name: &'static str,
    forecaster: Forecaster,
    /// The same without gradients, which sees each step at once.
    frozen: Forecaster,
    weights: Weights,
    optimiser: AdamW,
    /// Unless the weights of the last step are to be judged.
    average: Option<Average>,
    /// The weights to be judged, as of the last [`Self::settle`].
    judged_weights: Weights,
    judged: Forecaster,
    settings: TrainingConfig,
    caution: f64,
    watch: Watch,
    /// Where z is a code.
    codes: Option<Codes>,
    revival: Revival,
    /// Where to go back to.
    good: Snapshot,
}

/// Halved so often without success, the step size is not the problem.
const LEAST_CAUTION: f64 = 1.0 / 1024.0;

impl Learner {
    /// A new model; `name` heads the names of its weights.
    pub fn new(
        name: &'static str,
        settings: &Settings,
        latent: &LatentConfig,
        shape: FrameShape,
        seed: Seed,
        device: &Device,
    ) -> Result<Self> {
        let mut weights = Weights::new(seed, device);
        let forecaster = Forecaster::new(&settings.model, latent, shape, name, &mut weights)?;
        let mut source = weights.frozen();
        let frozen = Forecaster::new(&settings.model, latent, shape, name, &mut source)?;
        let trained = weights
            .pairs()
            .iter()
            .filter(|(name, _)| !name.ends_with(UNEXPLAINED))
            .cloned()
            .collect();
        let config = AdamWConfig {
            weight_decay: settings.training.weight_decay,
            ..AdamWConfig::default()
        };
        let mut optimiser = AdamW::new(trained, config)?;
        // Before z comes in, what belongs to it gets no gradient.
        for (name, _) in weights.pairs() {
            if [".latent.", ".prior.", ".encoder."]
                .iter()
                .any(|part| name.contains(part))
            {
                optimiser.mark_optional(name)?;
            }
        }
        let average = match settings.training.average {
            0.0 => None,
            decay => Some(Average::new(weights.pairs(), decay)?),
        };
        let good = Snapshot::take(&weights, average.as_ref(), &optimiser)?;
        let mut judged_weights = Weights::new(seed, device);
        Forecaster::new(&settings.model, latent, shape, name, &mut judged_weights)?;
        let mut source = judged_weights.frozen();
        let judged = Forecaster::new(&settings.model, latent, shape, name, &mut source)?;
        let codes = match latent.family {
            Family::Codes => Some(Codes::new(latent.stages, latent.size)?),
            Family::None | Family::Gaussian | Family::Refined => None,
        };
        Ok(Self {
            name,
            codes,
            revival: Revival::default(),
            good,
            forecaster,
            frozen,
            weights,
            optimiser,
            average,
            judged_weights,
            judged,
            settings: settings.training.clone(),
            caution: 1.0,
            watch: Watch::default(),
        })
    }

    /// Its name: `mse` or `latent`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The model to be judged, as of the last [`Self::settle`]; it costs no
    /// gradients.
    pub fn judged(&self) -> &Forecaster {
        &self.judged
    }

    /// Its parameters: the average of those in training.
    pub fn judged_weights(&self) -> &Weights {
        &self.judged_weights
    }

    /// Brings [`Self::judged`] and [`Self::judged_weights`] up to date.
    pub fn settle(&mut self) -> Result<()> {
        let now = match &self.average {
            Some(average) => average.tensors()?,
            None => self.weights.tensors(),
        };
        for ((_, var), (_, tensor)) in self.judged_weights.pairs().iter().zip(&now) {
            var.set(tensor)?;
        }
        Ok(())
    }

    /// The parameters in training.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// One step on a batch of windows (B, context + 2, C, H, W): batch, infer
    /// z, energy, backward, step. `used` is the share of the budget that is
    /// used; `rng` draws this step's noise and z.
    ///
    /// # Errors
    /// A tensor operation that fails. A step that is not finite changes
    /// nothing and is told to [`Self::look_after`] by its report.
    pub fn step(&mut self, windows: &Tensor, used: f64, rng: &mut Rng) -> Result<StepReport> {
        match self.try_step(windows, used, rng) {
            Err(Error::NotFinite { .. }) => Ok(StepReport {
                energy: f64::NAN,
                error: f64::NAN,
                surprise: f64::NAN,
                gradient: f64::NAN,
            }),
            result => result,
        }
    }

    fn try_step(&mut self, windows: &Tensor, used: f64, rng: &mut Rng) -> Result<StepReport> {
        let Example { x, last, y, own } =
            Example::draw(&self.frozen, windows, (&self.settings, used), rng)?;
        let network = self.forecaster.network();
        let observed = network.observe_after(&x, &last)?;
        let y = network.tokens(&y)?;
        let numbers = (y.dim(1)? * y.dim(2)?) as f64;
        let beta = self.settings.beta_at(used);
        let mut copied = Vec::new();
        let plain = ops::squared_error(&observed.mean, &y)?;

        // What is expected without z is trained on its own: z explains what is
        // left, and does not take over what x already says.
        let (expected, alone) = match network.paints() {
            true => (plain.clone(), plain.mean_all()?),
            false => {
                let made = network.decode(&observed, None)?;
                let expected = ops::squared_error(&made, &y)?;
                let alone = (plain.mean_all()? + expected.mean_all()?)?;
                (expected, alone)
            }
        };
        // A z that paints would learn to explain damage; a moved frame has none.
        let mend = own && network.painting() > 0;
        let without = mend || !self.forecaster.has_latent() || used < self.settings.without_latent;
        let (errors, loss, energy, surprise) = if without {
            let energy = 0.5 * scalar(&expected.mean_all()?)?;
            (expected, alone, energy, 0.0)
        } else {
            let field = self.forecaster.energy(&observed, &y)?;
            let inferred = self.forecaster.infer(&field, beta, rng)?;
            if let Some(codes) = self.codes {
                copied = self.revival.note(codes, &inferred);
            }
            let z = inferred.sample_tensor(x.device())?;
            let (errors, before) = match network.stages(&observed, &z)? {
                Stages::One(made) => (ops::squared_error(&made, &y)?, None),
                Stages::Both { moved, painted } => {
                    let before = ops::squared_error(&moved, &y)?.mean_all()?;
                    (ops::squared_error(&painted, &y)?, Some(before))
                }
            };
            let context = self.forecaster.context(&observed);
            let (loss, surprise) = self.loss(&errors, &context, &z)?;
            let loss = (loss + alone)?;
            let loss = match before {
                Some(before) => (loss + before)?,
                None => loss,
            };
            let loss = match self.settings.score_weight {
                0.0 => loss,
                weight => (loss + (self.score(&observed, &y, rng)? * weight)?)?,
            };
            let loss = match self.forecaster.inference() {
                Some(inference) => match inference.loss(&field, &inferred)? {
                    Some(extra) => (loss + extra)?,
                    None => loss,
                },
                None => loss,
            };
            let precision = field.bowls().first().map_or(1.0, |bowl| bowl.precision);
            let total: f64 = inferred.energy.iter().sum();
            let energy = total / (inferred.energy.len() as f64 * precision * numbers);
            (errors, loss, energy, surprise)
        };

        let gradients = loss.backward()?;
        let rate = self.rate(used);
        let gradient = self
            .optimiser
            .step(&gradients, rate, Some(self.settings.clip))?;
        let error = scalar(&errors.mean_all()?)?;
        if gradient.is_finite() && !own {
            self.follow(error)?;
            if let Some(dictionaries) = self.weight(DICTIONARIES) {
                revive(dictionaries, &copied, rng)?;
            }
        }
        if let Some(average) = self.average.as_mut().filter(|_| gradient.is_finite()) {
            average.update(self.weights.pairs(), self.optimiser.steps())?;
        }
        Ok(StepReport {
            energy,
            error,
            surprise,
            gradient,
        })
    }

    /// Squared error plus the prior's surprise at z, and that surprise per
    /// number of z.
    fn loss(&self, errors: &Tensor, context: &Tensor, z: &Tensor) -> Result<(Tensor, f64)> {
        let error = errors.mean_all()?;
        let Some(prior) = self.forecaster.prior() else {
            return Ok((error, 0.0));
        };
        let surprise = (prior.surprise(context, z)?.mean_all()? / z.dim(1)? as f64)?;
        let value = scalar(&surprise)?;
        Ok(((error + (surprise * self.settings.prior_weight)?)?, value))
    }

    /// The score of two futures drawn from p(z | x), in units of σ, on a
    /// quarter of the samples to save time. Only the prior gets a gradient from
    /// it: the frozen decoder is taken as it is.
    fn score(&self, observed: &Observed, y: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let some = y.dim(0)?.div_ceil(4);
        let seen = observed.first(some)?.repeat(2)?;
        let z = (self.forecaster).draw(&self.forecaster.context(&seen), 1.0, rng)?;
        let drawn = self.frozen.network().decode(&seen, z.as_ref())?;
        let (_, places, pixels) = drawn.dims3()?;
        let drawn = drawn.reshape((some, 2, places, pixels))?;
        let one = |index: usize| drawn.narrow(1, index, 1)?.squeeze(1);
        Ok(ops::crps(&one(0)?, &one(1)?, &y.narrow(0, 0, some)?)?.mean_all()?)
    }

    fn rate(&self, used: f64) -> f64 {
        let rise =
            ((self.optimiser.steps() + 1) as f64 / self.settings.rise.max(1) as f64).min(1.0);
        let fall = 0.5 * (1.0 + (std::f64::consts::PI * used.min(1.0)).cos());
        self.settings.learning_rate * self.caution * rise * (0.02 + 0.98 * fall)
    }

    /// s² follows the squared error at the drawn z: its maximum-likelihood
    /// estimate, so that κ needs no tuning.
    fn follow(&self, error: f64) -> Result<()> {
        if let Some(var) = self.weight(UNEXPLAINED) {
            let old = f64::from(var.as_tensor().to_vec1::<f32>()?[0]);
            let new = ((1.0 - FOLLOW) * old + FOLLOW * error).max(1e-6);
            var.set(&Tensor::new(&[new as f32], var.device())?)?;
        }
        Ok(())
    }

    /// The weight whose name ends so.
    fn weight(&self, ending: &str) -> Option<&Var> {
        self.weights
            .pairs()
            .iter()
            .find(|(name, _)| name.ends_with(ending))
            .map(|(_, var)| var)
    }

    /// Judges the step just made. Where it says that training diverges or has
    /// died, goes back to the last good state with half the step size.
    pub fn look_after(&mut self, report: &StepReport) -> Result<Option<Alarm>> {
        let alarm = self.watch.judge(report);
        if alarm.is_some() {
            self.caution *= 0.5;
            if self.caution < LEAST_CAUTION {
                return Err(Error::input(
                    format!("the {} model", self.name),
                    "keeps failing, however small the steps",
                    "look at the video (inspect) and lower training.learning_rate",
                ));
            }
            let average = self.average.as_mut();
            (self.good).restore(&self.weights, average, &mut self.optimiser)?;
        }
        Ok(alarm)
    }

    /// Remembers this state as one to go back to, if training is well.
    pub fn remember(&mut self) -> Result<()> {
        if self.watch.is_well() {
            let average = self.average.as_ref();
            self.good = Snapshot::take(&self.weights, average, &self.optimiser)?;
        }
        Ok(())
    }

    /// The optimiser's tensors, for a checkpoint; names start with the model's.
    pub fn moments(&self) -> Result<Vec<(String, Tensor)>> {
        self.optimiser.state()
    }

    /// The averages of the weights, for a checkpoint; empty without.
    pub fn averages(&self) -> Result<Vec<(String, Tensor)>> {
        match &self.average {
            Some(average) => average.tensors(),
            None => Ok(Vec::new()),
        }
    }

    /// What a checkpoint holds beside tensors.
    pub fn state(&self) -> LearnerState {
        LearnerState {
            steps: self.optimiser.steps(),
            caution: self.caution,
            watch: self.watch.clone(),
            revival: self.revival.clone(),
        }
    }

    /// Goes on from a checkpoint whose weights are already in place.
    pub fn resume(
        &mut self,
        moments: &HashMap<String, Tensor>,
        averages: &HashMap<String, Tensor>,
        state: LearnerState,
    ) -> Result<()> {
        self.optimiser.load_state(moments, state.steps)?;
        if let Some(average) = &mut self.average {
            average.load(averages)?;
        }
        self.caution = state.caution;
        self.watch = state.watch;
        self.revival = state.revival;
        self.remember()
    }
}

fn scalar(tensor: &Tensor) -> Result<f64> {
    Ok(f64::from(tensor.to_scalar::<f32>()?))
}

#[cfg(test)]
mod tests;
