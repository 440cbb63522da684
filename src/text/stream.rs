//! The tokens of a corpus in a row, and the sequences packed from them.

use super::corpus::Document;
use super::tokenizer::Tokenizer;
use crate::error::{Error, Result};
use crate::rng::Rng;

/// Where there are so many documents, each of them as the 20th goes to validation;
/// below, the last 5% of all tokens do.
const APART: usize = 20;

/// Tokens of documents, with `[SEP]` between two, without any padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    tokens: Vec<u32>,
    /// `[CLS]` and `[SEP]`.
    ends: (u32, u32),
}

impl Stream {
    /// All documents in a row.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub fn new(documents: &[Document], tokenizer: &Tokenizer) -> Result<Self> {
        let mut stream = Self::empty(tokenizer);
        for document in documents {
            stream.add(&tokenizer.encode(&document.text)?);
        }
        Ok(stream)
    }

    /// A part to train on and one to validate on, about 5%.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub fn split(documents: &[Document], tokenizer: &Tokenizer) -> Result<(Self, Self)> {
        if documents.len() < APART {
            let mut all = Self::new(documents, tokenizer)?;
            let kept = all.tokens.len() - all.tokens.len() / APART;
            let rest = Self {
                tokens: all.tokens.split_off(kept),
                ends: all.ends,
            };
            return Ok((all, rest));
        }
        let (mut train, mut validation) = (Self::empty(tokenizer), Self::empty(tokenizer));
        for (index, document) in documents.iter().enumerate() {
            let part = match index % APART == APART - 1 {
                true => &mut validation,
                false => &mut train,
            };
            part.add(&tokenizer.encode(&document.text)?);
        }
        Ok((train, validation))
    }

    fn empty(tokenizer: &Tokenizer) -> Self {
        Self {
            tokens: Vec::new(),
            ends: (tokenizer.start(), tokenizer.end()),
        }
    }

    fn add(&mut self, tokens: &[u32]) {
        if !(self.tokens.is_empty() || tokens.is_empty()) {
            self.tokens.push(self.ends.1);
        }
        self.tokens.extend_from_slice(tokens);
    }

    /// Tokens in all.
    pub fn len(&self) -> usize {
        self.tokens.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The share of tokens that are `[UNK]`.
    pub fn unknown(&self, tokenizer: &Tokenizer) -> f64 {
        let unknown = tokenizer.unknown();
        let count = self.tokens.iter().filter(|&&id| id == unknown).count();
        count as f64 / self.tokens.len().max(1) as f64
    }

    /// How often each token of a vocabulary of `size` comes, as a share, one added to all:
    /// what can be said of a token without looking around it.
    pub fn shares(&self, size: usize) -> Vec<f64> {
        let mut counts = vec![1.0; size];
        for &token in &self.tokens {
            if let Some(count) = counts.get_mut(token as usize) {
                *count += 1.0;
            }
        }
        let sum: f64 = counts.iter().sum();
        counts.iter().map(|count| count / sum).collect()
    }

    /// That at least one sequence of `length` tokens, `[CLS]` and `[SEP]` included, is there.
    ///
    /// # Errors
    /// Where it is not; `name` is what the text is called.
    pub fn check(&self, length: usize, name: &str) -> Result<()> {
        if length >= 3 && self.tokens.len() + 2 >= length {
            return Ok(());
        }
        Err(Error::input(
            name,
            format!(
                "{} tokens, expected at least {}",
                self.len(),
                length.max(3) - 2
            ),
            "give more text, or shorter sequences with --set data.length=…",
        ))
    }

    /// A sequence of `length` tokens from a random place, `[CLS]` and `[SEP]` around it.
    /// Panics where [`Self::check`] fails.
    pub fn draw(&self, length: usize, rng: &mut Rng) -> Vec<u32> {
        let inner = length - 2;
        let start = rng.below(self.tokens.len() - inner + 1);
        self.around(&self.tokens[start..start + inner])
    }

    /// Consecutive sequences of `length` tokens, `[CLS]` and `[SEP]` around each; what is left
    /// over at the end is not among them.
    pub fn sequences(&self, length: usize) -> impl Iterator<Item = Vec<u32>> + '_ {
        let inner = length.saturating_sub(2).max(1);
        self.tokens
            .chunks_exact(inner)
            .map(|part| self.around(part))
    }

    fn around(&self, part: &[u32]) -> Vec<u32> {
        let mut sequence = Vec::with_capacity(part.len() + 2);
        sequence.push(self.ends.0);
        sequence.extend_from_slice(part);
        sequence.push(self.ends.1);
        sequence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    fn documents(count: usize) -> Vec<Document> {
        let text = |i: usize| format!("the ball {i} bounces off the wall . ");
        (0..count)
            .map(|i| Document {
                name: i.to_string(),
                text: text(i).repeat(3),
            })
            .collect()
    }

    #[test]
    fn sequences_are_packed_without_padding() {
        let documents = documents(2);
        let tokenizer = Tokenizer::train(&documents, 60, true).unwrap();
        let stream = Stream::new(&documents, &tokenizer).unwrap();
        let each: Vec<_> = documents
            .iter()
            .map(|d| tokenizer.encode(&d.text).unwrap())
            .collect();
        assert_eq!(
            stream.tokens,
            [&each[0][..], &[tokenizer.end()], &each[1]].concat()
        );
        let sequences: Vec<_> = stream.sequences(10).collect();
        assert_eq!(sequences.len(), stream.len() / 8);
        assert_eq!(sequences[1][0], tokenizer.start());
        assert_eq!(sequences[1][1..9], stream.tokens[8..16]);
        assert_eq!(sequences[1][9], tokenizer.end());
        let mut rng = Seed(1).stream("test", 0);
        let whole = stream.len() + 2;
        assert_eq!(stream.draw(whole, &mut rng)[1..whole - 1], stream.tokens);
        assert!(stream.check(whole, "a").is_ok());
        let said = stream.check(whole + 1, "a.txt").unwrap_err().to_string();
        assert!(
            said.contains("a.txt") && said.contains("data.length"),
            "{said}"
        );
    }

    #[test]
    fn validation_is_another_part() {
        let tokenizer = Tokenizer::train(&documents(3), 60, true).unwrap();
        let (train, rest) = Stream::split(&documents(3), &tokenizer).unwrap();
        let all = Stream::new(&documents(3), &tokenizer).unwrap();
        assert_eq!([train.tokens, rest.tokens.clone()].concat(), all.tokens);
        assert_eq!(rest.len(), all.len() / 20);
        let (_, rest) = Stream::split(&documents(25), &tokenizer).unwrap();
        let twentieth = tokenizer.encode(&documents(25)[19].text).unwrap();
        assert_eq!(rest.tokens, twentieth);
    }
}
