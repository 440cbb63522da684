//! What can go wrong with the hub, and what to do next.

use super::Place;
use super::names::quoted;
use crate::error::Error;
use reqwest::{Response, Url};

const NO_REPOSITORY: &str = "there is no such repository, or it is private";
const CHECK_NAME: &str = "check the name; where it is private, set HF_TOKEN";
const NAME_REVISION: &str = "name a branch, tag or commit that the repository has";
const REPORT: &str = "try again; if that does not help, report this";
/// The hub may ask for this much patience, in seconds.
const A_DAY: u64 = 86_400;
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
                match status.seconds.filter(|&seconds| seconds <= A_DAY) {
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
    one_line(&said)
}

/// The beginning of what another machine wrote, as one line: without control characters, and without those that turn the
/// direction of writing.
pub(super) fn one_line(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain = |c: char| if c.is_control() || turns(c) { ' ' } else { c };
    text.chars().take(LONGEST).map(plain).collect()
}

/// What a redirect or a link names, without what may be secret in it.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => quoted(&format!("{host}:{port}")),
        None => quoted(host),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_machine_wrote_is_one_line() {
        assert_eq!(one_line("a\u{202e}b\nc\u{1b}d\u{2066}"), "a b c d ");
        assert_eq!(one_line(&"y".repeat(100_000)).len(), LONGEST);
        assert_eq!(one_line("ein Baum 木"), "ein Baum 木");
    }

    #[test]
    fn nobody_waits_for_longer_than_a_day() {
        let place = Place {
            owner: "me".to_owned(),
            name: "mini".to_owned(),
            revision: None,
        };
        let said = |seconds: u64| {
            let status = Status {
                number: 429,
                seconds: Some(seconds),
                ..Status::default()
            };
            let trouble = Trouble::status(&place, &status, "the commit");
            trouble.error(&place).to_string()
        };
        assert!(said(60).contains("for 60 s"), "{}", said(60));
        assert!(!said(u64::MAX).contains("for 1"), "{}", said(u64::MAX));
    }
}
