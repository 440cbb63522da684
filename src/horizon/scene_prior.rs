//! p(z | x) of all pieces of a past together.

use super::motion_prior::MotionPrior;
use super::motion_scene::Motion;
use super::piece_prior::PiecePrior;
use crate::rng::Rng;

/// p(z | x) of the pieces of a past, which move independently.
#[derive(Debug, Clone, PartialEq)]
pub struct ScenePrior<'a> {
    /// None where nothing moved in training: z is 0 then.
    pieces: Option<Vec<PiecePrior<'a>>>,
    /// How many pieces there are, and numbers of z to a piece.
    size: (usize, usize),
}

impl<'a> ScenePrior<'a> {
    /// Of pieces with these features, and `numbers` of z each.
    pub(super) fn new(prior: Option<&'a MotionPrior>, features: &[&[f64]], numbers: usize) -> Self {
        let each = |prior: &'a MotionPrior| features.iter().map(|f| prior.given(f)).collect();
        Self {
            pieces: prior.map(each),
            size: (features.len(), numbers),
        }
    }

    /// z of one future; a `temperature` below 1 keeps nearer to its expectation.
    pub fn sample(&self, temperature: f64, rng: &mut Rng) -> Motion {
        match &self.pieces {
            Some(pieces) => (pieces.iter())
                .map(|piece| piece.sample(temperature, rng))
                .collect(),
            None => vec![vec![0.0; self.size.1]; self.size.0],
        }
    }

    /// ln p(z | x) at temperature 1, in nats; none where nothing moved in training.
    pub fn log_density(&self, motion: &Motion) -> Option<f64> {
        let pieces = self.pieces.as_ref()?.iter().zip(motion);
        Some(pieces.map(|(piece, z)| piece.log_density(z)).sum())
    }
}
