//! What a text is made of, for the tokenizer.

use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::BTreeMap;
use tokenizers::{
    NormalizedString, Normalizer as _, OffsetReferential, OffsetType, PreTokenizedString,
    PreTokenizer as _,
};

/// The most letters of a new vocabulary.
const LETTERS: usize = 1000;

/// What the tokenizer is given at once, in bytes: a line of megabytes is cut.
pub(super) const PIECE: usize = 1 << 15;

/// The letters of the longest word that a tokenizer of WordPiece takes apart.
const LONGEST: usize = 100;

/// The most frequent letters of a text, at most [`LETTERS`], and those of them that stand
/// inside words too; both in their order.
pub(super) fn letters<'a>(
    tokenizer: &tokenizers::Tokenizer,
    lines: impl Iterator<Item = &'a str>,
) -> tokenizers::Result<(Vec<char>, Vec<char>)> {
    let lines: Vec<&str> = lines.collect();
    // How often it stands anywhere, and inside a word.
    type Counts = BTreeMap<char, (u64, u64)>;
    let count = |line: &&str| -> tokenizers::Result<Counts> {
        let mut normal = NormalizedString::from(*line);
        if let Some(normalizer) = tokenizer.get_normalizer() {
            normalizer.normalize(&mut normal)?;
        }
        let mut words = PreTokenizedString::from(normal);
        if let Some(splitter) = tokenizer.get_pre_tokenizer() {
            splitter.pre_tokenize(&mut words)?;
        }
        let mut counts = Counts::new();
        for (word, _, _) in words.get_splits(OffsetReferential::Original, OffsetType::Byte) {
            for (place, letter) in word.chars().enumerate() {
                let count = counts.entry(letter).or_default();
                count.0 += 1;
                count.1 += u64::from(place > 0);
            }
        }
        Ok(counts)
    };
    let mut all = Counts::new();
    for counts in lines
        .par_iter()
        .map(count)
        .collect::<tokenizers::Result<Vec<_>>>()?
    {
        for (letter, (anywhere, inside)) in counts {
            let count = all.entry(letter).or_default();
            count.0 += anywhere;
            count.1 += inside;
        }
    }
    let mut order: Vec<(char, (u64, u64))> = all.into_iter().collect();
    order.sort_by_key(|&(letter, (anywhere, _))| (std::cmp::Reverse(anywhere), letter));
    order.truncate(LETTERS);
    order.sort();
    let inside = order.iter().filter(|(_, (_, inside))| *inside > 0);
    let inside = inside.map(|(letter, _)| *letter).collect();
    Ok((
        order.into_iter().map(|(letter, _)| letter).collect(),
        inside,
    ))
}

/// A text in pieces of at most [`PIECE`] bytes, cut after white space where there is any.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len();
        if end > PIECE {
            let most = (PIECE - 3..=PIECE).rfind(|&at| rest.is_char_boundary(at));
            let most = most.unwrap_or(PIECE);
            let space = rest[..most]
                .char_indices()
                .rfind(|(_, c)| c.is_whitespace());
            end = match space {
                Some((at, c)) => at + c.len_utf8(),
                None => most,
            };
        }
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

/// A text without words of more than [`LONGEST`] letters. They are unknown to the vocabulary anyway, and the trainer takes
/// time by the square of their length.
pub(super) fn without_long_words(text: &str) -> Cow<'_, str> {
    let words = || text.split_inclusive(|c: char| !c.is_alphanumeric());
    let is_short = |word: &&str| word.len() <= LONGEST || word.chars().count() <= LONGEST;
    match words().all(|word| is_short(&word)) {
        true => Cow::Borrowed(text),
        false => Cow::Owned(words().filter(is_short).collect()),
    }
}

/// Where the letter begins that byte `at` is of.
pub(super) fn letter_at(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rfind(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

/// Where the letter ends that byte `at` is of.
pub(super) fn letter_after(text: &str, at: usize) -> usize {
    (at..text.len())
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_no_vocabulary_knows_are_left_out() {
        let text = "The ball fell, größer.\n";
        assert!(matches!(without_long_words(text), Cow::Borrowed(same) if same == text));
        let long = "1844".repeat(26);
        let with = format!("The ball {long} fell,{long}\n größer {long}");
        assert_eq!(without_long_words(&with), "The ball fell, größer ");
        // Letters count, not bytes.
        assert_eq!(without_long_words(&"ö".repeat(100)).chars().count(), 100);
        assert!(without_long_words(&"ö".repeat(101)).is_empty());
    }
}
