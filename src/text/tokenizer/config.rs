//! What the files beside a tokenizer say of it, by Hugging Face's names.

use crate::error::{Error, Result};
use crate::files;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use tokenizers::AddedToken;

/// The file of a tokenizer's settings.
pub(super) const CONFIG: &str = "tokenizer_config.json";

/// The keys of BERT's special tokens, and what these are called where nothing else is
/// said, in the order in which a new vocabulary begins.
pub(super) const SPECIAL: [(&str, &str); 5] = [
    ("pad_token", "[PAD]"),
    ("unk_token", "[UNK]"),
    ("cls_token", "[CLS]"),
    ("sep_token", "[SEP]"),
    ("mask_token", "[MASK]"),
];

/// The longest of these files, in bytes.
const LONGEST: u64 = 1 << 26;

/// Settings of `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json`,
/// read as the library `transformers` reads them.
#[derive(Debug, Default)]
pub(super) struct TokenizerConfig {
    /// The folder, for messages.
    folder: PathBuf,
    /// Whether there is a `tokenizer_config.json`.
    pub(super) is_there: bool,
    /// Whether it is of a class that takes `tokenizer.json` as it is.
    pub(super) as_it_is: bool,
    /// Whether text is lower-cased, where that is said.
    pub(super) lower_case: Option<bool>,
    /// Whether accents are stripped, where that is said; else as `lower_case`.
    pub(super) strip_accents: Option<bool>,
    /// Whether Chinese characters are words.
    pub(super) chinese: bool,
    /// Special tokens that have other names, or ways, than usual, by their keys.
    named: BTreeMap<&'static str, AddedToken>,
    /// Tokens that were added, by their numbers.
    numbered: BTreeMap<u64, AddedToken>,
    /// Further special tokens.
    further: Vec<AddedToken>,
}

impl TokenizerConfig {
    /// What stands in the folder of `tokenizer`, a file.
    ///
    /// # Errors
    /// A file that is no JSON or holds a value of another kind, and a way of cutting words
    /// that is not known here.
    pub(super) fn beside(tokenizer: &Path) -> Result<Self> {
        let path = tokenizer.with_file_name(CONFIG);
        let found = object(&path)?;
        let mut config = Self {
            folder: path.parent().map(Path::to_path_buf).unwrap_or_default(),
            is_there: found.is_some(),
            ..Self::default()
        };
        let keys = Keys {
            path: &path,
            keys: found.unwrap_or_default(),
        };
        config.lower_case = keys.flag("do_lower_case")?;
        config.strip_accents = keys.flag("strip_accents")?;
        config.chinese = keys.flag("tokenize_chinese_chars")?.unwrap_or(true);
        let class = keys.text("tokenizer_class")?.unwrap_or_default();
        config.as_it_is = ["PreTrainedTokenizerFast", "TokenizersBackend"].contains(&class);
        let is_json = tokenizer.extension().is_some_and(|ending| ending == "json");
        if !is_json {
            keys.refuse_other_words()?;
        }
        config.take_names(&keys)?;
        match keys.keys.get("added_tokens_decoder") {
            Some(Value::Object(tokens)) => {
                for (number, token) in tokens {
                    config.number(&keys, number, token)?;
                }
            }
            // What is older keeps its tokens in files of their own.
            _ => {
                let map = tokenizer.with_file_name("special_tokens_map.json");
                config.take_names(&Keys {
                    keys: object(&map)?.unwrap_or_default(),
                    path: &map,
                })?;
                let added = tokenizer.with_file_name("added_tokens.json");
                config.take_added(&Keys {
                    keys: object(&added)?.unwrap_or_default(),
                    path: &added,
                })?;
            }
        }
        Ok(config)
    }

    /// The name of the special token of a key of [`SPECIAL`].
    pub(super) fn name<'a>(&'a self, key: &str, usual: &'a str) -> &'a str {
        self.named.get(key).map_or(usual, |token| &token.content)
    }

    /// Tokens to be added, in their order, to a tokenizer that has `known` ones already;
    /// `is_in` tells whether the vocabulary has a token of that name.
    pub(super) fn tokens(
        &self,
        known: &[AddedToken],
        is_in: impl Fn(&str) -> bool,
    ) -> Vec<AddedToken> {
        let is_named = |token: &AddedToken| {
            let mut names = SPECIAL.iter().map(|(key, usual)| self.name(key, usual));
            names.any(|name| name == token.content)
        };
        let mut tokens: Vec<AddedToken> = Vec::new();
        for token in self.numbered.values() {
            let special = token.special || is_named(token);
            let token = token.clone().special(special);
            // A token equals another by its name and all its ways.
            if !known.contains(&token) {
                tokens.push(token);
            }
        }
        let has = |tokens: &[AddedToken], name: &str| {
            let mut all = known.iter().chain(tokens);
            all.any(|token| token.content == name)
        };
        for (key, usual) in SPECIAL {
            let token = match self.named.get(key) {
                // Nothing is padded here, so a name for it alone adds nothing.
                Some(token) if key != "pad_token" || is_in(&token.content) => token.clone(),
                None if is_in(usual) => AddedToken::from(usual, true),
                _ => continue,
            };
            if !has(&tokens, &token.content) {
                tokens.push(token);
            }
        }
        for token in &self.further {
            if !has(&tokens, &token.content) {
                tokens.push(token.clone());
            }
        }
        tokens
    }

