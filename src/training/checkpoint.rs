//! Exact safetensors files: what is read is what the model has, or an error
//! says what differs.

use crate::error::{Error, Result};
use crate::files;
use crate::memory;
use crate::models::check_finite;
use candle_core::safetensors::Load as _;
use candle_core::{DType, Device, Shape, Tensor, Var};
use safetensors::SafeTensors;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// The version of the files that this code writes and reads.
pub const VERSION: u64 = 1;

/// The key of the files' metadata, in JSON. One key for all of it, because
/// safetensors writes several in no fixed order, and the same content shall
/// give the same bytes.
const METADATA: &str = "nextframe";

/// The longest header that the format allows, in bytes.
const LONGEST_HEADER: u64 = 100_000_000;

/// A safetensors file in memory, on the CPU.
#[derive(Debug)]
pub struct Checkpoint {
    /// Where it was read, for messages.
    pub path: PathBuf,
    /// The tensors by name.
    pub tensors: HashMap<String, Tensor>,
    /// What the writer noted.
    pub metadata: BTreeMap<String, String>,
}

/// Writes `tensors` to `path` as safetensors, with the format's version and
/// `metadata` in the header. A file that was there stays whole until the new
/// one is complete.
pub fn save(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: &[(String, String)],
) -> Result<()> {
    let mut notes: BTreeMap<_, _> = metadata.iter().cloned().collect();
    notes.insert("version".to_owned(), VERSION.to_string());
    let notes = serde_json::to_string(&notes).map_err(|error| unusable(path, &error))?;
    let header = HashMap::from([(METADATA.to_owned(), notes)]);
    let bytes = safetensors::serialize(tensors.iter().map(|(k, v)| (k, v)), Some(header))
        .map_err(|error| unusable(path, &error))?;
    files::replace_bytes(path, &bytes)
}

/// Reads a safetensors file.
///
/// # Errors
/// No such file, a file that is cut off or no safetensors, another format
/// version, numbers that are not finite. A file without a version (from elsewhere) passes.
pub fn load(path: &Path) -> Result<Checkpoint> {
    let data = std::fs::metadata(path).map_err(|error| Error::io(path, error))?;
    if !data.is_file() {
        return Err(unusable(path, &"it is no file"));
    }
    // The file, and its tensors.
    let subject = path.display().to_string();
    memory::check(2.0 * data.len() as f64, &subject, || {
        "name a smaller file, or use a machine with more memory".to_owned()
    })?;
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, error))?;
    check_length(path, &bytes)?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| unusable(path, &error))?;
    let mut metadata = BTreeMap::new();
    for (key, value) in header.metadata().iter().flatten() {
        if key == METADATA {
            let notes: BTreeMap<String, String> =
                serde_json::from_str(value).map_err(|error| unusable(path, &error))?;
            metadata.extend(notes);
        } else {
            metadata.insert(key.clone(), value.clone());
        }
    }
    if let Some(version) = metadata.remove("version") {
        check_version(path, &version)?;
    }
    let file = SafeTensors::deserialize(&bytes).map_err(|error| unusable(path, &error))?;
    let mut tensors = HashMap::new();
    for (name, view) in file.iter() {
        let tensor = view.load(&Device::Cpu).map_err(|error| {
            Error::input(
                path.display().to_string(),
                format!("tensor '{name}' cannot be read: {error}"),
                "convert it to one of the types f32, f64, f16, bf16, u8, u32 or i64",
            )
        })?;
        check_finite(&path.display().to_string(), name, &tensor)?;
        tensors.insert(name.to_owned(), tensor);
    }
    Ok(Checkpoint {
        path: path.to_path_buf(),
        tensors,
        metadata,
    })
}

impl Checkpoint {
    /// Sets every variable to the tensor of its name. The file must hold
    /// exactly these names, each with the variable's shape and type; if it
    /// does not, no variable is changed.
    ///
    /// # Errors
    /// Names what is missing, what is surplus and what has another shape or type.
    pub fn fill(&self, vars: &[(String, Var)]) -> Result<()> {
        let wanted = |(name, var): &(String, Var)| (name.clone(), var.shape().clone());
        self.check(&vars.iter().map(wanted).collect::<Vec<_>>())?;
        for (name, var) in vars {
            var.set(&self.tensors[name].to_device(var.device())?)?;
        }
        Ok(())
    }

