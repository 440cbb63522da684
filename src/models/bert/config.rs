//! What a BERT is, by the names of Hugging Face's config.json.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// The keys of `config.json` that say what a BERT is; their defaults here are those of
/// BERT mini (Turc et al. 2019), 4 layers of 256.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BertConfig {
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Numbers of a place.
    pub hidden_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads of attention; a divisor of the width.
    pub num_attention_heads: usize,
    /// Numbers of a place inside the feed-forward part.
    pub intermediate_size: usize,
    /// `gelu` (by the error function), or `gelu_new` and its kin (by tanh).
    pub hidden_act: String,
    /// Share of a layer's results that is dropped in training.
    pub hidden_dropout_prob: f64,
    /// Share of attention's weights that is dropped in training.
    pub attention_probs_dropout_prob: f64,
    /// The longest sequence, `[CLS]` and `[SEP]` included.
    pub max_position_embeddings: usize,
    /// Kinds of segments; all text here is of the first.
    pub type_vocab_size: usize,
    /// The standard deviation of new weights.
    pub initializer_range: f64,
    /// Added to the variance in layer norms.
    pub layer_norm_eps: f64,
    /// Whether the head's matrix is that of the words' vectors.
    pub tie_word_embeddings: bool,
}

impl Default for BertConfig {
    fn default() -> Self {
        Self {
            vocab_size: 8192,
            hidden_size: 256,
            num_hidden_layers: 4,
            num_attention_heads: 4,
            intermediate_size: 1024,
            hidden_act: "gelu".to_owned(),
            hidden_dropout_prob: 0.1,
            attention_probs_dropout_prob: 0.1,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            initializer_range: 0.02,
            layer_norm_eps: 1e-12,
            tie_word_embeddings: true,
        }
    }
}

/// The largest size: tokens and places are counted in 32 bits.
const LARGEST: usize = i32::MAX as usize;
/// No BERT has more layers.
const MOST_LAYERS: usize = 1000;
/// `[CLS]`, a token and `[SEP]`.
const LEAST_PLACES: usize = 3;

impl BertConfig {
    /// # Errors
    /// A size of 0 or beyond all sense, heads that do not divide the width, a share that is
    /// none, another activation.
    pub fn check(&self) -> Result<()> {
        let sizes = [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
            ("max_position_embeddings", self.max_position_embeddings),
            ("type_vocab_size", self.type_vocab_size),
        ];
        if let Some((key, _)) = sizes.iter().find(|(_, size)| *size == 0) {
            return Err(refuse(key, "it is 0", "give at least 1"));
        }
        if let Some((key, size)) = sizes.iter().find(|(_, size)| *size > LARGEST) {
            let problem = format!("it is {size}, expected at most {LARGEST}");
            return Err(refuse(key, problem, "give less"));
        }
        if self.num_hidden_layers > MOST_LAYERS {
            let layers = self.num_hidden_layers;
            let problem = format!("it is {layers}, expected at most {MOST_LAYERS}");
            return Err(refuse("num_hidden_layers", problem, "give less"));
        }
        if self.max_position_embeddings < LEAST_PLACES {
            return Err(refuse(
                "max_position_embeddings",
                format!("it is {}", self.max_position_embeddings),
                "give at least 3: [CLS], a token and [SEP]",
            ));
        }
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(refuse(
                "num_attention_heads",
                format!(
                    "{} heads do not divide a width of {}",
                    self.num_attention_heads, self.hidden_size
                ),
                "choose a divisor of hidden_size",
            ));
        }
        for (key, rate) in [
            ("hidden_dropout_prob", self.hidden_dropout_prob),
            (
                "attention_probs_dropout_prob",
                self.attention_probs_dropout_prob,
            ),
        ] {
            if !(0.0..1.0).contains(&rate) {
                return Err(refuse(key, format!("it is {rate}"), "choose it in [0, 1)"));
            }
        }
        for (key, value, most) in [
            ("initializer_range", self.initializer_range, 100.0),
            ("layer_norm_eps", self.layer_norm_eps, 1.0),
        ] {
            if !(0.0..=most).contains(&value) {
                let hint = format!("choose it in [0, {most}]");
                return Err(refuse(key, format!("it is {value}"), &hint));
            }
        }
        self.exact_gelu().map(drop)
    }

    /// The number of weights, without making them.
    pub fn parameters(&self) -> f64 {
        let [vocabulary, width, layers, wide, places, kinds] = [
            self.vocab_size,
            self.hidden_size,
            self.num_hidden_layers,
            self.intermediate_size,
            self.max_position_embeddings,
            self.type_vocab_size,
        ]
        .map(|size| size as f64);
        let embeddings = (vocabulary + places + kinds + 2.0) * width;
        // Four matrices of attention, two of the feed-forward part, two norms.
        let layer = 4.0 * width * (width + 1.0) + 2.0 * width * wide + wide + 5.0 * width;
        let decoder = match self.tie_word_embeddings {
            true => 0.0,
            false => vocabulary * width,
        };
        let head = width * (width + 3.0) + vocabulary + decoder;
        embeddings + layers * layer + head
    }

    /// Whether the activation is gelu by the error function.
    pub(super) fn exact_gelu(&self) -> Result<bool> {
        match self.hidden_act.as_str() {
            "gelu" | "gelu_python" => Ok(true),
            "gelu_new" | "gelu_fast" | "gelu_pytorch_tanh" => Ok(false),
            other => Err(refuse(
                "hidden_act",
                format!("'{other}' is not known here"),
                "models with gelu or gelu_new can be loaded",
            )),
        }
    }

    /// What a layer of so many inputs multiplies its usual start with, so that weights
    /// have the standard deviation `initializer_range`.
    pub(super) fn gain(&self, inputs: usize) -> f64 {
        self.initializer_range * (inputs as f64).sqrt()
    }
}

fn refuse(key: &str, problem: impl Into<String>, hint: &str) -> Error {
    Error::input(format!("key '{key}' of a BERT"), problem, hint)
}
