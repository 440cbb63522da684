//! Files of text models that are damaged, hostile or of another tokenizer, from outside.

use assert_cmd::Command;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn text(words: &[&str]) -> Command {
    let mut command = Command::cargo_bin("nextframe").unwrap();
    command
        .arg("text")
        .args(words)
        .timeout(Duration::from_secs(60));
    command
}

/// The last line on standard error of a command that fails as it should.
fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked"), "{said}");
    let last = said.lines().rfind(|line| line.starts_with("error: "));
    last.unwrap_or_else(|| panic!("no error in: {said}"))
        .to_owned()
}

/// What a command prints as JSON, and what it says beside.
fn json(command: &mut Command) -> (Value, String) {
    let output = command.output().unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{errors}");
    (serde_json::from_slice(&output.stdout).unwrap(), errors)
}

/// A BERT in Hugging Face's layout whose vocabulary are letters and a few words.
fn model(folder: &Path) -> PathBuf {
    let place = folder.join("bert");
    fs::create_dir_all(&place).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bert");
    for name in ["config.json", "model.safetensors"] {
        fs::copy(source.join(name), place.join(name)).unwrap();
    }
    let mut all: Vec<String> = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "."]
        .map(str::to_owned)
        .to_vec();
    for letter in 'a'..='z' {
        all.extend([letter.to_string(), format!("##{letter}")]);
    }
    all.extend(["공이", "벽", "##에서"].map(str::to_owned));
    all.extend((all.len()..96).map(|i| format!("word{i}")));
    fs::write(place.join("vocab.txt"), all.join("\n")).unwrap();
    place
}

fn written(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path.display().to_string()
}

#[test]
fn an_unknown_word_has_no_surprise_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let place = model(folder.path());
    let name = place.display().to_string();
    let file = written(folder.path(), "a.txt", "공이 벽에서 a ball.");
    let score = || json(&mut text(&["score", &name, &file, "--json"]));
    let words = |found: &Value| {
        let words = found["documents"][0]["words"].as_array().unwrap().clone();
        words
            .into_iter()
            .map(|word| word["surprise"].clone())
            .collect::<Vec<_>>()
    };
    // By NFD, Hangul falls apart into letters that no vocabulary has.
    let (found, errors) = score();
    let all = words(&found);
    assert!(all[0].is_null() && all[1].is_null() && all[2].as_f64().unwrap() > 0.0);
    assert_eq!(
        (&found["unknown_words"], &found["words"]),
        (&json!(2), &json!(3))
    );
    assert_eq!(found["unknown"], json!(0.4));
    assert!(
        errors.contains("40% of the words of") && errors.contains("[UNK]"),
        "{errors}"
    );
    let sum: f64 = all.iter().filter_map(Value::as_f64).sum();
    assert!((sum - found["surprise"].as_f64().unwrap()).abs() < 1e-9);
    // With the accents kept, as the config says, they are words.
    let config = json!({"do_lower_case": true, "strip_accents": false});
    fs::write(place.join("tokenizer_config.json"), config.to_string()).unwrap();
    let (found, errors) = score();
    assert!(
        words(&found)
            .iter()
            .all(|surprise| surprise.as_f64().unwrap() > 0.0)
    );
    assert!(
        found["unknown"] == json!(0.0) && !errors.contains("[UNK]"),
        "{errors}"
    );

    let none = written(folder.path(), "b.txt", "дом и лес ".repeat(20));
    let error = said(&mut text(&["score", &name, &none]));
    assert!(error.contains("knows none of its 60 words"), "{error}");
    let error = said(&mut text(&["eval", &name, &none]));
    assert!(error.contains("no word of it can be hidden"), "{error}");
    let some = written(folder.path(), "c.txt", "дом a ".repeat(20));
    let (found, errors) = json(&mut text(&["eval", &name, &some, "--json"]));
    assert_eq!(found["unknown"], json!(0.5));
    assert!(errors.contains("50% of the tokens of"), "{errors}");
    let (_, errors) = json(&mut text(&["fill", &name, "дом и [MASK]", "--json"]));
    assert!(
        errors.contains("67% of the tokens of the text are [UNK]"),
        "{errors}"
    );
}

