//! From the hub into the cache.
//!
//! The program's own client asks for the files: hf-hub's follows any link and redirect,
//! takes any header for the name of a file, and waits for ever. What hf-hub finds in its
//! cache is used as it is.

use super::client::{Bar, client};
use super::connection::Connection;
use super::environment::offline;
use super::listing::{Listed, listing};
use super::names::is_plain;
use super::store::Store;
use super::trouble::Trouble;
use super::whole::{self, Hashed};
use super::{Place, names};
use crate::error::{Error, Result};
use crate::files::{self, Draft};
use crate::{interrupt, memory};
use reqwest::Method;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";
/// What a model may be made of beside its weights; see [`wanted`].
const NAMES: &[&str] = &[
    CONFIG,
    "model.safetensors.index.json",
    "horizon.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
];
/// The largest of these, in bytes.
const SMALL: u64 = 64 << 20;
/// The most parts that weights come in.
const PARTS: usize = 1000;
/// How often a download that breaks off is begun.
const TRIES: usize = 4;

/// The folder of a model's files, fetched where they are not in the cache yet.
///
/// The hub may be silent for 8 s, or what HF_HUB_DOWNLOAD_TIMEOUT says: in that time at
/// least 8 KiB must arrive. The list of files takes at most eight times that. A Ctrl-C ends
/// the wait.
///
/// # Errors
/// See [`super::locate`].
pub(super) fn fetch(place: &Place) -> Result<PathBuf> {
    let mut source = Source {
        line: Connection::new(place)?,
        place,
        store: Store::new(place),
    };
    if offline() {
        let none = || {
            let cache = hf_hub::resolve_cache_dir();
            let said = format!("HF_HUB_OFFLINE is set, and {} has no copy", cache.display());
            Error::input(
                place.to_string(),
                said,
                "unset HF_HUB_OFFLINE and run it once with the network",
            )
        };
        return source.cached()?.ok_or_else(none);
    }
    match source.fetched() {
        Ok(folder) => Ok(folder),
        Err(Trouble::Final(error)) => Err(error),
        Err(Trouble::Away(said) | Trouble::Broken(said)) => match source.cached()? {
            Some(folder) => {
                tracing::warn!("{place}: {said}; the copy in the cache is used");
                Ok(folder)
            }
            None => {
                let said = format!("{said}, and the cache has no copy");
                Err(Trouble::Away(said).error(place))
            }
        },
    }
}

struct Source<'a> {
    place: &'a Place,
    line: Connection<'a>,
    store: Store,
}

