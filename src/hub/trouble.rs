//! What can go wrong with the hub, and what to do next.

use super::Place;
use super::names::quoted;
use crate::error::Error;
use reqwest::{Response, Url};

const NO_REPOSITORY: &str = "there is no such repository, or it is private";
const CHECK_NAME: &str = "check the name; where it is private, set HF_TOKEN";
const NAME_REVISION: &str = "name a branch, tag or commit that the repository has";
const REPORT: &str = "try again; if that does not help, report this";
/// How much of what lies behind an error is told.
const LONGEST: usize = 300;

/// Why something did not come from the hub.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The hub is away or out of order: a copy in the cache may do.
    Away(String),
    /// It broke off on the way: worth another try.
    Broken(String),
    /// It cannot be used, and nothing more is to be tried.
    Final(Error),
}

/// A status that is no success.
#[derive(Debug, Default)]
pub(super) struct Status {
    /// Its number in HTTP.
    pub(super) number: u16,
    /// What the hub calls it, if anything.
    pub(super) code: String,
    /// How long it says to wait, in seconds.
    pub(super) seconds: Option<u64>,
}

impl Status {
    /// Of an answer.
    pub(super) fn of(response: &Response) -> Self {
        let text = |name: &str| response.headers().get(name)?.to_str().ok();
        Self {
            number: response.status().as_u16(),
            code: text("x-error-code").unwrap_or_default().to_owned(),
            seconds: text("retry-after").and_then(|time| time.parse().ok()),
        }
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Trouble {
    /// The error of a place that cannot be used.
    pub(super) fn refusal(
        place: &Place,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::Final(Error::input(place.to_string(), problem, hint))
    }

    /// What a status of the hub means, asked for `what`.
    pub(super) fn status(place: &Place, status: &Status, what: &str) -> Self {
        let Status { number, code, .. } = status;
        let (problem, hint) = match *number {
            _ if code == "RevisionNotFound" => {
                let revision = place.revision.as_deref().unwrap_or("main");
                (
                    format!("there is no revision '{revision}' ({number})"),
                    NAME_REVISION,
                )
            }
            _ if code == "RepoNotFound" => (format!("{NO_REPOSITORY} ({number})"), CHECK_NAME),
            404 if code == "EntryNotFound" => (
                format!("there is no file {what} ({number})"),
                "a model is config.json with model.safetensors",
            ),
            401 => (
                "may not be read without a token, or not with this one (401)".to_owned(),
                "set HF_TOKEN to one of https://huggingface.co/settings/tokens",
            ),
            403 => (
                "this token may not do that (403)".to_owned(),
                "ask for access on the repository's page, or use a token that may write",
            ),
            404 => (format!("{NO_REPOSITORY} ({number})"), CHECK_NAME),
            429 => (
                match status.seconds {
                    Some(seconds) => format!("the hub asks for patience (429), for {seconds} s"),
                    None => "the hub asks for patience (429)".to_owned(),
                },
                "wait some minutes, or set HF_TOKEN",
            ),
            300..=399 => (
                format!("the hub answers for {what} with a redirect ({number})"),
                "name the repository as the hub spells it, and check HF_ENDPOINT",
            ),
            408 | 500.. => {
                return Self::Away(format!("the hub is out of order ({number} for {what})"));
            }
            _ => (format!("the hub answers for {what} with {number}"), REPORT),
        };
        Self::refusal(place, problem, hint)
    }

    /// The error to end with.
    pub(super) fn error(self, place: &Place) -> Error {
        match self {
            Self::Away(said) | Self::Broken(said) => Error::input(
                place.to_string(),
                said,
                "check the network and HF_ENDPOINT, and try again",
            ),
            Self::Final(error) => error,
        }
    }
}

/// One line of what an error says and of what lies behind it.
pub(super) fn brief(error: &dyn std::error::Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        if !said.contains(&text) {
            said = format!("{said}: {text}");
        }
        source = inner.source();
    }
    let line = said.replace(char::is_control, " ");
    line.chars().take(LONGEST).collect()
}

/// What a redirect or a link names, without what may be secret in it.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => quoted(&format!("{host}:{port}")),
        None => quoted(host),
    }
}
