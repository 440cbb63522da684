//! An answer of the hub: what its head says, checked before anything is made of it.

use super::connection::Connection;
use super::names::{is_commit, is_digest, quoted};
use super::trouble::Trouble;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, ETAG, HeaderMap};

/// An answer whose body is still to be read.
pub(super) struct Reply {
    pub(super) response: Response,
    /// The heads of the hub's own answers, in their order.
    heads: Vec<HeaderMap>,
    /// Whether the file lies on another host.
    elsewhere: bool,
}

/// What the hub says of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// The commit that it is of.
    pub(super) commit: Option<String>,
    /// The hash of its content.
    pub(super) digest: Option<String>,
    /// Its size in bytes.
    pub(super) size: Option<u64>,
}

impl Reply {
    pub(super) fn new(response: Response, heads: Vec<HeaderMap>, elsewhere: bool) -> Self {
        Self {
            response,
            heads,
            elsewhere,
        }
    }

    /// Whether what is asked for lies on another host.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.elsewhere
    }

    /// Refuses a body that is packed, or that says to be longer than `limit` bytes.
    ///
    /// # Errors
    /// Such a body.
    pub(super) fn check_body(
        &self,
        line: &Connection,
        limit: u64,
        what: &str,
    ) -> Result<(), Trouble> {
        let head = self.response.headers();
        let packed = text(head, CONTENT_ENCODING.as_str()).filter(|&kind| kind != "identity");
        if let Some(kind) = packed {
            return Err(line.refuse(
                format!(
                    "{what} comes packed ({}), which was not asked for",
                    quoted(kind)
                ),
                "check HF_ENDPOINT",
            ));
        }
        match self.response.content_length().filter(|&says| says > limit) {
            Some(says) => Err(line.refuse(
                format!("{what} is to be {says} bytes, more than the {limit} expected"),
                "check HF_ENDPOINT",
            )),
            None => Ok(()),
        }
    }

    /// What the hub itself says of a file.
    ///
    /// # Errors
    /// A commit or a hash that is none: they become names of files.
    pub(super) fn facts(&self, line: &Connection, what: &str) -> Result<Facts, Trouble> {
        facts(&self.heads, self.elsewhere).map_err(|problem| {
            line.refuse(
                format!("the hub's answer for {what} {problem}"),
                "check HF_ENDPOINT",
            )
        })
    }
}

/// An earlier answer of the hub may tell what lies behind it; what an answer tells of itself
/// counts at the last alone, and its length where it is the file.
fn facts(heads: &[HeaderMap], elsewhere: bool) -> Result<Facts, String> {
    let last = |name: &str| text(heads.last()?, name);
    let any = |name: &str| heads.iter().rev().find_map(|head| text(head, name));
    let commit = any("x-repo-commit");
    if let Some(wrong) = commit.filter(|commit| !is_commit(commit)) {
        return Err(format!("names the commit {}, which is none", quoted(wrong)));
    }
    let tag = any("x-linked-etag").or_else(|| last(ETAG.as_str()));
    let digest = tag.map(|tag| tag.strip_prefix("W/").unwrap_or(tag).trim_matches('"'));
    if let Some(wrong) = digest.filter(|digest| !is_digest(digest)) {
        return Err(format!(
            "names the content {}, which is no hash",
            quoted(wrong)
        ));
    }
    let length = || last(CONTENT_LENGTH.as_str()).filter(|_| !elsewhere);
    let size = match any("x-linked-size").or_else(length) {
        None => None,
        Some(size) => match size.parse() {
            Ok(size) => Some(size),
            Err(_) => return Err(format!("says its size is {}", quoted(size))),
        },
    };
    Ok(Facts {
        commit: commit.map(str::to_lowercase),
        digest: digest.map(str::to_lowercase),
        size,
    })
}

/// A header; one that is no text counts as wrong, not as none.
fn text<'a>(head: &'a HeaderMap, name: &str) -> Option<&'a str> {
    Some(head.get(name)?.to_str().unwrap_or("?"))
}
