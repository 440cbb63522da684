//! What a save of a session holds, and how training goes on from it.

use super::super::best::Best;
use crate::error::{Error, Result};
use crate::outputs::run::{MODEL, Saved};
use crate::training::{Learner, LearnerState};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

/// The part of a save that holds the optimisers.
pub(super) const OPTIMISER: &str = "optimizer";
/// The part of a save from which training goes on; the part [`MODEL`] holds
/// the weights that were best on the validation part.
pub(super) const WEIGHTS: &str = "weights";
/// The part of a save that holds the averages of those.
pub(super) const AVERAGES: &str = "averages";

/// Seconds that a run may have taken: a hundred years.
const LONGEST: f64 = 3.2e9;
/// Steps of a run, at most.
const MOST_STEPS: u64 = 1 << 53;

/// What a save holds beside tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) step: u64,
    pub(super) elapsed: f64,
    pub(super) validations: u32,
    pub(super) learners: Vec<LearnerState>,
    /// The best validation scores so far.
    pub(super) best: Vec<Option<f64>>,
    /// What the run draws from.
    pub(super) seed: u64,
}

impl State {
    /// Refuses numbers that no training writes.
    fn check(&self, saved: &Saved) -> Result<()> {
        check_progress(saved, self.step, self.elapsed)?;
        if self.best.len() != self.learners.len() {
            let (best, learners) = (self.best.len(), self.learners.len());
            return Err(saved.refuse(&format!("'best' has {best} scores of {learners} models")));
        }
        match self
            .learners
            .iter()
            .all(|learner| learner.is_sound(self.step))
        {
            true => Ok(()),
            false => Err(saved.refuse("'learners' holds numbers that no training writes")),
        }
    }

    /// Brings learners and their best back to where a save of the run in `out`
    /// left them.
    pub(super) fn restore(
        out: &Path,
        saved: &Saved,
        learners: &mut [Learner],
        best: &mut [Best],
    ) -> Result<Self> {
        let state: Self = saved.state()?;
        state.check(saved)?;
        if state.learners.len() != learners.len() {
            return Err(Error::input(
                out.display().to_string(),
                format!(
                    "was saved with {} models, this run has {}",
                    state.learners.len(),
                    learners.len()
                ),
                "resume with the same --only",
            ));
        }
        let pairs: Vec<_> = learners
            .iter()
            .flat_map(|learner| learner.weights().pairs().iter().cloned())
            .collect();
        saved.load(MODEL)?.fill(&pairs)?;
        for ((best, learner), &score) in best.iter_mut().zip(&*learners).zip(&state.best) {
            *best = Best::known(score, learner.weights())?;
        }
        saved.load(WEIGHTS)?.fill(&pairs)?;
        let moments = saved.load(OPTIMISER)?.tensors;
        let averages = saved.load(AVERAGES)?.tensors;
        for (learner, state) in learners.iter_mut().zip(&state.learners) {
            let own = format!("{}.", learner.name());
            // What the optimiser holds is named `m.NAME`, `v.NAME`, `t.NAME`.
            let moments = of(
                &moments,
                |name| matches!(name.split_once('.'), Some((_, name)) if name.starts_with(&own)),
            );
            let averages = of(&averages, |name| name.starts_with(&own));
            learner.resume(&moments, &averages, state.clone())?;
        }
        Ok(state)
    }
}

/// What the numbers of any session's save must be: the run's step, and the time until then.
///
/// # Errors
/// Names what no training writes.
pub(in crate::cli) fn check_progress(saved: &Saved, step: u64, elapsed: f64) -> Result<()> {
    if step != saved.step {
        let problem = format!("'step' is {step}, and it is of step {}", saved.step);
        return Err(saved.refuse(&problem));
    }
    match (0.0..=LONGEST).contains(&elapsed) && step <= MOST_STEPS {
        true => Ok(()),
        false => Err(saved.refuse(&format!(
            "{step} steps in {elapsed} seconds; expected up to {MOST_STEPS} in 0 to {LONGEST:e}"
        ))),
    }
}

/// Those whose names fit.
fn of(tensors: &HashMap<String, Tensor>, fits: impl Fn(&str) -> bool) -> HashMap<String, Tensor> {
    let some = tensors.iter().filter(|(name, _)| fits(name));
    some.map(|(name, tensor)| (name.clone(), tensor.clone()))
        .collect()
}
