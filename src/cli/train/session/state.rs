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
    /// Brings learners and their best back to where a save of the run in `out`
    /// left them.
    pub(super) fn restore(
        out: &Path,
        saved: &Saved,
        learners: &mut [Learner],
        best: &mut [Best],
    ) -> Result<Self> {
        let state: Self = saved.state()?;
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

/// Those whose names fit.
fn of(tensors: &HashMap<String, Tensor>, fits: impl Fn(&str) -> bool) -> HashMap<String, Tensor> {
    let some = tensors.iter().filter(|(name, _)| fits(name));
    some.map(|(name, tensor)| (name.clone(), tensor.clone()))
        .collect()
}
