//! One layer: attention and feed-forward, each normed after its residual.

use super::{BertConfig, drawn};
use crate::error::Result;
use crate::models::layers::{LayerNorm, Linear};
use crate::models::weights::Scope;
use crate::ops;
use crate::rng::Rng;
use candle_core::Tensor;

#[derive(Debug, Clone)]
pub(super) struct Block {
    heads: usize,
    exact: bool,
    attention_dropout: f64,
    hidden_dropout: f64,
    query: Linear,
    key: Linear,
    value: Linear,
    mix: Linear,
    mix_norm: LayerNorm,
    expand: Linear,
    contract: Linear,
    norm: LayerNorm,
}

impl Block {
    pub(super) fn new(config: &BertConfig, mut scope: Scope) -> Result<Self> {
        let (width, wide) = (config.hidden_size, config.intermediate_size);
        let eps = config.layer_norm_eps;
        let linear = |inputs: usize, outputs: usize, scope: Scope| {
            Linear::new(inputs, outputs, config.gain(inputs), scope)
        };
        let mut attention = scope.scope("attention");
        let mut own = attention.scope("self");
        let query = linear(width, width, own.scope("query"))?;
        let key = linear(width, width, own.scope("key"))?;
        let value = linear(width, width, own.scope("value"))?;
        let mut output = attention.scope("output");
        let mix = linear(width, width, output.scope("dense"))?;
        let mix_norm = LayerNorm::with_eps(width, eps, output.scope("LayerNorm"))?;
        let mut intermediate = scope.scope("intermediate");
        let expand = linear(width, wide, intermediate.scope("dense"))?;
        let mut output = scope.scope("output");
        let contract = linear(wide, width, output.scope("dense"))?;
        let norm = LayerNorm::with_eps(width, eps, output.scope("LayerNorm"))?;
        Ok(Self {
            heads: config.num_attention_heads,
            exact: config.exact_gelu()?,
            attention_dropout: config.attention_probs_dropout_prob,
            hidden_dropout: config.hidden_dropout_prob,
            query,
            key,
            value,
            mix,
            mix_norm,
            expand,
            contract,
            norm,
        })
    }

    /// (B, T, width) → (B, T, width).
    pub(super) fn forward(&self, x: &Tensor, mut rng: Option<&mut Rng>) -> Result<Tensor> {
        // The files keep three matrices; one product is faster than three.
        let parts = [&self.query, &self.key, &self.value].map(Linear::parts);
        let weight = Tensor::cat(&parts.map(|(weight, _)| weight), 0)?;
        let bias = Tensor::cat(&parts.map(|(_, bias)| bias), 0)?;
        let packed = ops::linear(x, &weight, &bias)?;
        let some = drawn(self.attention_dropout, rng.as_deref_mut())?;
        let seen = ops::attention_dropout(&packed, self.heads, some)?;
        let x = self.add(&self.mix, &seen, x, rng.as_deref_mut())?;
        let x = self.mix_norm.forward(&x)?;
        let wide = match self.exact {
            true => self.expand.forward_gelu_exact(&x)?,
            false => self.expand.forward_gelu(&x)?,
        };
        let y = self.add(&self.contract, &wide, &x, rng)?;
        self.norm.forward(&y)
    }

    /// residual + dropout(linear(x)).
    fn add(
        &self,
        linear: &Linear,
        x: &Tensor,
        residual: &Tensor,
        rng: Option<&mut Rng>,
    ) -> Result<Tensor> {
        match drawn(self.hidden_dropout, rng)? {
            Some(some) => ops::dropout_add(&linear.forward(x)?, some, residual),
            None => linear.forward_add(x, residual),
        }
    }
}