    /// Warns of a token whose number is another one than these files say; `number` finds it.
    pub(super) fn compare_numbers(&self, number: impl Fn(&str) -> Option<u32>) {
        for (wanted, token) in &self.numbered {
            let found = number(&token.content).map(u64::from);
            if found.is_some_and(|found| found != *wanted) {
                tracing::warn!(
                    "{}: the token '{}' should be number {wanted}, but it is {}",
                    self.folder.display(),
                    token.content,
                    found.unwrap_or_default()
                );
            }
        }
    }

    fn take_names(&mut self, keys: &Keys) -> Result<()> {
        for (key, _) in SPECIAL {
            if let Some(token) = keys.token(key)? {
                self.named.insert(key, token);
            }
        }
        for key in ["additional_special_tokens", "extra_special_tokens"] {
            let tokens: Vec<&Value> = match keys.keys.get(key) {
                Some(Value::Array(tokens)) => tokens.iter().collect(),
                Some(Value::Object(tokens)) => tokens.values().collect(),
                _ => Vec::new(),
            };
            for token in tokens {
                let token = keys.as_token(key, token)?.special(true);
                if !self.further.contains(&token) {
                    self.further.push(token);
                }
            }
        }
        Ok(())
    }

    fn number(&mut self, keys: &Keys, number: &str, token: &Value) -> Result<()> {
        let key = format!("added_tokens_decoder.{number}");
        let Ok(number) = number.parse::<u32>() else {
            return Err(keys.refuse(&key, &Value::from(number), "a whole number as key"));
        };
        let special = token.get("special").and_then(Value::as_bool);
        let token = keys.as_token(&key, token)?;
        let token = token.special(special.unwrap_or(false));
        // A special token that is named elsewhere has the ways that it has here.
        for named in self.named.values_mut() {
            if named.content == token.content {
                *named = token.clone().special(true);
            }
        }
        self.numbered.insert(u64::from(number), token);
        Ok(())
    }

    /// `added_tokens.json`: names and numbers alone.
    fn take_added(&mut self, keys: &Keys) -> Result<()> {
        for (name, number) in &keys.keys {
            let Some(number) = number.as_u64() else {
                return Err(keys.refuse(name, number, "the number of that token"));
            };
            let mut special = self.named.values().chain(&self.further);
            let special = special.any(|token| token.content == *name);
            self.numbered
                .insert(number, AddedToken::from(name, special));
        }
        Ok(())
    }
}

/// The keys of a file, and its name for messages.
struct Keys<'a> {
    path: &'a Path,
    keys: Map<String, Value>,
}

impl Keys<'_> {
    fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.keys.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(other) => Err(self.refuse(key, other, "true or false")),
        }
    }

    fn text(&self, key: &str) -> Result<Option<&str>> {
        match self.keys.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.refuse(key, other, "a text")),
        }
    }

    fn token(&self, key: &str) -> Result<Option<AddedToken>> {
        match self.keys.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(token) => Ok(Some(self.as_token(key, token)?.special(true))),
        }
    }

    /// A name, or an object with a token's name and ways.
    fn as_token(&self, key: &str, token: &Value) -> Result<AddedToken> {
        match token {
            Value::String(name) => Ok(AddedToken::from(name, true)),
            Value::Object(ways) => {
                let Some(name) = ways.get("content").and_then(Value::as_str) else {
                    return Err(self.refuse(key, token, "an object with the key 'content'"));
                };
                let way = |name: &str, usual| match ways.get(name) {
                    Some(Value::Bool(way)) => *way,
                    _ => usual,
                };
                let special = way("special", false);
                Ok(AddedToken::from(name, special)
                    .single_word(way("single_word", false))
                    .lstrip(way("lstrip", false))
                    .rstrip(way("rstrip", false))
                    .normalized(way("normalized", !special)))
            }
            other => Err(self.refuse(key, other, "the name of a token")),
        }
    }

    /// Refuses words that are cut by a program that is not here.
    fn refuse_other_words(&self) -> Result<()> {
        for (key, known) in [
            ("word_tokenizer_type", "basic"),
            ("subword_tokenizer_type", "wordpiece"),
        ] {
            let Some(kind) = self.text(key)?.filter(|&kind| kind != known) else {
                continue;
            };
            return Err(Error::input(
                self.path.display().to_string(),
                format!("key '{key}' is '{kind}', expected '{known}'"),
                "this way of cutting words is not known here: use a model whose text is cut at \
                 spaces, or one with a tokenizer.json",
            ));
        }
        Ok(())
    }

    fn refuse(&self, key: &str, found: &Value, expected: &str) -> Error {
        Error::input(
            self.path.display().to_string(),
            format!("key '{key}' is {found}, expected {expected}"),
            "correct it, or fetch the file again",
        )
    }
}

/// The object in a file of JSON, if there is such a file.
fn object(path: &Path) -> Result<Option<Map<String, Value>>> {
    // A link that leads nowhere is no file that is absent.
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    let bytes = files::read_short(path, LONGEST)?;
    let refuse = |problem: String| {
        Err(Error::input(
            path.display().to_string(),
            problem,
            "correct it, or fetch the file again",
        ))
    };
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(Some(object)),
        Ok(_) => refuse("holds no object, expected keys and values in { }".to_owned()),
        Err(error) => refuse(format!("is no JSON: {error}")),
    }
}
