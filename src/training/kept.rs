//! What training keeps of the z's it found, and of the frames it drew.

use super::objective::Found;
use super::visits::Visits;
use crate::error::Result;
use crate::inference::{BANK, Beside, Density, Family, Learning, kept_in_bank};
use crate::models::Weights;
use crate::sampling::Replay;
use candle_core::{Tensor, Var};
use std::collections::HashMap;

/// A z for each window where the family is a table, the last ones of all where the prior
/// is a bank; of other latents nothing.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) visits: Option<Visits>,
    pub(super) bank: bool,
    /// Where an energy is held against its own frames.
    pub(super) replay: Option<Replay>,
}

impl Kept {
    pub(super) fn new(beside: &Beside) -> Self {
        match beside {
            Beside::Latent(latent) => Self {
                visits: (latent.family == Family::Table).then(Visits::default),
                bank: matches!(latent.prior, Density::Bank | Density::Neighbours),
                replay: None,
            },
            Beside::Energy(energy) => Self {
                visits: None,
                bank: false,
                replay: (energy.learning == Learning::Contrastive)
                    .then(|| Replay::new(energy.replay, energy.restart)),
            },
        }
    }

    /// Takes in what a step found of windows of these names; a bank is among `weights`.
    pub(super) fn note(&mut self, names: &[u64], found: &Found, weights: &Weights) -> Result<()> {
        if let Some(replay) = &mut self.replay {
            found.drawn.iter().try_for_each(|drawn| replay.put(drawn))?;
        }
        let Some(inferred) = &found.inferred else {
            return Ok(());
        };
        if let Some(visits) = &mut self.visits {
            visits.note(names, &inferred.best);
        }
        if let Some(context) = &found.context {
            let named = |ending: &str| {
                let ending = format!("{BANK}{ending}");
                let mut pairs = weights.pairs().iter();
                pairs.find_map(|(name, var)| name.ends_with(&ending).then_some(var))
            };
            let before = |ending: &str| named(ending).map(Var::as_detached_tensor);
            for (ending, after) in kept_in_bank(before, (&inferred.best, context))? {
                if let Some(var) = named(ending) {
                    var.set(&after)?;
                }
            }
        }
        Ok(())
    }

    /// What a checkpoint needs beside the weights, by names that start with `prefix`.
    pub(super) fn tensors(&self, prefix: &str) -> Result<Vec<(String, Tensor)>> {
        match (&self.visits, &self.replay) {
            (Some(visits), _) => visits.tensors(prefix),
            (None, Some(replay)) => replay.tensors(prefix),
            (None, None) => Ok(Vec::new()),
        }
    }

    /// The inverse of [`Self::tensors`].
    pub(super) fn load(&mut self, tensors: &HashMap<String, Tensor>, prefix: &str) -> Result<()> {
        if let Some(visits) = &mut self.visits {
            *visits = Visits::load(tensors, prefix)?;
        }
        if let Some(replay) = &mut self.replay {
            replay.load(tensors, prefix)?;
        }
        Ok(())
    }
}
