//! A state of training to go back to.

use super::revival::Revival;
use crate::error::{Error, Result};
use crate::models::Weights;
use crate::ops::{AdamW, Average};
use candle_core::Tensor;
use std::collections::HashMap;

/// A state to go back to. Values are in the order of the weights.
pub(super) struct Snapshot {
    weights: Vec<Tensor>,
    average: HashMap<String, Tensor>,
    moments: HashMap<String, Tensor>,
    steps: usize,
    revival: Revival,
}

impl Snapshot {
    /// The state as it is now.
    pub(super) fn take(
        weights: &Weights,
        average: Option<&Average>,
        optimiser: &AdamW,
        revival: &Revival,
    ) -> Result<Self> {
        let copies = weights
            .pairs()
            .iter()
            .map(|(_, var)| Ok::<_, Error>(var.as_detached_tensor().copy()?));
        Ok(Self {
            weights: copies.collect::<Result<_>>()?,
            average: match average {
                Some(average) => average.tensors()?.into_iter().collect(),
                None => HashMap::new(),
            },
            moments: optimiser.state()?.into_iter().collect(),
            steps: optimiser.steps(),
            revival: revival.clone(),
        })
    }

    /// Puts it back.
    pub(super) fn restore(
        &self,
        weights: &Weights,
        average: Option<&mut Average>,
        optimiser: &mut AdamW,
        revival: &mut Revival,
    ) -> Result<()> {
        for ((_, var), copy) in weights.pairs().iter().zip(&self.weights) {
            var.set(copy)?;
        }
        if let Some(average) = average {
            average.load(&self.average)?;
        }
        *revival = self.revival.clone();
        optimiser.load_state(&self.moments, self.steps)
    }
}
