//! Which latent a forecaster has, and how its z is found.

use crate::error::{Error, Result};
use crate::latent::{Codes, Latent as _};
use serde::{Deserialize, Serialize};

/// Which latent, and how z is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// No latent: least squares.
    None,
    /// Continuous z, exact in closed form where z paints, by Gauss–Newton steps
    /// where it moves pixels.
    Gaussian,
    /// Continuous z, guessed by an encoder of the residual, then refined.
    Refined,
    /// Continuous z of which few numbers differ from 0, by FISTA.
    Sparse,
    /// One-hot (1 stage) or residual codes, by exact search.
    Codes,
}

/// p(z | x) of a continuous z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Density {
    /// Gaussians; their density is known.
    Mixture,
    /// Noise carried along a learned field; any shape.
    Flow,
}

/// The latent's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LatentConfig {
    /// Which latent.
    pub family: Family,
    /// Numbers in a continuous z.
    pub dimension: usize,
    /// Stages of residual codes.
    pub stages: usize,
    /// Codes a stage.
    pub size: usize,
    /// Gradient steps after the encoder's guess (refined).
    pub refinement: usize,
    /// λ of R(z) = λ‖z‖₁ (sparse).
    pub sparsity: f64,
    /// Looks at the energy in the search for the numbers of z that move pixels.
    pub looks: usize,
    /// p(z | x) of a continuous z; that of codes is categorical.
    pub prior: Density,
    /// Gaussians in the prior of a continuous z.
    pub components: usize,
}

impl Default for LatentConfig {
    fn default() -> Self {
        Self {
            family: Family::Gaussian,
            dimension: 64,
            stages: 2,
            size: 16,
            refinement: 4,
            sparsity: std::f64::consts::SQRT_2,
            looks: 3,
            prior: Density::Mixture,
            components: 6,
        }
    }
}

impl LatentConfig {
    /// The least-squares baseline's: no latent.
    pub fn none() -> Self {
        Self {
            family: Family::None,
            ..Self::default()
        }
    }

    /// d.
    pub(super) fn width(&self) -> Result<usize> {
        Ok(match self.family {
            Family::None => 0,
            Family::Codes => Codes::new(self.stages, self.size)?.dimension(),
            Family::Gaussian | Family::Refined | Family::Sparse if self.dimension == 0 => {
                return Err(Error::input(
                    "latent.dimension",
                    "0 dimensions leave no latent",
                    "use at least 1, or latent.family = \"none\"",
                ));
            }
            Family::Gaussian | Family::Refined | Family::Sparse => self.dimension,
        })
    }
}
