//! A BERT on disk, in Hugging Face's layout: `config.json`, `model.safetensors` (or the
//! parts that `model.safetensors.index.json` names), `tokenizer.json` or `vocab.txt`. Runs
//! of this project have the same layout, so either program reads what the other wrote.

use super::run::{CONFIG, MODEL};
use crate::error::{Error, Result};
use crate::files;
use crate::models::{Bert, BertConfig, Sizes, Source as _, Weights, bert_weights};
use crate::rng::Seed;
use crate::text::Tokenizer;
use crate::training::checkpoint::{self, Checkpoint};
use crate::training::text::TextSettings;
use candle_core::{Device, Tensor};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::model::Trained;

/// The tokenizer of a run.
pub const TOKENIZER: &str = "tokenizer.json";

/// How many more tokens than the tokenizer a model may know: vocabularies are rounded up.
const SPARE: usize = 128;

/// The longest `config.json`, and the longest list of parts, in bytes.
const LONGEST: u64 = 1 << 26;

/// What a `config.json` of this project holds beside Hugging Face's keys, in its key
/// `nextframe`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextRun {
    /// The resolved recipe.
    pub settings: TextSettings,
    /// What it was trained on, as given.
    pub inputs: Vec<String>,
    /// 1/β at which chances are given, chosen on the validation part.
    pub temperature: f64,
    /// How it was trained, when a session of training has ended.
    pub trained: Option<Trained>,
}

/// A model of text, ready to tell what is hidden.
pub struct TextModel {
    /// The network; it costs no gradients.
    pub bert: Bert,
    /// Its tokenizer.
    pub tokenizer: Tokenizer,
    /// Where it was trained here.
    pub run: Option<TextRun>,
    /// Its parameters, counted.
    pub parameters: usize,
    weights: Weights,
}

impl TextModel {
    /// Loads a folder.
    ///
    /// # Errors
    /// A file that is missing or no such file, a model of another kind, weights that do
    /// not fit the config, a vocabulary that does not fit the weights.
    pub fn load(folder: &Path, device: &Device) -> Result<Self> {
        let path = folder.join(CONFIG);
        if !folder.is_dir() || !path.exists() {
            return Err(Error::input(
                folder.display().to_string(),
                match folder.exists() {
                    true => "holds no config.json",
                    false => "there is no such folder",
                },
                "name a run of `nextframe text train`, or a folder with config.json, \
                 model.safetensors and tokenizer.json or vocab.txt",
            ));
        }
        let (config, run) = read_config(&path)?;
        let tokenizer = Tokenizer::read(folder)?;
        let (knows, has) = (config.vocab_size, tokenizer.size());
        if has > knows || has + SPARE <= knows {
            return Err(Error::input(
                folder.display().to_string(),
                format!("the tokenizer has {has} tokens, the weights are for {knows}"),
                "put the tokenizer beside the model that it was trained with",
            ));
        }
        let checkpoint = read_weights(folder, &config)?;
        // Before anything of the sizes in config.json is made.
        let mut sizes = Sizes::default();
        Bert::new(&config, sizes.root())?;
        checkpoint.check(&sizes.tensors)?;
        let mut weights = Weights::new(Seed(0), device);
        Bert::new(&config, weights.root())?;
        checkpoint.fill(weights.pairs())?;
        let bert = Bert::new(&config, weights.frozen().root())?;
        Ok(Self {
            bert,
            tokenizer,
            run,
            parameters: weights.count(),
            weights,
        })
    }

    /// 1/β at which chances are given: that of the run, else 1.
    pub fn temperature(&self) -> f64 {
        self.run.as_ref().map_or(1.0, |run| run.temperature)
    }

    /// The weights, for training that begins from them.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }
}

/// `config.json` as Hugging Face has it, with what this project adds.
///
/// # Errors
/// Settings that cannot be written as JSON.
pub fn config_json(model: &BertConfig, run: &TextRun) -> Result<Value> {
    let fail = |error: serde_json::Error| Error::input(CONFIG, error.to_string(), "report this");
    let mut value = serde_json::to_value(model).map_err(fail)?;
    if let Some(keys) = value.as_object_mut() {
        keys.insert("model_type".to_owned(), json!("bert"));
        keys.insert("architectures".to_owned(), json!(["BertForMaskedLM"]));
        keys.insert(
            "nextframe".to_owned(),
            serde_json::to_value(run).map_err(fail)?,
        );
    }
    Ok(value)
}

