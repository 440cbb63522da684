//! A tokenizer from its files.

use super::config::{SPECIAL, TokenizerConfig};
use super::wall::behind;
use super::{Tokenizer, around, sound};
use crate::error::{Error, Result};
use crate::files;
use std::collections::BTreeMap;
use std::path::Path;
use tokenizers::AddedToken;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::NormalizerWrapper;
use tokenizers::normalizers::bert::BertNormalizer;

/// The longest `tokenizer.json` or `vocab.txt`, in bytes.
const LONGEST: u64 = 1 << 28;

/// From this share of tokens on, capitals say that a vocabulary has both kinds of letters.
const CAPITALS: f64 = 0.01;

impl Tokenizer {
    /// Reads `tokenizer.json`, `vocab.txt`, or a folder that holds one of them (the first
    /// where both are there). A `vocab.txt` means BERT's own tokenizer. What
    /// `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` beside it
    /// say counts as in the library `transformers`. Where nothing says whether text is
    /// lower-cased, it is unless the vocabulary has capitals.
    ///
    /// # Errors
    /// No such file, another content, and a vocabulary without `[UNK]`, `[CLS]`, `[SEP]` and
    /// `[MASK]`, or what these files call them.
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
        let bytes = files::read_short(path, LONGEST)?;
        let refuse = |problem: String| {
            Error::input(
                path.display().to_string(),
                format!("is no tokenizer: {problem}"),
                "give a tokenizer.json or a vocab.txt with one token a line",
            )
        };
        let config = TokenizerConfig::beside(path)?;
        let is_json = path.extension().is_some_and(|ending| ending == "json");
        let inner = match is_json {
            true => from_json(&bytes, &config, path),
            false => from_vocabulary(&bytes, &config, path),
        };
        let mut inner = inner.map_err(refuse)?;
        // A tokenizer.json alone says all of itself.
        if !is_json || config.is_there {
            let known: Vec<AddedToken> = inner.get_added_tokens_decoder().into_values().collect();
            let tokens = config.tokens(&known, |name| inner.token_to_id(name).is_some());
            behind(|| inner.add_tokens(tokens)).map_err(refuse)?;
            config.compare_numbers(|name| inner.token_to_id(name));
        }
        let names = SPECIAL.map(|(key, usual)| config.name(key, usual));
        let tokenizer = Self::new(inner, names).map_err(refuse)?;
        tokenizer.warn_of_capitals(path);
        Ok(tokenizer)
    }

    /// Warns where capitals of the vocabulary are never found in a text.
    fn warn_of_capitals(&self, path: &Path) {
        let lower_cases = self.bert_normalizer().is_some_and(|n| n.lowercase);
        let tokens = self.ordinary.iter().map(|&id| self.token(id));
        let share = capitals(tokens.collect::<Vec<_>>().iter().map(String::as_str));
        if lower_cases && share >= CAPITALS {
            tracing::warn!(
                "{}: text is lower-cased, yet {:.0}% of the tokens have capitals, which are \
                 never found; is do_lower_case in tokenizer_config.json right?",
                path.display(),
                100.0 * share
            );
        }
    }

    /// BERT's way of normalising, where it is that.
    pub(super) fn bert_normalizer(&self) -> Option<BertNormalizer> {
        match self.inner.get_normalizer() {
            Some(NormalizerWrapper::BertNormalizer(normalizer)) => Some(*normalizer),
            _ => None,
        }
    }
}

