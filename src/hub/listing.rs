//! The files of a repository, as the hub lists them.

use super::connection::Connection;
use super::names::{is_digest, quoted, stays_inside};
use super::trouble::Trouble;
use crate::error::Result;
use reqwest::header::{HeaderMap, LINK};
use reqwest::{Method, Url};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Pages of a list, each of up to a thousand files.
const PAGES: usize = 16;
/// Bytes of a page.
const PAGE: u64 = 4 << 20;
const WHAT: &str = "the list of files";

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listed {
    /// Its size in bytes.
    pub(super) size: u64,
    /// The hash of its content: a SHA-256 of large files, git's SHA-1 of small ones.
    pub(super) digest: String,
}

/// An entry of the list.
#[derive(Deserialize)]
struct Entry {
    r#type: String,
    path: String,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    oid: String,
    lfs: Option<LargeFile>,
}

/// What stands for the content of a large file.
#[derive(Deserialize)]
struct LargeFile {
    #[serde(alias = "sha256")]
    oid: String,
    size: u64,
}

/// The files at the root of a repository, at a commit.
///
/// # Errors
/// A list that does not end, that goes on at another host, or that names what is no file of
/// a repository.
pub(super) fn listing(
    line: &mut Connection,
    commit: &str,
) -> Result<BTreeMap<String, Listed>, Trouble> {
    let (owner, name) = (line.place.owner.as_str(), line.place.name.as_str());
    let mut url = line.address(&["api", "models", owner, name, "tree", commit]);
    let mut files = BTreeMap::new();
    for _ in 0..PAGES {
        let mut reply = line.ask(&Method::GET, &url, WHAT, false)?;
        reply.check_body(line, PAGE, WHAT)?;
        let mut page = Vec::new();
        line.read(&mut reply, PAGE, WHAT, |bytes| {
            page.extend_from_slice(bytes);
            Ok(())
        })?;
        let entries: Vec<Entry> = serde_json::from_slice(&page).map_err(|error| {
            line.refuse(
                format!("{WHAT} cannot be read: {}", quoted(&error.to_string())),
                "check HF_ENDPOINT",
            )
        })?;
        for entry in entries {
            if let Some((path, file)) = entry.file(line)? {
                files.insert(path, file);
            }
        }
        let Some(next) = next(reply.response.headers()) else {
            return Ok(files);
        };
        url = beside(line, &url, next)?;
    }
    Err(line.refuse(
        format!("{WHAT} does not end after {PAGES} pages"),
        "name a repository with the files of one model",
    ))
}

impl Entry {
    /// Its name and what it is, unless it is a folder.
    fn file(self, line: &Connection) -> Result<Option<(String, Listed)>, Trouble> {
        if !stays_inside(&self.path) {
            return Err(line.refuse(
                format!("lists the file {}, a path out of it", quoted(&self.path)),
                "check HF_ENDPOINT",
            ));
        }
        if self.r#type != "file" {
            return Ok(None);
        }
        let (digest, size) = match self.lfs {
            Some(large) => (large.oid, large.size),
            None => (self.oid, self.size),
        };
        if !is_digest(&digest) {
            return Err(line.refuse(
                format!(
                    "lists {} with the content {}, which is no hash",
                    quoted(&self.path),
                    quoted(&digest)
                ),
                "check HF_ENDPOINT",
            ));
        }
        let digest = digest.to_lowercase();
        Ok(Some((self.path, Listed { size, digest })))
    }
}

/// What a list's head names as its next page.
fn next(head: &HeaderMap) -> Option<&str> {
    let links = head.get_all(LINK).iter();
    let links = links.filter_map(|link| link.to_str().ok());
    links.flat_map(|link| link.split(',')).find_map(|link| {
        let (address, about) = link.trim().strip_prefix('<')?.split_once('>')?;
        let mut about = about.split(';').map(str::trim);
        about
            .any(|word| word == "rel=\"next\"" || word == "rel=next")
            .then_some(address)
    })
}

/// The next page's address, which is the hub's: it is asked with the token.
fn beside(line: &Connection, url: &Url, text: &str) -> Result<Url, Trouble> {
    let refuse = |problem| {
        line.refuse(
            format!("{WHAT} goes on {problem}"),
            "check HF_ENDPOINT: only the hub may see the token",
        )
    };
    let next = line.join(url, text).map_err(refuse)?;
    match next.origin() == line.endpoint().origin() {
        true => Ok(next),
        false => Err(refuse(format!(
            "at another host, {}",
            super::trouble::host(&next)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    #[test]
    fn the_next_page_is_found_among_links() {
        let mut head = HeaderMap::new();
        assert_eq!(next(&head), None);
        head.append(LINK, HeaderValue::from_static("<http://a/0>; rel=\"prev\""));
        assert_eq!(next(&head), None);
        let two = "<http://a/0>; rel=\"first\", </b?c=1>; title=\"x\"; rel=\"next\"";
        head.append(LINK, HeaderValue::from_static(two));
        assert_eq!(next(&head), Some("/b?c=1"));
    }
}
