//! A case: the files that a target reads, and the same as bytes for a pipe.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

/// What stands in a case for the folder that it lies in, whose name differs each time.
const HERE: &str = "@FOLDER@";

/// One file of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseFile {
    /// Its path below the case's folder, with `/` between folders.
    pub name: String,
    pub bytes: Vec<u8>,
}

/// Files that a target reads together, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Case {
    pub files: Vec<CaseFile>,
}

impl CaseFile {
    /// The ending of the name, in lower case.
    pub fn ending(&self) -> String {
        let ending = Path::new(&self.name).extension().unwrap_or_default();
        ending.to_string_lossy().to_lowercase()
    }

    /// Whether it is text in which the folder's name may stand.
    fn names_folder(&self) -> bool {
        ["json", "toml"].contains(&self.ending().as_str())
    }
}

impl Case {
    /// A case of one file.
    pub fn one(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self::default().with(name, bytes)
    }

    /// The same with one more file.
    pub fn with(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push(CaseFile {
            name: name.to_owned(),
            bytes: bytes.into(),
        });
        self
    }

    /// The bytes of all files.
    pub fn size(&self) -> usize {
        self.files.iter().map(|file| file.bytes.len()).sum()
    }

    /// A name of the content.
    pub fn hash(&self) -> String {
        let mut bytes = Vec::new();
        // Writing to memory cannot fail.
        let _ = self.send(&mut bytes);
        blake3::hash(&bytes).to_hex()[..16].to_owned()
    }

    /// The files of a folder, those inside of folders too; what begins with a dot is left out.
    /// A file is a case of its own.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut case = Self::default();
        if path.is_dir() {
            case.collect(path, "", &path.display().to_string())?;
        } else {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            case = Self::one(&name, fs::read(path)?);
        }
        Ok(case)
    }

    fn collect(&mut self, folder: &Path, prefix: &str, root: &str) -> io::Result<()> {
        let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = entry.path();
            if name.starts_with('.') {
                continue;
            }
            let name = format!("{prefix}{name}");
            if path.is_dir() {
                self.collect(&path, &format!("{name}/"), root)?;
                continue;
            }
            let bytes = fs::read(&path)?;
            let mut file = CaseFile { name, bytes };
            if file.names_folder() {
                file.bytes = replaced(&file.bytes, root, HERE);
            }
            self.files.push(file);
        }
        Ok(())
    }

    /// Writes the files into a folder, which must be empty.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        self.lay(folder, &folder.display().to_string())
    }

    /// As [`Self::write`], to be kept: the folder's own name is left open.
    pub fn keep(&self, folder: &Path) -> io::Result<()> {
        self.lay(folder, HERE)
    }

    fn lay(&self, folder: &Path, root: &str) -> io::Result<()> {
        for file in &self.files {
            let path = folder.join(&file.name);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            match file.names_folder() {
                true => fs::write(path, replaced(&file.bytes, HERE, root))?,
                false => fs::write(path, &file.bytes)?,
            }
        }
        Ok(())
    }

    /// Writes it to a pipe.
    pub fn send(&self, to: &mut impl Write) -> io::Result<()> {
        let mut block = |bytes: &[u8]| {
            to.write_all(&(bytes.len() as u64).to_le_bytes())?;
            to.write_all(bytes)
        };
        block(&(self.files.len() as u64).to_le_bytes())?;
        for file in &self.files {
            block(file.name.as_bytes())?;
            block(&file.bytes)?;
        }
        to.flush()
    }

    /// Reads what [`Self::send`] wrote; nothing at the pipe's end.
    pub fn receive(from: &mut impl Read) -> io::Result<Option<Self>> {
        let mut block = || -> io::Result<Vec<u8>> {
            let mut length = [0; 8];
            from.read_exact(&mut length)?;
            let mut bytes = Vec::new();
            let length = u64::from_le_bytes(length);
            from.take(length).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let count = match block() {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            count => count?,
        };
        let count = count.try_into().map(u64::from_le_bytes).unwrap_or(0);
        let mut case = Self::default();
        for _ in 0..count {
            let name = String::from_utf8_lossy(&block()?).into_owned();
            let bytes = block()?;
            case.files.push(CaseFile { name, bytes });
        }
        Ok(Some(case))
    }
}

/// The bytes with `new` wherever `old` stood.
fn replaced(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    let mut result = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        if let Some(after) = rest.strip_prefix(old.as_bytes()) {
            result.extend(new.as_bytes());
            rest = after;
        } else {
            result.push(*first);
            rest = &rest[1..];
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_comes_back_from_a_pipe_and_from_a_folder() {
        let case = Case::one("a.png", [1, 2, 0]).with("run/config.json", "[\"@FOLDER@/a.png\"]");
        let mut pipe = Vec::new();
        case.send(&mut pipe).unwrap();
        let mut from = pipe.as_slice();
        assert_eq!(Case::receive(&mut from).unwrap().as_ref(), Some(&case));
        assert_eq!(Case::receive(&mut from).unwrap(), None);

        let folder = tempfile::tempdir().unwrap();
        case.write(folder.path()).unwrap();
        let text = fs::read_to_string(folder.path().join("run/config.json")).unwrap();
        let inner = folder.path().join("a.png").display().to_string();
        assert_eq!(text, format!("[\"{inner}\"]"));
        assert_eq!(Case::read(folder.path()).unwrap(), case);
    }
}
