//! A training session: what is trained, where it is kept, and its loop.

mod conclusion;
pub(in crate::cli) mod continuity;
pub(in crate::cli) mod notes;
mod state;

use super::Only;
use super::best::Best;
use super::validation::Validation;
use crate::data::{self, Footage, Split, Window};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::models::FrameShape;
use crate::outputs::events::Events;
use crate::outputs::metrics::Metrics;
use crate::outputs::model::{MSE, ModelConfig, Trained, UNITS, uncertain};
use crate::outputs::progress::{Progress, Tick};
use crate::outputs::run::{Existing, MODEL, Run};
use crate::rng::Seed;
use crate::training::budget::Budget;
use crate::training::{Batch, Learner, Settings, StepReport};
use candle_core::{Device, Tensor};
use conclusion::conclude;
use continuity::{same_model, same_seed};
use notes::Notes;
use serde_json::{Map, Value, json};
use state::{AVERAGES, OPTIMISER, State, WEIGHTS};
use std::path::Path;
use std::time::{Duration, Instant};

/// Validations in a run.
const VALIDATIONS: f64 = 10.0;
/// The first validation whose weights may become the model: before it, z is
/// hardly trained, and on a short film little error is easily luck.
const FIRST_JUDGED: u32 = 3;
/// Steps between two lines of metrics.
const METRICS_APART: u64 = 10;

