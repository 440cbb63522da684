//! What training keeps of the z's it found, and of the frames it drew.

use super::objective::Found;
use super::remembered::Remembered;
use super::settings::TrainingConfig;
use crate::error::Result;
use crate::inference::{BANK, Beside, Density, Learning, kept_in_bank};
use crate::models::Weights;
use crate::sampling::Replay;
use candle_core::{Tensor, Var};
use std::collections::HashMap;

/// The last z's of all where the prior is a bank, and the windows that p(z | x) is to learn
/// from again.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) bank: bool,
    /// Where `training.rehearsal` asks for it.
    pub(super) remembered: Option<Remembered>,
    /// Where an energy is held against its own frames.
    pub(super) replay: Option<Replay>,
}

impl Kept {
    pub(super) fn new(beside: &Beside, settings: &TrainingConfig) -> Self {
        match beside {
            Beside::Latent(latent) => Self {
                bank: matches!(latent.prior, Density::Bank | Density::Neighbours),
                remembered: (settings.rehearsal > 0).then(Remembered::default),
                replay: None,
            },
            Beside::Energy(energy) => Self {
                bank: false,
                remembered: None,
                replay: (energy.learning == Learning::Contrastive)
                    .then(|| Replay::new(energy.replay, energy.restart)),
            },
        }
    }

    /// Whether a step is to tell what its prior saw.
    pub(super) fn sees(&self) -> bool {
        self.bank || self.remembered.is_some()
    }

    /// Takes in what a step found; a bank is among `weights`.
    pub(super) fn note(&mut self, found: &Found, weights: &Weights) -> Result<()> {
        if let Some(replay) = &mut self.replay {
            found.drawn.iter().try_for_each(|drawn| replay.put(drawn))?;
        }
        let Some(inferred) = &found.inferred else {
            return Ok(());
        };
        let Some(context) = &found.context else {
            return Ok(());
        };
        if let Some(remembered) = &mut self.remembered {
            remembered.note(context, &inferred.sample_tensor(context.device())?)?;
        }
        if self.bank {
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
        let mut all = match &self.replay {
            Some(replay) => replay.tensors(prefix)?,
            None => Vec::new(),
        };
        if let Some(remembered) = &self.remembered {
            all.extend(remembered.tensors(prefix)?);
        }
        Ok(all)
    }

    /// The inverse of [`Self::tensors`].
    pub(super) fn load(&mut self, tensors: &HashMap<String, Tensor>, prefix: &str) -> Result<()> {
        if let Some(remembered) = &mut self.remembered {
            *remembered = Remembered::load(tensors, prefix)?;
        }
        if let Some(replay) = &mut self.replay {
            replay.load(tensors, prefix)?;
        }
        Ok(())
    }
}
