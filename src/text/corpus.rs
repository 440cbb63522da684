//! Corpora: files, folders, archives and standard input, as documents.

mod letters;
mod unpack;

use super::restore::Form;
use crate::error::{Error, Result};
use crate::standard_input::{self, StandardInput};
use crate::{files, interrupt};
use std::collections::HashSet;
use std::fs::{self, File, FileType};
use std::path::{Path, PathBuf};
use unpack::Allowance;

/// What stands for words that a corpus has left out.
const UNKNOWN: &str = "[UNK]";

/// Names, without ending, of files that tell of a corpus and are no part of it.
const ABOUT: &[&str] = &[
    "readme", "license", "licence", "copying", "contents", "cats",
];

/// Endings of text in a folder.
const ENDINGS: &[&str] = &["txt", "text", "md", "gz", "zip", ""];

/// Files that a warning names.
const NAMED: usize = 3;

/// A text and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// A path, in an archive the archive's path and the name in it.
    pub name: String,
    /// The text as it was written: tags of the Brown corpus and marks of WikiText are
    /// undone.
    pub text: String,
}

/// Reads all documents of `inputs`, in their order: plain text, gzip, zip (each file a
/// document), folders (each file a document, by name), `-` for standard input. Text is
/// UTF-8, or UTF-16 with its byte-order mark. Files called README and the like are left out
/// of folders and archives. What cannot be read in a folder is left out with a warning.
///
/// # Errors
/// No such file, bytes that are no text, a broken archive, no letter in all of it.
pub fn read_all(inputs: &[impl AsRef<Path>]) -> Result<Vec<Document>> {
    read_within(inputs, u64::MAX)
}

/// [`read_all`], of at most `most` bytes of text: what the machine has room for.
///
/// # Errors
/// As [`read_all`], and more text than that.
pub fn read_within(inputs: &[impl AsRef<Path>], most: u64) -> Result<Vec<Document>> {
    let mut corpus = Corpus {
        documents: Vec::new(),
        allowance: Allowance::of(most),
        folders: HashSet::new(),
        left_out: Vec::new(),
    };
    for input in inputs.iter().map(AsRef::as_ref) {
        match input.to_str() {
            Some("-") => {
                let name = standard_input::NAME;
                let bytes = corpus.allowance.stream(StandardInput::open(), name);
                interrupt::check()?;
                corpus.add(name, bytes?, 0)?;
            }
            _ if input.is_dir() => corpus.folder(input)?,
            _ => corpus.file(input)?,
        }
    }
    corpus.warn();
    let documents = corpus.documents;
    let letters = |document: &Document| document.text.chars().any(char::is_alphabetic);
    if !documents.iter().any(letters) {
        let names: Vec<_> = (inputs.iter())
            .map(|input| input.as_ref().display().to_string())
            .collect();
        return Err(Error::input(
            names.join(", "),
            format!("no letter in {} documents", documents.len()),
            "give text: plain, gzip, zip, a folder of these, or - for standard input",
        ));
    }
    Ok(documents)
}

/// What was read so far.
struct Corpus {
    documents: Vec<Document>,
    allowance: Allowance,
    /// Folders that were entered: a link may lead back to one.
    folders: HashSet<PathBuf>,
    /// Files of folders that cannot be read, and why.
    left_out: Vec<String>,
}

impl Corpus {
    fn folder(&mut self, path: &Path) -> Result<()> {
        interrupt::check()?;
        let fail = |error| Error::io(path, error);
        if !self.folders.insert(path.canonicalize().map_err(fail)?) {
            self.left_out
                .push(format!("{} (a folder that was read)", path.display()));
            return Ok(());
        }
        for entry in files::entries(path)? {
            if entry.is_dir() {
                match self.folder(&entry) {
                    Err(Error::Interrupted) => return Err(Error::Interrupted),
                    Err(error) => self.left_out.push(without_hint(error)),
                    Ok(()) => {}
                }
                continue;
            }
            let ending = entry.extension().unwrap_or_default().to_string_lossy();
            let wanted = ENDINGS.contains(&ending.to_lowercase().as_str());
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            if !(wanted && belongs(&name)) {
                continue;
            }
            let before = self.documents.len();
            match self.entry(&entry) {
                Ok(()) => {}
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => {
                    self.documents.truncate(before);
                    self.left_out.push(without_hint(error));
                }
            }
        }
        Ok(())
    }

