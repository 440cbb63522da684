//! Words and parts of words as numbers.

use super::corpus::Document;
use super::letters::{letters, pieces};
use crate::error::{Error, Result};
use crate::files;
use rayon::prelude::*;
use std::ops::Range;
use std::path::Path;
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, Model as _, TokenizerBuilder};

/// BERT's special tokens, in the order in which a new vocabulary begins.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// A tokenizer with BERT's special tokens.
#[derive(Clone)]
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    special: [u32; 5],
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
    /// Reads `tokenizer.json`, `vocab.txt`, or a folder that holds one of them (the first
    /// where both are there). A `vocab.txt` means BERT's own tokenizer; it lower-cases
    /// unless `tokenizer_config.json` beside it says `"do_lower_case": false`.
    ///
    /// # Errors
    /// No such file, another content, and a vocabulary without `[UNK]`, `[CLS]`, `[SEP]` and
    /// `[MASK]`.
    pub fn read(path: &Path) -> Result<Self> {
        if path.is_dir() {
            let found = ["tokenizer.json", "vocab.txt"]
                .map(|name| path.join(name))
                .into_iter()
                .find(|file| file.exists());
            return match found {
                Some(file) => Self::read(&file),
                None => Err(Error::input(
                    path.display().to_string(),
                    "there is no tokenizer: neither tokenizer.json nor vocab.txt",
                    "put the one beside the model that it was trained with",
                )),
            };
        }
        let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
        let refuse = |problem: String| {
            Error::input(
                path.display().to_string(),
                format!("is no tokenizer: {problem}"),
                "give a tokenizer.json or a vocab.txt with one token a line",
            )
        };
        let is_json = path.extension().is_some_and(|ending| ending == "json");
        let inner = if is_json {
            tokenizers::Tokenizer::from_bytes(&bytes).map_err(|error| refuse(error.to_string()))?
        } else {
            if std::str::from_utf8(&bytes).is_err() {
                return Err(refuse("it is not UTF-8".to_owned()));
            }
            let model = WordPiece::read_bytes(&bytes)
                .map(|vocabulary| WordPiece::builder().vocab(vocabulary))
                .and_then(|builder| builder.unk_token("[UNK]".to_owned()).build())
                .map_err(|error| refuse(error.to_string()))?;
            around(model, lower_cases(path)).map_err(|error| refuse(error.to_string()))?
        };
        Self::new(inner).map_err(|missing| refuse(format!("its vocabulary has no {missing}")))
    }

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
        let wrong = |error: tokenizers::Error| fail(error.to_string());
        let model = WordPiece::builder()
            .unk_token("[UNK]".to_owned())
            .build()
            .map_err(wrong)?;
        let mut inner = around(model, lower_case).map_err(wrong)?;
        let lines = || documents.iter().flat_map(|document| pieces(&document.text));
        let (letters, inner_letters) = letters(&inner, lines()).map_err(wrong)?;
        // Given in their order, for the trainer would number them as its hash tables do,
        // and the same text would give another vocabulary each time.
        let first = SPECIAL.into_iter().map(str::to_owned);
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
        inner.train(&mut trainer, lines()).map_err(wrong)?;
        let model = inner.get_model().clone();
        let ModelWrapper::WordPiece(model) = model else {
            return Err(fail("training made another kind of model".to_owned()));
        };
        let inner = around(model, lower_case).map_err(wrong)?;
        let found = inner.get_vocab_size(true);
        if found > size {
            return Err(fail(format!(
                "letters and special tokens alone are {found}"
            )));
        }
        Self::new(inner).map_err(|missing| fail(format!("there is no {missing} in it")))
    }

    fn new(mut inner: tokenizers::Tokenizer) -> std::result::Result<Self, &'static str> {
        inner.with_padding(None);
        // Truncation that is taken away cannot be refused.
        let _ = inner.with_truncation(None);
        let mut special = [0; 5];
        for (id, token) in special.iter_mut().zip(SPECIAL) {
            *id = match (inner.token_to_id(token), token) {
                (Some(id), _) => id,
                // Nothing is padded here.
                (None, "[PAD]") => u32::MAX,
                _ => return Err(token),
            };
        }
        let largest = inner.get_vocab(true).into_values().max().unwrap_or(0);
        let token = |id: u32| inner.id_to_token(id);
        let continues = (0..=largest)
            .map(|id| token(id).is_some_and(|token| token.starts_with("##")))
            .collect();
        let ordinary = (0..=largest)
            .filter(|id| !special.contains(id) && token(*id).is_some_and(|t| !is_unused(&t)))
            .collect();
        Ok(Self {
            inner,
            special,
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
        let encoding = match places {
            true => self.inner.encode(text, false),
            false => self.inner.encode_fast(text, false),
        };
        encoding.map_err(|error| {
            Error::input(
                "the tokenizer",
                format!("refuses a text: {error}"),
                "use a tokenizer.json whose vocabulary holds [UNK]",
            )
        })
    }

    /// The text of tokens, special ones too.
    ///
    /// # Errors
    /// What the tokenizer refuses.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.inner.decode(ids, false).map_err(|error| {
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

    /// Whether it is `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]` or `[MASK]`.
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
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

/// Room that BERT's vocabularies keep for later.
fn is_unused(token: &str) -> bool {
    token.starts_with("[unused") && token.ends_with(']')
}

fn lower_cases(vocabulary: &Path) -> bool {
    let config = vocabulary.with_file_name("tokenizer_config.json");
    let text = std::fs::read_to_string(config).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    value
        .get("do_lower_case")
        .and_then(serde_json::Value::as_bool)
        != Some(false)
}

/// BERT's tokenizer around a vocabulary.
fn around(model: WordPiece, lower_case: bool) -> tokenizers::Result<tokenizers::Tokenizer> {
    let id = |token: &str| model.token_to_id(token);
    let ends = (id("[CLS]"), id("[SEP]"));
    let special: Vec<AddedToken> = (SPECIAL.into_iter())
        .filter(|token| id(token).is_some())
        .map(|token| AddedToken::from(token, true))
        .collect();
    let template = match ends {
        (Some(start), Some(end)) => Some(
            TemplateProcessing::builder()
                .try_single("[CLS] $A [SEP]")?
                .try_pair("[CLS] $A [SEP] $B:1 [SEP]:1")?
                .special_tokens(vec![("[CLS]", start), ("[SEP]", end)])
                .build()?,
        ),
        _ => None,
    };
    let built = TokenizerBuilder::new()
        .with_model(model)
        .with_normalizer(Some(BertNormalizer::new(true, true, None, lower_case)))
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(template)
        .with_decoder(Some(WordPieceDecoder::default()))
        .build()?;
    let mut inner: tokenizers::Tokenizer = built.into();
    inner.add_special_tokens(special)?;
    Ok(inner)
}

#[cfg(test)]
mod tests;
