//! A run's whole-horizon model on disk: `horizon.safetensors`.

use crate::error::{Error, Result};
use crate::horizon::{HorizonConfig, WholeHorizon};
use crate::training::checkpoint;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The file's name without its ending, and the model's in tables.
pub const HORIZON: &str = "horizon";
/// The key of [`Stated`] in the file's metadata.
const STATED: &str = "horizon";
/// No horizon is longer.
const MOST_FRAMES: usize = 1024;

/// What the tensors do not say.
#[derive(Serialize, Deserialize)]
struct Stated {
    config: HorizonConfig,
    context: usize,
    frames: usize,
}

/// Writes the model to `path`.
///
/// # Errors
/// What the system refuses.
pub fn save_horizon(path: &Path, model: &WholeHorizon) -> Result<()> {
    let stated = Stated {
        config: model.config.clone(),
        context: model.context,
        frames: model.frames,
    };
    let stated = serde_json::to_string(&stated)
        .map_err(|error| unusable(path, format!("cannot be described ({error})")))?;
    let notes = [(STATED.to_owned(), stated)];
    checkpoint::save(path, &model.tensors()?, &notes)
}

/// Reads the model of frames (C, H, W) and of `context` frames of the past, or None where there is no such file.
///
/// # Errors
/// A file that is not whole, of another version, or of other frames.
pub fn load_horizon(
    path: &Path,
    (shape, seen): ([usize; 3], usize),
) -> Result<Option<WholeHorizon>> {
    if !path.exists() {
        return Ok(None);
    }
    let checkpoint = checkpoint::load(path)?;
    let stated = checkpoint.metadata.get(STATED).map(String::as_str);
    let stated: Stated = serde_json::from_str(stated.unwrap_or_default())
        .map_err(|error| unusable(path, format!("is no whole-horizon model ({error})")))?;
    let Stated {
        config,
        context,
        frames,
    } = stated;
    if context != seen || context < 2 || !(1..=MOST_FRAMES).contains(&frames) {
        return Err(unusable(
            path,
            format!(
                "says {context} frames of context and {frames} ahead; expected {seen}, at least 2, and \
                 1 to {MOST_FRAMES}"
            ),
        ));
    }
    if config.ways == 0 {
        return Err(unusable(
            path,
            "says horizon.ways = 0; expected 2 or more".to_owned(),
        ));
    }
    config
        .check()
        .map_err(|error| unusable(path, error.to_string()))?;
    let model = WholeHorizon::of_tensors(&config, (context, frames), &checkpoint.tensors)
        .map_err(|error| unusable(path, error.to_string()))?;
    match model.appearance.background.shape == shape {
        true => Ok(Some(model)),
        false => Err(unusable(
            path,
            format!(
                "has frames (C, H, W) of {:?}; the run's are {shape:?}",
                model.appearance.background.shape
            ),
        )),
    }
}

fn unusable(path: &Path, problem: String) -> Error {
    Error::input(
        path.display().to_string(),
        problem,
        "train anew, or take the file out: the run's other models work without it",
    )
}
