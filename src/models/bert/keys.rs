//! The names that files give to BERT's weights.

use super::BertConfig;
use crate::error::{Error, Result};
use candle_core::{DType, Tensor};
use std::collections::HashMap;

/// The matrix of the words' vectors.
const WORDS: &str = "bert.embeddings.word_embeddings.weight";
/// The head's own matrix.
const DECODER: &str = "cls.predictions.decoder.weight";

/// What masked prediction does not use: another head, and places' numbers.
const UNUSED: &[&str] = &[
    "bert.pooler.",
    "cls.seq_relationship.",
    "bert.embeddings.position_ids",
];

/// Tensors of a file by the names that [`super::Bert`] has, all f32. Understood are
/// `LayerNorm.gamma` and `.beta` for `.weight` and `.bias` (files made from TensorFlow's);
/// names that begin at `embeddings.` or `encoder.`, without `bert.`; a bias of the
/// head named `cls.predictions.decoder.bias`; and a decoder written out although it is
/// tied. What masked prediction does not use is left out.
///
/// # Errors
/// A decoder that should be tied and is not, and a file without the head.
pub fn canonical(
    tensors: &HashMap<String, Tensor>,
    config: &BertConfig,
) -> Result<HashMap<String, Tensor>> {
    let mut all = HashMap::with_capacity(tensors.len());
    let mut spare = None;
    for (name, tensor) in tensors {
        let name = renamed(name);
        if UNUSED.iter().any(|unused| name.starts_with(unused)) {
            continue;
        }
        let tensor = tensor.to_dtype(DType::F32)?;
        match name.as_str() {
            "cls.predictions.decoder.bias" => spare = Some(tensor),
            _ => drop(all.insert(name, tensor)),
        }
    }
    if let Some(bias) = spare {
        all.entry("cls.predictions.bias".to_owned()).or_insert(bias);
    }
    if !all.keys().any(|name| name.starts_with("cls.predictions.")) {
        return Err(Error::input(
            "the weights",
            "there is no head of masked prediction (cls.predictions.…) among them",
            "use a checkpoint of BertForMaskedLM or BertForPreTraining",
        ));
    }
    if config.tie_word_embeddings {
        if let (Some(decoder), Some(words)) = (all.get(DECODER), all.get(WORDS)) {
            let same = decoder.shape() == words.shape()
                && decoder.sub(words)?.abs()?.max_all()?.to_scalar::<f32>()? == 0.0;
            if !same {
                return Err(Error::input(
                    format!("tensor '{DECODER}'"),
                    "differs from the words' vectors, to which config.json ties it",
                    "set tie_word_embeddings to false in config.json",
                ));
            }
        }
        all.remove(DECODER);
    }
    Ok(all)
}

fn renamed(name: &str) -> String {
    let rooted = ["embeddings.", "encoder.", "pooler."]
        .iter()
        .any(|start| name.starts_with(start));
    let name = match rooted {
        true => format!("bert.{name}"),
        false => name.to_owned(),
    };
    for (old, new) in [
        ("LayerNorm.gamma", "LayerNorm.weight"),
        ("LayerNorm.beta", "LayerNorm.bias"),
    ] {
        if let Some(start) = name.strip_suffix(old) {
            return format!("{start}{new}");
        }
    }
    name
}