/// What to train, and for how long.
pub struct Plan {
    pub settings: Settings,
    pub footage: Vec<Footage>,
    pub split: Split,
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
    step: u64,
    validations: u32,
    noted: Notes,
    /// Time trained before this session.
    before: Duration,
    started: Instant,
    saved: Instant,
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
            models: names.iter().map(|&name| name.to_owned()).collect(),
            persistence: 0.0,
            trained: None,
        };
        let mut learners = names
            .iter()
            .map(|&name| {
                let beside = config.beside(name);
                let (settings, device) = (&plan.settings, &plan.device);
                Learner::new(name, settings, beside, shape, plan.seed, device)
            })
            .collect::<Result<Vec<_>>>()?;

        let run = Run::begin(out, existing)?;
        let (mut step, mut validations, mut before) = (0, 0, Duration::ZERO);
        let mut best: Vec<Best> = learners.iter().map(|_| Best::default()).collect();
        if let Some(saved) = run.latest() {
            let old: ModelConfig = crate::training::checkpoint::load_config(&run.config())?;
            same_model(out, &old, &config)?;
            config.persistence = old.persistence;
            config.trained = old.trained;
            let state = State::restore(out, &saved, &mut learners, &mut best)?;
            same_seed(out, state.seed, plan.seed)?;
            step = state.step;
            before = Duration::from_secs_f64(state.elapsed);
            // With a larger budget than before, some are due again.
            let used = plan.budget.used(step, before);
            validations = state.validations.min((used * VALIDATIONS) as u32);
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
        let (metrics, events) = (Metrics::open(&run)?, Events::open(&run)?);
        let now = Instant::now();
        Ok(Self {
            plan,
            run,
            metrics,
            events,
            learners,
            best,
            step,
            validations,
            noted: Notes::default(),
            before,
            started: now,
            saved: now,
        })
    }

    /// Trains until the budget is used up or Ctrl-C.
    pub fn train(&mut self) -> Result<()> {
        self.announce();
        if self.plan.budget.spent(self.step, self.elapsed()) {
            tracing::info!(
                "{}: nothing left to do: after step {} the budget, {}, is used up; it counts from \
                 the run's beginning, so give a larger one to go on",
                self.run.folder().display(),
                self.step,
                self.plan.budget
            );
            return Ok(());
        }
        let mut progress = Progress::new(self.plan.budget);
        let mut energy = None;
        while !self.plan.budget.spent(self.step, self.elapsed()) && !interrupt::interrupted() {
            let used = self.plan.budget.used(self.step, self.elapsed());
            let (windows, names) = self.batch()?;
            let batch = Batch {
                windows: &windows,
                names: &names,
            };
            let mut reports = Vec::new();
            for learner in &mut self.learners {
                let mut rng = self.plan.seed.stream(learner.name(), self.step);
                let report = learner.step(batch, used, &mut rng)?;
                if let Some(alarm) = learner.look_after(&report)? {
                    progress.warn(&format!(
                        "step {}: {}: {alarm}; going back to the last good state, with half the step size",
                        self.step,
                        learner.name()
                    ));
                }
                reports.push((learner.name(), report));
            }
            self.step += 1;
            let last = reports.last().map_or(0.0, |(_, report)| report.energy);
            let smooth = energy.map_or(last, |old: f64| old + 0.05 * (last - old));
            energy = Some(smooth);
            if self.step % METRICS_APART == 1 {
                self.log(&reports)?;
            }
            let used = self.plan.budget.used(self.step, self.elapsed());
            if (used * VALIDATIONS) as u32 > self.validations {
                self.validations = (used * VALIDATIONS) as u32;
                self.validate(&progress)?;
            }
            if self.saved.elapsed() >= self.plan.save_every {
                self.save()?;
            }
            progress.update(self.tick(smooth));
        }
        progress.finish(self.tick(energy.unwrap_or(0.0)));
        self.save()?;
        let trained = Trained {
            steps: self.step,
            seconds: self.elapsed().as_secs_f64(),
            seed: self.plan.seed.0,
            threads: rayon::current_num_threads(),
        };
        let done = !interrupt::interrupted();
        conclude(&self.plan, &self.run, trained, done)?;
        let stopped = match done {
            true => "trained",
            false => "stopped; go on with --resume",
        };
        tracing::info!(
            "{stopped}: {} after {} steps, pictures in {}",
            self.run.folder().display(),
            self.step,
            self.run.pictures().display()
        );
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

    /// The batch of this step, the same for both models, and its windows' names.
    fn batch(&self) -> Result<(Tensor, Vec<u64>)> {
        let (settings, plan) = (&self.plan.settings, &self.plan);
        let mut rng = plan.seed.stream("batch", self.step);
        let (length, batch) = (settings.window(), settings.training.batch);
        let mut windows = plan.split.train.draw(length, batch, &mut rng);
        let (shift, mirror) = (settings.training.shift, settings.training.mirror);
        data::vary(&mut windows, shift, mirror, &mut rng);
        let names = windows.iter().map(Window::name).collect();
        let frames = data::batch(&plan.footage, &windows, length, &plan.device)?;
        Ok((frames, names))
    }

    fn log(&mut self, reports: &[(&str, StepReport)]) -> Result<()> {
        let mut line = Map::new();
        line.insert("step".to_owned(), json!(self.step));
        line.insert("seconds".to_owned(), json!(self.elapsed().as_secs_f64()));
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
                    .scalar(self.step, &format!("{name}/{key}"), value)?;
            }
            line.insert((*name).to_owned(), Value::Object(own));
        }
        self.metrics.write(&line)
    }

    fn validate(&mut self, progress: &Progress) -> Result<()> {
        for learner in &mut self.learners {
            learner.remember()?;
            learner.settle()?;
        }
        let validation = Validation {
            footage: &self.plan.footage,
            split: &self.plan.split,
            settings: &self.plan.settings,
            device: &self.plan.device,
            seed: self.plan.seed,
            step: self.step,
            mse: self.forecaster(MSE),
            latent: self.forecaster(uncertain(&self.plan.settings)),
        };
        let found = validation.run()?;
        for (best, learner) in self.best.iter_mut().zip(&self.learners) {
            let score = found.scores[usize::from(learner.name() != MSE)];
            if let Some(score) = score.filter(|_| self.validations >= FIRST_JUDGED) {
                best.offer(score, learner.judged_weights())?;
            }
        }
        let path = self.run.pictures().join(format!("{:08}.png", self.step));
        found.picture.save(&path)?;
        let png = std::fs::read(&path).map_err(|error| Error::io(&path, error))?;
        self.events.picture(self.step, "futures", &png)?;
        for (tag, value) in found.scalars() {
            self.events
                .scalar(self.step, &format!("validation/{tag}"), value)?;
        }
        // Before z has had a while to learn, what is said of it is not news.
        let used = f64::from(self.validations) / VALIDATIONS;
        let settled = used >= self.plan.settings.training.without_latent + 1.0 / VALIDATIONS;
        progress.message(&format!("step {}: {}", self.step, found.line()));
        let notes = if settled { found.notes() } else { Vec::new() };
        for note in self.noted.news(notes) {
            progress.message(&format!("step {}: note: {note}", self.step));
        }
        self.metrics.write(&json!({
            "step": self.step,
            "seconds": self.elapsed().as_secs_f64(),
            "validation": found.errors(),
            "health": found.health,
            "energy": found.energy,
        }))
    }

    fn forecaster(&self, name: &str) -> Option<&crate::inference::Forecaster> {
        self.learners
            .iter()
            .find(|learner| learner.name() == name)
            .map(Learner::judged)
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
            step: self.step,
            elapsed: self.elapsed().as_secs_f64(),
            validations: self.validations,
            learners: self.learners.iter().map(Learner::state).collect(),
            best: self.best.iter().map(Best::score).collect(),
            seed: self.plan.seed.0,
        };
        self.run.save(
            self.step,
            &[
                (MODEL, &model),
                (WEIGHTS, &weights),
                (AVERAGES, &averages),
                (OPTIMISER, &moments),
            ],
            &state,
        )?;
        self.saved = Instant::now();
        Ok(())
    }

    fn elapsed(&self) -> Duration {
        self.before + self.started.elapsed()
    }

    fn tick(&self, energy: f64) -> Tick {
        Tick {
            step: self.step,
            elapsed: self.elapsed(),
            samples: self.step * self.plan.settings.training.batch as u64,
            energy,
        }
    }
}

#[cfg(test)]
mod tests;
