//! The hub's client, and what its errors mean.

use super::Place;
use crate::error::{Error, Result};
use crate::outputs::progress;
use hf_hub::progress::{DownloadEvent, ProgressEvent, ProgressHandler, UploadEvent};
use hf_hub::repository::RepoTypeModel;
use hf_hub::{HFClient, HFClientSync, HFError, HFRepositorySync};
use indicatif::{ProgressBar, ProgressStyle};

const NO_REPOSITORY: &str = "there is no such repository, or it is private (404)";
const CHECK_NAME: &str = "check the name; where it is private, set HF_TOKEN";
const NAME_REVISION: &str = "name a branch, tag or commit that the repository has";

fn no_revision(revision: &str) -> String {
    format!("there is no revision '{revision}'")
}

/// Whether only the cache may be used. The client does not read this itself.
pub(super) fn offline() -> bool {
    std::env::var("HF_HUB_OFFLINE")
        .is_ok_and(|value| ["1", "true", "yes", "on"].contains(&value.to_lowercase().as_str()))
}

/// A client as the environment says.
pub(super) fn client(place: &Place) -> Result<HFClientSync> {
    HFClient::builder()
        .user_agent(concat!("nextframe/", env!("CARGO_PKG_VERSION")))
        .build_sync()
        .map_err(|error| meaning(place, error))
}

/// Its repository at a place.
pub(super) fn repository(client: &HFClientSync, place: &Place) -> HFRepositorySync<RepoTypeModel> {
    client.model(place.owner.clone(), place.name.clone())
}

/// What went wrong, and what to do next.
pub(super) fn meaning(place: &Place, error: HFError) -> Error {
    // A listing's 404 is not taken apart by the client.
    let code = match &error {
        HFError::Http { context } => context.error_code.clone().unwrap_or_default(),
        _ => String::new(),
    };
    let (problem, hint) = match &error {
        HFError::Http { .. } if code == "RepoNotFound" => (NO_REPOSITORY.to_owned(), CHECK_NAME),
        HFError::Http { .. } if code == "RevisionNotFound" => (
            no_revision(place.revision.as_deref().unwrap_or("main")),
            NAME_REVISION,
        ),
        HFError::AuthRequired { .. } => (
            "may not be read without a token, or not with this one (401)".to_owned(),
            "set HF_TOKEN to one of https://huggingface.co/settings/tokens",
        ),
        HFError::Forbidden { .. } => (
            "this token may not do that (403)".to_owned(),
            "ask for access on the repository's page, or use a token that may write",
        ),
        HFError::RepoNotFound { .. } => (NO_REPOSITORY.to_owned(), CHECK_NAME),
        HFError::RevisionNotFound { revision, .. } => (no_revision(revision), NAME_REVISION),
        HFError::EntryNotFound { path, .. } => (
            format!("there is no file {path}"),
            "a model is config.json with model.safetensors",
        ),
        HFError::RateLimited { .. } => (
            "the hub asks for patience (429)".to_owned(),
            "wait some minutes, or set HF_TOKEN",
        ),
        HFError::Request { .. } => (
            format!("the hub cannot be reached ({})", brief(&error)),
            "check the network and HF_ENDPOINT, or set HF_HUB_OFFLINE=1 to use the cache",
        ),
        _ => (
            brief(&error),
            "try again; if that does not help, report this",
        ),
    };
    Error::input(place.to_string(), problem, hint)
}

/// One line of what it says and of what lies behind that.
fn brief(error: &HFError) -> String {
    let mut said = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let text = inner.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        source = inner.source();
    }
    said.lines().collect::<Vec<_>>().join(" ")
}

/// A bar of bytes, on a terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Of a file of this name.
    pub(super) fn new(name: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), progress::target());
        let template = "{bar:24.cyan/dim} {msg} {bytes} of {total_bytes}, {bytes_per_sec}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar.with_message(name.to_owned()))
    }
}

impl ProgressHandler for Bar {
    fn on_progress(&self, event: &ProgressEvent) {
        match event {
            ProgressEvent::Download(DownloadEvent::Start { total_bytes, .. })
            | ProgressEvent::Upload(UploadEvent::Start { total_bytes, .. }) => {
                self.0.set_length(*total_bytes);
            }
            ProgressEvent::Download(DownloadEvent::Progress { files }) => {
                self.0
                    .set_position(files.iter().map(|file| file.bytes_completed).sum());
            }
            ProgressEvent::Download(DownloadEvent::AggregateProgress {
                bytes_completed, ..
            })
            | ProgressEvent::Upload(UploadEvent::Progress {
                bytes_completed, ..
            }) => self.0.set_position(*bytes_completed),
            ProgressEvent::Download(DownloadEvent::Complete)
            | ProgressEvent::Upload(UploadEvent::Complete) => self.0.finish_and_clear(),
            _ => {}
        }
    }
}
