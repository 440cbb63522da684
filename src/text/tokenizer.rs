//! Words and parts of words as numbers.

mod config;
mod read;
mod sound;
mod wall;

use super::corpus::Document;
use super::letters::{letter_after, letter_at, letters, pieces, without_long_words};
use crate::error::{Error, Result};
use crate::files;
use config::{CONFIG, SPECIAL};
use rayon::prelude::*;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::pre_tokenizers::PreTokenizerWrapper;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Model as _, TokenizerBuilder};
use wall::behind;

/// No vocabulary is larger.
const MOST_TOKENS: usize = 1 << 24;

/// The largest vocabulary that is learned.
const LARGEST_LEARNED: usize = 1 << 20;

/// A tokenizer with BERT's special tokens.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    /// What `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]` and `[MASK]` are called.
    names: [String; 5],
    special: [u32; 5],
    /// All that stand for no text: these, and further ones.
    specials: HashSet<u32>,
    /// Whether a token goes on with the word before it.
    continues: Vec<bool>,
    /// All that is not special: what a random token is drawn from.
    ordinary: Vec<u32>,
}

/// A word of a text: its tokens and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// At least one.
    pub ids: Vec<u32>,
    /// In bytes of the text.
    pub place: Range<usize>,
}

impl Tokenizer {
    /// WordPiece learned from documents (Schuster & Nakajima 2012; by merging the most
    /// frequent pairs), `size` tokens with the special ones, of words seen at least twice.
    ///
    /// # Errors
    /// A size that has no room for the letters.
    pub fn train(documents: &[Document], size: usize, lower_case: bool) -> Result<Self> {
        let fail = |problem: String| {
            Error::input(
                format!("a vocabulary of {size}"),
                problem,
                "give more text or another --size",
            )
        };
        if size > LARGEST_LEARNED {
            return Err(fail(format!("expected at most {LARGEST_LEARNED} tokens")));
        }
        let wrong = |error: tokenizers::Error| fail(error.to_string());
        let [_, unknown, start, end, _] = SPECIAL.map(|(_, name)| name);
        let tokenizer = |model| {
            let normalizer = BertNormalizer::new(true, true, None, lower_case);
            let mut inner = around(model, normalizer, [start, end])?;
            let known = SPECIAL
                .iter()
                .map(|(_, name)| AddedToken::from(*name, true));
            let known: Vec<_> =
                (known.filter(|t| inner.token_to_id(&t.content).is_some())).collect();
            inner.add_special_tokens(known)?;
            Ok(inner)
        };
        let model = WordPiece::builder()
            .unk_token(unknown.to_owned())
            .build()
            .map_err(wrong)?;
        let mut inner = tokenizer(model).map_err(wrong)?;
        let lines = || documents.iter().flat_map(|document| pieces(&document.text));
        let (letters, inner_letters) = letters(&inner, lines()).map_err(wrong)?;
        let words = lines().map(without_long_words);
        // Given in their order, for the trainer would number them as its hash tables do,
        // and the same text would give another vocabulary each time.
        let first = SPECIAL.iter().map(|(_, name)| (*name).to_owned());
        let first = first.chain(inner_letters.iter().map(|letter| format!("##{letter}")));
        let trainer = WordPieceTrainer::builder()
            .vocab_size(size)
            .min_frequency(2)
            .limit_alphabet(letters.len())
            .initial_alphabet(letters.into_iter().collect())
            .show_progress(false)
            .special_tokens(first.map(|token| AddedToken::from(token, true)).collect())
            .build();
        let mut trainer = TrainerWrapper::from(trainer);
        behind(|| inner.train(&mut trainer, words).map(drop)).map_err(fail)?;
        let model = inner.get_model().clone();
        let ModelWrapper::WordPiece(model) = model else {
            return Err(fail("training made another kind of model".to_owned()));
        };
        let inner = tokenizer(model).map_err(wrong)?;
        let found = inner.get_vocab_size(true);
        if found > size {
            return Err(fail(format!(
                "letters and special tokens alone are {found}"
            )));
        }
        Self::new(inner, SPECIAL.map(|(_, name)| name)).map_err(fail)
    }

