//! The folder of a training run.
//!
//! ```text
//! config.toml          the resolved recipe
//! config.json          what loading the model needs
//! model.safetensors    the latest weights, for other programs
//! state.json           which checkpoint is the latest
//! checkpoints/STEP/    one save: weights, optimiser, state, all of one step
//! metrics.jsonl        events.out.tfevents.*        pictures/
//! ```
//!
//! A save is written into a folder of its own, and `state.json` is switched
//! to it in one step. Whenever the process dies, the set that `state.json`
//! names is whole.

use super::horizon::HORIZON;
use crate::error::{Error, Result};
use crate::files;
use crate::training::checkpoint::{self, Checkpoint};
use crate::training::recipe;
use candle_core::Tensor;
use own::PICTURES;
use pointer::{Place, Pointer, STATE, damaged, read_json, write_json};
use presence::Presence;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The part of a save that is also `model.safetensors` in the run's folder.
pub const MODEL: &str = "model";

/// What loading a model needs besides its weights.
pub const CONFIG: &str = "config.json";

const CHECKPOINTS: &str = "checkpoints";

/// What to do where the folder already holds a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// Leave it alone: an error.
    Refuse,
    /// Go on with it; where there is none, start it, so that a job that is
    /// killed and restarted may always ask to resume.
    Resume,
    /// Remove it and start anew.
    Overwrite,
}

/// A run's folder.
#[derive(Debug)]
pub struct Run {
    folder: PathBuf,
    pointer: Option<Pointer>,
    /// None where the folder is only looked at.
    presence: Option<Presence>,
}

/// One save of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Saved {
    /// The step after which it was made.
    pub step: u64,
    folder: PathBuf,
}

impl Run {
    /// Whether a run may begin in `folder`; changes nothing.
    ///
    /// # Errors
    /// If it is a file, or holds a run and `existing` says to refuse.
    pub fn check(folder: &Path, existing: Existing) -> Result<()> {
        let run = Self {
            folder: folder.to_path_buf(),
            pointer: None,
            presence: None,
        };
        if folder.exists() && !folder.is_dir() {
            return Err(Error::input(
                folder.display().to_string(),
                "is a file, a run is a folder",
                "choose another --out",
            ));
        }
        if existing == Existing::Refuse && run.exists() {
            return Err(Error::input(
                folder.display().to_string(),
                "already holds a run",
                "choose another --out, or give --resume or --overwrite",
            ));
        }
        Ok(())
    }

    /// Makes the folder ready for training.
    ///
    /// # Errors
    /// If it holds a run and `existing` says to refuse, or if it holds files
    /// that are not a run's.
    pub fn begin(folder: &Path, existing: Existing) -> Result<Self> {
        Self::check(folder, existing)?;
        refuse_shared(folder)?;
        fs::create_dir_all(folder).map_err(|error| Error::io(folder, error))?;
        files::sweep(folder, Duration::ZERO)?;
        let mut run = Self {
            folder: folder.to_path_buf(),
            pointer: None,
            presence: None,
        };
        if !run.exists() {
            own::refuse_others(folder)?;
        } else {
            match existing {
                Existing::Resume => {
                    run.pointer = Pointer::read(folder)?;
                    // A process that was killed may not have come so far.
                    run.publish()?;
                    run.sweep()?;
                }
                Existing::Overwrite => run.clear()?,
                // Checked above.
                Existing::Refuse => {}
            }
        }
        for name in [CHECKPOINTS, PICTURES] {
            let path = run.folder.join(name);
            fs::create_dir_all(&path).map_err(|error| Error::io(path, error))?;
        }
        run.presence = Some(Presence::of(folder)?);
        Ok(run)
    }

