//! From the hub into the cache.

use super::client::{Bar, client, meaning, offline, repository};
use super::{Place, whole};
use crate::error::{Error, Result};
use crate::interrupt;
use hf_hub::repository::{RepoTreeEntry, RepoTypeModel};
use hf_hub::{HFError, HFRepositorySync};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a model may be made of; see [`wanted`].
const NAMES: &[&str] = &[
    "config.json",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
];

/// How often a download that breaks off is begun.
const TRIES: usize = 4;

/// The folder of a model's files, fetched where they are not in the cache yet.
pub(super) fn fetch(place: &Place) -> Result<PathBuf> {
    let client = client(place)?;
    let source = Source {
        place,
        repository: repository(&client, place),
        cache: hf_hub::resolve_cache_dir(),
    };
    if offline() {
        return source.cached("HF_HUB_OFFLINE is set");
    }
    match source.listed() {
        Ok(files) => source.fetched(&files),
        Err(error @ HFError::Request { .. }) => {
            let said = meaning(place, error).to_string();
            match source.cached("the hub cannot be reached") {
                Ok(folder) => {
                    tracing::warn!("{said}; the copy in the cache is used");
                    Ok(folder)
                }
                Err(_) => Err(Error::input(
                    place.to_string(),
                    "the hub cannot be reached, and the cache has no copy",
                    "check the network and HF_ENDPOINT",
                )),
            }
        }
        Err(error) => Err(meaning(place, error)),
    }
}

struct Source<'a> {
    place: &'a Place,
    repository: HFRepositorySync<RepoTypeModel>,
    cache: PathBuf,
}

impl Source<'_> {
    /// The repository's files and their sizes.
    fn listed(&self) -> std::result::Result<BTreeMap<String, u64>, HFError> {
        let entries = self
            .repository
            .list_tree()
            .maybe_revision(self.place.revision.clone())
            .send()?;
        let file = |entry: RepoTreeEntry| match entry {
            RepoTreeEntry::File { path, size, .. } => Some((path, size)),
            RepoTreeEntry::Directory { .. } => None,
        };
        Ok(entries.into_iter().filter_map(file).collect())
    }

    fn fetched(&self, files: &BTreeMap<String, u64>) -> Result<PathBuf> {
        let mut folder = None;
        for name in wanted(self.place, files)? {
            let path = self.whole(&name, files[&name])?;
            if name == "config.json" {
                folder = path.parent().map(Path::to_path_buf);
            }
        }
        folder.ok_or_else(|| self.refuse("holds no config.json", "name a model's repository"))
    }

    /// A file of the cache whose content is right: a wrong one is fetched anew.
    fn whole(&self, name: &str, size: u64) -> Result<PathBuf> {
        let mut again = false;
        let mut said = String::new();
        for _ in 0..TRIES {
            interrupt::check()?;
            let sent = self
                .repository
                .download_file()
                .filename(name)
                .maybe_revision(self.place.revision.clone())
                .force_download(again)
                .progress(Bar::new(name))
                .send();
            match sent {
                Ok(path) => match whole::fault(&path, Some(size))? {
                    None => return Ok(path),
                    Some(fault) => {
                        if !again {
                            tracing::warn!("{}: {fault}; it is fetched anew", path.display());
                        }
                        again = true;
                        said = format!("{name} arrives damaged: {fault}");
                    }
                },
                // The connection was dropped on the way.
                Err(error @ HFError::Request { .. }) => {
                    said = format!("{name} does not arrive whole ({error})");
                }
                Err(error) => return Err(meaning(self.place, error)),
            }
        }
        Err(self.refuse(
            format!("{said}, {TRIES} times"),
            "try again later; what did arrive is kept",
        ))
    }

    /// The folder in the cache, whose files must be right.
    fn cached(&self, why: &str) -> Result<PathBuf> {
        let local = |name: &str| {
            self.repository
                .download_file()
                .filename(name)
                .maybe_revision(self.place.revision.clone())
                .local_files_only(true)
                .send()
        };
        let Ok(config) = local("config.json") else {
            return Err(self.refuse(
                format!("{why}, and {} has no copy", self.cache.display()),
                "unset HF_HUB_OFFLINE and run it once with the network",
            ));
        };
        let folder = config.parent().map(Path::to_path_buf).unwrap_or_default();
        for path in crate::files::entries(&folder)? {
            if let Some(fault) = whole::fault(&path, None)? {
                return Err(Error::input(
                    path.display().to_string(),
                    format!("is damaged: {fault}"),
                    "unset HF_HUB_OFFLINE and run it once with the network: it is fetched anew",
                ));
            }
        }
        Ok(folder)
    }

    fn refuse(&self, problem: impl Into<String>, hint: &str) -> Error {
        Error::input(self.place.to_string(), problem, hint)
    }
}

/// The files of a repository that a model is loaded from: the weights whole, else in their
/// parts.
fn wanted(place: &Place, files: &BTreeMap<String, u64>) -> Result<Vec<String>> {
    let mut names: Vec<String> = (NAMES.iter())
        .filter(|name| files.contains_key(**name))
        .map(|&name| name.to_owned())
        .collect();
    let is_part = |name: &str| {
        let stem = name.strip_suffix(".safetensors");
        !name.contains('/') && stem.is_some_and(|stem| stem.starts_with("model-"))
    };
    match files.contains_key("model.safetensors") {
        true => names.push("model.safetensors".to_owned()),
        false => names.extend(files.keys().filter(|name| is_part(name)).cloned()),
    }
    if !names.iter().any(|name| name.ends_with(".safetensors")) {
        return Err(Error::input(
            place.to_string(),
            "holds no model.safetensors",
            "name a repository with weights as safetensors",
        ));
    }
    Ok(names)
}
