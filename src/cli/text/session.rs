//! A session of training on text: what is trained, where it is kept, and its loop.

mod state;

use crate::cli::train::best::Best;
use crate::cli::train::course::{self, Course, Pace, VALIDATIONS};
use crate::cli::train::session::continuity::same_seed;
use crate::cli::train::session::notes::Notes;
use crate::cli::train::session::state::check_progress;
use crate::energy::MaskedText;
use crate::error::{Error, Result};
use crate::evaluation::masked_text::{self, TextFigures};
use crate::interrupt;
use crate::outputs::events::Events;
use crate::outputs::metrics::Metrics;
use crate::outputs::model::Trained;
use crate::outputs::progress::Progress;
use crate::outputs::run::{Existing, MODEL, Run};
use crate::outputs::text_model::{TextModel, TextRun, config_json, read_config};
use crate::rng::Seed;
use crate::text::{Masked, Stream, Tokenizer};
use crate::training::StepReport;
use crate::training::budget::Budget;
use crate::training::text::{TextLearner, TextSettings};
use candle_core::Device;
use serde_json::json;
use state::{State, same_model};
use std::path::Path;
use std::time::Duration;

/// Sequences that are validated on, at most.
const JUDGED: usize = 128;
/// The part of a save that holds the optimiser.
const OPTIMISER: &str = "optimizer";
/// The part of a save from which training goes on; the part [`MODEL`] holds the weights
/// that were best on the validation part.
const WEIGHTS: &str = "weights";

/// What to train, and for how long.
pub(super) struct Plan {
    pub(super) settings: TextSettings,
    pub(super) tokenizer: Tokenizer,
    pub(super) train: Stream,
    pub(super) validation: Stream,
    pub(super) inputs: Vec<String>,
    /// What training begins from, if not from random weights.
    pub(super) init: Option<TextModel>,
    pub(super) budget: Budget,
    pub(super) save_every: Duration,
    pub(super) seed: Seed,
    pub(super) device: Device,
}

/// A run in training.
pub(super) struct Session {
    plan: Plan,
    run: Run,
    metrics: Metrics,
    events: Events,
    learner: TextLearner,
    best: Best,
    judged: Vec<Masked>,
    /// The mean cost of what is judged, by tokens' frequencies alone.
    by_frequency: f64,
    pace: Pace,
    /// How it was trained before this session.
    trained: Option<Trained>,
    noted: Notes,
    /// Whether the last step made weights that are not finite.
    diverged: bool,
}

impl Session {
    /// Makes or resumes the run in `out`.
    pub(super) fn begin(plan: Plan, out: &Path, existing: Existing) -> Result<Self> {
        let mask = plan.tokenizer.mask();
        let shares = plan.train.shares(plan.settings.model.vocab_size);
        let mut learner = TextLearner::new(&plan.settings, mask, plan.seed, &plan.device)?;
        if let Some(init) = &plan.init {
            for ((_, var), (_, from)) in
                learner.weights().pairs().iter().zip(init.weights().pairs())
            {
                var.set(&from.as_detached_tensor())?;
            }
            learner.remember_now()?;
        } else {
            learner.begin_at(&shares)?;
        }
        let run = Run::begin(out, existing)?;
        let mut best = Best::default();
        let mut pace = Pace::new(plan.budget, plan.save_every);
        let mut about = TextRun {
            settings: plan.settings.clone(),
            inputs: plan.inputs.clone(),
            temperature: 1.0,
            trained: None,
        };
        if let Some(saved) = run.latest() {
            let (_, old) = read_config(&run.config())?;
            same_model(out, old.as_ref(), &plan)?;
            if let Some(old) = old {
                about.temperature = old.temperature;
                about.trained = old.trained;
            }
            let state: State = saved.state()?;
            check_progress(&saved, state.step, state.elapsed)?;
            state.check(&saved)?;
            same_seed(out, state.seed, plan.seed)?;
            saved.load(MODEL)?.fill(learner.weights().pairs())?;
            best = Best::known(state.best, learner.weights())?;
            saved.load(WEIGHTS)?.fill(learner.weights().pairs())?;
            learner.resume(&saved.load(OPTIMISER)?.tensors, state.learner)?;
            let step = state.step;
            pace.resume(step, state.elapsed, state.validations);
            tracing::info!("resuming {} after step {step}", out.display());
        }
        plan.tokenizer.save_in(out)?;
        run.describe_as(&plan.settings, &config_json(&plan.settings.model, &about)?)?;
        let judged = masked_text::hidden(
            plan.validation
                .sequences(plan.settings.data.length)
                .take(JUDGED),
            &plan.tokenizer,
            &plan.settings.masking,
            plan.seed,
        );
        let targets: Vec<u32> = judged.iter().flat_map(|j| j.targets.clone()).collect();
        let sum: f64 = targets.iter().map(|&t| -shares[t as usize].ln()).sum();
        let (metrics, events) = (Metrics::open(&run)?, Events::open(&run)?);
        Ok(Self {
            by_frequency: sum / targets.len().max(1) as f64,
            plan,
            run,
            metrics,
            events,
            learner,
            best,
            judged,
            pace,
            trained: about.trained,
            noted: Notes::default(),
            diverged: false,
        })
    }

