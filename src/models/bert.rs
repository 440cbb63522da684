//! BERT (Devlin et al. 2019): a transformer that sees a whole sequence, and tells the
//! tokens that are hidden in it.

mod block;
mod config;
mod keys;
mod start;

pub use config::BertConfig;
pub use keys::canonical;
pub use start::begin;

use super::layers::{LayerNorm, Linear};
use super::weights::{Init, Scope};
use crate::error::{Error, Result};
use crate::ops::{self, Dropout};
use crate::rng::Rng;
use block::Block;
use candle_core::{DType, Tensor};

/// The transformer and its head of masked prediction. Its weights have Hugging Face's
/// names (`BertForMaskedLM`), so that files of the one are files of the other. The
/// head's last matrix is that of the words' vectors, unless the config unties them.
#[derive(Debug, Clone)]
pub struct Bert {
    config: BertConfig,
    words: Tensor,
    places: Tensor,
    kinds: Tensor,
    norm: LayerNorm,
    blocks: Vec<Block>,
    transform: Linear,
    transform_norm: LayerNorm,
    decoder: Tensor,
    bias: Tensor,
}

impl Bert {
    /// # Errors
    /// Settings that make no model; see [`BertConfig::check`].
    pub fn new(config: &BertConfig, mut scope: Scope) -> Result<Self> {
        config.check()?;
        let (width, eps) = (config.hidden_size, config.layer_norm_eps);
        let init = Init::Normal {
            std: config.initializer_range,
        };
        let mut bert = scope.scope("bert");
        let mut embeddings = bert.scope("embeddings");
        let mut table = |name: &str, rows: usize| {
            let mut scope = embeddings.scope(name);
            scope.get("weight", (rows, width), init)
        };
        let words = table("word_embeddings", config.vocab_size)?;
        let places = table("position_embeddings", config.max_position_embeddings)?;
        let kinds = table("token_type_embeddings", config.type_vocab_size)?;
        let norm = LayerNorm::with_eps(width, eps, embeddings.scope("LayerNorm"))?;
        let mut encoder = bert.scope("encoder");
        let mut layers = encoder.scope("layer");
        let blocks = (0..config.num_hidden_layers)
            .map(|index| Block::new(config, layers.scope(&index.to_string())))
            .collect::<Result<_>>()?;
        let mut cls = scope.scope("cls");
        let mut predictions = cls.scope("predictions");
        let bias = predictions.get("bias", config.vocab_size, Init::Zeros)?;
        let decoder = match config.tie_word_embeddings {
            true => words.clone(),
            false => {
                let mut scope = predictions.scope("decoder");
                scope.get("weight", (config.vocab_size, width), init)?
            }
        };
        let mut transform = predictions.scope("transform");
        Ok(Self {
            config: config.clone(),
            words,
            places,
            kinds,
            norm,
            blocks,
            transform: Linear::new(width, width, config.gain(width), transform.scope("dense"))?,
            transform_norm: LayerNorm::with_eps(width, eps, transform.scope("LayerNorm"))?,
            decoder,
            bias,
        })
    }

    /// What it is.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    /// What each place holds once it has seen all others: tokens (B, T) u32 in, (B, T,
    /// width) out. With `dropout`, as in training: its draws decide what is dropped. All
    /// sequences are of one length; there is no padding.
    ///
    /// # Errors
    /// More places than the model has, and a token that it does not know.
    pub fn hidden(&self, tokens: &Tensor, mut dropout: Option<&mut Rng>) -> Result<Tensor> {
        let (batch, length) = tokens.dims2()?;
        self.check(tokens, length)?;
        let width = self.config.hidden_size;
        let words = self.words.index_select(&tokens.flatten_all()?, 0)?;
        let places = self.places.narrow(0, 0, length)?;
        let places = places.broadcast_add(&self.kinds.narrow(0, 0, 1)?)?;
        let sum = words
            .reshape((batch, length, width))?
            .broadcast_add(&places)?;
        let mut x = self.norm.forward(&sum)?;
        if let Some(some) = self.drawn(dropout.as_deref_mut())? {
            x = ops::dropout(&x, some)?;
        }
        for block in &self.blocks {
            x = block.forward(&x, dropout.as_deref_mut())?;
        }
        Ok(x)
    }

    /// The logits of every token of the vocabulary at some places: hidden (B, T, width)
    /// and places (M) u32, each a row's number in 0..B·T, in, (M, vocabulary) out. At a
    /// place, −logit is the energy of each token, up to a constant that all share.
    ///
    /// # Errors
    /// What candle refuses.
    pub fn logits(&self, hidden: &Tensor, places: &Tensor) -> Result<Tensor> {
        let rows = hidden.flatten(0, 1)?.index_select(places, 0)?;
        let told = match self.config.exact_gelu()? {
            true => self.transform.forward_gelu_exact(&rows)?,
            false => self.transform.forward_gelu(&rows)?,
        };
        ops::linear(
            &self.transform_norm.forward(&told)?,
            &self.decoder,
            &self.bias,
        )
    }

    fn drawn(&self, rng: Option<&mut Rng>) -> Result<Option<Dropout>> {
        drawn(self.config.hidden_dropout_prob, rng)
    }

    fn check(&self, tokens: &Tensor, length: usize) -> Result<()> {
        let most = self.config.max_position_embeddings;
        if length > most {
            return Err(Error::input(
                "a sequence",
                format!("{length} tokens, the model has places for {most}"),
                "give a shorter one",
            ));
        }
        if tokens.dtype() != DType::U32 {
            return Err(Error::input(
                "tokens",
                format!("their dtype is {:?}, expected U32", tokens.dtype()),
                "convert them with to_dtype(DType::U32)",
            ));
        }
        let largest = tokens.flatten_all()?.max(0)?.to_scalar::<u32>()?;
        if largest as usize >= self.config.vocab_size {
            return Err(Error::input(
                format!("token {largest}"),
                format!("the model knows tokens below {}", self.config.vocab_size),
                "use the tokenizer that the model was trained with",
            ));
        }
        Ok(())
    }
}

/// A mask of this rate, where there are draws and a rate to draw at.
fn drawn(rate: f64, rng: Option<&mut Rng>) -> Result<Option<Dropout>> {
    match rng {
        Some(rng) if rate > 0.0 => Ok(Some(Dropout::new(rate, rng)?)),
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
