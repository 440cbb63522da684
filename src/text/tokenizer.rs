//! Words and parts of words as numbers.

use super::corpus::Document;
use crate::error::{Error, Result};
use crate::files;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::wordpiece::{WordPiece, WordPieceTrainer};
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::normalizers::bert::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{
    AddedToken, Model as _, NormalizedString, Normalizer as _, OffsetReferential, OffsetType,
    PreTokenizedString, PreTokenizer as _, TokenizerBuilder,
};

/// BERT's special tokens, in the order in which a new vocabulary begins.
const SPECIAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

/// What the tokenizer is given at once, in bytes: a line of megabytes is cut.
const PIECE: usize = 1 << 15;

/// The most letters of a new vocabulary.
const LETTERS: usize = 1000;

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
    /// No such file, another content, and a vocabulary without [UNK], [CLS], [SEP] and
    /// [MASK].
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

    /// The tokens of a text, without [CLS] and [SEP].
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

    /// Whether it is [PAD], [UNK], [CLS], [SEP] or [MASK].
    pub fn is_special(&self, id: u32) -> bool {
        self.special.contains(&id)
    }

    /// All tokens that stand for text.
    pub fn ordinary(&self) -> &[u32] {
        &self.ordinary
    }

    /// [UNK].
    pub fn unknown(&self) -> u32 {
        self.special[1]
    }

    /// [CLS], which begins a sequence.
    pub fn start(&self) -> u32 {
        self.special[2]
    }

    /// [SEP], which ends it.
    pub fn end(&self) -> u32 {
        self.special[3]
    }

    /// [MASK].
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

/// The most frequent letters of a text, at most [`LETTERS`], and those of them that stand
/// inside words too; both in their order.
fn letters<'a>(
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
fn pieces(text: &str) -> impl Iterator<Item = &str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document {
            name: "a".to_owned(),
            text: text.to_owned(),
        }
    }

    fn small() -> Tokenizer {
        let text = "The ball bounces off the wall. The walls bounce the balls. Ball, wall!\n";
        Tokenizer::train(&[document(&text.repeat(9))], 60, true).unwrap()
    }

    #[test]
    fn a_trained_one_is_saved_and_read_back() {
        let tokenizer = small();
        let folder = tempfile::tempdir().unwrap();
        tokenizer
            .save(&folder.path().join("tokenizer.json"))
            .unwrap();
        let again = Tokenizer::read(folder.path()).unwrap();
        let text = "The BALL [MASK] off the wallpaper.";
        let ids = tokenizer.encode(text).unwrap();
        assert_eq!(again.encode(text).unwrap(), ids);
        assert_eq!(ids.iter().filter(|&&id| id == again.mask()).count(), 1);
        assert_eq!(
            [again.unknown(), again.start(), again.end(), again.mask()],
            [1, 2, 3, 4]
        );
        assert!(again.size() <= 60 && again.ordinary().len() + 5 == again.size());
        let ball = tokenizer.encode("ball").unwrap();
        assert_eq!(tokenizer.decode(&ball).unwrap(), "ball");
    }

    #[test]
    fn the_same_text_gives_the_same_vocabulary() {
        let text = "unbelievably, the wallflowers were bouncing; élan, naïve ideas. ".repeat(3);
        let text = text + "A dog runs. Dogs ran and run! The sea, the trees, the tree house.";
        let json = || {
            let tokenizer = Tokenizer::train(&[document(&text)], 90, true).unwrap();
            tokenizer.inner.to_string(false).unwrap()
        };
        let first = json();
        assert!((0..5).all(|_| json() == first));
    }

    #[test]
    fn the_pieces_of_a_word_stay_together() {
        let tokenizer = small();
        let text = "ball boffs";
        let words = tokenizer.words(text).unwrap();
        let texts: Vec<&str> = words.iter().map(|word| &text[word.place.clone()]).collect();
        assert_eq!(texts, ["ball", "boffs"]);
        assert!(words[1].ids.len() > 1);
        let all: Vec<u32> = words.into_iter().flat_map(|word| word.ids).collect();
        assert_eq!(all, tokenizer.encode(text).unwrap());
    }

    #[test]
    fn a_line_of_megabytes_is_cut_between_words() {
        let tokenizer = small();
        let line = "the ball é ".repeat(300_000);
        assert!(pieces(&line).all(|piece| piece.len() <= PIECE && piece.ends_with(' ')));
        assert_eq!(pieces(&line).collect::<String>(), line);
        let one = tokenizer.encode("the ball é ").unwrap();
        assert_eq!(tokenizer.encode(&line).unwrap().len(), 300_000 * one.len());
        assert!(pieces(&"é".repeat(PIECE)).count() > 1);
    }

    #[test]
    fn what_is_no_tokenizer_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let said = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            let error = Tokenizer::read(&path).err().expect("an error");
            error.to_string()
        };
        for (name, text, word) in [
            ("vocab.txt", "[UNK]\n[CLS]\n[SEP]\nball\n", "no [MASK]"),
            ("tokenizer.json", "{}", "is no tokenizer"),
        ] {
            let said = said(name, text);
            assert!(said.contains(name) && said.contains(word), "{said}");
        }
        let none = tempfile::tempdir().unwrap();
        let said = Tokenizer::read(none.path()).err().unwrap().to_string();
        assert!(
            said.contains("neither tokenizer.json nor vocab.txt"),
            "{said}"
        );
    }
}