    /// Trains until the budget is used up or Ctrl-C.
    pub(super) fn train(&mut self) -> Result<()> {
        tracing::info!(
            "{} tokens to train on, {} to validate; {} in the vocabulary; {} parameters",
            self.plan.train.len(),
            self.plan.validation.len(),
            self.plan.tokenizer.size(),
            self.learner.weights().count()
        );
        if !course::go(self)? && self.pace.is_concluded(self.trained) {
            self.pace.tell_spent(self.run.folder());
            return Ok(());
        }
        match self.diverged {
            // What is saved is the last good state.
            true => Err(Error::NotFinite {
                what: "a weight after the last step".to_owned(),
            }),
            false => self.conclude(),
        }
    }

    /// Goes back to the last good state where the last step has left it.
    fn keep_finite(&mut self) -> Result<()> {
        if !self.learner.is_finite()? {
            self.diverged = true;
            tracing::warn!(
                "step {}: a weight is not finite; going back to the last good state, with half \
                 the step size",
                self.pace.step
            );
            self.learner.go_back()?;
        }
        Ok(())
    }

    /// The sequences of this step: drawn from anywhere, hidden anew.
    fn batch(&self) -> Vec<Masked> {
        let (settings, plan) = (&self.plan.settings, &self.plan);
        let mut rng = plan.seed.stream("batch", self.pace.step);
        (0..settings.training.batch)
            .map(|_| {
                let sequence = plan.train.draw(settings.data.length, &mut rng);
                settings
                    .masking
                    .corrupt(&sequence, &plan.tokenizer, &mut rng)
            })
            .collect()
    }

    /// What does not look right.
    fn notes(&self, found: &TextFigures) -> Vec<String> {
        let mut notes = Vec::new();
        let half = f64::from(self.pace.validations) >= VALIDATIONS / 2.0;
        if half && found.cross_entropy > 0.98 * self.by_frequency {
            notes.push(format!(
                "x is not used: −log p is {:.2} nats, by frequency alone {:.2}; train longer, or \
                 with another training.learning_rate",
                found.cross_entropy, self.by_frequency
            ));
        }
        if found.cross_entropy > 1.15 * found.entropy {
            notes.push(format!(
                "too sure: −log p is {:.2} nats where {:.2} were expected; the text may be learned \
                 by heart",
                found.cross_entropy, found.entropy
            ));
        }
        notes
    }

