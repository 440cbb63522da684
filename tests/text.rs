//! `nextframe text`, from outside.

mod common;

use assert_cmd::Command;
use nextframe::text::Tokenizer;
use serde_json::Value;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A model small enough for a test, and quick to learn.
const SMALL: [&str; 10] = [
    "data.length=16",
    "data.vocabulary=60",
    "model.hidden_size=32",
    "model.num_hidden_layers=1",
    "model.num_attention_heads=2",
    "model.intermediate_size=64",
    "model.initializer_range=0.15",
    "training.batch=24",
    "training.rise=10",
    "training.learning_rate=5e-3",
];

fn text(words: &[&str]) -> Command {
    let mut command = Command::cargo_bin("nextframe").unwrap();
    command
        .arg("text")
        .args(words)
        .timeout(Duration::from_secs(240));
    command
}

/// Counting, over and over.
fn corpus(folder: &Path) -> String {
    let path = folder.join("corpus.txt");
    fs::write(&path, "one two three four five six seven ".repeat(400)).unwrap();
    path.display().to_string()
}

fn train(folder: &Path, run: &str, more: &[&str]) -> Command {
    let out = folder.join(run).display().to_string();
    let mut command = text(&["train", &corpus(folder), "--out", &out]);
    for setting in SMALL {
        command.args(["--set", setting]);
    }
    command.args(more);
    command
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let last = said.lines().rfind(|line| line.starts_with("error: "));
    last.unwrap_or_else(|| panic!("no error in: {said}"))
        .to_owned()
}

