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
    /// Continuous z, exact in closed form.
    Gaussian,
    /// Continuous z of which few numbers differ from 0, by FISTA.
    Sparse,
    /// One-hot (1 stage) or residual codes, by exact search.
    Codes,
}

/// p(z | x).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Density {
    /// Of a continuous z Gaussians, whose density is known; of codes a categorical, stage
    /// after stage.
    Mixture,
    /// Noise carried along a learned field; any shape. Of a continuous z.
    Flow,
    /// By masked prediction, each stage from any others. Of codes.
    Masked,
    /// By masked prediction, the codes of each part of the frame from those of any others.
    Tokens,
    /// The last z's of training, all as likely, whatever x is (EEN).
    Bank,
    /// Those of the last z's of training that had the most similar pasts.
    Neighbours,
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
    /// λ of R(z) = λ‖z‖₁ (sparse).
    pub sparsity: f64,
    /// p(z | x).
    pub prior: Density,
    /// Rounds in which a frame's codes are drawn (tokens).
    pub rounds: usize,
    /// Gaussians in the prior of a continuous z.
    pub components: usize,
    /// Whether what futures leave unexplained is learned as noise ([`super::Remainder`]).
    // Models of before have neither the key nor its weights.
    #[serde(default)]
    pub remainder: bool,
}

impl Default for LatentConfig {
    fn default() -> Self {
        Self {
            family: Family::Gaussian,
            dimension: 64,
            stages: 2,
            size: 16,
            sparsity: std::f64::consts::SQRT_2,
            prior: Density::Mixture,
            rounds: 8,
            components: 6,
            remainder: true,
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
            Family::Gaussian | Family::Sparse if self.dimension == 0 => {
                return Err(Error::input(
                    "latent.dimension",
                    "0 dimensions leave no latent",
                    "use at least 1, or latent.family = \"none\"",
                ));
            }
            Family::Gaussian | Family::Sparse => self.dimension,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_of_before_has_no_remainder() {
        let before: LatentConfig = serde_json::from_str(r#"{"dimension": 8}"#).unwrap();
        let now = LatentConfig {
            dimension: 8,
            ..LatentConfig::default()
        };
        assert!(now.remainder && !before.remainder);
        let remainder = false;
        assert_eq!(before, LatentConfig { remainder, ..now });
    }
}
