//! Standard input and named pipes, read so that Ctrl-C is heard while nothing comes.

use crate::error::{Error, Result};
use crate::interrupt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// What standard input is called in messages.
pub const NAME: &str = "standard input";

/// Bytes read at once.
pub const PIECE: usize = 1 << 20;

/// How often Ctrl-C is asked about while nothing comes.
const PATIENCE: Duration = Duration::from_millis(100);

/// Standard input on a thread of its own: a read that waits does not hear Ctrl-C.
pub struct StandardInput {
    pieces: Receiver<io::Result<Vec<u8>>>,
    /// What is left of the last piece.
    rest: io::Cursor<Vec<u8>>,
}

impl StandardInput {
    /// Begins to read. Nothing else may read standard input from then on.
    pub fn open() -> Self {
        Self::of(|| Ok(io::stdin().lock()))
    }

    /// Begins to read a named pipe, which waits until something writes to it.
    pub fn of_pipe(path: &Path) -> Self {
        let path = path.to_owned();
        Self::of(move || File::open(path))
    }

    fn of<R: Read>(open: impl FnOnce() -> io::Result<R> + Send + 'static) -> Self {
        let (sender, pieces) = sync_channel(2);
        std::thread::spawn(move || {
            let mut input = match open() {
                Ok(input) => input,
                Err(error) => {
                    // Nobody is left to be told where this fails.
                    let _ = sender.send(Err(error));
                    return;
                }
            };
            loop {
                let mut piece = Vec::new();
                let read = input.by_ref().take(PIECE as u64).read_to_end(&mut piece);
                let last = read.is_err() || piece.is_empty();
                if sender.send(read.map(|_| piece)).is_err() || last {
                    return;
                }
            }
        });
        Self {
            pieces,
            rest: io::Cursor::default(),
        }
    }

    /// The next bytes, at most [`PIECE`]; none at the end.
    ///
    /// # Errors
    /// [`Error::Interrupted`], and what the system refuses.
    pub fn piece(&mut self) -> Result<Vec<u8>> {
        loop {
            interrupt::check()?;
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => return piece.map_err(|error| Error::io(NAME, error)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(Vec::new()),
            }
        }
    }
}

impl Read for StandardInput {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        if self.rest.position() as usize == self.rest.get_ref().len() {
            let piece = self.piece().map_err(|error| match error {
                Error::Io { source, .. } => source,
                error => io::Error::other(error),
            })?;
            self.rest = io::Cursor::new(piece);
        }
        self.rest.read(bytes)
    }
}

/// Whether a path is a named pipe, as a shell's `<(…)` is.
pub fn is_pipe(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        std::fs::metadata(path).is_ok_and(|data| data.file_type().is_fifo())
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_named_pipe_is_read_to_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        let made = Command::new("mkfifo").arg(&path).status().unwrap();
        assert!(made.success() && is_pipe(&path));
        let mut pipe = StandardInput::of_pipe(&path);
        std::fs::write(&path, "some words").unwrap();
        let mut text = String::new();
        pipe.read_to_string(&mut text).unwrap();
        assert_eq!(text, "some words");
    }
}
