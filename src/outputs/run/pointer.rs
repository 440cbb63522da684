//! `state.json`: which save is the latest.

use super::own::is_save;
use crate::error::{Error, Result};
use crate::files;
use crate::training::checkpoint::VERSION;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's name, in the run's folder and in that of each save.
pub const STATE: &str = "state.json";

/// The content of `state.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pointer {
    pub latest: Place,
    /// How long `metrics.jsonl` was at the save, in bytes.
    pub metrics: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Place {
    pub step: u64,
    /// Relative to `checkpoints/`.
    pub folder: String,
}

#[derive(Serialize, Deserialize)]
struct Versioned<P> {
    version: u64,
    #[serde(flatten)]
    pointer: P,
}

impl Pointer {
    /// The pointer in a run's folder; none before the first save.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(STATE);
        if !path.exists() {
            return Ok(None);
        }
        // The version comes first: another version may have other keys.
        let found: Versioned<serde_json::Value> = read_json(&path)?;
        if found.version != VERSION {
            return Err(Error::input(
                path.display().to_string(),
                format!(
                    "has format version {}, this program reads version {VERSION}",
                    found.version
                ),
                "use the release of nextframe that wrote it, or train anew",
            ));
        }
        let pointer: Self =
            serde_json::from_value(found.pointer).map_err(|error| damaged(&path, &error))?;
        let name = &pointer.latest.folder;
        match is_save(name) {
            true => Ok(Some(pointer)),
            false => Err(damaged(&path, &format!("'{name}' is no save's folder"))),
        }
    }

    /// Switches the run to this pointer in one step.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let file = Versioned {
            version: VERSION,
            pointer: self,
        };
        write_json(&folder.join(STATE), &file)
    }
}

/// Replaces a JSON file.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| damaged(path, &error))?;
    files::replace_bytes(path, format!("{text}\n").as_bytes())
}

/// Reads a JSON file.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = files::read_text(path)?;
    serde_json::from_str(&text).map_err(|error| damaged(path, &error))
}

/// That a file of a run cannot be used.
pub fn damaged(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::input(
        path.display().to_string(),
        format!("cannot be used: {error}"),
        "restore this file, or train anew into another --out",
    )
}
