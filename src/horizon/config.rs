//! How a whole-horizon model is learned.

use super::pose::WAYS;
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
    /// The whole frame, as a camera's that moves.
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
    /// Ways in which a piece moves: 2 to shift, 3 to grow too, 4 to turn, 6 to shear, 12 to bend; 0 for what does
    /// best on the validation part.
    pub ways: usize,
    /// The penalty on the weights by which the past foretells z, in examples.
    pub ridge: f64,
}

impl Default for HorizonConfig {
    fn default() -> Self {
        Self {
            windows: 0,
            parts: MovingParts::Chosen,
            functions: 4,
            ways: 0,
            ridge: 10.0,
        }
    }
}

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
        if self.ways != 0 {
            within("ways", self.ways, 2, WAYS)?;
        }
        if !(self.ridge >= 0.0 && self.ridge.is_finite()) {
            return Err(Error::input(
                "horizon.ridge",
                format!("is {}, expected 0 or more", self.ridge),
                "correct it in the recipe or with --set",
            ));
        }
        Ok(())
    }
}