impl Source<'_> {
    /// All from one commit, the one that the revision is of now.
    fn fetched(&mut self) -> Result<PathBuf, Trouble> {
        let revision = self.place.revision.as_deref().unwrap_or("main");
        let url = self.address(revision, CONFIG);
        self.line.hurry(true);
        let facts = self
            .line
            .ask(&Method::HEAD, &url, CONFIG, true)?
            .facts(&self.line, CONFIG)?;
        let (Some(commit), Some(_)) = (facts.commit, facts.digest) else {
            return Err(self.line.refuse(
                format!("the hub's answer for {CONFIG} names no commit, or no hash of it"),
                "check HF_ENDPOINT: is it a hub?",
            ));
        };
        if names::is_commit(revision) && commit != revision.to_lowercase() {
            return Err(self.line.refuse(
                format!("the hub answers with another commit, {commit}"),
                "check HF_ENDPOINT",
            ));
        }
        let files = listing(&mut self.line, &commit)?;
        self.line.hurry(false);
        let wanted = wanted(&self.line, &files)?;
        if let Some(size) = facts.size {
            self.agree(CONFIG, files[CONFIG].size, size)?;
        }
        self.store.sweep()?;
        for name in wanted {
            self.whole(&commit, &name, &files[&name])?;
        }
        if !names::is_commit(revision) {
            self.store.note(revision, &commit)?;
        }
        Ok(self.store.snapshot(&commit))
    }

    fn address(&self, revision: &str, name: &str) -> reqwest::Url {
        let Place {
            owner, name: of, ..
        } = self.place;
        self.line.address(&[owner, of, "resolve", revision, name])
    }

    /// Sees to it that a file is in the cache and right: a wrong one is fetched anew.
    fn whole(&mut self, commit: &str, name: &str, file: &Listed) -> Result<(), Trouble> {
        let blob = self.store.blob(&file.digest);
        if blob.exists() {
            match whole::fault(&blob, Some(file.size))? {
                None => return Ok(self.store.link(commit, name, &file.digest)?),
                Some(fault) => {
                    tracing::warn!("{}: {fault}; it is fetched anew", blob.display());
                }
            }
        }
        let mut said = String::new();
        for _ in 0..TRIES {
            interrupt::check()?;
            match self.download(commit, name, file, &blob) {
                Ok(None) => return Ok(self.store.link(commit, name, &file.digest)?),
                Ok(Some(fault)) => said = format!("{name} arrives damaged: {fault}"),
                Err(Trouble::Broken(why)) => said = format!("{name} does not arrive whole ({why})"),
                Err(trouble) => return Err(trouble),
            }
        }
        Err(self.line.refuse(
            format!("{said}, {TRIES} times"),
            "try again later; the files that did arrive are kept",
        ))
    }

    /// Downloads a file to its blob, or says what is wrong with what came.
    fn download(
        &mut self,
        commit: &str,
        name: &str,
        file: &Listed,
        blob: &Path,
    ) -> Result<Option<String>, Trouble> {
        let url = self.address(commit, name);
        let mut reply = self.line.ask(&Method::GET, &url, name, true)?;
        let facts = reply.facts(&self.line, name)?;
        if let Some(size) = facts.size.filter(|&size| size > file.size) {
            self.agree(name, file.size, size)?;
        }
        reply.check_body(&self.line, file.size, name)?;
        let (draft, mut target) = Draft::new(blob)?;
        let mut content = Hashed::new(&file.digest, file.size);
        let bar = Bar::new(name, file.size);
        self.line.read(&mut reply, file.size, name, |bytes| {
            content.update(bytes);
            bar.advance(bytes.len() as u64);
            target
                .write_all(bytes)
                .map_err(|error| Error::io(blob, error))
        })?;
        drop(target);
        let fault = content.fault();
        if fault.is_none() {
            draft.keep(blob)?;
        }
        Ok(fault)
    }

    /// Refuses a file whose size is not the listed one.
    fn agree(&self, name: &str, listed: u64, size: u64) -> Result<(), Trouble> {
        if size == listed {
            return Ok(());
        }
        Err(self.line.refuse(
            format!("{name} is listed with {listed} bytes and answered with {size}"),
            "try again; if that does not help, check HF_ENDPOINT",
        ))
    }

    /// The folder in the cache, if there is one; its files must be right.
    fn cached(&self) -> Result<Option<PathBuf>> {
        let client = client(&self.line)?;
        let repository = client.model(self.place.owner.clone(), self.place.name.clone());
        let found = repository
            .download_file()
            .filename(CONFIG)
            .maybe_revision(self.place.revision.clone())
            .local_files_only(true)
            .send();
        // It asks no hub, so that it takes no time.
        let found = self.line.watch(self.line.silence(), found, || Ok(()));
        let found = found.map_err(|trouble| trouble.error(self.place))?;
        let folder = found.and_then(std::result::Result::ok);
        let folder = folder.as_deref().and_then(Path::parent);
        let named = |folder: &&Path| {
            let name = folder.file_name().and_then(|name| name.to_str());
            name.is_some_and(names::is_commit)
        };
        let Some(folder) = folder.filter(named) else {
            return Ok(None);
        };
        for path in files::entries(folder)? {
            if let Some(fault) = whole::fault(&path, None)? {
                return Err(Error::input(
                    path.display().to_string(),
                    format!("is damaged: {fault}"),
                    "unset HF_HUB_OFFLINE and run it once with the network: it is fetched anew",
                ));
            }
        }
        Ok(Some(folder.to_path_buf()))
    }
}

/// The files of a repository that a model is loaded from: the weights whole, else in their
/// parts. Their sizes are looked at before one is asked for.
fn wanted(line: &Connection, files: &BTreeMap<String, Listed>) -> Result<Vec<String>, Trouble> {
    let mut names: Vec<String> = (NAMES.iter())
        .filter(|name| files.contains_key(**name))
        .map(|&name| name.to_owned())
        .collect();
    if !files.contains_key(CONFIG) {
        return Err(line.refuse("holds no config.json", "name a model's repository"));
    }
    if let Some(name) = names.iter().find(|name| files[*name].size > SMALL) {
        return Err(line.refuse(
            format!(
                "{name} has {} bytes, no model's has more than {SMALL}",
                files[name].size
            ),
            "name a model's repository",
        ));
    }
    let is_part = |name: &&String| {
        let stem = name.strip_suffix(".safetensors");
        !name.contains('/') && stem.is_some_and(|stem| stem.starts_with("model-"))
    };
    let parts: Vec<&String> = match files.get_key_value(WEIGHTS) {
        Some((name, _)) => vec![name],
        None => files.keys().filter(is_part).collect(),
    };
    if parts.is_empty() {
        return Err(line.refuse(
            "holds no model.safetensors",
            "name a repository with weights as safetensors",
        ));
    }
    if parts.len() > PARTS {
        return Err(line.refuse(
            format!(
                "has its weights in {} parts, more than {PARTS}",
                parts.len()
            ),
            "name a repository with the files of one model",
        ));
    }
    if let Some(name) = parts.iter().find(|name| !is_plain(name)) {
        return Err(line.refuse(
            format!("names its weights {}", names::quoted(name)),
            "name a repository whose weights are model-00001-of-00002.safetensors and so on",
        ));
    }
    let sizes = parts.iter().map(|name| files[*name].size);
    let all = sizes.fold(0, u64::saturating_add);
    memory::check(all as f64, &line.place.to_string(), || {
        "name a smaller model, or use a larger machine".to_owned()
    })?;
    names.extend(parts.into_iter().cloned());
    Ok(names)
}