    /// Opens a run to read it; changes nothing, so it may be in training.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut run = Self {
            folder: folder.to_path_buf(),
            pointer: None,
            presence: None,
        };
        if !run.exists() {
            return Err(Error::input(
                folder.display().to_string(),
                "holds no run: there is neither config.toml nor state.json",
                "name the folder that `nextframe train --out` wrote",
            ));
        }
        run.pointer = Pointer::read(folder)?;
        Ok(run)
    }

    /// The run's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where pictures go.
    pub fn pictures(&self) -> PathBuf {
        self.folder.join(PICTURES)
    }

    /// The resolved recipe: `config.toml`.
    pub fn recipe(&self) -> PathBuf {
        self.folder.join("config.toml")
    }

    /// What loading the model needs: `config.json`.
    pub fn config(&self) -> PathBuf {
        self.folder.join(CONFIG)
    }

    /// The latest weights: `model.safetensors`.
    pub fn model(&self) -> PathBuf {
        self.folder.join(format!("{MODEL}.safetensors"))
    }

    /// The whole-horizon model, where there is one.
    pub fn horizon(&self) -> PathBuf {
        self.folder.join(format!("{HORIZON}.safetensors"))
    }

    /// Where metrics go: `metrics.jsonl`.
    pub fn metrics(&self) -> PathBuf {
        self.folder.join("metrics.jsonl")
    }

    /// Writes `config.toml` and `config.json`; for `units` see
    /// [`checkpoint::save_config`].
    pub fn describe<S: Serialize, C: Serialize>(
        &self,
        settings: &S,
        config: &C,
        units: &[(&str, &str)],
    ) -> Result<()> {
        self.check_presence()?;
        checkpoint::save_config(&self.config(), config, units)?;
        files::replace_bytes(&self.recipe(), recipe::to_toml(settings)?.as_bytes())
    }

    /// [`Self::describe`] with a `config.json` of another layout.
    pub fn describe_as<S: Serialize>(
        &self,
        settings: &S,
        config: &serde_json::Value,
    ) -> Result<()> {
        self.check_presence()?;
        write_json(&self.config(), config)?;
        files::replace_bytes(&self.recipe(), recipe::to_toml(settings)?.as_bytes())
    }

    /// # Errors
    /// The folder in which the run began is no longer there: nothing may be written then,
    /// or half a run would stand in its place.
    pub fn check_presence(&self) -> Result<()> {
        match self.presence {
            Some(presence) => presence.check(&self.folder),
            None => Ok(()),
        }
    }

    /// Saves a step: each of `parts` as `NAME.safetensors`, and `state`
    /// (counts, time used, …) as JSON. Write metrics up to this step before.
    ///
    /// Earlier saves are removed.
    ///
    /// # Errors
    /// What the system refuses; a folder that is no longer there.
    pub fn save<S: Serialize>(
        &mut self,
        step: u64,
        parts: &[(&str, &[(String, Tensor)])],
        state: &S,
    ) -> Result<()> {
        self.check_presence()?;
        let place = self.write(step, parts, state)?;
        self.switch(place)?;
        self.publish()?;
        self.sweep()
    }

    /// The latest save; none before the first.
    pub fn latest(&self) -> Option<Saved> {
        let pointer = self.pointer.as_ref()?;
        Some(self.saved(&pointer.latest))
    }

    /// How long `metrics.jsonl` was at the latest save, in bytes.
    pub fn metrics_at_save(&self) -> u64 {
        self.pointer.as_ref().map_or(0, |pointer| pointer.metrics)
    }

    // The steps of a save, in their order. A process may die after any.

    fn write<S: Serialize>(
        &self,
        step: u64,
        parts: &[(&str, &[(String, Tensor)])],
        state: &S,
    ) -> Result<Place> {
        let checkpoints = self.folder.join(CHECKPOINTS);
        // The folder that state.json names is never written to, even if the
        // same step is saved twice.
        let name = (0..)
            .map(|turn| match turn {
                0 => format!("{step:08}"),
                turn => format!("{step:08}-{turn}"),
            })
            .find(|name| !checkpoints.join(name).exists())
            .unwrap_or_default();
        let folder = checkpoints.join(&name);
        // Not the folders above it, which are there unless the run was moved away.
        fs::create_dir(&folder).map_err(|error| Error::io(&folder, error))?;
        let written = write_into(&folder, step, parts, state);
        if written.is_err() {
            // A full disk: make room again, and report the first error.
            let _ = files::remove(&folder);
        }
        written?;
        files::sync_folder(&checkpoints)?;
        Ok(Place { step, folder: name })
    }

    fn switch(&mut self, latest: Place) -> Result<()> {
        let metrics = match File::open(self.metrics()) {
            Ok(file) => file
                .sync_all()
                .and_then(|()| file.metadata())
                .map_err(|error| Error::io(self.metrics(), error))?
                .len(),
            Err(_) => 0,
        };
        let pointer = Pointer { latest, metrics };
        pointer.write(&self.folder)?;
        self.pointer = Some(pointer);
        Ok(())
    }

    fn publish(&self) -> Result<()> {
        let Some(saved) = self.latest() else {
            return Ok(());
        };
        let source = saved.path(MODEL);
        if source.exists() {
            files::replace_with_link(&self.model(), &source)?;
        }
        Ok(())
    }

    /// Removes saves that nothing names, and what a killed process left.
    fn sweep(&self) -> Result<()> {
        let latest = self.pointer.as_ref().map(|pointer| &*pointer.latest.folder);
        own::remove_saves(&self.folder.join(CHECKPOINTS), latest)
    }

    fn saved(&self, place: &Place) -> Saved {
        Saved {
            step: place.step,
            folder: self.folder.join(CHECKPOINTS).join(&place.folder),
        }
    }

    fn exists(&self) -> bool {
        self.recipe().exists() || self.folder.join(STATE).exists()
    }

    /// Removes a run's files and nothing else; config.toml goes last, so that
    /// an interrupted clearing still leaves a folder known as a run's.
    fn clear(&self) -> Result<()> {
        files::remove(&self.folder.join(STATE))?;
        own::remove_all(&self.folder)?;
        files::remove(&self.recipe())
    }
}

