//! What decides what is open in a world, and how it may come otherwise.

use crate::rng::{Rng, Seed};

/// A seed, and where the film goes on otherwise from some frame on, another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fate {
    seed: Seed,
    /// After which frame, and the seed from there on.
    turn: Option<(usize, Seed)>,
}

impl Fate {
    /// All comes from `seed`.
    pub(super) fn new(seed: Seed) -> Self {
        Self { seed, turn: None }
    }

    /// The same as far as frame `after` shows; the rest comes from `seed`.
    pub(super) fn turned(self, after: usize, seed: Seed) -> Self {
        Self {
            turn: Some((after, seed)),
            ..self
        }
    }

    /// What decides the thing `index` of a kind, of which frame `shown` is the first to
    /// show anything.
    pub(super) fn stream(self, shown: usize, kind: &str, index: usize) -> Rng {
        let seed = match self.turn {
            Some((_, seed)) if self.turns_before(shown) => seed,
            _ => self.seed,
        };
        seed.stream(kind, index as u64)
    }

    /// Whether what frame `shown` is the first to show comes otherwise.
    pub(super) fn turns_before(self, shown: usize) -> bool {
        self.turn.is_some_and(|(after, _)| shown > after)
    }
}