/// The BERT that a `config.json` describes, and the run that it is of.
///
/// # Errors
/// No such file, no JSON, another kind of model.
pub fn read_config(path: &Path) -> Result<(BertConfig, Option<TextRun>)> {
    let bytes = files::read_short(path, LONGEST)?;
    let refuse =
        |problem: String, hint: &str| Error::input(path.display().to_string(), problem, hint);
    let value: Value = serde_json::from_slice(&bytes).map_err(|error| {
        refuse(
            format!("cannot be used: {error}"),
            "give the config.json of a BERT",
        )
    })?;
    match value.get("model_type").and_then(Value::as_str) {
        Some("bert") => {}
        Some(other) => {
            return Err(refuse(
                format!("describes a model of type '{other}', expected 'bert'"),
                "only BERT is known here",
            ));
        }
        None if value.get("format").is_some() => {
            return Err(refuse(
                "describes a model of video".to_owned(),
                "use it with `nextframe generate` or `nextframe compare`",
            ));
        }
        None => {
            return Err(refuse(
                "has no key 'model_type'".to_owned(),
                "give the config.json of a BERT, with \"model_type\": \"bert\"",
            ));
        }
    }
    let places = value.get("position_embedding_type").and_then(Value::as_str);
    if let Some(other) = places.filter(|kind| *kind != "absolute") {
        return Err(refuse(
            format!("has places of the kind '{other}', expected 'absolute'"),
            "only BERT's own are known here",
        ));
    }
    let run: Option<TextRun> = match value.get("nextframe") {
        Some(run) => Some(part(path, run, "nextframe.")?),
        None => None,
    };
    if let Some(run) = &run {
        (run.settings.check()).map_err(|error| in_file(path, error))?;
        if !(run.temperature > 0.0 && run.temperature.is_finite()) {
            return Err(refuse(
                format!("key 'nextframe.temperature' is {}", run.temperature),
                "set it to 1",
            ));
        }
    }
    let config: BertConfig = part(path, &value, "")?;
    config.check().map_err(|error| in_file(path, error))?;
    Ok((config, run))
}

/// Settings from a part of a `config.json`, whose keys begin with `prefix`.
fn part<T: DeserializeOwned>(path: &Path, value: &Value, prefix: &str) -> Result<T> {
    serde_path_to_error::deserialize(value).map_err(|error| {
        Error::input(
            path.display().to_string(),
            format!("key '{prefix}{}': {}", error.path(), error.inner())
                .replace("expected usize", "expected a whole number of at least 0"),
            "correct it, or give the config.json that was written beside the weights",
        )
    })
}

/// The error of a part of a file, with the file's name.
fn in_file(path: &Path, error: Error) -> Error {
    match error {
        Error::Input {
            subject,
            problem,
            hint,
        } => Error::input(
            path.display().to_string(),
            format!("{subject}: {problem}"),
            hint,
        ),
        other => other,
    }
}

/// All weights of a folder, by the names of [`Bert`].
fn read_weights(folder: &Path, config: &BertConfig) -> Result<Checkpoint> {
    let whole = folder.join(format!("{MODEL}.safetensors"));
    let index = folder.join(format!("{MODEL}.safetensors.index.json"));
    let (path, tensors) = match (whole.exists(), index.exists()) {
        (true, _) => (whole.clone(), checkpoint::load(&whole)?.tensors),
        (false, true) => (index.clone(), sharded(folder, &index)?),
        (false, false) => {
            return Err(Error::input(
                folder.display().to_string(),
                "holds no model.safetensors",
                "convert the weights to safetensors, or let training run to its first save",
            ));
        }
    };
    Ok(Checkpoint {
        tensors: bert_weights(&tensors, config).map_err(|error| in_file(&path, error))?,
        path,
        metadata: Default::default(),
    })
}

/// The tensors of all files that an index names.
fn sharded(folder: &Path, index: &Path) -> Result<HashMap<String, Tensor>> {
    let refuse = |problem: String| {
        Error::input(
            index.display().to_string(),
            problem,
            "fetch the index and all files that it names again",
        )
    };
    #[derive(Deserialize)]
    struct Index {
        weight_map: HashMap<String, String>,
    }
    let bytes = files::read_short(index, LONGEST)?;
    let names: Index = serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
    let files: BTreeSet<&String> = names.weight_map.values().collect();
    let mut all = HashMap::new();
    for file in files {
        if Path::new(file)
            .file_name()
            .is_none_or(|name| name != file.as_str())
        {
            return Err(refuse(format!(
                "'{file}' is not the name of a file beside it"
            )));
        }
        let path: PathBuf = folder.join(file);
        for (name, tensor) in checkpoint::load(&path)?.tensors {
            if names.weight_map.get(&name) == Some(file) {
                all.insert(name, tensor);
            }
        }
    }
    match names
        .weight_map
        .keys()
        .find(|name| !all.contains_key(*name))
    {
        Some(missing) => Err(refuse(format!(
            "tensor '{missing}' is not in {}, where it should be",
            names.weight_map[missing]
        ))),
        None => Ok(all),
    }
}
