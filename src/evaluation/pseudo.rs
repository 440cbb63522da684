//! The surprise of each token of a text, given all the others: no chain of predictions,
//! so no likelihood, but a score of the same kind.

use crate::energy::MaskedText;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::text::Tokenizer;
use candle_core::{Device, Tensor};

/// Copies of a sequence that go through the network at once.
const AT_ONCE: usize = 32;

/// How a token is hidden when it is to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hide {
    /// Alone (pseudo-log-likelihood; Salazar et al. 2020). The rest of its word tells
    /// much of it.
    Token,
    /// With the pieces of its word that follow (Kauf & Ivanova 2023, "A better way to do
    /// masked language model scoring"): the sum over a word is that of the whole word.
    RestOfWord,
}

/// −log p, in nats at 1/β = `temperature`, of each token of a sequence given the others;
/// none of special tokens, such as `[UNK]`: which word it was is not known.
///
/// # Errors
/// Tokens that the model does not know, a network that gives no numbers; Ctrl-C.
pub fn surprises(
    text: &MaskedText,
    tokenizer: &Tokenizer,
    sequence: &[u32],
    hide: Hide,
    temperature: f64,
    device: &Device,
) -> Result<Vec<Option<f64>>> {
    let mut found = vec![None; sequence.len()];
    let places: Vec<usize> = (0..sequence.len())
        .filter(|&place| !tokenizer.is_special(sequence[place]))
        .collect();
    for some in places.chunks(AT_ONCE) {
        interrupt::check()?;
        let mut tokens = Vec::with_capacity(some.len() * sequence.len());
        let mut rows = Vec::with_capacity(some.len());
        let mut targets = Vec::with_capacity(some.len());
        for &place in some {
            let start = tokens.len();
            tokens.extend_from_slice(sequence);
            tokens[start + place] = text.mask();
            if hide == Hide::RestOfWord {
                for after in place + 1..sequence.len() {
                    if !tokenizer.continues(sequence[after]) {
                        break;
                    }
                    tokens[start + after] = text.mask();
                }
            }
            rows.push((start + place) as u32);
            targets.push(sequence[place]);
        }
        let count = some.len();
        let tokens = Tensor::from_vec(tokens, (count, sequence.len()), device)?;
        let rows = Tensor::from_vec(rows, count, device)?;
        let logits = (text.logits(&tokens, &rows)? / temperature)?;
        let targets = Tensor::from_vec(targets, count, device)?;
        let costs = crate::ops::cross_entropy(&logits, &targets)?;
        for (&place, cost) in some.iter().zip(costs.to_vec1::<f32>()?) {
            if !cost.is_finite() {
                return Err(Error::NotFinite {
                    what: "the surprise of a token".to_owned(),
                });
            }
            found[place] = Some(f64::from(cost));
        }
    }
    Ok(found)
}

/// exp of the mean surprise of all tokens that are not special, each hidden alone; `None`
/// where there is no such token.
///
/// # Errors
/// As [`surprises`].
pub fn pseudo_perplexity(
    text: &MaskedText,
    tokenizer: &Tokenizer,
    sequences: &[Vec<u32>],
    temperature: f64,
    device: &Device,
) -> Result<Option<f64>> {
    let (mut sum, mut count) = (0.0, 0usize);
    for sequence in sequences {
        let found = surprises(text, tokenizer, sequence, Hide::Token, temperature, device)?;
        sum += found.iter().flatten().sum::<f64>();
        count += found.iter().flatten().count();
    }
    Ok((count > 0).then(|| (sum / count as f64).exp()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Energy as _;
    use crate::models::{Bert, BertConfig, Source as _, Weights};
    use crate::rng::Seed;
    use crate::text::Document;

    #[test]
    fn a_surprise_is_the_energy_of_a_place_hidden_alone() {
        let text = "the ball bounces off the wall . ".repeat(20);
        let name = "a".to_owned();
        let tokenizer = Tokenizer::train(&[Document { name, text }], 30, true).unwrap();
        let config = BertConfig {
            vocab_size: tokenizer.size(),
            hidden_size: 8,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            intermediate_size: 8,
            initializer_range: 0.5,
            ..BertConfig::default()
        };
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let bert = Bert::new(&config, weights.root()).unwrap();
        let masked = MaskedText::new(&bert, tokenizer.mask());
        let inner = tokenizer.encode("boff the wall").unwrap();
        let sequence = [&[tokenizer.start()][..], &inner, &[tokenizer.end()]].concat();
        let found =
            |hide| surprises(&masked, &tokenizer, &sequence, hide, 1.0, &Device::Cpu).unwrap();
        let alone = found(Hide::Token);
        assert_eq!((alone[0], alone[sequence.len() - 1]), (None, None));
        let y = Tensor::new(&sequence[..], &Device::Cpu)
            .unwrap()
            .unsqueeze(0)
            .unwrap();
        for place in 1..sequence.len() - 1 {
            let mut shown = sequence.clone();
            shown[place] = tokenizer.mask();
            let x = Tensor::new(&shown[..], &Device::Cpu)
                .unwrap()
                .unsqueeze(0)
                .unwrap();
            let energy = masked.energy(&x, &y).unwrap().to_vec1::<f32>().unwrap()[0];
            assert!((alone[place].unwrap() - f64::from(energy)).abs() < 1e-5);
        }
        // "boff" is of several pieces: its first is told without those after it.
        assert!(tokenizer.continues(sequence[2]));
        assert_ne!(found(Hide::RestOfWord)[1], alone[1]);
        let mean = alone.iter().flatten().sum::<f64>() / inner.len() as f64;
        let all = [sequence.clone()];
        let pseudo = pseudo_perplexity(&masked, &tokenizer, &all, 1.0, &Device::Cpu).unwrap();
        assert!((pseudo.unwrap().ln() - mean).abs() < 1e-9);
    }
}
