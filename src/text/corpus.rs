//! Corpora: files, folders, archives and standard input, as documents.

use super::restore::Form;
use crate::error::{Error, Result};
use crate::files;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What stands for words that a corpus has left out.
const UNKNOWN: &str = "[UNK]";

/// Names, without ending, of files that tell of a corpus and are no part of it.
const ABOUT: &[&str] = &[
    "readme", "license", "licence", "copying", "contents", "cats",
];

/// Endings of text in a folder.
const ENDINGS: &[&str] = &["txt", "text", "md", "gz", "zip", ""];

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
/// document), folders (each file a document, by name), `-` for standard input. Files
/// called README and the like are left out of folders and archives.
///
/// # Errors
/// No such file, bytes that are no UTF-8, a broken archive, no letter in all of it.
pub fn read_all(inputs: &[String]) -> Result<Vec<Document>> {
    let mut documents = Vec::new();
    for input in inputs {
        match input.as_str() {
            "-" => {
                let mut bytes = Vec::new();
                let read = std::io::stdin().lock().read_to_end(&mut bytes);
                read.map_err(|error| Error::io("standard input", error))?;
                add("standard input", bytes, &mut documents)?;
            }
            path => read(Path::new(path), &mut documents)?,
        }
    }
    let letters = |document: &Document| document.text.chars().any(char::is_alphabetic);
    if !documents.iter().any(letters) {
        return Err(Error::input(
            inputs.join(", "),
            format!("no letter in {} documents", documents.len()),
            "give text: plain, gzip, zip, a folder of these, or - for standard input",
        ));
    }
    Ok(documents)
}

fn read(path: &Path, documents: &mut Vec<Document>) -> Result<()> {
    if path.is_dir() {
        for entry in files::entries(path)? {
            let ending = entry.extension().unwrap_or_default().to_string_lossy();
            let wanted = ENDINGS.contains(&ending.to_lowercase().as_str());
            let name = entry.file_name().unwrap_or_default().to_string_lossy();
            if entry.is_dir() || (wanted && belongs(&name)) {
                read(&entry, documents)?;
            }
        }
        return Ok(());
    }
    let name = path.display().to_string();
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(|error| Error::io(path, error))?;
    add(&name, bytes, documents)
}

/// Whether a file of a folder or archive is text of the corpus.
fn belongs(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or(name);
    let stem = last.split('.').next().unwrap_or(last).to_lowercase();
    !stem.is_empty() && !ABOUT.contains(&stem.as_str())
}

fn add(name: &str, bytes: Vec<u8>, documents: &mut Vec<Document>) -> Result<()> {
    if bytes.starts_with(b"PK\x03\x04") {
        return add_archive(name, bytes, documents);
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        let mut inner = Vec::new();
        let mut decoder = flate2::read::MultiGzDecoder::new(bytes.as_slice());
        decoder
            .read_to_end(&mut inner)
            .map_err(|error| broken(name, "gzip", &error))?;
        return add(name, inner, documents);
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at]
            .iter()
            .filter(|&&b| b == b'\n')
            .count()
            + 1;
        Error::input(
            name,
            format!("is not UTF-8: byte {at} (line {line}) belongs to no letter"),
            "convert it, for example with iconv -f latin1 -t utf8, or leave it out",
        )
    })?;
    let form = Form::of(&text);
    let text = form.undo(text, UNKNOWN);
    documents.push(Document {
        name: name.to_owned(),
        text,
    });
    Ok(())
}

fn add_archive(name: &str, bytes: Vec<u8>, documents: &mut Vec<Document>) -> Result<()> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes))
        .map_err(|error| broken(name, "zip", &error))?;
    for index in 0..archive.len() {
        let mut file = archive
            .by_index(index)
            .map_err(|error| broken(name, "zip", &error))?;
        let inner_name = file.name().map_err(|error| broken(name, "zip", &error))?;
        let inside = format!("{name}:{inner_name}");
        if file.is_dir() || !belongs(&inner_name) {
            continue;
        }
        let mut inner = Vec::new();
        file.read_to_end(&mut inner)
            .map_err(|error| broken(&inside, "zip", &error))?;
        add(&inside, inner, documents)?;
    }
    Ok(())
}

fn broken(name: &str, kind: &str, problem: &dyn std::fmt::Display) -> Error {
    Error::input(
        name,
        format!("cannot be read as {kind}: {problem}"),
        "fetch it again",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn names(documents: &[Document]) -> Vec<&str> {
        let last = |d: &'_ Document| d.name.rfind(['/', ':']).map_or(0, |at| at + 1);
        documents.iter().map(|d| &d.name[last(d)..]).collect()
    }

    #[test]
    fn folders_gzip_and_zip_hold_documents() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("b.txt"), "Zwei.").unwrap();
        std::fs::write(path("README.txt"), "about").unwrap();
        std::fs::write(path("picture.png"), [0u8, 159]).unwrap();
        let gzip = File::create(path("a.gz")).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(gzip, flate2::Compression::fast());
        gzip.write_all("Eins.".as_bytes()).unwrap();
        gzip.finish().unwrap();
        let mut zip = zip::ZipWriter::new(File::create(path("c.zip")).unwrap());
        for (name, text) in [("d/one", "1 a"), ("d/README", "x"), ("d/two", "2 b")] {
            zip.start_file(name, zip::write::SimpleFileOptions::default())
                .unwrap();
            zip.write_all(text.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        let all = read_all(&[folder.path().display().to_string()]).unwrap();
        assert_eq!(names(&all), ["a.gz", "b.txt", "one", "two"]);
        let texts: Vec<&str> = all.iter().map(|d| d.text.as_str()).collect();
        assert_eq!(texts, ["Eins.", "Zwei.", "1 a", "2 b"]);
    }

    #[test]
    fn bad_input_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        let said = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            read_all(&[path.display().to_string()])
                .unwrap_err()
                .to_string()
        };
        for (bytes, words) in [
            (&b"ab\ncd\xff"[..], "byte 5 (line 2)"),
            (b"12 + 3\n", "no letter in 1 documents"),
            (b"", "no letter"),
            (b"\x1f\x8b\x00", "cannot be read as gzip"),
            (b"PK\x03\x04", "cannot be read as zip"),
        ] {
            let said = said(bytes);
            assert!(said.contains("a.txt") && said.contains(words), "{said}");
        }
        let missing = read_all(&["/no/such".to_owned()]).unwrap_err().to_string();
        assert!(missing.contains("/no/such"), "{missing}");
    }
}