fn json(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_model_is_trained_resumed_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (folder, run) = (folder.path(), folder.path().join("run"));
    let run = run.display().to_string();
    for more in [&["--steps", "100"][..], &["--steps", "300", "--resume"]] {
        train(folder, "run", more).assert().success();
    }
    for name in [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "metrics.jsonl",
    ] {
        assert!(Path::new(&run).join(name).exists(), "{name}");
    }
    let config = fs::read_to_string(Path::new(&run).join("config.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert_eq!(config["model_type"], "bert");
    assert_eq!(config["nextframe"]["trained"]["steps"], 300);

    let ask = |sentence: &str| {
        json(&mut text(&[
            "fill",
            &run,
            sentence,
            "--json",
            "--temperature",
            "1",
            "--seed",
            "3",
        ]))
    };
    let found = ask("One two [MASK] four five six seven.");
    let words = found["masks"][0]["words"].as_array().unwrap();
    assert_eq!(words[0]["token"], "three", "{found:#}");
    let p: Vec<f64> = words.iter().map(|w| w["p"].as_f64().unwrap()).collect();
    assert!(p[0] > 0.8 && p.is_sorted_by(|a, b| a >= b) && p.iter().sum::<f64>() <= 1.0 + 1e-9);
    for word in words {
        // p = exp(F − E) at temperature 1.
        let free = found["masks"][0]["free_energy"].as_f64().unwrap();
        let share = (free - word["energy"].as_f64().unwrap()).exp();
        assert!((share - word["p"].as_f64().unwrap()).abs() < 1e-9);
    }

    // Two words that must fit each other: drawn one given the other, they do.
    let sentence = "one two [MASK] [MASK] five six seven one two";
    let found = ask(sentence);
    let sentences = found["sentences"].as_array().unwrap();
    let right = "one two three four five six seven one two";
    assert_eq!(sentences[0]["text"], right, "{found:#}");
    assert!(sentences[0]["drawn"].as_u64().unwrap() > 40, "{found:#}");
    let energies: Vec<f64> = sentences
        .iter()
        .map(|s| s["energy"].as_f64().unwrap())
        .collect();
    assert!(energies.is_sorted());
    assert_eq!(ask(sentence), found);

    // What does not belong surprises: the second "one".
    let odd = folder.join("odd.txt");
    fs::write(&odd, "One two three four five one seven one two three.").unwrap();
    let (odd, page) = (odd.display().to_string(), folder.join("page.html"));
    let page_name = page.display().to_string();
    let found = json(&mut text(&[
        "score", &run, &odd, "--json", "--html", &page_name,
    ]));
    let words = found["documents"][0]["words"].as_array().unwrap();
    assert_eq!(words.len(), 11);
    assert_eq!(
        (&words[0]["word"], &words[5]["start"]),
        (&"One".into(), &24.into())
    );
    // The full stop is in no sentence of the corpus: which word it is, is not known.
    assert_eq!(
        (&words[10]["word"], &words[10]["surprise"]),
        (&".".into(), &Value::Null)
    );
    let surprise = |word: &Value| word["surprise"].as_f64().unwrap();
    assert!(
        surprise(&words[5]) > 3.0 && surprise(&words[2]) < 1.0,
        "{found:#}"
    );
    let sum: f64 = words[..10].iter().map(surprise).sum();
    assert!((sum - found["surprise"].as_f64().unwrap()).abs() < 1e-6);
    let page = fs::read_to_string(page).unwrap();
    assert!(page.contains(">seven</span>") && page.contains("nats"));

    let corpus = corpus(folder);
    let found = json(&mut text(&[
        "eval", &run, &corpus, "--json", "--pseudo", "4",
    ]));
    let hidden = &found["hidden"][0];
    assert!(hidden["accuracy"].as_f64().unwrap() > 0.95, "{found:#}");
    assert!(found["pseudo_perplexity"].as_f64().unwrap() < 1.5);
    let plain = text(&["eval", &run, &corpus]).output().unwrap();
    let plain = String::from_utf8(plain.stdout).unwrap();
    assert!(
        plain.contains("pseudo-perplexity") && plain.contains("told"),
        "{plain}"
    );

    // From this model on, on the same text: it knows it already.
    train(folder, "tuned", &["--steps", "10", "--init", &run])
        .assert()
        .success();
    let metrics = fs::read_to_string(folder.join("tuned/metrics.jsonl")).unwrap();
    let first: Value = serde_json::from_str(metrics.lines().next().unwrap()).unwrap();
    assert!(first["energy"].as_f64().unwrap() < 0.8, "{first}");
}

#[test]
fn the_same_run_again_gives_the_same_weights() {
    let folder = tempfile::tempdir().unwrap();
    let weights = |run: &str| fs::read(folder.path().join(run).join("model.safetensors")).unwrap();
    for run in ["one", "two"] {
        train(folder.path(), run, &["--steps", "12"])
            .assert()
            .success();
    }
    assert!(weights("one") == weights("two"));
    train(folder.path(), "other", &["--steps", "12", "--seed", "1"])
        .assert()
        .success();
    assert!(weights("one") != weights("other"));
}

/// Of ids: how many, and a number made of all in their order.
fn sum_of(ids: &[u32]) -> (usize, u64) {
    let fold = |sum: u64, &id: &u32| ((u128::from(sum) * 31 + u128::from(id)) % (1 << 61)) as u64;
    (ids.len(), ids.iter().fold(0, fold))
}

#[test]
fn ids_are_those_of_pythons_tokenizers() {
    // from tokenizers import Tokenizer, BertWordPieceTokenizer  # 0.23.3
    // for tok in (Tokenizer.from_file("bert-base-uncased-tokenizer.json"),
    //             BertWordPieceTokenizer("bert-base-uncased-vocab.txt")):
    //     for text in texts:  # of Brown's all files, sorted by name, joined by "\n"
    //         ids = tok.encode(text, add_special_tokens=False).ids
    //         h = 0
    //         for i in ids: h = (h * 31 + i) % (1 << 61)
    //         print(len(ids), h)
    let expected = [
        (288_719, 2_291_359_798_294_236_549),
        (260_172, 1_271_950_527_927_524_723),
        (4_383_087, 24_616_742_789_058_123),
    ];
    let names = ["text/tinyshakespeare.txt", "text/wikitext-2-valid.txt"];
    let files = names.map(common::shared);
    let [Some(first), Some(second)] = &files else {
        return;
    };
    let Some(brown) = common::shared("text/nltk-brown.zip") else {
        return;
    };
    let mut archive = zip::ZipArchive::new(fs::File::open(brown).unwrap()).unwrap();
    let mut parts = Vec::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).unwrap();
        let mut text = String::new();
        file.read_to_string(&mut text).unwrap();
        if !file.is_dir() {
            parts.push((file.name().unwrap().into_owned(), text));
        }
    }
    parts.sort();
    let parts: Vec<String> = parts.into_iter().map(|(_, text)| text).collect();
    let read = |path: &String| fs::read_to_string(path).unwrap();
    let texts = [read(first), read(second), parts.join("\n")];
    for name in [
        "bert/bert-base-uncased-tokenizer.json",
        "bert/bert-base-uncased-vocab.txt",
    ] {
        let path = PathBuf::from(common::shared(name).unwrap());
        let tokenizer = Tokenizer::read(&path).unwrap();
        for (text, expected) in texts.iter().zip(expected) {
            assert_eq!(sum_of(&tokenizer.encode(text).unwrap()), expected, "{name}");
        }
    }
}

/// The folder of a BERT as Hugging Face has it, with a vocabulary for it.
fn reference(folder: &Path) -> PathBuf {
    let place = folder.join("bert");
    fs::create_dir_all(&place).unwrap();
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bert");
    for name in ["config.json", "model.safetensors"] {
        fs::copy(source.join(name), place.join(name)).unwrap();
    }
    let special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "."];
    let letters = ('a'..='z').flat_map(|c| [c.to_string(), format!("##{c}")]);
    let all: Vec<String> = special
        .into_iter()
        .map(str::to_owned)
        .chain(letters)
        .collect();
    let spare = (all.len()..96).map(|i| format!("word{i}"));
    let all: Vec<String> = all.iter().cloned().chain(spare).collect();
    fs::write(place.join("vocab.txt"), all.join("\n") + "\n").unwrap();
    place
}