    /// Writes how it was trained and, where that is done, the temperature that is best on
    /// the validation part.
    fn conclude(&self) -> Result<()> {
        let done = !interrupt::interrupted();
        let folder = self.run.folder();
        let mut about = TextRun {
            settings: self.plan.settings.clone(),
            inputs: self.plan.inputs.clone(),
            temperature: 1.0,
            trained: Some(Trained {
                steps: self.pace.step,
                seconds: self.pace.elapsed().as_secs_f64(),
                seed: self.plan.seed.0,
                threads: rayon::current_num_threads(),
                done,
            }),
        };
        if done {
            let model = TextModel::load(folder, &self.plan.device)?;
            let text = MaskedText::new(&model.bert, model.tokenizer.mask());
            let (judged, device) = (&self.judged, &self.plan.device);
            about.temperature = masked_text::fit_temperature(&text, judged, device)?;
            let found = masked_text::judge(&text, judged, about.temperature, device)?;
            tracing::info!(
                "on the validation part, at temperature {:.2}: {:.1}% told, perplexity {:.1}, \
                 calibration error {:.3}",
                about.temperature,
                100.0 * found.accuracy,
                found.perplexity,
                found.calibration_error
            );
        }
        let config = config_json(&self.plan.settings.model, &about)?;
        self.run.describe_as(&self.plan.settings, &config)?;
        let stopped = match done {
            true => "trained",
            false => "stopped; go on with --resume",
        };
        tracing::info!(
            "{stopped}: {} after {} steps",
            folder.display(),
            self.pace.step
        );
        Ok(())
    }
}

impl Course for Session {
    type Report = StepReport;

    fn pace(&self) -> &Pace {
        &self.pace
    }

    fn pace_mut(&mut self) -> &mut Pace {
        &mut self.pace
    }

    fn batch_size(&self) -> usize {
        self.plan.settings.training.batch
    }

    fn step(&mut self, used: f64, progress: &Progress) -> Result<(f64, StepReport)> {
        self.diverged = false;
        let batch = self.batch();
        let mut rng = self.plan.seed.stream("step", self.pace.step);
        let report = self.learner.step(&batch, used, &mut rng)?;
        if let Some(alarm) = self.learner.look_after(&report)? {
            progress.warn(&format!(
                "step {}: {alarm}; going back to the last good state, with half the step size",
                self.pace.step
            ));
        }
        Ok((report.energy, report))
    }

    fn log(&mut self, report: &Self::Report) -> Result<()> {
        for (key, value) in [("energy", report.energy), ("gradient", report.gradient)] {
            self.events.scalar(self.pace.step, key, value)?;
        }
        self.metrics.write(&json!({
            "step": self.pace.step,
            "seconds": self.pace.elapsed().as_secs_f64(),
            "energy": report.energy,
            "gradient": report.gradient,
        }))
    }

    fn validate(&mut self, progress: &Progress) -> Result<()> {
        self.keep_finite()?;
        self.learner.remember()?;
        let text = MaskedText::new(self.learner.frozen(), self.plan.tokenizer.mask());
        let found = match masked_text::judge(&text, &self.judged, 1.0, &self.plan.device) {
            // What is saved next is whole without it.
            Err(Error::Interrupted) => return Ok(()),
            found => found?,
        };
        self.best
            .offer(found.cross_entropy, self.learner.weights())?;
        for (tag, value) in [
            ("cross_entropy", found.cross_entropy),
            ("accuracy", found.accuracy),
            ("calibration_error", found.calibration_error),
        ] {
            let tag = format!("validation/{tag}");
            self.events.scalar(self.pace.step, &tag, value)?;
        }
        progress.message(&format!(
            "step {}: hidden tokens: {:.1}% told, {:.1}% among five, perplexity {:.1} (by frequency \
             alone {:.1}), calibration error {:.3}",
            self.pace.step,
            100.0 * found.accuracy,
            100.0 * found.top5,
            found.perplexity,
            self.by_frequency.exp(),
            found.calibration_error
        ));
        for note in self.noted.news(self.notes(&found)) {
            progress.message(&format!("step {}: note: {note}", self.pace.step));
        }
        self.metrics.write(&json!({
            "step": self.pace.step,
            "seconds": self.pace.elapsed().as_secs_f64(),
            "validation": found,
            "by_frequency": self.by_frequency,
        }))
    }

    fn save(&mut self) -> Result<()> {
        self.keep_finite()?;
        let state = State {
            step: self.pace.step,
            elapsed: self.pace.elapsed().as_secs_f64(),
            validations: self.pace.validations,
            learner: self.learner.state(),
            best: self.best.score(),
            seed: self.plan.seed.0,
        };
        let weights = self.learner.weights();
        self.run.save(
            self.pace.step,
            &[
                (MODEL, &self.best.tensors(weights)),
                (WEIGHTS, &weights.tensors()),
                (OPTIMISER, &self.learner.moments()?),
            ],
            &state,
        )?;
        Ok(())
    }
}