/// What a `tokenizer.json` describes, with BERT's normalisation as `config` says.
fn from_json(
    bytes: &[u8],
    config: &TokenizerConfig,
    path: &Path,
) -> Result<tokenizers::Tokenizer, String> {
    let json = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    sound::check(&json)?;
    drop(json);
    let mut inner = behind(|| tokenizers::Tokenizer::from_bytes(bytes))?;
    if !config.is_there || config.as_it_is {
        return Ok(inner);
    }
    let Some(NormalizerWrapper::BertNormalizer(says)) = inner.get_normalizer() else {
        return Ok(inner);
    };
    let says = *says;
    let cased = || capitals(inner.get_vocab(false).keys().map(String::as_str)) >= CAPITALS;
    let lower_case = config.lower_case.unwrap_or_else(|| !cased());
    let wanted = BertNormalizer::new(
        says.clean_text,
        config.chinese,
        config.strip_accents,
        lower_case,
    );
    for (key, old, new) in [
        ("do_lower_case", Some(says.lowercase), Some(lower_case)),
        ("strip_accents", says.strip_accents, config.strip_accents),
        (
            "tokenize_chinese_chars",
            Some(says.handle_chinese_chars),
            Some(config.chinese),
        ),
    ] {
        let word =
            |flag: Option<bool>| flag.map_or("as do_lower_case".to_owned(), |f| f.to_string());
        if old != new {
            tracing::warn!(
                "{}: {key} is {} here and {} by tokenizer_config.json, which counts",
                path.display(),
                word(old),
                word(new)
            );
        }
    }
    behind(|| inner.with_normalizer(Some(wanted)).map(drop))?;
    Ok(inner)
}

/// BERT's tokenizer around the vocabulary in a `vocab.txt`.
fn from_vocabulary(
    bytes: &[u8],
    config: &TokenizerConfig,
    path: &Path,
) -> Result<tokenizers::Tokenizer, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match (bytes, std::str::from_utf8(bytes)) {
        ([0xff, 0xfe, ..] | [0xfe, 0xff, ..], _) => {
            return Err("it is UTF-16, expected UTF-8 (iconv -f UTF-16 -t UTF-8)".to_owned());
        }
        (_, Err(_)) => return Err("it is not UTF-8".to_owned()),
        (_, Ok(text)) => text,
    };
    if text.contains('\0') {
        return Err("it holds bytes that are 0".to_owned());
    }
    let mut lines: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, line) in text.lines().enumerate() {
        let token = line.trim_end();
        match lines.insert(token, index) {
            Some(first) if !token.is_empty() => tracing::warn!(
                "{}: lines {} and {} are both '{token}'; the last one counts",
                path.display(),
                first + 1,
                index + 1
            ),
            _ => {}
        }
    }
    let lower_case = config.lower_case.unwrap_or_else(|| {
        let share = capitals(lines.keys().copied());
        if share > 0.0 {
            tracing::warn!(
                "{}: {:.1}% of its tokens have capitals, and no tokenizer_config.json says \
                 whether text is lower-cased (do_lower_case): it is{}",
                path.display(),
                100.0 * share,
                match share >= CAPITALS {
                    true => " not",
                    false => "",
                }
            );
        }
        share < CAPITALS
    });
    let unknown = config.name("unk_token", "[UNK]");
    let ends = ["cls_token", "sep_token"].map(|key| {
        let usual = SPECIAL.iter().find(|(known, _)| *known == key);
        config.name(key, usual.map_or("", |(_, usual)| usual))
    });
    let normalizer = BertNormalizer::new(true, config.chinese, config.strip_accents, lower_case);
    behind(|| {
        let model = WordPiece::builder()
            .vocab(WordPiece::read_bytes(bytes)?)
            .unk_token(unknown.to_owned())
            .build()?;
        around(model, normalizer, ends)
    })
}

/// The share of tokens that have capitals, of those that stand for text.
fn capitals<'a>(tokens: impl Iterator<Item = &'a str>) -> f64 {
    // [PAD], [unused7], <S>: no letters of a text.
    let is_mark = |token: &str| {
        (token.starts_with('[') && token.ends_with(']'))
            || (token.starts_with('<') && token.ends_with('>'))
    };
    let (mut all, mut with) = (0u32, 0u32);
    for token in tokens.filter(|token| !is_mark(token)) {
        all += 1;
        with += u32::from(token.chars().any(char::is_uppercase));
    }
    f64::from(with) / f64::from(all.max(1))
}
