//! A small convolutional encoder–decoder over a grid of patches, with a skip.

use super::backbone::{Activation, BackboneConfig};
use super::layers::{Convolve, LayerNorm};
use super::weights::Scope;
use crate::error::Result;
use crate::ops::Convolution;
use candle_core::Tensor;

const SAME: Convolution = Convolution {
    stride: 1,
    upsample: 1,
};
const HALVE: Convolution = Convolution {
    stride: 2,
    upsample: 1,
};
const DOUBLE: Convolution = Convolution {
    stride: 1,
    upsample: 2,
};

/// x + conv(activation(conv(norm(x)))); starts as the identity.
#[derive(Debug, Clone)]
struct Block {
    norm: LayerNorm,
    first: Convolve,
    second: Convolve,
    activation: Activation,
}

impl Block {
    fn new(width: usize, activation: Activation, mut scope: Scope) -> Result<Self> {
        Ok(Self {
            norm: LayerNorm::new(width, scope.scope("norm"))?,
            first: Convolve::new(width, width, 1.0, SAME, scope.scope("first"))?,
            second: Convolve::new(width, width, 0.0, SAME, scope.scope("second"))?,
            activation,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let hidden = (self.first).forward_active(&self.norm.forward(x)?, self.activation)?;
        self.second.forward_add(&hidden, x)
    }
}

/// Blocks at the grid's resolution, at half of it (twice the width), and at
/// the grid's again; the way down is added to the way up.
#[derive(Debug, Clone)]
pub struct Convolutional {
    before: Vec<Block>,
    down: Convolve,
    middle: Vec<Block>,
    up: Convolve,
    after: Vec<Block>,
    norm: LayerNorm,
}

impl Convolutional {
    /// Takes its weights from `scope`.
    pub fn new(config: &BackboneConfig, mut scope: Scope) -> Result<Self> {
        let width = config.width;
        let mut blocks = |name: &str, count: usize, width: usize| {
            let mut scope = scope.scope(name);
            (0..count)
                .map(|index| Block::new(width, config.activation, scope.scope(&index.to_string())))
                .collect::<Result<Vec<_>>>()
        };
        Ok(Self {
            before: blocks("before", config.depth, width)?,
            middle: blocks("middle", 2 * config.depth, 2 * width)?,
            after: blocks("after", config.depth, width)?,
            down: Convolve::new(width, 2 * width, 1.0, HALVE, scope.scope("down"))?,
            up: Convolve::new(2 * width, width, 1.0, DOUBLE, scope.scope("up"))?,
            norm: LayerNorm::new(width, scope.scope("norm"))?,
        })
    }

    /// (B, h, w, width) → (B, h, w, width).
    pub fn forward(&self, patches: &Tensor) -> Result<Tensor> {
        let (_, rows, columns, _) = patches.dims4()?;
        let run =
            |blocks: &[Block], x: Tensor| blocks.iter().try_fold(x, |x, block| block.forward(&x));
        let fine = run(&self.before, patches.clone())?;
        let coarse = run(&self.middle, self.down.forward(&fine)?)?;
        let joined = if rows % 2 == 0 && columns % 2 == 0 {
            self.up.forward_add(&coarse, &fine)?
        } else {
            // An odd grid comes back one row or column larger.
            let back = self.up.forward(&coarse)?;
            (fine + back.narrow(1, 0, rows)?.narrow(2, 0, columns)?)?
        };
        let joined = run(&self.after, joined)?;
        self.norm.forward(&joined)
    }
}
