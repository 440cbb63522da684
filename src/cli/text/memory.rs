//! Whether a recipe of text fits in memory: asked before anything is allocated.

use crate::error::Result;
use crate::memory;
use crate::training::text::TextSettings;
use candle_core::Device;

/// Times that training holds each weight: itself, its gradient, two moments, a state to go
/// back to (three of these), the best on the validation part, and what is being saved.
const COPIES: f64 = 9.0;

/// A setting that takes memory.
type Size = (&'static str, fn(&mut TextSettings) -> &mut usize);

const SIZES: [Size; 8] = [
    ("data.length", |s| &mut s.data.length),
    ("training.batch", |s| &mut s.training.batch),
    ("model.hidden_size", |s| &mut s.model.hidden_size),
    ("model.num_hidden_layers", |s| {
        &mut s.model.num_hidden_layers
    }),
    ("model.intermediate_size", |s| {
        &mut s.model.intermediate_size
    }),
    ("model.vocab_size", |s| &mut s.model.vocab_size),
    ("model.max_position_embeddings", |s| {
        &mut s.model.max_position_embeddings
    }),
    ("model.type_vocab_size", |s| &mut s.model.type_vocab_size),
];

/// Refuses a recipe that takes more memory than the machine has. What a GPU has is its
/// driver's to say.
pub(super) fn check(settings: &TextSettings, device: &Device) -> Result<()> {
    match device.is_cuda() {
        true => Ok(()),
        false => memory::check(need(settings), "the recipe", || {
            format!("lower {}", culprit(settings))
        }),
    }
}

/// About how many bytes training takes: its weights, what a step keeps of each layer at
/// each place, and the logits of what is hidden.
fn need(settings: &TextSettings) -> f64 {
    let (model, data) = (&settings.model, &settings.data);
    let places = settings.training.batch as f64 * data.length as f64;
    let width = model.hidden_size as f64;
    let layer = 12.0 * width + 3.0 * model.intermediate_size as f64;
    let kept = places * (model.num_hidden_layers as f64 * layer + 10.0 * width);
    let logits = 3.0 * places * settings.masking.share * model.vocab_size as f64;
    (COPIES * model.parameters() + kept + logits) * size_of::<f32>() as f64
}

/// The setting above its default that takes most of the memory.
fn culprit(settings: &TextSettings) -> String {
    let (mut settings, mut defaults) = (settings.clone(), TextSettings::default());
    let mut found: Option<(f64, String)> = None;
    for (key, size) in SIZES {
        let (value, default) = (*size(&mut settings), *size(&mut defaults));
        if value <= default {
            continue;
        }
        *size(&mut settings) = default;
        let without = need(&settings);
        *size(&mut settings) = value;
        if found.as_ref().is_none_or(|(least, _)| without < *least) {
            found = Some((without, format!("{key} ({value})")));
        }
    }
    match found {
        Some((_, name)) => name,
        None => format!("training.batch ({})", settings.training.batch),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fit_names_its_key() {
        check(&TextSettings::default(), &Device::Cpu).unwrap();
        for (key, size) in SIZES {
            let mut settings = TextSettings::default();
            *size(&mut settings) = i32::MAX as usize;
            let said = check(&settings, &Device::Cpu).unwrap_err().to_string();
            assert!(
                said.contains(&format!("lower {key} (2147483647)")),
                "{said}"
            );
        }
    }
}
