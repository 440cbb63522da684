//! hf-hub's client: what it finds in its cache, and the commits that it makes.

use super::connection::{self, Connection};
use super::trouble::{Status, Trouble, brief};
use crate::error::Result;
use crate::outputs::progress;
use hf_hub::progress::{ProgressEvent, ProgressHandler, UploadEvent};
use hf_hub::{HFClient, HFError};
use indicatif::{ProgressBar, ProgressStyle};

/// A client that follows no redirect. It waits for ever: see [`Connection::watch`].
///
/// # Errors
/// A system on which none can be made.
pub(super) fn client(line: &Connection) -> Result<HFClient> {
    let http = connection::client().build().map_err(HFError::from);
    let client = http.and_then(|http| {
        let builder = HFClient::builder()
            .client(http)
            .endpoint(line.endpoint().as_str())
            // The time is for one attempt.
            .retry_max_attempts(0);
        match line.token() {
            Some(token) => builder.token(token).build(),
            None => builder.build(),
        }
    });
    client.map_err(|error| meaning(line, "a client", &error).error(line.place))
}

/// What went wrong when the hub was asked for `what`, and what to do next.
pub(super) fn meaning(line: &Connection, what: &str, error: &HFError) -> Trouble {
    let context = match error {
        HFError::Http { context }
        | HFError::AuthRequired { context }
        | HFError::Forbidden { context }
        | HFError::Conflict { context }
        | HFError::RateLimited { context, .. } => Some(context),
        HFError::RepoNotFound { context, .. } | HFError::RevisionNotFound { context, .. } => {
            context.as_ref()
        }
        _ => None,
    };
    let seconds = match error {
        HFError::RateLimited { retry_after, .. } => retry_after.map(|time| time.as_secs()),
        _ => None,
    };
    match (context, error) {
        (Some(context), _) => {
            let status = Status {
                number: context.status.as_u16(),
                code: context.error_code.clone().unwrap_or_default(),
                seconds,
            };
            Trouble::status(line.place, &status, what)
        }
        (None, HFError::Request { source, .. }) if source.is_decode() => line.refuse(
            format!("the hub's answer for {what} cannot be read"),
            "check HF_ENDPOINT",
        ),
        (None, HFError::Request { source, .. }) => {
            // It begins with the address, which may hold a secret.
            let source = std::error::Error::source(source).unwrap_or(error);
            Trouble::Away(format!("the hub cannot be reached ({})", brief(source)))
        }
        _ => line.refuse(
            brief(error),
            "try again; if that does not help, report this",
        ),
    }
}

/// A bar of bytes, on a terminal.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// Of a file of this name and size.
    pub(super) fn new(name: &str, bytes: u64) -> Self {
        let bar = ProgressBar::with_draw_target(Some(bytes), progress::target());
        let template = "{bar:24.cyan/dim} {msg} {bytes} of {total_bytes}, {bytes_per_sec}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Self(bar.with_message(name.to_owned()))
    }

    /// So many more bytes are done.
    pub(super) fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    /// Takes it away, also where what it shows has failed.
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl ProgressHandler for Bar {
    fn on_progress(&self, event: &ProgressEvent) {
        match event {
            ProgressEvent::Upload(UploadEvent::Start { total_bytes, .. }) => {
                self.0.set_length(*total_bytes);
            }
            ProgressEvent::Upload(UploadEvent::Progress {
                bytes_completed, ..
            }) => self.0.set_position(*bytes_completed),
            _ => {}
        }
    }
}
