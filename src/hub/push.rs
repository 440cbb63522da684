//! From a run to the hub.

use super::Place;
use super::bare::bare;
use super::card::card;
use super::client::{Bar, client, meaning};
use super::connection::Connection;
use super::environment::offline;
use super::trouble::{Trouble, one_line};
use crate::error::{Error, Result};
use crate::files;
use crate::outputs::run::Run;
use hf_hub::HFResult;
use hf_hub::repository::{CommitOperation, RepoTypeModel};
use std::path::Path;
use std::time::Duration;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System};

/// Files of a run that say what it was told, and what came of it.
const TOLD: &[&str] = &[
    "config.json",
    "config.toml",
    "metrics.jsonl",
    "compare.json",
];
/// Files of a run that are the model.
const MODEL: &[&str] = &[
    "model.safetensors",
    "horizon.safetensors",
    "tokenizer.json",
    "tokenizer_config.json",
];
/// Pictures that go with it: the last ones.
const PICTURES: usize = 2;
/// The slowest line that a push still gets through, in bytes a second.
const SLOWEST: f64 = 32_768.0;
/// Memory that a push may take beside four times what it sends, in bytes.
const ROOM: u64 = 512 << 20;

/// Writes a run to a repository, which is made if there is none: the model, its settings
/// and figures, and a model card with the last pictures. One commit, whole or not at all.
/// Of a path on this machine only the last part is told. Gives the address of the commit.
///
/// The hub may take 8 s to answer, or what HF_HUB_DOWNLOAD_TIMEOUT says, and for the commit a
/// second more for each 32 KiB. A Ctrl-C ends the wait.
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
    let repository = format!("{}/{}", place.owner, place.name);
    let (operations, bytes) = contents(&run, &repository)?;
    let line = Connection::new(place)?;
    let limit = line.silence() + Duration::from_secs_f64(bytes as f64 / SLOWEST);
    let client = client(&line)?;
    let made = client
        .create_repository()
        .repo_id(&repository)
        .repo_type(RepoTypeModel)
        .private(private)
        .exist_ok(true)
        .send();
    hand_over(&line, "the repository", (line.silence(), ROOM), made)
        .map_err(|trouble| trouble.error(place))?;
    let target = client.model(place.owner.clone(), place.name.clone());
    let commit = target
        .create_commit()
        .operations(operations)
        .commit_message("Model of nextframe")
        .progress(Bar::new(&repository, bytes))
        .send();
    let room = ROOM.saturating_add(bytes.saturating_mul(4));
    let commit = hand_over(&line, "the commit", (limit, room), commit)
        .map_err(|trouble| trouble.error(place))?;
    let address = commit.commit_url.unwrap_or_else(|| place.to_string());
    Ok(one_line(&address))
}

/// All that is sent, and how many bytes of it there are.
fn contents(run: &Run, repository: &str) -> Result<(Vec<CommitOperation>, u64)> {
    let (mut operations, mut bytes) = (Vec::new(), 0);
    let mut file = |name: &str, path: &Path| -> Result<CommitOperation> {
        let size = path.metadata().map_err(|error| Error::io(path, error))?;
        bytes += size.len();
        Ok(CommitOperation::add_file(name, path))
    };
    for name in MODEL {
        let path = run.folder().join(name);
        if path.exists() {
            // A link's target may be replaced while it is sent; what is read now is whole.
            operations.push(file(name, &path)?);
        }
    }
    let pictures = files::entries(&run.pictures())?;
    let mut names = Vec::new();
    for path in pictures.iter().rev().take(PICTURES).rev() {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = format!("pictures/{name}");
        operations.push(file(&name, path)?);
        names.push(name);
    }
    for name in TOLD {
        let path = run.folder().join(name);
        if path.exists() {
            let text = std::fs::read_to_string(&path).map_err(|error| Error::io(&path, error))?;
            let text = bare(&path, &text)?.into_bytes();
            bytes += text.len() as u64;
            operations.push(CommitOperation::add_bytes(*name, text));
        }
    }
    let text = card(run, repository, &names)?.into_bytes();
    bytes += text.len() as u64;
    operations.push(CommitOperation::add_bytes("README.md", text));
    Ok((operations, bytes))
}

/// Waits for hf-hub, asked for `what`, at most for `limit`. It reads an answer to its end before it looks at
/// it, so that one without an end would take all memory: `room` bytes of it are enough.
fn hand_over<T>(
    line: &Connection,
    what: &str,
    (limit, room): (Duration, u64),
    asked: impl Future<Output = HFResult<T>>,
) -> Result<T, Trouble> {
    let before = memory();
    let done = line.watch(limit, asked, || {
        match memory() > before.saturating_add(room) {
            true => Err(line.refuse("the hub's answer does not end", "check HF_ENDPOINT")),
            false => Ok(()),
        }
    })?;
    let done = done.ok_or_else(|| {
        let seconds = (limit.as_secs_f64() * 10.0).ceil() / 10.0;
        Trouble::Away(format!("the hub does not answer within {seconds} s"))
    })?;
    done.map_err(|error| meaning(line, what, &error))
}

/// The memory of this process, in bytes; 0 where the system does not say.
fn memory() -> u64 {
    let Ok(own) = sysinfo::get_current_pid() else {
        return 0;
    };
    let mut system = System::new();
    let kind = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, kind);
    system.process(own).map_or(0, |process| process.memory())
}
