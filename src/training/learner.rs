//! One model in training: its weights, its optimiser, and one step.

use super::kept::Kept;
use super::objective::Objective;
use super::parts;
use super::revival::{Revival, revive};
use super::schedule;
use super::settings::{Settings, TrainingConfig};
use super::snapshot::Snapshot;
use super::spectral;
use super::watch::{Alarm, Watch};
use crate::error::{Error, Result};
use crate::inference::{BANK, Beside, ENERGY_WEIGHTS, Family, Forecaster, UNEXPLAINED};
use crate::latent::Codes;
use crate::models::{DICTIONARIES, FrameShape, Weights};
use crate::ops::{AdamW, AdamWConfig, Average};
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
    /// What an energy over frames is held against: the mean F of its own samples
    /// (contrastive), or the error of its slope (score); 0 without one.
    pub contrast: f64,
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
    name: String,
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
    /// The most that an energy's weights over frames may stretch, if there is a bound.
    norm: Option<f64>,
    kept: Kept,
    /// Where to go back to.
    good: Snapshot,
}

/// Halved so often without success, the step size is not the problem.
pub(super) const LEAST_CAUTION: f64 = 1.0 / 1024.0;

impl Learner {
    /// A new model; `name` heads the names of its weights.
    pub fn new(
        name: &str,
        settings: &Settings,
        beside: impl Into<Beside>,
        shape: FrameShape,
        seed: Seed,
        device: &Device,
    ) -> Result<Self> {
        let beside = beside.into();
        let mut weights = Weights::new(seed, device);
        let forecaster =
            Forecaster::new(&settings.model, beside.clone(), shape, name, &mut weights)?;
        let mut source = weights.frozen();
        let frozen = Forecaster::new(&settings.model, beside.clone(), shape, name, &mut source)?;
        let trained = weights
            .pairs()
            .iter()
            .filter(|(name, _)| !(name.ends_with(UNEXPLAINED) || name.contains(BANK)))
            .cloned()
            .collect();
        let config = AdamWConfig {
            weight_decay: settings.training.weight_decay,
            ..AdamWConfig::default()
        };
        let mut optimiser = AdamW::new(trained, config)?;
        // Before z comes in, what belongs to it gets no gradient.
        for (name, _) in weights.pairs() {
            let late = [".latent.", ".prior.", ".remainder.", ENERGY_WEIGHTS];
            if late.iter().any(|part| name.contains(part)) && !name.contains(BANK) {
                optimiser.mark_optional(name)?;
            }
        }
        let average = match settings.training.average {
            0.0 => None,
            decay => Some(Average::new(weights.pairs(), decay)?),
        };
        let revival = Revival::default();
        let good = Snapshot::take(&weights, average.as_ref(), &optimiser, &revival)?;
        let mut judged_weights = Weights::new(seed, device);
        Forecaster::new(
            &settings.model,
            beside.clone(),
            shape,
            name,
            &mut judged_weights,
        )?;
        let mut source = judged_weights.frozen();
        let judged = Forecaster::new(&settings.model, beside.clone(), shape, name, &mut source)?;
        let codes = match &beside {
            Beside::Latent(latent) if latent.family == Family::Codes => {
                Some(Codes::new(latent.stages, latent.size)?)
            }
            _ => None,
        };
        let norm = match &beside {
            Beside::Energy(energy) if energy.norm > 0.0 => Some(energy.norm),
            _ => None,
        };
        Ok(Self {
            name: name.to_owned(),
            norm,
            codes,
            kept: Kept::new(&beside, &settings.training),
            revival,
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

    /// What heads the names of its weights: `mse`, `latent` or `energy`, of further members
    /// with their number (`latent-2`).
    pub fn name(&self) -> &str {
        &self.name
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
        let weights = self.weights.tensors();
        let now = match &self.average {
            Some(average) => average.tensors()?,
            None => weights.clone(),
        };
        let pairs = self.judged_weights.pairs().iter().zip(now).zip(weights);
        for (((name, var), (_, average)), (_, last)) in pairs {
            // Of z's in a bank an average would be none of them.
            let tensor = if name.contains(BANK) { last } else { average };
            var.set(&tensor)?;
        }
        Ok(())
    }

    /// The parameters in training.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// One step on windows (B, context + 2, C, H, W): infer z, energy, backward, step. `used` is the share of the budget that is
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
                contrast: f64::NAN,
                gradient: f64::NAN,
            }),
            result => result,
        }
    }

    fn try_step(&mut self, windows: &Tensor, used: f64, rng: &mut Rng) -> Result<StepReport> {
        let own = rng.uniform() < self.settings.own_frames;
        let objective = Objective {
            forecaster: &self.forecaster,
            frozen: &self.frozen,
            settings: &self.settings,
            kept: &self.kept,
        };
        let count = parts::best_count(windows.dim(0)?, windows.device());
        let vars = self.weights.pairs();
        let (gradients, found) =
            parts::gradients(&objective, windows, vars, count, (own, used), rng)?;
        let copied = match (self.codes, &found.inferred) {
            (Some(codes), Some(inferred)) => self.revival.note(codes, inferred),
            _ => Vec::new(),
        };

        let rate = self.rate(used);
        let gradient = self
            .optimiser
            .step(&gradients, rate, Some(self.settings.clip))?;
        if let Some(most) = self.norm.filter(|_| gradient.is_finite()) {
            let named = self.weights.pairs().iter();
            let energy = named.filter(|(name, _)| name.contains(ENERGY_WEIGHTS));
            spectral::bound(energy.map(|(_, var)| var), most)?;
        }
        if gradient.is_finite() && !own {
            self.follow(found.error)?;
            if let Some((_, dictionary)) = self.named(DICTIONARIES).next() {
                revive(dictionary, &copied, rng)?;
            }
            self.kept.note(&found, &self.weights)?;
        }
        if let Some(average) = self.average.as_mut().filter(|_| gradient.is_finite()) {
            average.update(self.weights.pairs(), self.optimiser.steps())?;
        }
        Ok(StepReport {
            energy: found.energy,
            error: found.error,
            surprise: found.surprise,
            contrast: found.contrast,
            gradient,
        })
    }

    fn rate(&self, used: f64) -> f64 {
        let (peak, rise) = (self.settings.learning_rate, self.settings.rise);
        self.caution * schedule::rate(peak, rise, self.optimiser.steps(), used)
    }

    /// s² follows the squared error at the drawn z: its maximum-likelihood
    /// estimate, so that κ needs no tuning.
    fn follow(&self, error: f64) -> Result<()> {
        for (_, var) in self.named(UNEXPLAINED) {
            let old = f64::from(var.as_tensor().to_vec1::<f32>()?[0]);
            let new = ((1.0 - FOLLOW) * old + FOLLOW * error).max(1e-6);
            var.set(&Tensor::new(&[new as f32], var.device())?)?;
        }
        Ok(())
    }

    /// The weights whose names end so.
    fn named(&self, ending: &str) -> impl Iterator<Item = &(String, Var)> {
        let pairs = self.weights.pairs().iter();
        pairs.filter(move |(name, _)| name.ends_with(ending))
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
            let (optimiser, revival) = (&mut self.optimiser, &mut self.revival);
            (self.good).restore(&self.weights, average, optimiser, revival)?;
        }
        Ok(alarm)
    }

    /// Remembers this state as one to go back to, if training is well.
    pub fn remember(&mut self) -> Result<()> {
        if self.watch.is_well() {
            self.good = self.snapshot()?;
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Snapshot> {
        let average = self.average.as_ref();
        Snapshot::take(&self.weights, average, &self.optimiser, &self.revival)
    }

    /// The optimiser's tensors, for a checkpoint; names start with the model's.
    /// So do those of what it keeps of z.
    pub fn moments(&self) -> Result<Vec<(String, Tensor)>> {
        let mut all = self.optimiser.state()?;
        all.extend(self.kept.tensors(&self.kept_name())?);
        Ok(all)
    }

    /// As moments are named.
    fn kept_name(&self) -> String {
        format!("z.{}", self.name)
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
        let kept = self.kept_name();
        let optimiser = moments.iter().filter(|(name, _)| !name.starts_with(&kept));
        let optimiser = optimiser.map(|(name, tensor)| (name.clone(), tensor.clone()));
        (self.optimiser).load_state(&optimiser.collect(), state.steps)?;
        self.kept.load(moments, &kept)?;
        if let Some(average) = &mut self.average {
            average.load(averages)?;
        }
        self.caution = state.caution;
        self.watch = state.watch;
        self.revival = state.revival;
        // However it was: there is nothing better to go back to.
        self.good = self.snapshot()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