impl Saved {
    /// The tensors of the part `name`, as they were given to [`Run::save`].
    pub fn load(&self, name: &str) -> Result<Checkpoint> {
        checkpoint::load(&self.path(name))
    }

    /// The state that was given to [`Run::save`].
    pub fn state<S: DeserializeOwned>(&self) -> Result<S> {
        read_json(&self.folder.join(STATE))
    }

    /// That its state cannot be used.
    pub fn refuse(&self, problem: &str) -> Error {
        damaged(&self.folder.join(STATE), &problem)
    }

    /// Where the part `name` lies.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.safetensors"))
    }
}

fn write_into<S: Serialize>(
    folder: &Path,
    step: u64,
    parts: &[(&str, &[(String, Tensor)])],
    state: &S,
) -> Result<()> {
    let notes = [("step".to_owned(), step.to_string())];
    for (name, tensors) in parts {
        let path = folder.join(format!("{name}.safetensors"));
        checkpoint::save(&path, tensors, &notes)?;
    }
    write_json(&folder.join(STATE), state)
}

mod own;
mod pointer;
mod presence;
/// Refuses saves that are those of another run, through a link: each run sweeps the other's.
fn refuse_shared(folder: &Path) -> Result<()> {
    let path = folder.join(CHECKPOINTS);
    let there = path.canonicalize().ok().filter(|_| path.is_symlink());
    let owner = there.as_deref().and_then(Path::parent);
    let own = folder.canonicalize().ok();
    match owner.filter(|owner| Some(*owner) != own.as_deref() && Run::open(owner).is_ok()) {
        None => Ok(()),
        Some(owner) => Err(Error::input(
            path.display().to_string(),
            format!("is a link to the saves of another run, {}", owner.display()),
            "copy that run, or take the link away",
        )),
    }
}

#[cfg(test)]
mod tests;
