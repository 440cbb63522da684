//! The one error type of the library.

use std::path::{Path, PathBuf};

/// What can go wrong. Each message names the file or the key, the actual
/// value, what was expected, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something the user gave cannot be used.
    #[error("{subject}: {problem}; {hint}")]
    Input {
        /// The file, key or argument.
        subject: String,
        /// What is wrong with it: the actual value and what was expected.
        problem: String,
        /// What to do next.
        hint: String,
    },
    /// The operating system refused something.
    #[error("{}: {source}", path.display())]
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

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;
