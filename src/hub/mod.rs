//! Models from and to the Hugging Face hub (cargo feature `hub`): `hf://owner/name` and
//! `hf://owner/name@revision` stand for a model's folder wherever one is named.
//!
//! `HF_ENDPOINT`, `HF_HOME`, `HF_HUB_CACHE`, `HF_TOKEN` and `HF_HUB_OFFLINE` mean what they
//! mean elsewhere.

mod card;
#[cfg(feature = "hub")]
mod client;
#[cfg(feature = "hub")]
mod fetch;
#[cfg(feature = "hub")]
mod push;
#[cfg(feature = "hub")]
mod whole;

use crate::error::{Error, Result};
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
        let good = |part: &str| {
            let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            !part.is_empty() && !part.starts_with('.') && part.chars().all(fits)
        };
        match repository.split_once('/') {
            Some((owner, name))
                if good(owner) && good(name) && revision.is_none_or(|r| !r.is_empty()) =>
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
/// damaged; a program without the feature `hub`.
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
        ] {
            let said = Place::read(text).unwrap_err().to_string();
            assert!(said.contains(text) && said.contains("owner/name"), "{said}");
        }
        assert_eq!(locate(Path::new("runs/a")).unwrap(), Path::new("runs/a"));
    }
}
