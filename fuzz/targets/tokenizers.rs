//! Tokenizers: tokenizer.json, and vocab.txt with the files beside it.

use crate::case::Case;
use crate::target::FuzzTarget;
use nextframe::Result;
use nextframe::text::Tokenizer;
use serde_json::{Value, json};
use std::path::Path;

pub const TOKENIZERS: FuzzTarget = FuzzTarget {
    name: "tokenizers",
    about: "tokenizer.json of all kinds",
    kept: &[],
    seeds: json_seeds,
    read,
};

pub const VOCABULARIES: FuzzTarget = FuzzTarget {
    name: "vocabularies",
    about: "vocab.txt with tokenizer_config.json and what else lies beside it",
    kept: &[],
    seeds: vocabulary_seeds,
    read,
};

/// What a tokenizer is asked.
const TEXTS: [&str; 5] = [
    "The ball fell, naïvely: left or right?",
    "공이 떨어진다. 落ちる Ça va?",
    "[MASK] [UNK] ##s \u{301}\u{0}\u{feff}",
    "",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

const WORDS: [&str; 16] = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "ball", "fell", "##s", "##e", "l", "e",
    "f", "t", "a", ",",
];

fn read(folder: &Path) -> Result<String> {
    let tokenizer = Tokenizer::read(folder)?;
    let mut unknown = false;
    for text in TEXTS {
        let ids = tokenizer.encode(text)?;
        unknown |= ids.contains(&tokenizer.unknown());
        tokenizer.decode(&ids)?;
        for word in tokenizer.words(text)? {
            assert!(!word.ids.is_empty());
            assert!(
                text.get(word.place.clone()).is_some(),
                "{:?} of {text:?}",
                word.place
            );
        }
    }
    assert!(
        tokenizer
            .ordinary()
            .iter()
            .all(|&id| (id as usize) < tokenizer.size())
    );
    tokenizer.save(&folder.join("saved.json"))?;
    Tokenizer::read(&folder.join("saved.json"))?;
    Ok(format!("tokens, unknown {unknown}"))
}

fn vocabulary_seeds() -> Result<Vec<Case>> {
    let words = WORDS.join("\n");
    let config = json!({
        "do_lower_case": true,
        "strip_accents": null,
        "tokenize_chinese_chars": true,
        "tokenizer_class": "BertTokenizer",
        "unk_token": "[UNK]",
        "model_max_length": 512,
        "added_tokens_decoder": {
            "1": {"content": "[UNK]", "lstrip": false, "normalized": false, "special": true},
        },
    });
    let special =
        json!({"mask_token": {"content": "[MASK]", "lstrip": true}, "unk_token": "[UNK]"});
    Ok(vec![
        Case::one("vocab.txt", words.clone()),
        Case::one("vocab.txt", words)
            .with("tokenizer_config.json", config.to_string())
            .with("special_tokens_map.json", special.to_string())
            .with("added_tokens.json", json!({"<ball>": 16}).to_string()),
    ])
}

fn json_seeds() -> Result<Vec<Case>> {
    let numbered = |more: &[&str]| -> Value {
        let words = WORDS.iter().chain(more).enumerate();
        words
            .map(|(id, word)| ((*word).to_owned(), json!(id)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let piece = json!({
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": numbered(&[]),
    });
    let pairs = json!({
        "type": "BPE", "dropout": null, "unk_token": "[UNK]", "continuing_subword_prefix": null,
        "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false,
        "vocab": numbered(&["b", "al", "le", "Ġ"]), "merges": [["a", "l"], ["l", "e"]],
    });
    let scored: Vec<Value> = WORDS
        .iter()
        .enumerate()
        .map(|(at, word)| json!([word, -(at as f64)]))
        .collect();
    let unigram = json!({"type": "Unigram", "unk_id": 1, "vocab": scored, "byte_fallback": false});
    let level = json!({"type": "WordLevel", "unk_token": "[UNK]", "vocab": numbered(&["left"])});
    let bert = json!({
        "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true,
        "strip_accents": null, "lowercase": true,
    });
    let normal = json!({"type": "Sequence", "normalizers": [
        {"type": "NFD"}, {"type": "Lowercase"}, {"type": "StripAccents"},
        {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
        {"type": "Prepend", "prepend": "▁"}, {"type": "Strip", "strip_left": true, "strip_right": true},
        {"type": "Precompiled", "precompiled_charsmap": precompiled()},
    ]});
    let split = json!({"type": "Sequence", "pretokenizers": [
        {"type": "WhitespaceSplit"}, {"type": "Punctuation", "behavior": "Isolated"},
        {"type": "Digits", "individual_digits": true}, {"type": "FixedLength", "length": 5},
        {"type": "Split", "pattern": {"Regex": "\\w+"}, "behavior": "Removed", "invert": true},
    ]});
    let template = json!({
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
    });
    let space =
        json!({"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true});
    let bytes = json!({"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true});
    let whole = |model: &Value, normalizer: &Value, pre: &Value, post: Value, decoder: Value| {
        let added: Vec<Value> = (WORDS[..5].iter().enumerate())
            .map(|(id, word)| {
                json!({
                    "id": id, "content": word, "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": true,
                })
            })
            .collect();
        let file = json!({
            "version": "1.0",
            "truncation": {"direction": "Right", "max_length": 64, "strategy": "LongestFirst", "stride": 0},
            "padding": null, "added_tokens": added, "normalizer": normalizer,
            "pre_tokenizer": pre, "post_processor": post, "decoder": decoder, "model": model,
        });
        Case::one("tokenizer.json", file.to_string())
    };
    let word_piece = json!({"type": "WordPiece", "prefix": "##", "cleanup": true});
    Ok(vec![
        whole(
            &piece,
            &bert,
            &json!({"type": "BertPreTokenizer"}),
            template,
            word_piece,
        ),
        whole(&pairs, &Value::Null, &bytes, bytes.clone(), bytes.clone()),
        whole(&unigram, &normal, &space, Value::Null, space.clone()),
        whole(
            &level,
            &json!({"type": "NFKC"}),
            &split,
            Value::Null,
            json!({"type": "Fuse"}),
        ),
    ])
}

/// The smallest table of letters that stand for others: none does (SentencePiece's format:
/// the size of the trie in bytes, its units, the letters).
fn precompiled() -> String {
    use base64::Engine as _;
    let mut table = 1024u32.to_le_bytes().to_vec();
    table.extend([0; 1024]);
    table.push(0);
    base64::engine::general_purpose::STANDARD.encode(table)
}
