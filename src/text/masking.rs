//! What of a sequence is hidden, to be told from the rest.

use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use crate::rng::Rng;
use serde::{Deserialize, Serialize};

/// Which tokens are to be told, and what stands in their place (Devlin et al. 2019,
/// "BERT", section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Masking {
    /// The share of a sequence's tokens that are to be told.
    pub share: f64,
    /// Of these, the share that is hidden by `[MASK]`.
    pub hidden: f64,
    /// The share that is another token, drawn at random; the rest stays as it is.
    pub random: f64,
    /// Whether all pieces of a word are to be told together.
    pub whole_words: bool,
}

impl Default for Masking {
    fn default() -> Self {
        Self {
            share: 0.15,
            hidden: 0.8,
            random: 0.1,
            whole_words: true,
        }
    }
}

/// A corrupted sequence: x and y of masked prediction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// x: the sequence with some tokens changed.
    pub tokens: Vec<u32>,
    /// Where tokens are to be told, in rising order.
    pub places: Vec<usize>,
    /// y: the tokens that were there.
    pub targets: Vec<u32>,
}

impl Masking {
    /// # Errors
    /// Shares that are none.
    pub fn check(&self) -> Result<()> {
        let good = self.share > 0.0
            && self.share <= 1.0
            && self.hidden >= 0.0
            && self.random >= 0.0
            && self.hidden + self.random <= 1.0;
        if good {
            return Ok(());
        }
        Err(Error::input(
            "masking",
            format!(
                "share {}, hidden {}, random {}",
                self.share, self.hidden, self.random
            ),
            "share lies in (0, 1], hidden and random are at least 0 and add up to at most 1",
        ))
    }

    /// All of [`Self::share`] hidden: what is told of text in evaluation.
    pub fn hiding(self) -> Self {
        Self {
            hidden: 1.0,
            random: 0.0,
            ..self
        }
    }

    /// Corrupts a sequence; `rng` draws where and how, so that a sequence met again is
    /// corrupted elsewhere. Special tokens stay. Words are chosen at random until the
    /// share is reached; one that would go beyond it is passed over, unless it is the
    /// first.
    pub fn corrupt(&self, sequence: &[u32], tokenizer: &Tokenizer, rng: &mut Rng) -> Masked {
        let mut words: Vec<std::ops::Range<usize>> = Vec::new();
        for (place, &id) in sequence.iter().enumerate() {
            if tokenizer.is_special(id) {
                continue;
            }
            let goes_on = self.whole_words && tokenizer.continues(id);
            match words.last_mut() {
                Some(word) if goes_on && word.end == place => word.end += 1,
                _ => words.push(place..place + 1),
            }
        }
        let count = words.len();
        for index in 0..count {
            words.swap(index, index + rng.below(count - index));
        }
        let wanted = ((sequence.len() as f64 * self.share).round() as usize).max(1);
        let mut places: Vec<usize> = Vec::with_capacity(wanted);
        for word in words {
            if places.len() >= wanted {
                break;
            }
            if places.is_empty() || places.len() + word.len() <= wanted {
                places.extend(word);
            }
        }
        places.sort_unstable();
        let mut tokens = sequence.to_vec();
        let targets = places.iter().map(|&place| sequence[place]).collect();
        let ordinary = tokenizer.ordinary();
        for &place in &places {
            let drawn = rng.uniform();
            if drawn < self.hidden {
                tokens[place] = tokenizer.mask();
            } else if drawn < self.hidden + self.random {
                tokens[place] = ordinary[rng.below(ordinary.len())];
            }
        }
        Masked {
            tokens,
            places,
            targets,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use crate::text::{Document, Stream};

    fn stream() -> (Tokenizer, Stream) {
        let text = "The ball bounces off the wall, unbelievably often. A wallflower walls.\n";
        let documents = [Document {
            name: "a".to_owned(),
            text: text.repeat(400),
        }];
        let tokenizer = Tokenizer::train(&documents, 60, true).unwrap();
        let stream = Stream::new(&documents, &tokenizer).unwrap();
        (tokenizer, stream)
    }

    #[test]
    fn shares_are_those_asked_for() {
        let (tokenizer, stream) = stream();
        let mut rng = Seed(1).stream("test", 0);
        let (mut told, mut hidden, mut kept, mut seen) = (0, 0, 0, 0);
        for sequence in stream.sequences(128) {
            let masked = Masking::default().corrupt(&sequence, &tokenizer, &mut rng);
            assert!(masked.places.is_sorted());
            seen += sequence.len();
            told += masked.places.len();
            for (&place, &target) in masked.places.iter().zip(&masked.targets) {
                assert_eq!(sequence[place], target);
                assert!(!tokenizer.is_special(target));
                hidden += usize::from(masked.tokens[place] == tokenizer.mask());
                kept += usize::from(masked.tokens[place] == target);
            }
            let others = (0..128).filter(|place| !masked.places.contains(place));
            assert!(others.into_iter().all(|p| masked.tokens[p] == sequence[p]));
        }
        let share = |a: usize, b: usize| a as f64 / b as f64;
        assert!((share(told, seen) - 0.15).abs() < 0.01, "{told} {seen}");
        assert!((share(hidden, told) - 0.8).abs() < 0.03, "{hidden} {told}");
        // A random token may be the same one.
        assert!((share(kept, told) - 0.1).abs() < 0.03, "{kept} {told}");
    }

    #[test]
    fn words_are_hidden_whole() {
        let (tokenizer, stream) = stream();
        let mut rng = Seed(2).stream("test", 0);
        let masking = Masking::default().hiding();
        let mut pieces = 0;
        for sequence in stream.sequences(64) {
            let masked = masking.corrupt(&sequence, &tokenizer, &mut rng);
            for place in 1..64 {
                if tokenizer.continues(sequence[place])
                    && !tokenizer.is_special(sequence[place - 1])
                {
                    pieces += 1;
                    // The first piece of a sequence may go on with what came before it.
                    let both = [place - 1, place].map(|p| masked.places.contains(&p));
                    assert_eq!(both[0], both[1], "at {place}");
                }
            }
        }
        assert!(pieces > 100, "{pieces}");
    }

    #[test]
    fn the_same_draws_give_the_same_masks() {
        let (tokenizer, stream) = stream();
        let sequence = stream.sequences(64).next().unwrap();
        let at = |step| {
            let mut rng = Seed(3).stream("test", step);
            Masking::default().corrupt(&sequence, &tokenizer, &mut rng)
        };
        assert_eq!(at(0), at(0));
        assert_ne!(at(0), at(1));
        let wrong = Masking {
            hidden: 0.9,
            random: 0.2,
            ..Masking::default()
        };
        assert!(
            wrong
                .check()
                .unwrap_err()
                .to_string()
                .contains("random 0.2")
        );
    }
}
