//! `state.json`: which save is the latest.

use crate::error::{Error, Result};
use crate::files;
use crate::training::checkpoint::VERSION;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs;
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
        serde_json::from_value(found.pointer)
            .map(Some)
            .map_err(|error| damaged(&path, &error))
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
    let text = fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
    serde_json::from_str(&text).map_err(|error| damaged(path, &error))
}

fn damaged(path: &Path, error: &serde_json::Error) -> Error {
    Error::input(
        path.display().to_string(),
        format!("cannot be used: {error}"),
        "restore this file, or train anew into another --out",
    )
}
