//! What a save of a training on text holds, and what it may be resumed with.

use super::Plan;
use crate::error::{Error, Result};
use crate::outputs::run::Saved;
use crate::outputs::text_model::TextRun;
use crate::training::LearnerState;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What a save holds beside tensors.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) step: u64,
    pub(super) elapsed: f64,
    pub(super) validations: u32,
    pub(super) learner: LearnerState,
    /// The best validation score so far.
    pub(super) best: Option<f64>,
    /// What the run draws from.
    pub(super) seed: u64,
}

impl State {
    /// Refuses what no training has written: the file was changed or is damaged.
    pub(super) fn check(&self, saved: &Saved) -> Result<()> {
        match self.learner.is_sound(self.step) {
            true => Ok(()),
            false => Err(saved.refuse("'learner' holds numbers that no training writes")),
        }
    }
}

/// A resumed run must be of the same model on the same kind of sequences.
pub(super) fn same_model(out: &Path, old: Option<&TextRun>, plan: &Plan) -> Result<()> {
    let settings = &plan.settings;
    let differs = match old {
        None => Some("it was not trained here"),
        Some(old) if old.settings.model != settings.model => Some("the recipe's [model]"),
        Some(old) if old.settings.data != settings.data => Some("the recipe's [data]"),
        Some(old) if old.settings.masking != settings.masking => Some("the recipe's [masking]"),
        Some(_) => None,
    };
    match differs {
        None => Ok(()),
        Some(what) => Err(Error::input(
            out.display().to_string(),
            format!("cannot be resumed: not as when it was begun: {what}"),
            "give the same inputs, --tokenizer, --recipe and --set, or another --out",
        )),
    }
}