    /// Whether the file holds exactly these tensors, of f32: asked before a model of that
    /// size is made.
    ///
    /// # Errors
    /// Names what is missing, what is surplus and what has another shape or type.
    pub fn check(&self, wanted: &[(String, Shape)]) -> Result<()> {
        let names: HashSet<&str> = wanted.iter().map(|(name, _)| name.as_str()).collect();
        let missing: Vec<_> = (wanted.iter())
            .map(|(name, _)| name.as_str())
            .filter(|name| !self.tensors.contains_key(*name))
            .collect();
        let mut surplus: Vec<_> = (self.tensors.keys())
            .map(String::as_str)
            .filter(|name| !names.contains(name))
            .collect();
        surplus.sort_unstable();
        let mut problems = Vec::new();
        if !missing.is_empty() {
            problems.push(format!("{} missing: {}", count(&missing), first(&missing)));
        }
        if !surplus.is_empty() {
            problems.push(format!("{} too many: {}", count(&surplus), first(&surplus)));
        }
        if !problems.is_empty() {
            return Err(self.refuse(problems.join("; ")));
        }
        for (name, shape) in wanted {
            let tensor = &self.tensors[name];
            if tensor.shape() != shape || tensor.dtype() != DType::F32 {
                return Err(self.refuse(format!(
                    "tensor '{name}' is {:?} of {}, the model has {:?} of {}",
                    tensor.dims(),
                    tensor.dtype().as_str(),
                    shape.dims(),
                    DType::F32.as_str(),
                )));
            }
        }
        Ok(())
    }

    fn refuse(&self, problem: String) -> Error {
        Error::input(
            self.path.display().to_string(),
            format!("does not fit the model: {problem}"),
            "use the config.json that was written beside this file, or train anew",
        )
    }
}

/// What `config.json` holds beside the settings.
#[derive(Serialize, Deserialize)]
struct Config<T> {
    format: String,
    version: u64,
    units: BTreeMap<String, String>,
    config: T,
}

/// Writes `config.json`: all that loading a model needs beside its weights.
/// `units` says in words what the numbers mean, such as
/// `("frames", "0 to 1")`.
pub fn save_config<T: Serialize>(path: &Path, config: &T, units: &[(&str, &str)]) -> Result<()> {
    let text = serde_json::to_string_pretty(&Config {
        format: METADATA.to_owned(),
        version: VERSION,
        units: units
            .iter()
            .map(|&(key, unit)| (key.to_owned(), unit.to_owned()))
            .collect(),
        config,
    })
    .map_err(|error| unusable(path, &error))?;
    files::replace_bytes(path, format!("{text}\n").as_bytes())
}

/// Reads the settings in a `config.json`.
///
/// # Errors
/// No such file, no JSON of this kind, another format version, settings that
/// `T` cannot hold (with the key).
pub fn load_config<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = files::read_text(path)?;
    // The version comes first: another version may have other keys.
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| unusable(path, &error))?;
    match value.get("version") {
        Some(version) => check_version(path, &version.to_string())?,
        None if value.get("model_type").is_some() => {
            return Err(Error::input(
                path.display().to_string(),
                "describes a model of text",
                "use it with `nextframe text`",
            ));
        }
        None => return Err(unusable(path, &"it has no key 'version'")),
    }
    let config: Config<T> = serde_path_to_error::deserialize(value).map_err(|error| {
        let key = error.path().to_string();
        unusable(path, &format!("key '{key}': {}", error.into_inner()))
    })?;
    Ok(config.config)
}

fn check_version(path: &Path, version: &str) -> Result<()> {
    if version == VERSION.to_string() {
        return Ok(());
    }
    Err(Error::input(
        path.display().to_string(),
        format!("has format version {version}, this program reads version {VERSION}"),
        "use the release of nextframe that wrote it, or train anew",
    ))
}

/// The format's own check says neither how long the file is nor how long it
/// should be.
fn check_length(path: &Path, bytes: &[u8]) -> Result<()> {
    let cut_off = |says: String| {
        Error::input(
            path.display().to_string(),
            format!("the file is cut off: {} bytes, {says}", bytes.len()),
            "copy it again, or use an earlier checkpoint",
        )
    };
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(cut_off("a safetensors file has at least 8".to_owned()));
    };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST_HEADER {
        return Err(unusable(path, &"this is no safetensors file"));
    }
    let Some(header) = rest.get(..length as usize) else {
        return Err(cut_off(format!("the header alone has {}", 8 + length)));
    };
    let header: HashMap<String, serde_json::Value> =
        serde_json::from_slice(header).map_err(|error| unusable(path, &error))?;
    let end = header
        .values()
        .filter_map(|entry| entry.get("data_offsets")?.get(1)?.as_u64())
        .max()
        .unwrap_or(0);
    let whole = (8 + length).saturating_add(end);
    if (bytes.len() as u64) < whole {
        return Err(cut_off(format!("the header says {whole}")));
    }
    Ok(())
}

fn unusable(path: &Path, problem: &dyn std::fmt::Display) -> Error {
    Error::input(
        path.display().to_string(),
        format!("cannot be used: {problem}"),
        "name a file that nextframe wrote",
    )
}

fn count(names: &[&str]) -> String {
    match names.len() {
        1 => "1 tensor is".to_owned(),
        n => format!("{n} tensors are"),
    }
}

fn first(names: &[&str]) -> String {
    const SHOWN: usize = 3;
    let mut text = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        text.push_str(", …");
    }
    text
}

#[cfg(test)]
mod tests;
