//! Pre-norm transformer blocks over the parts of a grid.

use super::layers::{LayerNorm, Linear};
use super::weights::{Init, Scope};
use crate::error::Result;
use crate::ops;
use candle_core::Tensor;

#[derive(Debug, Clone)]
struct Block {
    heads: usize,
    attention_norm: LayerNorm,
    query_key_value: Linear,
    mix: Linear,
    feed_norm: LayerNorm,
    expand: Linear,
    contract: Linear,
}

impl Block {
    fn new((width, heads): (usize, usize), mut scope: Scope) -> Result<Self> {
        Ok(Self {
            heads,
            attention_norm: LayerNorm::new(width, scope.scope("attention_norm"))?,
            query_key_value: Linear::new(width, 3 * width, 1.0, scope.scope("query_key_value"))?,
            mix: Linear::new(width, width, 0.2, scope.scope("mix"))?,
            feed_norm: LayerNorm::new(width, scope.scope("feed_norm"))?,
            expand: Linear::new(width, 4 * width, 1.0, scope.scope("expand"))?,
            contract: Linear::new(4 * width, width, 0.2, scope.scope("contract"))?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let packed = self
            .query_key_value
            .forward(&self.attention_norm.forward(x)?)?;
        let x = self
            .mix
            .forward_add(&ops::attention(&packed, self.heads)?, x)?;
        let seen = self.feed_norm.forward(&x)?;
        let hidden = self.expand.forward_gelu(&seen)?;
        self.contract.forward_add(&hidden, &x)
    }
}

/// Learned places, blocks of attention and feed-forward.
#[derive(Debug, Clone)]
pub struct Transformer {
    places: Tensor,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

impl Transformer {
    /// `depth` blocks with `heads`, which divide the `width`; a grid of `grid` = (h, w) parts.
    pub fn new(
        (width, heads, depth): (usize, usize, usize),
        grid: (usize, usize),
        mut scope: Scope,
    ) -> Result<Self> {
        Ok(Self {
            places: scope.get(
                "places",
                (grid.0 * grid.1, width),
                Init::Normal { std: 0.1 },
            )?,
            blocks: (0..depth)
                .map(|index| Block::new((width, heads), scope.scope(&format!("block{index}"))))
                .collect::<Result<_>>()?,
            norm: LayerNorm::new(width, scope.scope("norm"))?,
        })
    }

    /// (B, h, w, width) → (B, h, w, width).
    pub fn forward(&self, patches: &Tensor) -> Result<Tensor> {
        let (batch, rows, columns, width) = patches.dims4()?;
        let tokens = patches.reshape((batch, rows * columns, width))?;
        let mut x = tokens.broadcast_add(&self.places)?;
        for block in &self.blocks {
            x = block.forward(&x)?;
        }
        Ok(self
            .norm
            .forward(&x)?
            .reshape((batch, rows, columns, width))?)
    }
}
