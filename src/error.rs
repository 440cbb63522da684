//! The one error type of the library.

use std::path::{Path, PathBuf};

/// What can go wrong. Each message names the file or the key, the actual
/// value, what was expected, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something the user gave cannot be used.
    #[error("{}: {}; {}", one_line(subject), one_line(problem), one_line(hint))]
    Input {
        /// The file, key or argument.
        subject: String,
        /// What is wrong with it: the actual value and what was expected.
        problem: String,
        /// What to do next.
        hint: String,
    },
    /// The operating system refused something.
    #[error("{}: {}", one_line(&path.display().to_string()), one_line(&source.to_string()))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A number that must be finite is not: training has diverged.
    #[error("{what} is not finite; the network has diverged: lower training.learning_rate")]
    NotFinite {
        /// Which number.
        what: String,
    },
    /// The user pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// An [`Error::Input`].
    pub fn input(
        subject: impl Into<String>,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self::Input {
            subject: subject.into(),
            problem: problem.into(),
            hint: hint.into(),
        }
    }

    /// An [`Error::Io`] that names the path.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io {
            path: path.as_ref().to_path_buf(),
            source,
        }
    }

    /// The same, with `name` in place of the file `path` that it is about.
    pub(crate) fn about(mut self, path: &Path, name: &str) -> Self {
        match &mut self {
            Self::Input { subject, .. } if Path::new(subject) == path => *subject = name.to_owned(),
            Self::Io { path: about, .. } if about == path => *about = PathBuf::from(name),
            _ => {}
        }
        self
    }
}

/// The longest part of a message, in characters.
const LONGEST: usize = 4096;

/// A text as one line: what a message quotes of a file or a library may be of any length, and
/// hold line feeds and control characters.
fn one_line(text: &str) -> String {
    let mut line = String::new();
    for c in text.chars().take(LONGEST) {
        match c {
            '\n' | '\r' | '\t' if line.ends_with(' ') => {}
            '\n' | '\r' | '\t' => line.push(' '),
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_it_quotes() {
        let error = Error::input("a\nb", "'\u{1b}[31m\r\n\0'", "x".repeat(10_000));
        let said = error.to_string();
        assert!(said.starts_with("a b: '\\u{1b}[31m \\u{0}'; xxx"), "{said}");
        assert!(said.len() < 5000);
        let error = Error::io("a\nb", std::io::Error::other("no\nroom"));
        assert_eq!(error.to_string(), "a b: no room");
    }
}
