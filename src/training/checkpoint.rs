//! Exact safetensors files: what is read is what the model has, or an error
//! says what differs.

use crate::error::{Error, Result};
use crate::files;
use candle_core::safetensors::Load as _;
use candle_core::{Device, Tensor, Var};
use safetensors::SafeTensors;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
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
/// version. A file without a version (from elsewhere) passes.
pub fn load(path: &Path) -> Result<Checkpoint> {
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
        let missing: Vec<_> = vars
            .iter()
            .map(|(name, _)| name.as_str())
            .filter(|name| !self.tensors.contains_key(*name))
            .collect();
        let mut surplus: Vec<_> = self
            .tensors
            .keys()
            .map(String::as_str)
            .filter(|name| !vars.iter().any(|(known, _)| known == name))
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
        for (name, var) in vars {
            let tensor = &self.tensors[name];
            if tensor.shape() != var.shape() || tensor.dtype() != var.dtype() {
                return Err(self.refuse(format!(
                    "tensor '{name}' is {:?} of {}, the model has {:?} of {}",
                    tensor.dims(),
                    tensor.dtype().as_str(),
                    var.dims(),
                    var.dtype().as_str(),
                )));
            }
        }
        for (name, var) in vars {
            var.set(&self.tensors[name].to_device(var.device())?)?;
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
    let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
    // The version comes first: another version may have other keys.
    let value: serde_json::Value =
        serde_json::from_str(&text).map_err(|error| unusable(path, &error))?;
    match value.get("version") {
        Some(version) => check_version(path, &version.to_string())?,
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
mod tests {
    use super::*;
    use candle_core::DType;

    fn tensors() -> Vec<(String, Tensor)> {
        let cpu = &Device::Cpu;
        vec![
            (
                "b.weight".to_owned(),
                Tensor::new(&[[1f32, -2.5], [f32::MIN_POSITIVE, 4.0]], cpu).unwrap(),
            ),
            ("a.bias".to_owned(), Tensor::new(&[7f32, 8.0], cpu).unwrap()),
        ]
    }

    fn vars() -> Vec<(String, Var)> {
        let zero = |shape: &[usize]| Var::zeros(shape, DType::F32, &Device::Cpu).unwrap();
        vec![
            ("b.weight".to_owned(), zero(&[2, 2])),
            ("a.bias".to_owned(), zero(&[2])),
        ]
    }

    fn saved(tensors: &[(String, Tensor)]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let notes = ["step", "energy", "seed"].map(|key| (key.to_owned(), "12".to_owned()));
        save(&path, tensors, &notes).unwrap();
        (folder, path)
    }

    fn assert_refused(result: Result<()>, path: &Path, parts: &[&str]) {
        let message = result.unwrap_err().to_string();
        assert!(message.contains(path.to_str().unwrap()), "{message}");
        for part in parts {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
    }

    #[test]
    fn what_is_saved_is_loaded() {
        let (_folder, path) = saved(&tensors());
        let checkpoint = load(&path).unwrap();
        assert_eq!(checkpoint.metadata["step"], "12");
        assert_eq!(checkpoint.metadata.len(), 3);
        let vars = vars();
        checkpoint.fill(&vars).unwrap();
        let weight = vars[0].1.to_vec2::<f32>().unwrap();
        assert_eq!(weight, [[1.0, -2.5], [f32::MIN_POSITIVE, 4.0]]);
        assert_eq!(vars[1].1.to_vec1::<f32>().unwrap(), [7.0, 8.0]);
    }

    #[test]
    fn the_same_content_gives_the_same_bytes() {
        let (_one, one) = saved(&tensors());
        let (_two, two) = saved(&tensors());
        assert_eq!(std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
    }

    #[test]
    fn a_file_that_does_not_fit_changes_nothing() {
        let cpu = &Device::Cpu;
        let mut missing = tensors();
        missing.pop();
        let mut surplus = tensors();
        surplus.extend((0..5).map(|n| (format!("z{n}"), Tensor::new(0f32, cpu).unwrap())));
        let mut shape = tensors();
        shape[1].1 = Tensor::new(&[1f32, 2.0, 3.0], cpu).unwrap();
        let mut dtype = tensors();
        dtype[1].1 = Tensor::new(&[1f64, 2.0], cpu).unwrap();
        let cases: [(&[_], &[&str]); 4] = [
            (&missing, &["1 tensor is missing: a.bias"]),
            (&surplus, &["5 tensors are too many: z0, z1, z2, …"]),
            (&shape, &["'a.bias' is [3] of f32", "[2] of f32"]),
            (&dtype, &["'a.bias' is [2] of f64", "[2] of f32"]),
        ];
        for (tensors, parts) in cases {
            let (_folder, path) = saved(tensors);
            let vars = vars();
            assert_refused(load(&path).unwrap().fill(&vars), &path, parts);
            for (_, var) in &vars {
                let sum = var.abs().unwrap().sum_all().unwrap();
                assert_eq!(sum.to_scalar::<f32>().unwrap(), 0.0);
            }
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_says_so() {
        let (_folder, path) = saved(&tensors());
        let whole = std::fs::read(&path).unwrap();
        for length in [0, 7, 8, 20, whole.len() - 25, whole.len() - 1] {
            std::fs::write(&path, &whole[..length]).unwrap();
            let says = format!("cut off: {length} bytes");
            assert_refused(load(&path).map(drop), &path, &[&says, "copy it again"]);
        }
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        let says = format!("the header says {}", whole.len());
        assert_refused(load(&path).map(drop), &path, &[&says]);
    }

    #[test]
    fn other_files_are_refused() {
        let (_folder, path) = saved(&tensors());
        for text in ["some text, long enough", "\x02\0\0\0\0\0\0\0[]"] {
            std::fs::write(&path, text).unwrap();
            assert_refused(load(&path).map(drop), &path, &["cannot be used"]);
        }
        let header = |notes: &str| HashMap::from([(METADATA.to_owned(), notes.to_owned())]);
        let old = safetensors::serialize(
            tensors().iter().map(|(k, v)| (k, v)),
            Some(header("{\"version\":\"0\"}")),
        );
        std::fs::write(&path, old.unwrap()).unwrap();
        let parts = ["format version 0", "reads version 1"];
        assert_refused(load(&path).map(drop), &path, &parts);
        std::fs::remove_file(&path).unwrap();
        assert_refused(load(&path).map(drop), &path, &[]);
    }

    #[test]
    fn a_config_reads_back_and_other_versions_are_refused() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Settings {
            width: usize,
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        save_config(&path, &Settings { width: 3 }, &[("frames", "0 to 1")]).unwrap();
        assert_eq!(load_config::<Settings>(&path).unwrap().width, 3);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"frames\": \"0 to 1\""), "{text}");
        let cases: [(String, &[&str]); 4] = [
            (
                text.replace("\"version\": 1", "\"version\": 2"),
                &["format version 2"],
            ),
            (
                text.replace("\"width\": 3", "\"width\": \"wide\""),
                &["config.width", "\"wide\"", "usize"],
            ),
            ("{}".to_owned(), &["'version'"]),
            (text[..20].to_owned(), &["cannot be used"]),
        ];
        for (text, parts) in cases {
            std::fs::write(&path, text).unwrap();
            assert_refused(load_config::<Settings>(&path).map(drop), &path, parts);
        }
    }
}
