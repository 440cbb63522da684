//! How a whole-horizon model is learned.

use super::pose::WAYS;
use super::sheet::modes_of;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// What moves in a film.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MovingParts {
    /// What does best on the validation part.
    #[default]
    Chosen,
    /// Pieces that differ from the background, before a camera that stands still.
    Pieces,
    /// The whole frame, which bends: of a camera that moves, and of a subject that never leaves.
    Frame,
}

/// How a whole-horizon model is learned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HorizonConfig {
    /// Windows of training whose z* is found; 0 for no such model.
    pub windows: usize,
    /// What moves.
    pub parts: MovingParts,
    /// K, functions of time of each way in which a piece moves.
    pub functions: usize,
    /// Ways in which a piece moves: 2 to shift, 3 to grow too, 4 to turn, 6 to shear, 12 to bend. Of a whole frame
    /// 2·n²: 2, 8, 18, 32 or 50 for n×n cosines each way. 0 for what does best on the validation part.
    pub ways: usize,
}

impl Default for HorizonConfig {
    fn default() -> Self {
        Self {
            windows: 0,
            parts: MovingParts::Chosen,
            functions: 4,
            ways: 0,
        }
    }
}

/// 5×5 cosines each way.
const MOST_WAYS: usize = 50;

impl HorizonConfig {
    /// Refuses numbers that no model could have.
    ///
    /// # Errors
    /// Names the key, its value and its range.
    pub fn check(&self) -> Result<()> {
        let within = |key: &str, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Error::input(
                format!("horizon.{key}"),
                format!("is {value}, expected {low} to {high}"),
                "correct it in the recipe or with --set",
            ))
        };
        within("windows", self.windows, 0, 65_536)?;
        within("functions", self.functions, 1, 16)?;
        match self.parts {
            _ if self.ways == 0 => Ok(()),
            MovingParts::Pieces => within("ways", self.ways, 2, WAYS),
            MovingParts::Chosen if (2..=WAYS).contains(&self.ways) => Ok(()),
            _ if self.ways <= MOST_WAYS && modes_of(self.ways).is_some() => Ok(()),
            _ => Err(Error::input(
                "horizon.ways",
                format!(
                    "is {}, expected 2, 8, 18, 32 or 50 where the whole frame moves",
                    self.ways
                ),
                "correct it in the recipe or with --set",
            )),
        }
    }
}