#[test]
fn a_bert_in_hugging_faces_layout_is_asked_whole_or_in_parts() {
    let folder = tempfile::tempdir().unwrap();
    let place = reference(folder.path());
    let name = place.display().to_string();
    let ask = || json(&mut text(&["fill", &name, "a [MASK] c.", "--json"]));
    let whole = ask();
    assert_eq!(whole["masks"][0]["words"].as_array().unwrap().len(), 10);

    let path = place.join("model.safetensors");
    let tensors = candle_core::safetensors::load(&path, &candle_core::Device::Cpu).unwrap();
    fs::remove_file(&path).unwrap();
    let (mut parts, mut map) = (
        [(); 2].map(|()| std::collections::HashMap::new()),
        serde_json::Map::new(),
    );
    for (index, (name, tensor)) in tensors.into_iter().enumerate() {
        map.insert(
            name.clone(),
            format!("part{}.safetensors", index % 2).into(),
        );
        parts[index % 2].insert(name, tensor);
    }
    for (index, part) in parts.iter().enumerate() {
        let file = place.join(format!("part{index}.safetensors"));
        candle_core::safetensors::save(part, file).unwrap();
    }
    let index = place.join("model.safetensors.index.json");
    fs::write(&index, serde_json::json!({"weight_map": map}).to_string()).unwrap();
    assert_eq!(ask(), whole);
    // A part that lacks what the index says.
    fs::copy(
        place.join("part0.safetensors"),
        place.join("part1.safetensors"),
    )
    .unwrap();
    let said = said(&mut text(&["fill", &name, "a [MASK] c."]));
    assert!(
        said.contains("index.json") && said.contains("is not in part1"),
        "{said}"
    );
}

#[test]
fn bad_input_is_one_clear_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let place = reference(folder.path());
    let name = place.display().to_string();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let fails = |words: &[&str], parts: &[&str]| {
        let said = said(&mut text(words));
        for part in parts {
            assert!(said.contains(part), "'{part}' is not in: {said}");
        }
    };
    fails(&["fill", &name, "a ball"], &["no [MASK]", "write [MASK]"]);
    fails(
        &["fill", &name, &"[MASK] ".repeat(40)],
        &["42 tokens", "places for 16"],
    );
    fails(
        &["fill", "/no/such", "[MASK]"],
        &["/no/such", "no such folder"],
    );
    let (numbers, latin) = (file("a.txt", b"1 2 3"), file("b.txt", b"caf\xe9"));
    fails(
        &["train", &numbers, "--out", "runs/none"],
        &["a.txt", "no letter"],
    );
    fails(
        &["score", &name, &latin],
        &["b.txt", "is not UTF-8", "iconv"],
    );
    let short = file("c.txt", b"a b c");
    fails(&["eval", &name, &short], &["c.txt", "3 tokens"]);
    fails(
        &["fill", &name, "[MASK]", "--temperature", "0"],
        &["--temperature 0"],
    );
    let run = folder.path().join("run").display().to_string();
    fails(
        &[
            "train",
            &short,
            "--out",
            &run,
            "--set",
            "training.momentum=1",
        ],
        &["unknown key 'training.momentum'"],
    );

    // A vocabulary of another model.
    fs::write(
        place.join("vocab.txt"),
        "[UNK]\n[CLS]\n[SEP]\n[MASK]\n".to_owned() + &"x\n".repeat(3),
    )
    .unwrap();
    let many: String = (0..200).map(|i| format!("w{i}\n")).collect();
    fs::write(
        place.join("vocab.txt"),
        "[UNK]\n[CLS]\n[SEP]\n[MASK]\n".to_owned() + &many,
    )
    .unwrap();
    fails(
        &["fill", &name, "[MASK]"],
        &["204 tokens", "weights are for 96"],
    );

    // Another architecture, and a model of video.
    let config = place.join("config.json");
    for (text, part) in [
        (r#"{"model_type": "roberta"}"#, "'roberta', expected 'bert'"),
        (
            r#"{"format": "nextframe", "version": 1}"#,
            "a model of video",
        ),
        ("{}", "no key 'model_type'"),
        ("{", "cannot be used"),
    ] {
        fs::write(&config, text).unwrap();
        fails(&["fill", &name, "[MASK]"], &["config.json", part]);
    }
}

#[test]
fn ten_megabytes_on_one_line_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("line.txt");
    fs::write(&path, "the ball bounces ".repeat(10_000_000 / 17)).unwrap();
    let out = folder.path().join("tokenizer.json").display().to_string();
    let line = path.display().to_string();
    text(&["tokenizer", &line, "--size", "40", "--output", &out])
        .assert()
        .success();
    let tokenizer = Tokenizer::read(Path::new(&out)).unwrap();
    assert!(tokenizer.size() <= 40);
    let said = said(&mut text(&["tokenizer", &line, "--output", &out]));
    assert!(
        said.contains("already there") && said.contains("--overwrite"),
        "{said}"
    );
}
