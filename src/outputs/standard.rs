//! Standard output, whoever reads it.

use crate::error::{Error, Result};
use std::io::{ErrorKind, Write as _};

/// What errors call it.
const NAME: &str = "standard output";

/// Writes `text` and the end of a line.
///
/// # Errors
/// What the system refuses, but for a reader that has gone: it has seen enough, as `head`
/// does.
pub fn print(text: &str) -> Result<()> {
    let mut output = std::io::stdout().lock();
    let written = writeln!(output, "{text}").and_then(|()| output.flush());
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| Error::io(NAME, error)),
    }
}

/// The same in JSON, for people to read too.
///
/// # Errors
/// As [`print()`].
pub fn print_json(value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value);
    print(&text.map_err(|error| Error::io(NAME, error.into()))?)
}