    /// Around a tokenizer whose special tokens have these names.
    fn new(mut inner: tokenizers::Tokenizer, names: [&str; 5]) -> Result<Self, String> {
        inner.with_padding(None);
        // Truncation that is taken away cannot be refused.
        let _ = inner.with_truncation(None);
        // What stands for an unknown word is the model's to say.
        let (prefix, unknown) = match inner.get_model() {
            ModelWrapper::WordPiece(model) => {
                let prefix = model.continuing_subword_prefix.as_str();
                (prefix, Some(model.unk_token.clone()))
            }
            ModelWrapper::WordLevel(model) => ("", Some(model.unk_token.clone())),
            ModelWrapper::BPE(model) => ("##", model.get_unk_token().clone()),
            ModelWrapper::Unigram(_) => ("", None),
        };
        let mut names = names.map(str::to_owned);
        if let Some(unknown) = unknown {
            names[1] = unknown;
        }
        let mut special = [0; 5];
        for (id, (index, name)) in special.iter_mut().zip(names.iter().enumerate()) {
            *id = match (inner.token_to_id(name), index) {
                (Some(id), _) => id,
                // Nothing is padded here.
                (None, 0) => u32::MAX,
                _ => return Err(format!("its vocabulary has no {name}")),
            };
        }
        let vocabulary = inner.get_vocab(true);
        let largest = vocabulary.values().max().map_or(0, |&id| id as usize);
        if largest >= MOST_TOKENS {
            return Err(format!(
                "a token has the number {largest}, expected at most {MOST_TOKENS}"
            ));
        }
        let mut tokens: Vec<Option<&str>> = vec![None; largest + 1];
        for (token, &id) in &vocabulary {
            if let Some(other) = tokens[id as usize].replace(token) {
                let [first, last] = if other < token.as_str() {
                    [other, token]
                } else {
                    [token, other]
                };
                return Err(format!("'{first}' and '{last}' both have the number {id}"));
            }
        }
        let added = inner.get_added_tokens_decoder();
        let added = added.iter().filter(|(_, token)| token.special);
        let specials: HashSet<u32> = special
            .into_iter()
            .chain(added.map(|(&id, _)| id))
            .collect();
        let goes_on = |token: &&str| !prefix.is_empty() && token.starts_with(prefix);
        let continues = tokens
            .iter()
            .map(|token| token.as_ref().is_some_and(goes_on))
            .collect();
        let ordinary: Vec<u32> = (0u32..)
            .zip(&tokens)
            .filter(|(id, token)| !specials.contains(id) && token.is_some_and(is_text))
            .map(|(id, _)| id)
            .collect();
        if ordinary.is_empty() {
            return Err("its vocabulary has no word".to_owned());
        }
        Ok(Self {
            inner,
            names,
            special,
            specials,
            continues,
            ordinary,
        })
    }

