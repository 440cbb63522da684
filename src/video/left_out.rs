//! Files of folders and patterns that are left out: told, and counted.

use crate::error::{Error, Result};
use std::path::PathBuf;

/// Warnings of one line each; what is more is only counted.
const TOLD: usize = 5;

/// What was found and cannot be used.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// Nothing may be left out: nothing is told of it but the error.
    strict: bool,
    /// Why each is left out.
    reasons: Vec<Error>,
    /// Files that no name promises to be read, such as a list beside films.
    others: Vec<PathBuf>,
}

impl LeftOut {
    /// Nothing so far; a strict one is for [`Self::refuse`].
    pub fn new(strict: bool) -> Self {
        Self {
            strict,
            ..Self::default()
        }
    }

    /// Leaves out a file for a reason that names it, and tells of it.
    pub fn add(&mut self, reason: Error) {
        if !self.strict && self.reasons.len() < TOLD {
            tracing::warn!("left out: {reason}");
        }
        self.reasons.push(reason);
    }

    /// Leaves out a file that is no film or picture and has no name of one.
    pub fn add_other(&mut self, path: PathBuf) {
        self.others.push(path);
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.reasons.len() + self.others.len()
    }

    /// Tells how many there are.
    pub fn tell(&self) {
        if self.reasons.len() > TOLD {
            let all = self.reasons.len();
            tracing::warn!("{all} left out in all; --strict makes that an error");
        }
        if !self.others.is_empty() {
            let count = self.others.len();
            tracing::warn!(
                "{count} other {} left out, no video or picture: {}",
                if count == 1 { "file" } else { "files" },
                self.names()
            );
        }
    }

    /// An error where anything is left out.
    pub fn refuse(&self) -> Result<()> {
        let problem = match (&self.reasons[..], &self.others[..]) {
            ([], []) => return Ok(()),
            ([first, ..], _) => first.to_string(),
            ([], _) => format!("no video or picture: {}", self.names()),
        };
        Err(Error::input(
            format!("{} found that cannot be used", self.count()),
            problem.replace("; ", ", "),
            "take such files out, or run without --strict",
        ))
    }

    /// The first reason.
    pub fn into_first(self) -> Option<Error> {
        self.reasons.into_iter().next()
    }

    fn names(&self) -> String {
        let first: Vec<String> = (self.others.iter().take(TOLD))
            .map(|path| path.display().to_string())
            .collect();
        let more = match self.others.len() > TOLD {
            true => ", …",
            false => "",
        };
        format!("{}{more}", first.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strict_reader_refuses_what_another_leaves_out() {
        let mut out = LeftOut::default();
        assert!(out.refuse().is_ok());
        out.add_other("list.txt".into());
        let error = out.refuse().unwrap_err().to_string();
        assert!(
            error.contains("list.txt") && error.contains("--strict"),
            "{error}"
        );
        out.add(Error::input("b.mp4", "empty", "fill it"));
        let error = out.refuse().unwrap_err().to_string();
        assert!(
            error.starts_with("2 found") && error.contains("b.mp4: empty"),
            "{error}"
        );
        assert!(out.into_first().unwrap().to_string().starts_with("b.mp4"));
    }
}
