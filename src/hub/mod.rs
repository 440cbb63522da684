//! Models from and to the Hugging Face hub (cargo feature `hub`): `hf://owner/name` and
//! `hf://owner/name@revision` stand for a model's folder wherever one is named.
//!
//! `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`, `HF_TOKEN`, `HF_HUB_OFFLINE` and
//! `HF_HUB_DOWNLOAD_TIMEOUT` mean what they mean elsewhere.
//!
//! A hub is not trusted: see `names` for what becomes a path, `connection` for who may see
//! the token and how long is waited, `listing` and `fetch` for how much is read.

#[cfg_attr(
    not(feature = "hub"),
    allow(dead_code, reason = "only a push needs it")
)]
mod bare;
mod card;
#[cfg(feature = "hub")]
mod client;
#[cfg(feature = "hub")]
mod connection;
#[cfg(feature = "hub")]
mod environment;
#[cfg(feature = "hub")]
mod fetch;
#[cfg(feature = "hub")]
mod listing;
mod names;
#[cfg(feature = "hub")]
mod push;
#[cfg(feature = "hub")]
mod reply;
#[cfg(feature = "hub")]
mod store;
#[cfg(feature = "hub")]
mod trouble;
#[cfg(feature = "hub")]
mod whole;

use crate::error::{Error, Result};
use names::{is_name, is_revision};
use std::path::{Path, PathBuf};

/// What a name on the hub begins with.
const SCHEME: &str = "hf://";

/// A repository of the hub at a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// A user or an organisation.
    pub owner: String,
    /// The repository.
    pub name: String,
    /// A branch, tag or commit; `main` where none is given.
    pub revision: Option<String>,
}

impl Place {
    /// From `owner/name` or `owner/name@revision`.
    ///
    /// # Errors
    /// Another form.
    pub fn read(text: &str) -> Result<Self> {
        let bare = text.strip_prefix(SCHEME).unwrap_or(text);
        let (repository, revision) = match bare.split_once('@') {
            Some((repository, revision)) => (repository, Some(revision)),
            None => (bare, None),
        };
        match repository.split_once('/') {
            Some((owner, name))
                if is_name(owner) && is_name(name) && revision.is_none_or(is_revision) =>
            {
                Ok(Self {
                    owner: owner.to_owned(),
                    name: name.to_owned(),
                    revision: revision.map(str::to_owned),
                })
            }
            _ => Err(Error::input(
                text,
                "is no place on the hub",
                "write hf://owner/name or hf://owner/name@revision",
            )),
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(formatter, "{SCHEME}{}/{}", self.owner, self.name)?;
        match &self.revision {
            Some(revision) => write!(formatter, "@{revision}"),
            None => Ok(()),
        }
    }
}

/// The place of a model on this machine: itself, or where the files of an `hf://…` lie
/// once they are fetched.
///
/// # Errors
/// A place that is none, that cannot be reached and is not in the cache, files that are
/// damaged; a hub that takes more than 8 s (`HF_HUB_DOWNLOAD_TIMEOUT`) for 8 KiB, that sends
/// more than it said or more than this machine can hold, that names what is no file, or
/// that sends the token elsewhere; a program without the feature `hub`.
pub fn locate(model: &Path) -> Result<PathBuf> {
    match model.to_str().filter(|text| text.starts_with(SCHEME)) {
        None => Ok(model.to_path_buf()),
        Some(text) => fetch(&Place::read(text)?),
    }
}

#[cfg(feature = "hub")]
use fetch::fetch;

#[cfg(feature = "hub")]
pub use push::push;

#[cfg(not(feature = "hub"))]
fn fetch(place: &Place) -> Result<PathBuf> {
    Err(without(&place.to_string()))
}

/// Writes a run to a repository.
///
/// # Errors
/// Always: this program is built without the feature `hub`.
#[cfg(not(feature = "hub"))]
pub fn push(_run: &Path, place: &Place, _private: bool) -> Result<String> {
    Err(without(&place.to_string()))
}

#[cfg(not(feature = "hub"))]
fn without(subject: &str) -> Error {
    Error::input(
        subject,
        "this program is built without the hub",
        "build it with --features hub, or fetch the files and name their folder",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read() {
        let place = Place::read("hf://me/bert-mini_1.0@v2").unwrap();
        assert_eq!((&*place.owner, &*place.name), ("me", "bert-mini_1.0"));
        assert_eq!(place.revision.as_deref(), Some("v2"));
        assert_eq!(place.to_string(), "hf://me/bert-mini_1.0@v2");
        assert_eq!(Place::read("me/x").unwrap().revision, None);
        for text in [
            "hf://",
            "hf://me",
            "hf://me/",
            "hf://me/x@",
            "hf://me/a/b",
            "hf://../x",
            "me/x y",
            "me/x@../../y",
            "me/x@/y",
            "me/x@a\\b",
            "me/x@a@b",
            "me/a--b",
        ] {
            let said = Place::read(text).unwrap_err().to_string();
            assert!(said.contains(text) && said.contains("owner/name"), "{said}");
        }
        assert_eq!(locate(Path::new("runs/a")).unwrap(), Path::new("runs/a"));
    }
}