    /// A file of a folder.
    fn entry(&mut self, path: &Path) -> Result<()> {
        let data = fs::metadata(path).map_err(|error| Error::io(path, error))?;
        let refuse = |problem| {
            Err(Error::input(
                path.display().to_string(),
                problem,
                "remove it",
            ))
        };
        match kind(data.file_type()) {
            Some(kind) => refuse(format!("is {kind}")),
            None if data.len() == 0 => refuse("is empty".to_owned()),
            None => self.file(path),
        }
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        let name = path.display().to_string();
        if standard_input::is_pipe(path) {
            let pipe = StandardInput::of_pipe(path);
            let bytes = self.allowance.stream(pipe, &name)?;
            return self.add(&name, bytes, 0);
        }
        let file = File::open(path).map_err(|error| unopened(path, error))?;
        let data = file.metadata().map_err(|error| Error::io(path, error))?;
        let bytes = match kind(data.file_type()) {
            None => self.allowance.file(file, data.len(), &name)?,
            Some(kind) => {
                return Err(Error::input(
                    name,
                    format!("is {kind}, and no text"),
                    "give a file, a folder, or - for standard input",
                ));
            }
        };
        self.add(&name, bytes, 0)
    }

    /// A document or an archive, `depth` archives deep.
    fn add(&mut self, name: &str, bytes: Vec<u8>, depth: usize) -> Result<()> {
        if bytes.starts_with(letters::ZIP) {
            let inner = |inside: &str| belongs(inside);
            for (inside, bytes) in self.allowance.zip(&bytes, name, depth, inner)? {
                self.add(&format!("{name}:{inside}"), bytes, depth + 1)?;
            }
            return Ok(());
        }
        if bytes.starts_with(letters::GZIP) {
            let inner = self.allowance.gzip(&bytes, name, depth)?;
            drop(bytes);
            return self.add(name, inner, depth + 1);
        }
        let text = letters::read(name, bytes)?;
        let text = Form::of(&text).undo(text, UNKNOWN);
        let name = name.to_owned();
        self.documents.push(Document { name, text });
        Ok(())
    }

    /// Says what was left out.
    fn warn(&self) {
        if self.left_out.is_empty() {
            return;
        }
        let more = match self.left_out.len() > NAMED {
            true => ", …",
            false => "",
        };
        tracing::warn!(
            "{} left out, which cannot be read as text: {}{more}",
            match self.left_out.len() {
                1 => "1 file is".to_owned(),
                count => format!("{count} files are"),
            },
            self.left_out[..self.left_out.len().min(NAMED)].join(", ")
        );
    }
}

const PIPE: &str = "a named pipe";

/// What a thing is that is no file, in words.
fn kind(kind: FileType) -> Option<&'static str> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if kind.is_fifo() {
            return Some(PIPE);
        }
        if kind.is_socket() {
            return Some("a socket");
        }
        if kind.is_char_device() || kind.is_block_device() {
            return Some("a device");
        }
    }
    kind.is_dir().then_some("a folder")
}

/// The error of a path that cannot be opened; an address on the web is no path.
fn unopened(path: &Path, error: std::io::Error) -> Error {
    let is_address = |text: &str| text.starts_with("http://") || text.starts_with("https://");
    match path.to_str().filter(|text| is_address(text)) {
        Some(address) => Error::input(
            address,
            "is an address on the web, and no file",
            "fetch it, for example with curl -LO, and name the file",
        ),
        None => Error::io(path, error),
    }
}

/// An error as a part of a list.
fn without_hint(error: Error) -> String {
    match error {
        Error::Input {
            subject, problem, ..
        } => format!("{subject} ({problem})"),
        Error::Io { path, source } => format!("{} ({source})", path.display()),
        error => error.to_string(),
    }
}

/// Whether a file of a folder or archive is text of the corpus.
fn belongs(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let stem = last.split('.').next().unwrap_or(last).to_lowercase();
    !stem.is_empty() && !ABOUT.contains(&stem.as_str())
}

#[cfg(test)]
mod tests;
