//! Standard input's copy on disk: many formats keep their index at the end.

use super::content;
use crate::error::{Error, Result};
pub(super) use crate::standard_input::NAME as STANDARD_INPUT;
use crate::standard_input::StandardInput;
use std::io::{IsTerminal, Write};
use std::path::Path;
use tempfile::TempPath;

/// Once that many bytes have come, what they are must be known: what never
/// ends and is no film would fill the disk.
const CHECKED: usize = 4 << 20;
/// Copies standard input to a temporary file, to its end.
pub(super) fn standard_input() -> Result<TempPath> {
    if std::io::stdin().is_terminal() {
        return Err(Error::input(
            STANDARD_INPUT,
            "it is a terminal, no film",
            "lead a film to it: nextframe inspect - < film.mp4",
        ));
    }
    let mut input = StandardInput::open();
    copy(&mut || input.piece())
}

/// Copies pieces to a temporary file, up to an empty one.
fn copy(next: &mut dyn FnMut() -> Result<Vec<u8>>) -> Result<TempPath> {
    let full = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::StorageFull => Error::input(
            STANDARD_INPUT,
            format!(
                "there is no room for a copy in {}",
                std::env::temp_dir().display()
            ),
            "make room, or set TMPDIR to another folder",
        ),
        _ => Error::io(STANDARD_INPUT, error),
    };
    let mut spool = tempfile::Builder::new()
        .prefix("nextframe-standard-input-")
        .tempfile()
        .map_err(full)?;
    let mut length = 0;
    loop {
        let piece = next()?;
        if piece.is_empty() {
            return Ok(spool.into_temp_path());
        }
        spool.write_all(&piece).map_err(full)?;
        let before = length;
        length += piece.len();
        if before < CHECKED && length >= CHECKED {
            check(spool.path()).map_err(|error| error.about(spool.path(), STANDARD_INPUT))?;
        }
    }
}

/// Refuses what cannot become a film, whatever follows.
fn check(path: &Path) -> Result<()> {
    let content = content::look(path)?;
    if let Some(refusal) = content.refusal(path) {
        return Err(refusal);
    }
    #[cfg(feature = "ffmpeg")]
    if content == content::Content::Unknown {
        super::container::check(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard_input::PIECE;

    #[test]
    fn what_never_ends_and_is_no_film_is_refused_early() {
        let mut pieces = 0;
        let error = copy(&mut || {
            pieces += 1;
            Ok(vec![0; PIECE])
        });
        let error = error.unwrap_err().to_string();
        assert!(
            error.starts_with("standard input: ") && error.contains("zero bytes"),
            "{error}"
        );
        assert_eq!(pieces, CHECKED / PIECE);
    }
}