    /// Writes `tokenizer.json`.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let text = (self.inner.to_string(true))
            .map_err(|error| Error::io(path, std::io::Error::other(error.to_string())))?;
        files::replace_bytes(path, text.as_bytes())
    }

    /// Writes `tokenizer.json` and `tokenizer_config.json` into a folder: without the second,
    /// other programs would lower-case any text.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn save_in(&self, folder: &Path) -> Result<()> {
        self.save(&folder.join("tokenizer.json"))?;
        let path = folder.join(CONFIG);
        files::replace_bytes(&path, format!("{:#}\n", self.config()).as_bytes())
    }

    /// What `tokenizer_config.json` says of it.
    fn config(&self) -> Value {
        let mut config = match (self.bert_normalizer(), self.inner.get_pre_tokenizer()) {
            (Some(normalizer), Some(PreTokenizerWrapper::BertPreTokenizer(_))) => json!({
                "tokenizer_class": "BertTokenizer",
                "do_lower_case": normalizer.lowercase,
                "strip_accents": normalizer.strip_accents,
                "tokenize_chinese_chars": normalizer.handle_chinese_chars,
            }),
            _ => json!({"tokenizer_class": "PreTrainedTokenizerFast"}),
        };
        for ((key, _), name) in SPECIAL.iter().zip(&self.names) {
            config[*key] = json!(name);
        }
        config
    }

    /// The tokens of a text, without `[CLS]` and `[SEP]`.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>> {
        let parts: Vec<&str> = pieces(text).collect();
        let ids = parts
            .par_iter()
            .map(|&part| Ok(self.pieces_of(part, false)?.get_ids().to_vec()))
            .collect::<Result<Vec<_>>>()?;
        Ok(ids.concat())
    }

    /// The words of a text, each with its tokens.
    ///
    /// # Errors
    /// As [`Self::encode`].
    pub fn words(&self, text: &str) -> Result<Vec<Word>> {
        let mut words: Vec<Word> = Vec::new();
        let mut start = 0;
        for part in pieces(text) {
            let encoding = self.pieces_of(part, true)?;
            let first = words.len();
            let all = encoding.get_ids().iter().zip(encoding.get_offsets());
            for (&id, &(from, to)) in all {
                // Tokens of single bytes may end inside a letter.
                let (from, to) = (letter_at(part, from), letter_after(part, to));
                let goes_on = self.continues(id) && words.len() > first;
                match words.last_mut() {
                    Some(word) if goes_on => {
                        word.ids.push(id);
                        word.place.end = start + to;
                    }
                    _ => words.push(Word {
                        ids: vec![id],
                        place: start + from..start + to,
                    }),
                }
            }
            start += part.len();
        }
        Ok(words)
    }

    fn pieces_of(&self, text: &str, places: bool) -> Result<tokenizers::Encoding> {
        let encoding = behind(|| match places {
            true => self.inner.encode(text, false),
            false => self.inner.encode_fast(text, false),
        });
        encoding.map_err(|error| {
            Error::input(
                "the tokenizer",
                format!("refuses a text: {error}"),
                "use the tokenizer that the model was trained with",
            )
        })
    }

    /// The text of tokens, special ones too.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        behind(|| self.inner.decode(ids, false)).map_err(|error| {
            Error::input(
                "the tokenizer",
                format!("cannot write {} tokens as text: {error}", ids.len()),
                "use the tokenizer.json that the model was trained with",
            )
        })
    }

    /// A token as it stands in the vocabulary.
    pub fn token(&self, id: u32) -> String {
        let token = self.inner.id_to_token(id);
        token.unwrap_or_else(|| format!("#{id}"))
    }

    /// One more than the largest number of a token.
    pub fn size(&self) -> usize {
        self.continues.len()
    }

    /// Whether a token goes on with the word before it, as `##ing` does.
    pub fn continues(&self, id: u32) -> bool {
        self.continues.get(id as usize).copied().unwrap_or(false)
    }

    /// Whether it stands for no text: `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, `[MASK]` and further
    /// special tokens.
    pub fn is_special(&self, id: u32) -> bool {
        self.specials.contains(&id)
    }

    /// All tokens that stand for text.
    pub fn ordinary(&self) -> &[u32] {
        &self.ordinary
    }

    /// `[UNK]`.
    pub fn unknown(&self) -> u32 {
        self.special[1]
    }

    /// `[CLS]`, which begins a sequence.
    pub fn start(&self) -> u32 {
        self.special[2]
    }

    /// `[SEP]`, which ends it.
    pub fn end(&self) -> u32 {
        self.special[3]
    }

    /// `[MASK]`.
    pub fn mask(&self) -> u32 {
        self.special[4]
    }
}

/// Whether a token may stand for text: BERT's vocabularies keep room for later.
fn is_text(token: &str) -> bool {
    let is_kept = token.starts_with("[unused") && token.ends_with(']');
    !(token.is_empty() || is_kept)
}

/// BERT's tokenizer around a vocabulary, without its special tokens; `ends` are the names
/// of `[CLS]` and `[SEP]`.
fn around(
    model: WordPiece,
    normalizer: BertNormalizer,
    ends: [&str; 2],
) -> tokenizers::Result<tokenizers::Tokenizer> {
    let [start, end] = ends;
    let template = match ends.map(|token| model.token_to_id(token)) {
        [Some(first), Some(last)] if !ends.iter().any(|name| name.contains([' ', '$', ':'])) => {
            Some(
                TemplateProcessing::builder()
                    .try_single(format!("{start} $A {end}"))?
                    .try_pair(format!("{start} $A {end} $B:1 {end}:1"))?
                    .special_tokens(vec![(start, first), (end, last)])
                    .build()?,
            )
        }
        _ => None,
    };
    let built = TokenizerBuilder::new()
        .with_model(model)
        .with_normalizer(Some(normalizer))
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(template)
        .with_decoder(Some(WordPieceDecoder::default()))
        .build()?;
    Ok(built.into())
}

#[cfg(test)]
mod tests;
