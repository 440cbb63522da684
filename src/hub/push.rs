//! From a run to the hub.

use super::Place;
use super::card::card;
use super::client::{Bar, client, meaning, offline, repository};
use crate::error::{Error, Result};
use crate::files;
use crate::outputs::run::Run;
use hf_hub::repository::{CommitOperation, RepoTypeModel};
use std::path::Path;

/// Files of a run that are the model, and what it was told.
const FILES: &[&str] = &[
    "config.json",
    "config.toml",
    "model.safetensors",
    "tokenizer.json",
    "metrics.jsonl",
    "compare.json",
];

/// Pictures that go with it: the last ones.
const PICTURES: usize = 2;

/// Writes a run to a repository, which is made if there is none: the model, its settings
/// and figures, and a model card with the last pictures. One commit, whole or not at all.
/// Gives the address of the commit.
///
/// # Errors
/// A folder that holds no run or nothing saved, and what the hub refuses.
pub fn push(run: &Path, place: &Place, private: bool) -> Result<String> {
    if let Some(revision) = &place.revision {
        return Err(Error::input(
            place.to_string(),
            format!("a push is not to a revision ('@{revision}')"),
            "leave it out",
        ));
    }
    if offline() {
        return Err(Error::input(
            place.to_string(),
            "HF_HUB_OFFLINE is set",
            "unset it to push",
        ));
    }
    let run = Run::open(run)?;
    if !run.model().exists() {
        return Err(Error::input(
            run.folder().display().to_string(),
            "has no model.safetensors: nothing was saved yet",
            "let training run to its first save",
        ));
    }
    let mut operations = Vec::new();
    for name in FILES {
        let path = run.folder().join(name);
        if path.exists() {
            // A link's target may be replaced while it is sent; what is read now is whole.
            operations.push(CommitOperation::add_file(*name, path));
        }
    }
    let pictures = files::entries(&run.pictures())?;
    let last = pictures.iter().rev().take(PICTURES).rev();
    let mut names = Vec::new();
    for path in last {
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("pictures/{file}");
        operations.push(CommitOperation::add_file(name.clone(), path.clone()));
        names.push(name);
    }
    let repository_name = format!("{}/{}", place.owner, place.name);
    let text = card(&run, &repository_name, &names)?;
    operations.push(CommitOperation::add_bytes("README.md", text.into_bytes()));

    let client = client(place)?;
    client
        .create_repository()
        .repo_id(&repository_name)
        .repo_type(RepoTypeModel)
        .private(private)
        .exist_ok(true)
        .send()
        .map_err(|error| meaning(place, error))?;
    let commit = repository(&client, place)
        .create_commit()
        .operations(operations)
        .commit_message("Model of nextframe")
        .progress(Bar::new(&repository_name))
        .send()
        .map_err(|error| meaning(place, error))?;
    Ok(commit.commit_url.unwrap_or_else(|| place.to_string()))
}
