//! The weights that were best on the validation part: a short film is soon
//! learned by heart.

use crate::error::Result;
use crate::models::Weights;
use candle_core::Tensor;

/// The best weights so far of one model, and their score.
#[derive(Default)]
pub struct Best {
    score: Option<f64>,
    weights: Vec<(String, Tensor)>,
}

impl Best {
    /// What an earlier session found; without a score, nothing.
    pub fn known(score: Option<f64>, weights: &Weights) -> Result<Self> {
        Ok(Self {
            score,
            weights: copies(weights)?,
        })
    }

    /// Keeps a copy of `weights` where they score lower than any before.
    pub fn offer(&mut self, score: f64, weights: &Weights) -> Result<()> {
        if self.score.is_none_or(|best| score < best) {
            *self = Self::known(Some(score), weights)?;
        }
        Ok(())
    }

    /// The lowest score so far.
    pub fn score(&self) -> Option<f64> {
        self.score
    }

    /// The best weights; `now` before the first score.
    pub fn tensors(&self, now: &Weights) -> Vec<(String, Tensor)> {
        match self.score {
            Some(_) => self.weights.clone(),
            None => now.tensors(),
        }
    }
}

/// Weights as they are now.
fn copies(weights: &Weights) -> Result<Vec<(String, Tensor)>> {
    let copy = |(name, tensor): (String, Tensor)| Ok((name, tensor.copy()?));
    weights.tensors().into_iter().map(copy).collect()
}
