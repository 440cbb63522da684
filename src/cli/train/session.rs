//! A training session: what is trained, where it is kept, and its loop.

mod conclusion;
pub(in crate::cli) mod continuity;
mod first_picture;
mod horizon;
pub(in crate::cli) mod notes;
pub(in crate::cli) mod state;

use super::Only;
use super::best::Best;
use super::course::{self, Course, Pace, VALIDATIONS};
use super::validation::Validation;
use crate::data::{self, Footage, Split, ValidationPlaces};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::models::FrameShape;
use crate::outputs::events::Events;
use crate::outputs::metrics::Metrics;
use crate::outputs::model::{Draws, MSE, ModelConfig, Trained, UNITS, uncertain};
use crate::outputs::progress::{self, Progress};
use crate::outputs::run::{Existing, MODEL, Run};
use crate::rng::Seed;
use crate::training::budget::Budget;
use crate::training::{Learner, Settings, StepReport};
use candle_core::{Device, Tensor};
use conclusion::conclude;
use continuity::{same_model, same_seed};
use notes::Notes;
use serde_json::{Map, Value, json};
use state::{AVERAGES, OPTIMISER, State, WEIGHTS};
use std::path::Path;
use std::time::Duration;

/// The first validation whose weights may become the model: before it, z is
/// hardly trained, and on a short film little error is easily luck.
const FIRST_JUDGED: u32 = 3;

/// What to train, and for how long.
pub struct Plan {
    pub settings: Settings,
    pub footage: Vec<Footage>,
    pub split: Split,
    /// Where the split took its validation part from.
    pub validation: ValidationPlaces,
    pub inputs: Vec<String>,
    pub only: Option<Only>,
    pub budget: Budget,
    pub save_every: Duration,
    pub seed: Seed,
    pub device: Device,
}

/// A run in training.
pub struct Session {
    plan: Plan,
    run: Run,
    metrics: Metrics,
    events: Events,
    learners: Vec<Learner>,
    /// In the order of the learners.
    best: Vec<Best>,
    pace: Pace,
    /// How it was trained before this session.
    trained: Option<Trained>,
    noted: Notes,
}

impl Session {
    /// Makes or resumes the run in `out`.
    pub fn begin(plan: Plan, out: &Path, existing: Existing) -> Result<Self> {
        let (channels, height, width) = plan.settings.data.shape();
        let shape = FrameShape {
            channels,
            height,
            width,
            change: data::typical_change(&plan.footage, &plan.split.train)?,
        };
        let names = Only::names(plan.only, &plan.settings);
        let mut config = ModelConfig {
            settings: plan.settings.clone(),
            shape,
            frame_rate: plan.footage.first().map_or(25.0, Footage::frame_rate),
            inputs: plan.inputs.clone(),
            models: names.clone(),
            validation: plan.validation,
            persistence: 0.0,
            trained: None,
            draws: Draws::default(),
        };
        let mut learners = names
            .iter()
            .map(|name| {
                let beside = config.beside(name);
                let (settings, device) = (&plan.settings, &plan.device);
                Learner::new(name, settings, beside, shape, plan.seed, device)
            })
            .collect::<Result<Vec<_>>>()?;

        let run = Run::begin(out, existing)?;
        let mut pace = Pace::new(plan.budget, plan.save_every);
        let mut best: Vec<Best> = learners.iter().map(|_| Best::default()).collect();
        if let Some(saved) = run.latest() {
            let old = ModelConfig::read(&run.config())?;
            same_model(out, &old, &config)?;
            config.persistence = old.persistence;
            config.draws = old.draws;
            config.trained = old.trained;
            let state = State::restore(out, &saved, &mut learners, &mut best)?;
            same_seed(out, state.seed, plan.seed)?;
            let step = state.step;
            pace.resume(step, state.elapsed, state.validations);
            tracing::info!("resuming {} after step {step}", out.display());
            if old.settings.training != config.settings.training {
                tracing::warn!(
                    "{}: the settings of training differ from those up to step {step}; \
                         config.toml has the new ones",
                    out.display()
                );
            }
        }
        run.describe(&plan.settings, &config, UNITS)?;
        horizon::learn(&plan, &run)?;
        let (metrics, events) = (Metrics::open(&run)?, Events::open(&run)?);
        Ok(Self {
            plan,
            run,
            metrics,
            events,
            learners,
            best,
            pace,
            trained: config.trained,
            noted: Notes::default(),
        })
    }

