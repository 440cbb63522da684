//! Models of text: a BERT's folder, as Hugging Face lays it out.

use crate::case::Case;
use crate::target::{FuzzTarget, made, program, word};
use nextframe::{Error, Result};
use std::fs;
use std::path::Path;

pub const BERTS: FuzzTarget = FuzzTarget {
    name: "berts",
    about: "config.json, weights and tokenizer of a BERT, scored on a text",
    kept: &["text.txt"],
    seeds,
    read,
};

const TEXT: &str = "one two three four five six seven ";
const SMALL: [&str; 8] = [
    "data.length=8",
    "data.vocabulary=40",
    "model.hidden_size=8",
    "model.num_hidden_layers=1",
    "model.num_attention_heads=2",
    "model.intermediate_size=8",
    "model.max_position_embeddings=16",
    "training.batch=2",
];

fn seeds() -> Result<Vec<Case>> {
    let mut own = made(|folder| {
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            fs::write(&path, text).map_err(|error| Error::io(path, error))
        };
        write("corpus.txt", &TEXT.repeat(60))?;
        write("text.txt", TEXT)?;
        let (corpus, out) = (word(folder, "corpus.txt"), word(folder, "bert"));
        let mut words = vec!["text", "train", &corpus, "--out", &out, "--steps", "1"];
        for setting in SMALL {
            words.extend(["--set", setting]);
        }
        program(&words)
    })?;
    let needed = [
        "bert/config.json",
        "bert/model.safetensors",
        "bert/tokenizer.json",
        "text.txt",
    ];
    own.files
        .retain(|file| needed.contains(&file.name.as_str()));
    Ok(vec![others(own.clone()), sharded(own.clone()), own])
}

/// The same as others write it: without this project's key.
fn others(mut case: Case) -> Case {
    for file in case
        .files
        .iter_mut()
        .filter(|file| file.name == "bert/config.json")
    {
        if let Ok(mut config) = serde_json::from_slice::<serde_json::Value>(&file.bytes)
            && let Some(keys) = config.as_object_mut()
        {
            keys.remove("nextframe");
            file.bytes = config.to_string().into_bytes();
        }
    }
    case
}

/// The same with an index of its weights.
fn sharded(mut case: Case) -> Case {
    const SHARD: &str = "model-00001-of-00001.safetensors";
    let mut index = None;
    for file in case
        .files
        .iter_mut()
        .filter(|file| file.name == "bert/model.safetensors")
    {
        file.name = format!("bert/{SHARD}");
        let names = safetensors::SafeTensors::deserialize(&file.bytes).map(|file| {
            let names = file
                .names()
                .into_iter()
                .map(|name| (name.to_owned(), SHARD));
            names.collect::<std::collections::BTreeMap<_, _>>()
        });
        index = names
            .ok()
            .map(|names| serde_json::json!({ "weight_map": names }));
    }
    match index {
        Some(index) => case.with("bert/model.safetensors.index.json", index.to_string()),
        None => case,
    }
}

fn read(folder: &Path) -> Result<String> {
    let (bert, text) = (word(folder, "bert"), word(folder, "text.txt"));
    program(&["text", "score", &bert, &text])?;
    program(&["text", "fill", &bert, "one [MASK] three", "--top", "2"])?;
    Ok("surprises".to_owned())
}
