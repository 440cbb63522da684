//! The size of a predictor's heavy part, and what follows the first layer of its blocks.

use serde::{Deserialize, Serialize};

/// What follows the first layer of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Activation {
    /// [`crate::ops::gelu`].
    Gelu,
    /// [`crate::ops::silu`].
    Silu,
}

/// The size of a backbone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BackboneConfig {
    /// Channels of a feature.
    pub width: usize,
    /// Residual blocks before, at and after the half resolution.
    pub depth: usize,
    /// What follows the first layer of a block.
    pub activation: Activation,
}

impl Default for BackboneConfig {
    fn default() -> Self {
        Self {
            width: 32,
            depth: 1,
            activation: Activation::Gelu,
        }
    }
}