    /// Trains until the budget is used up or Ctrl-C. Of a run whose budget is used up,
    /// ends what an interrupt left.
    pub fn train(&mut self) -> Result<()> {
        self.announce();
        if !course::go(self)? && self.pace.is_concluded(self.trained) {
            self.pace.tell_spent(self.run.folder());
            return Ok(());
        }
        let trained = Trained {
            steps: self.pace.step,
            seconds: self.pace.elapsed().as_secs_f64(),
            seed: self.plan.seed.0,
            threads: rayon::current_num_threads(),
            done: !interrupt::interrupted(),
        };
        let warnings = conclude(&self.plan, &self.run, trained)?;
        let stopped = match &warnings {
            Some(_) => "trained",
            None if self.pace.is_spent() => {
                "trained, but how futures are drawn is not chosen yet; end it with --resume"
            }
            None => "stopped; go on with --resume",
        };
        tracing::info!(
            "{stopped}: {} after {} steps, pictures in {}",
            self.run.folder().display(),
            self.pace.step,
            self.run.pictures().display()
        );
        for warning in warnings.unwrap_or_default() {
            progress::alarm(&format!("warning: {warning}"));
        }
        Ok(())
    }

    fn announce(&self) {
        let window = self.plan.settings.window();
        let parts = &self.plan.split;
        tracing::info!(
            "{} frames to train on, {} to validate, {} to test; windows of {window} frames",
            parts.train.frames(),
            parts.validation.frames(),
            parts.test.frames()
        );
        for learner in &self.learners {
            tracing::info!(
                "{}: {} parameters",
                learner.name(),
                learner.weights().count()
            );
        }
    }
}

impl Plan {
    /// The batch that the model of this name sees at a step. Least squares and the first
    /// member see the same; further members others, as they would from another seed.
    fn batch(&self, name: &str, step: u64) -> Result<Tensor> {
        let settings = &self.settings;
        let mut rng = match self.is_first(name) {
            true => self.seed.stream("batch", step),
            false => self.seed.stream(&format!("batch/{name}"), step),
        };
        let (length, batch) = (settings.window(), settings.training.batch);
        let mut windows = self.split.train.draw(length, batch, &mut rng);
        data::vary(&mut windows, settings.training.views(), &mut rng);
        data::batch(&self.footage, &windows, length, &self.device)
    }

    /// Whether it is least squares or the first member.
    fn is_first(&self, name: &str) -> bool {
        [MSE, uncertain(&self.settings)].contains(&name)
    }
}

impl Course for Session {
    type Report = Vec<(String, StepReport)>;

    fn pace(&self) -> &Pace {
        &self.pace
    }

    fn pace_mut(&mut self) -> &mut Pace {
        &mut self.pace
    }

    fn batch_size(&self) -> usize {
        self.plan.settings.training.batch
    }

    fn step(&mut self, used: f64, progress: &Progress) -> Result<(f64, Self::Report)> {
        let (plan, step) = (&self.plan, self.pace.step);
        // Footage that cannot be read any more leaves all learners as they were.
        let shared = plan.batch(MSE, step)?;
        let batches = self.learners.iter().map(|learner| {
            let name = learner.name();
            match plan.is_first(name) {
                true => Ok(shared.clone()),
                false => plan.batch(name, step),
            }
        });
        let batches = batches.collect::<Result<Vec<_>>>()?;
        let mut reports = Vec::new();
        for (learner, windows) in self.learners.iter_mut().zip(batches) {
            let name = learner.name();
            let mut rng = plan.seed.stream(name, step);
            let report = learner.step(&windows, used, &mut rng)?;
            if let Some(alarm) = learner.look_after(&report)? {
                progress.warn(&format!(
                    "step {step}: {}: {alarm}; going back to the last good state, with half the step size",
                    learner.name()
                ));
            }
            reports.push((learner.name().to_owned(), report));
        }
        let energy = reports.last().map_or(0.0, |(_, report)| report.energy);
        Ok((energy, reports))
    }

