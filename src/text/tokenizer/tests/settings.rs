//! What the files beside a tokenizer say, against the library `transformers`.
//!
//! ```text
//! from transformers import AutoTokenizer  # 4.57.6 and 5.24.0 agree
//! # folder: vocab.txt or tokenizer.json, config.json {"model_type": "bert"}, and the files
//! t = AutoTokenizer.from_pretrained(folder)
//! print(t.tokenize(text), t.unk_token_id, t.cls_token_id, t.sep_token_id, t.mask_token_id)
//! ```

use super::super::Tokenizer;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

const USUAL: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const OTHER: [&str; 5] = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"];

const WORDS: [&str; 24] = [
    "straße", "über", "uber", "Über", "ÜBER", "das", "Das", "東", "京", "東京", "공이", "벽",
    "##에", "ball", "Ball", "##s", "é", "e", "<ent>", "new", "york", ".", "##京", "new york",
];

fn vocabulary(special: [&str; 5]) -> Vec<String> {
    special
        .iter()
        .chain(&WORDS)
        .map(|&token| token.to_owned())
        .collect()
}

fn folder(vocabulary: &[String], files: &[(&str, Value)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    if !files.iter().any(|(name, _)| *name == "tokenizer.json") {
        let text = vocabulary.join("\n") + "\n";
        fs::write(folder.path().join("vocab.txt"), text).unwrap();
    }
    for (name, value) in files {
        fs::write(folder.path().join(name), value.to_string()).unwrap();
    }
    folder
}

fn tokens(tokenizer: &Tokenizer, text: &str) -> String {
    let ids = tokenizer.encode(text).unwrap();
    let all: Vec<String> = ids.iter().map(|&id| tokenizer.token(id)).collect();
    all.join(" ")
}

#[track_caller]
fn assert_cut(folder: &Path, texts: &[(&str, &str)]) {
    let tokenizer = Tokenizer::read(folder).unwrap();
    for (text, expected) in texts {
        assert_eq!(tokens(&tokenizer, text), *expected, "{text}");
    }
}

fn ways(name: &str, more: &Value) -> Value {
    let mut token = json!({"content": name, "lstrip": false, "rstrip": false,
        "single_word": false, "normalized": false, "special": false});
    for (key, value) in more.as_object().unwrap() {
        token[key] = value.clone();
    }
    token
}

fn tokenizer_json(lowercase: bool, strip_accents: Value) -> Value {
    let all = vocabulary(USUAL);
    let vocab: serde_json::Map<_, _> = (0..)
        .zip(&all)
        .map(|(i, t)| (t.clone(), json!(i)))
        .collect();
    let added: Vec<Value> = (0..5)
        .map(|id| ways(USUAL[id], &json!({"special": true, "id": id})))
        .collect();
    json!({"version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": {"type": "BertNormalizer", "clean_text": true,
            "handle_chinese_chars": true, "strip_accents": strip_accents, "lowercase": lowercase},
        "pre_tokenizer": {"type": "BertPreTokenizer"}, "post_processor": null,
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": true},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "max_input_chars_per_word": 100, "vocab": vocab}})
}

const GERMAN: &str = "Über das Straße über";
const KOREAN: &str = "공이 벽에";
const KANJI: &str = "東京 東 京";

#[test]
fn letters_are_changed_as_the_config_says() {
    for (config, german, korean, kanji) in [
        (
            json!({"do_lower_case": true}),
            "uber das straße uber",
            "[UNK] [UNK]",
            "東 京 東 京",
        ),
        (
            json!({"do_lower_case": false}),
            "Über das [UNK] über",
            "공이 벽 ##에",
            "東 京 東 京",
        ),
        (
            json!({"do_lower_case": true, "strip_accents": false}),
            "über das straße über",
            "공이 벽 ##에",
            "東 京 東 京",
        ),
        (
            json!({"do_lower_case": false, "strip_accents": true}),
            "[UNK] das [UNK] uber",
            "[UNK] [UNK]",
            "東 京 東 京",
        ),
        (
            json!({"do_lower_case": true, "strip_accents": null, "tokenize_chinese_chars": false}),
            "uber das straße uber",
            "[UNK] [UNK]",
            "東京 東 京",
        ),
    ] {
        let texts = [(GERMAN, german), (KOREAN, korean), (KANJI, kanji)];
        let files = [("tokenizer_config.json", config)];
        assert_cut(folder(&vocabulary(USUAL), &files).path(), &texts);
        // The config counts beside a tokenizer.json that says other things, too.
        for other in [
            tokenizer_json(false, json!(false)),
            tokenizer_json(true, json!(null)),
        ] {
            let both = [files[0].clone(), ("tokenizer.json", other)];
            assert_cut(folder(&vocabulary(USUAL), &both).path(), &texts);
        }
    }
}

#[test]
fn a_tokenizer_json_stands_where_no_config_of_bert_is() {
    let cased = [(GERMAN, "Über das [UNK] über"), (KOREAN, "공이 벽 ##에")];
    let alone = [("tokenizer.json", tokenizer_json(false, json!(null)))];
    assert_cut(folder(&[], &alone).path(), &cased);
    let config = json!({"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": true});
    let both = [alone[0].clone(), ("tokenizer_config.json", config)];
    assert_cut(folder(&[], &both).path(), &cased);
}

#[test]
fn without_a_word_on_it_capitals_of_the_vocabulary_decide() {
    // Here, other than in transformers, which would lower-case.
    assert_cut(
        folder(&vocabulary(USUAL), &[]).path(),
        &[(GERMAN, "Über das [UNK] über")],
    );
    let small = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "[unused1]",
        "das",
        "uber",
    ];
    let small = small.map(str::to_owned);
    assert_cut(folder(&small, &[]).path(), &[("Das ÜBER", "das uber")]);
}

#[test]
fn special_tokens_have_the_names_that_are_given_them() {
    let names = json!({"pad_token": "<pad>", "unk_token": "<unk>", "sep_token": "</s>",
        "cls_token": {"content": "<s>", "lstrip": false, "rstrip": false,
            "single_word": false, "normalized": false, "__type": "AddedToken"},
        "mask_token": "<mask>"});
    for file in ["special_tokens_map.json", "tokenizer_config.json"] {
        let folder = folder(&vocabulary(OTHER), &[(file, names.clone())]);
        let tokenizer = Tokenizer::read(folder.path()).unwrap();
        assert_eq!(tokens(&tokenizer, "ball <mask> zzz"), "ball <mask> <unk>");
        let found = [
            tokenizer.unknown(),
            tokenizer.start(),
            tokenizer.end(),
            tokenizer.mask(),
        ];
        assert_eq!(found, [1, 2, 3, 4], "{file}");
        assert!((0..5).all(|id| tokenizer.is_special(id)));
    }
    // The map counts, unless the config has an added_tokens_decoder.
    let mut both = vocabulary(USUAL);
    both.extend(["[M2]".to_owned(), "[M3]".to_owned()]);
    let map = json!({"mask_token": "[M2]"});
    let decoder = json!({"4": ways("[MASK]", &json!({"special": true}))});
    for (config, text, mask) in [
        (json!({"mask_token": "[M3]"}), "[M2]", 29),
        (
            json!({"mask_token": "[M3]", "added_tokens_decoder": decoder}),
            "[M3]",
            30,
        ),
    ] {
        let files = [
            ("special_tokens_map.json", map.clone()),
            ("tokenizer_config.json", config),
        ];
        let folder = folder(&both, &files);
        let tokenizer = Tokenizer::read(folder.path()).unwrap();
        assert_eq!(tokenizer.mask(), mask);
        assert_eq!(tokenizer.encode(text).unwrap(), [mask]);
    }
}

#[test]
fn added_tokens_are_found_in_a_text() {
    let lower = |mut value: Value| {
        value["do_lower_case"] = json!(true);
        value
    };
    let decoder = json!({
        "19": ways("Ball", &json!({"single_word": true})),
        "23": ways("<ent>", &json!({"lstrip": true, "rstrip": true, "special": true})),
        "28": ways("new york", &json!({"normalized": true})),
        "29": ways("xyz", &json!({"normalized": true})),
    });
    let further = lower(json!({"additional_special_tokens": ["<ent>", "[NEW]"]}));
    let map = json!({"additional_special_tokens": [ways("<ent>", &json!({}))]});
    let added = json!({"[new]": 29, "<ent>": 23});
    for (files, text, expected) in [
        (
            vec![("tokenizer_config.json", further)],
            "a <ent>[NEW] ball",
            "[UNK] <ent> [NEW] ball",
        ),
        (
            vec![
                ("special_tokens_map.json", map),
                ("tokenizer_config.json", lower(json!({}))),
            ],
            "<ent> Balls",
            "<ent> ball ##s",
        ),
        (
            vec![
                ("added_tokens.json", added),
                ("tokenizer_config.json", lower(json!({}))),
            ],
            "a <ent>[new] ball [NEW]",
            "[UNK] <ent> [new] ball [new]",
        ),
        (
            vec![(
                "tokenizer_config.json",
                lower(json!({"added_tokens_decoder": decoder})),
            )],
            "a <ent> Ball Balls New York newyork xyzXYZ",
            "[UNK] <ent> Ball ball ##s new york [UNK] xyz xyz",
        ),
    ] {
        assert_cut(
            folder(&vocabulary(USUAL), &files).path(),
            &[(text, expected)],
        );
        let json = ("tokenizer.json", tokenizer_json(true, json!(null)));
        let files: Vec<_> = files.into_iter().chain([json]).collect();
        assert_cut(folder(&[], &files).path(), &[(text, expected)]);
    }
}

#[test]
fn a_run_keeps_all_of_it_for_this_program_and_others() {
    let names = json!({"pad_token": "<pad>", "unk_token": "<unk>", "cls_token": "<s>",
        "sep_token": "</s>", "mask_token": "<mask>", "do_lower_case": false,
        "additional_special_tokens": ["<ent>"]});
    let source = folder(&vocabulary(OTHER), &[("tokenizer_config.json", names)]);
    let first = Tokenizer::read(source.path()).unwrap();
    let run = tempfile::tempdir().unwrap();
    first.save_in(run.path()).unwrap();
    let again = Tokenizer::read(run.path()).unwrap();
    let text = "Über <ent> das <mask> 東京 zzz";
    assert_eq!(again.encode(text).unwrap(), first.encode(text).unwrap());
    assert_eq!(again.mask(), first.mask());
    let config = fs::read(run.path().join("tokenizer_config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["do_lower_case"], false);
    assert_eq!(config["mask_token"], "<mask>");
    assert_eq!(config["tokenizer_class"], "BertTokenizer");
}

#[test]
fn vocabularies_from_other_systems_are_read() {
    let vocabulary = vocabulary(USUAL);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vocab.txt");
    fs::write(&path, format!("\u{feff}{}", vocabulary.join("\r\n"))).unwrap();
    let tokenizer = Tokenizer::read(&path).unwrap();
    assert_eq!(tokens(&tokenizer, "das Balls"), "das Ball ##s");
    assert!(tokenizer.is_special(0) && tokenizer.size() == vocabulary.len());
    // A token twice: the last number counts, as in transformers.
    fs::write(&path, vocabulary.join("\n") + "\ndas\nwand\n").unwrap();
    let tokenizer = Tokenizer::read(&path).unwrap();
    assert_eq!(tokenizer.encode("das wand").unwrap(), [29, 30]);
}

#[test]
fn settings_that_cannot_count_are_refused() {
    let said = |files: &[(&str, Value)]| {
        let folder = folder(&vocabulary(USUAL), files);
        Tokenizer::read(folder.path())
            .err()
            .expect("an error")
            .to_string()
    };
    let config = "tokenizer_config.json";
    for (name, value, words) in [
        (
            config,
            json!({"do_lower_case": "yes"}),
            "'do_lower_case' is \"yes\"",
        ),
        (
            config,
            json!({"strip_accents": 1}),
            "expected true or false",
        ),
        (config, json!([]), "holds no object"),
        (config, json!({"mask_token": 5}), "'mask_token' is 5"),
        (
            config,
            json!({"mask_token": {"lstrip": true}}),
            "the key 'content'",
        ),
        (
            config,
            json!({"word_tokenizer_type": "mecab"}),
            "'mecab', expected 'basic'",
        ),
        (
            config,
            json!({"added_tokens_decoder": {"-1": "x"}}),
            "a whole number as key",
        ),
        ("added_tokens.json", json!({"x": "y"}), "'x' is \"y\""),
        (
            "special_tokens_map.json",
            json!({"sep_token": []}),
            "'sep_token' is []",
        ),
    ] {
        let said = said(&[(name, value)]);
        assert!(said.contains(name) && said.contains(words), "{said}");
    }
    // A token twice leaves too few numbers for another one.
    let folder = folder(
        &vocabulary(USUAL),
        &[("added_tokens.json", json!({"[n]": 30}))],
    );
    let path = folder.path().join("vocab.txt");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "das\nwand\n").unwrap();
    let said = Tokenizer::read(folder.path()).err().unwrap().to_string();
    assert!(said.contains("both have the number 30"), "{said}");
}
