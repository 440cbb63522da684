//! Targets: what reads files that strangers may have made.

use crate::case::Case;
use clap::Parser;
use nextframe::cli::{compare, generate, inspect, synth, text, train};
use nextframe::{Error, Result};
use std::path::Path;

/// A reader of files, and files that it reads.
pub struct FuzzTarget {
    /// One word.
    pub name: &'static str,
    /// What it reads.
    pub about: &'static str,
    /// Files that are never changed, folders with `/` at their end.
    pub kept: &'static [&'static str],
    /// Whole files, each of which [`Self::read`] must read.
    pub seeds: fn() -> Result<Vec<Case>>,
    /// Reads a case that lies in a folder, where it may also write, and says what it holds.
    pub read: fn(&Path) -> Result<String>,
}

/// The `nextframe` program's command line, as far as targets need it.
#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
enum Words {
    Train(train::TrainArgs),
    Generate(generate::GenerateArgs),
    Compare(compare::CompareArgs),
    Inspect(inspect::InspectArgs),
    Synth(synth::SynthArgs),
    Text(text::TextArgs),
}

/// Does what the program would do with these words.
pub fn program<W: AsRef<str>>(words: &[W]) -> Result<()> {
    let parsed = Words::try_parse_from(words.iter().map(AsRef::as_ref));
    match parsed.map_err(|error| misspelt(&error))? {
        Words::Train(args) => train::run(&args),
        Words::Generate(args) => generate::run(&args),
        Words::Compare(args) => compare::run(&args),
        Words::Inspect(args) => inspect::run(&args),
        Words::Synth(args) => synth::run(&args),
        Words::Text(args) => text::run(&args),
    }
}

fn misspelt(error: &clap::Error) -> Error {
    let says = error.to_string();
    let first = says.lines().next().unwrap_or_default();
    Error::input("the command line", first, "see its --help")
}

/// The path of a file in a case's folder, as a word.
pub fn word(folder: &Path, name: &str) -> String {
    folder.join(name).display().to_string()
}

/// A case made by filling a folder. Times that a clock gave are put to one value, so that the
/// same seeds come out each time.
pub fn made(fill: impl FnOnce(&Path) -> Result<()>) -> Result<Case> {
    let failed = |error| Error::io("a folder for seeds", error);
    let folder = tempfile::tempdir().map_err(failed)?;
    fill(folder.path())?;
    let mut case = Case::read(folder.path()).map_err(failed)?;
    for file in &mut case.files {
        if ["json", "jsonl"].contains(&file.ending().as_str()) {
            let text = String::from_utf8_lossy(&file.bytes).into_owned();
            let text = ["\"seconds\":", "\"elapsed\":"]
                .iter()
                .fold(text, |text, key| steady(&text, key));
            file.bytes = text.into_bytes();
        }
    }
    Ok(case)
}

/// The text with 1.5 for the number after each `key`.
fn steady(text: &str, key: &str) -> String {
    let mut parts = text.split(key);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find([',', '\n', '}']).unwrap_or(part.len());
        result.extend([key, " 1.5", &part[end..]]);
    }
    result
}