#[test]
fn utf16_is_read_by_its_byte_order_mark() {
    let folder = tempfile::tempdir().unwrap();
    let name = model(folder.path()).display().to_string();
    let sentence = "a ball off the wall.";
    let wide: Vec<u8> = format!("\u{feff}{sentence}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let plain = written(folder.path(), "a.txt", sentence);
    let wide = written(folder.path(), "b.txt", wide);
    let surprise =
        |file: &str| json(&mut text(&["score", &name, file, "--json"])).0["surprise"].clone();
    assert_eq!(surprise(&plain), surprise(&wide));
}

#[test]
fn weights_that_are_not_finite_give_no_figure() {
    let folder = tempfile::tempdir().unwrap();
    let place = model(folder.path());
    let name = place.display().to_string();
    let file = written(folder.path(), "a.txt", "a ball off the wall. ".repeat(9));
    let path = place.join("model.safetensors");
    let tensors = candle_core::safetensors::load(&path, &candle_core::Device::Cpu).unwrap();
    let bias = "cls.predictions.bias";
    let with = |value: f64| {
        let mut tensors = tensors.clone();
        let other = tensors[bias].affine(0.0, value).unwrap();
        tensors.insert(bias.to_owned(), other);
        candle_core::safetensors::save(&tensors, &path).unwrap();
    };
    for value in [f64::NAN, f64::INFINITY] {
        with(value);
        for words in [
            &["eval", &name, &file][..],
            &["score", &name, &file],
            &["fill", &name, "a [MASK]"],
        ] {
            let said = said(&mut text(words));
            assert!(
                said.contains("model.safetensors") && said.contains(bias),
                "{said}"
            );
        }
    }
    // Each number is finite, and what comes of them would not be.
    let huge = |name: &String| name.ends_with("dense.weight") || name.ends_with("LayerNorm.weight");
    let all: std::collections::HashMap<_, _> = (tensors.iter())
        .map(|(name, tensor)| match huge(name) {
            true => (name.clone(), tensor.affine(1e30, 1e30).unwrap()),
            false => (name.clone(), tensor.clone()),
        })
        .collect();
    candle_core::safetensors::save(&all, &path).unwrap();
    for words in [&["eval", &name, &file][..], &["score", &name, &file]] {
        assert!(said(&mut text(words)).contains("larger than a billion"));
    }
}

#[test]
fn a_config_beyond_its_weights_is_refused_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let place = model(folder.path());
    let name = place.display().to_string();
    let path = place.join("config.json");
    let config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let large = json!(1u64 << 31);
    for (key, value, words) in [
        ("hidden_size", json!(1_000_000_000), "by config.json"),
        ("hidden_size", json!(u64::MAX), "hidden_size"),
        ("hidden_size", json!(-1), "key 'hidden_size'"),
        ("hidden_size", json!(16.5), "key 'hidden_size'"),
        ("num_hidden_layers", json!(1000), "missing"),
        ("num_hidden_layers", json!(1u64 << 62), "at most"),
        ("num_attention_heads", json!(7), "do not divide"),
        ("intermediate_size", json!(1_000_000_000), "by config.json"),
        (
            "max_position_embeddings",
            json!(1_000_000_000),
            "by config.json",
        ),
        ("max_position_embeddings", large.clone(), "at most"),
        ("type_vocab_size", json!(0), "it is 0"),
        ("vocab_size", large, "at most"),
        ("layer_norm_eps", json!(1e300), "layer_norm_eps"),
        (
            "nextframe",
            json!({"settings": {"data": {"length": 0}}}),
            "key 'nextframe",
        ),
    ] {
        let mut other = config.clone();
        other[key] = value;
        fs::write(&path, other.to_string()).unwrap();
        let said = said(&mut text(&["fill", &name, "a [MASK]"]));
        let words = words.replace("by config.json", "the model has");
        assert!(
            said.contains("bert") && said.contains(&words),
            "{key}: {said}"
        );
    }
}

#[test]
fn counts_beyond_all_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let name = model(folder.path()).display().to_string();
    let file = written(folder.path(), "a.txt", "a ball off the wall. ".repeat(40));
    let most = u64::MAX.to_string();
    let out = folder.path().join("run").display().to_string();
    let json = folder.path().join("t.json").display().to_string();
    let two = "a [MASK] [MASK]";
    let set = |key: &str, value: &str| format!("{key}={value}");
    for (words, part) in [
        (vec!["fill", &name, two, "--samples", &most], "--samples"),
        (vec!["fill", &name, two, "--sweeps", &most], "--sweeps"),
        (
            vec!["eval", &name, &file, "--sequences", "0"],
            "--sequences 0",
        ),
        (
            vec!["eval", &name, &file, "--temperature", "1e-300"],
            "--temperature",
        ),
        (
            vec!["tokenizer", &file, "--size", &most, "-o", &json],
            "at most 1048576",
        ),
        (
            vec!["tokenizer", &file, "--size", "0", "-o", &json],
            "a vocabulary of 0",
        ),
    ] {
        let said = said(&mut text(&words));
        assert!(said.contains(part), "{said}");
    }
    let large = "9223372036854775807";
    for (key, value) in [
        ("model.max_position_embeddings", large),
        ("model.hidden_size", "2147483644"),
        ("model.num_hidden_layers", large),
        ("model.intermediate_size", "2147483647"),
        ("model.type_vocab_size", large),
        ("training.batch", large),
        ("training.learning_rate", "nan"),
        ("data.vocabulary", large),
        ("data.length", large),
    ] {
        let set = set(key, value);
        let said = said(&mut text(&["train", &file, "--out", &out, "--set", &set]));
        let key = key.rsplit('.').next().unwrap();
        assert!(said.contains(key), "{said}");
    }
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_training_that_diverges_at_its_end_fails_and_saves_what_was_well() {
    let folder = tempfile::tempdir().unwrap();
    let file = written(
        folder.path(),
        "a.txt",
        "one two three four five six ".repeat(400),
    );
    let out = folder.path().join("run").display().to_string();
    let mut words = vec!["train", &file, "--out", &out, "--steps", "1"];
    for setting in [
        "data.length=16",
        "data.vocabulary=60",
        "model.hidden_size=16",
        "model.num_hidden_layers=1",
        "model.intermediate_size=16",
        "training.batch=4",
        "training.rise=1",
        "training.learning_rate=1e38",
        "training.weight_decay=1e30",
    ] {
        words.extend(["--set", setting]);
    }
    let error = said(&mut text(&words));
    assert!(
        error.contains("not finite") && error.contains("learning_rate"),
        "{error}"
    );
    // The start is saved, and can be asked.
    json(&mut text(&["fill", &out, "one [MASK]", "--json"]));
}