    fn log(&mut self, reports: &Self::Report) -> Result<()> {
        let mut line = Map::new();
        line.insert("step".to_owned(), json!(self.pace.step));
        line.insert(
            "seconds".to_owned(),
            json!(self.pace.elapsed().as_secs_f64()),
        );
        for (name, report) in reports {
            let values = [
                ("energy", report.energy),
                ("error", report.error),
                ("surprise", report.surprise),
                ("contrast", report.contrast),
                ("gradient", report.gradient),
            ];
            let mut own = Map::new();
            for (key, value) in values {
                own.insert(key.to_owned(), json!(value));
                self.events
                    .scalar(self.pace.step, &format!("{name}/{key}"), value)?;
            }
            line.insert(name.clone(), Value::Object(own));
        }
        self.metrics.write(&line)
    }

    fn validate(&mut self, progress: &Progress) -> Result<()> {
        for learner in &mut self.learners {
            learner.remember()?;
            learner.settle()?;
        }
        let is_mse = |learner: &&Learner| learner.name() == MSE;
        let (mse, latent): (Vec<&Learner>, Vec<_>) = self.learners.iter().partition(is_mse);
        let latent: Vec<_> = latent.into_iter().map(Learner::judged).collect();
        let validation = Validation {
            footage: &self.plan.footage,
            split: &self.plan.split,
            settings: &self.plan.settings,
            device: &self.plan.device,
            seed: self.plan.seed,
            step: self.pace.step,
            mse: mse.first().map(|learner| learner.judged()),
            latent: &latent,
        };
        let found = validation.run()?;
        self.run.check_presence()?;
        let scores = found.scores[usize::from(mse.is_empty())..].iter();
        for ((best, learner), score) in self.best.iter_mut().zip(&self.learners).zip(scores) {
            if let Some(score) = score.filter(|_| self.pace.validations >= FIRST_JUDGED) {
                best.offer(score, learner.judged_weights())?;
            }
        }
        let path = self
            .run
            .pictures()
            .join(format!("{:08}.png", self.pace.step));
        found.picture.save(&path)?;
        let png = std::fs::read(&path).map_err(|error| Error::io(&path, error))?;
        self.events.picture(self.pace.step, "futures", &png)?;
        for (tag, value) in found.scalars() {
            self.events
                .scalar(self.pace.step, &format!("validation/{tag}"), value)?;
        }
        // Before z has had a while to learn, what is said of it is not news.
        let used = f64::from(self.pace.validations) / VALIDATIONS;
        let settled = used >= self.plan.settings.training.without_latent + 1.0 / VALIDATIONS;
        progress.message(&format!("step {}: {}", self.pace.step, found.line()));
        let notes = if settled {
            found.checks.notes()
        } else {
            Vec::new()
        };
        for note in self.noted.news(notes) {
            progress.message(&format!("step {}: note: {note}", self.pace.step));
        }
        self.metrics.write(&json!({
            "step": self.pace.step,
            "seconds": self.pace.elapsed().as_secs_f64(),
            "validation": found.errors(),
            "health": found.checks.health,
            "energy": found.checks.energy,
        }))
    }

    fn save(&mut self) -> Result<()> {
        let weights: Vec<(String, Tensor)> = self
            .learners
            .iter()
            .flat_map(|learner| learner.weights().tensors())
            .collect();
        let (mut model, mut averages, mut moments) = (Vec::new(), Vec::new(), Vec::new());
        for (best, learner) in self.best.iter().zip(&mut self.learners) {
            learner.settle()?;
            model.extend(best.tensors(learner.judged_weights()));
            averages.extend(learner.averages()?);
            moments.extend(learner.moments()?);
        }
        let state = State {
            step: self.pace.step,
            elapsed: self.pace.elapsed().as_secs_f64(),
            validations: self.pace.validations,
            learners: self.learners.iter().map(Learner::state).collect(),
            best: self.best.iter().map(Best::score).collect(),
            seed: self.plan.seed.0,
        };
        self.run.save(
            self.pace.step,
            &[
                (MODEL, &model),
                (WEIGHTS, &weights),
                (AVERAGES, &averages),
                (OPTIMISER, &moments),
            ],
            &state,
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
