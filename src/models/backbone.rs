//! The heavy part of a predictor: the stem's features to features h(x).

use super::convolutional::Convolutional;
use super::transformer::Transformer;
use super::weights::Scope;
use crate::error::Result;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// Which network looks beyond single patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackboneKind {
    /// 3×3 convolutions at two resolutions, with a skip connection.
    Convolutional,
    /// Pre-norm transformer blocks over patches.
    Transformer,
}

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
    /// Which network.
    pub kind: BackboneKind,
    /// Channels of a feature.
    pub width: usize,
    /// Residual blocks (convolutional: before, at and after the half resolution).
    pub depth: usize,
    /// Attention heads (transformer only); divides the width.
    pub heads: usize,
    /// What follows the first layer of a block (transformer: of its feed-forward
    /// part).
    pub activation: Activation,
}

impl Default for BackboneConfig {
    fn default() -> Self {
        Self {
            kind: BackboneKind::Convolutional,
            width: 32,
            depth: 1,
            heads: 4,
            activation: Activation::Gelu,
        }
    }
}

/// A network from features of single patches to h(x), both (B, h, w, width).
#[derive(Debug, Clone)]
pub enum Backbone {
    /// See `Convolutional`.
    Convolutional(Convolutional),
    /// See `Transformer`.
    Transformer(Transformer),
}

impl Backbone {
    /// Takes its weights from `scope`; a grid of `grid` = (h, w) patches.
    pub fn new(config: &BackboneConfig, grid: (usize, usize), scope: Scope) -> Result<Self> {
        Ok(match config.kind {
            BackboneKind::Convolutional => Self::Convolutional(Convolutional::new(config, scope)?),
            BackboneKind::Transformer => Self::Transformer(Transformer::new(config, grid, scope)?),
        })
    }

    /// (B, h, w, width) → (B, h, w, width).
    pub fn forward(&self, patches: &Tensor) -> Result<Tensor> {
        match self {
            Self::Convolutional(network) => network.forward(patches),
            Self::Transformer(network) => network.forward(patches),
        }
    }
}
