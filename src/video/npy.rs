//! Arrays of NumPy on disk: `.npy`.

use super::npz;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes of a header; NumPy's own have about a hundred.
const LONGEST_HEADER: usize = 1 << 16;
const HINT: &str =
    "store uint8 (T,H,W), (T,H,W,3) or (N,T,H,W) with numpy.save, or `frames` in a .safetensors";

/// An array of numbers in a file.
#[derive(Debug)]
pub struct Array {
    file: File,
    /// Where the numbers start.
    start: u64,
    /// The length of each axis; the last one's neighbours lie side by side.
    pub shape: Vec<usize>,
    /// What the numbers are.
    pub element: Element,
}

/// A number's type, as NumPy writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    kind: ElementKind,
    size: usize,
    big_endian: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ElementKind {
    Bool,
    Unsigned,
    Signed,
    Float,
}

impl Element {
    /// Reads `<f4` and its kin; None for what is no plain number.
    fn parse(text: &str) -> Option<Self> {
        let big_endian = text.starts_with('>');
        let text = text.trim_start_matches(['<', '>', '|', '=']);
        let (kind, size) = (text.get(..1)?, text.get(1..)?.parse().ok()?);
        let kind = match (kind, size) {
            ("b", 1) => ElementKind::Bool,
            ("u", 1 | 2 | 4 | 8) => ElementKind::Unsigned,
            ("i", 1 | 2 | 4 | 8) => ElementKind::Signed,
            ("f", 4 | 8) => ElementKind::Float,
            _ => return None,
        };
        Some(Self {
            kind,
            size,
            big_endian,
        })
    }

    /// Whether it has a fraction.
    pub fn is_float(self) -> bool {
        self.kind == ElementKind::Float
    }

    /// NumPy's name for it.
    pub fn name(self) -> String {
        let kind = match self.kind {
            ElementKind::Bool => return "bool".to_owned(),
            ElementKind::Unsigned => "uint",
            ElementKind::Signed => "int",
            ElementKind::Float => "float",
        };
        format!("{kind}{}", 8 * self.size)
    }

    /// The numbers that `bytes` hold.
    fn numbers(self, bytes: &[u8]) -> impl Iterator<Item = f64> + '_ {
        bytes.chunks_exact(self.size).map(move |chunk| {
            let mut wide = [0; 8];
            wide[..self.size].copy_from_slice(chunk);
            if self.big_endian {
                wide[..self.size].reverse();
            }
            let bits = u64::from_le_bytes(wide);
            match (self.kind, self.size) {
                (ElementKind::Float, 4) => f32::from_bits(bits as u32).into(),
                (ElementKind::Float, _) => f64::from_bits(bits),
                (ElementKind::Signed, size) => {
                    let unused = 64 - 8 * size as u32;
                    ((bits << unused) as i64 >> unused) as f64
                }
                _ => bits as f64,
            }
        })
    }
}

impl Array {
    /// Opens a `.npy` or `.npz`, whichever the content says it is.
    ///
    /// # Errors
    /// A file that is neither, is cut off, or holds no array of plain numbers.
    pub fn open(path: &Path) -> Result<Self> {
        let refuse = |problem: String| Error::input(path.display().to_string(), problem, HINT);
        let io = |error| Error::io(path, error);
        let mut file = File::open(path).map_err(io)?;
        let mut magic = [0; 2];
        file.read_exact(&mut magic).map_err(io)?;
        file.rewind().map_err(io)?;
        if &magic == b"PK" {
            file = npz::unpack(path, file)?;
        }
        let length = file.metadata().map_err(io)?.len();
        let header = ArrayHeader::read(&mut file).map_err(refuse)?;
        let needed = header.end().ok_or_else(|| {
            refuse(format!(
                "an array of shape {:?}, more than fits",
                header.shape
            ))
        })?;
        if length < needed {
            return Err(refuse(format!(
                "cut off: an array of shape {:?} takes {needed} bytes, the file has {length}",
                header.shape
            )));
        }
        Ok(Self {
            file,
            start: header.start,
            shape: header.shape,
            element: header.element,
        })
    }

    /// How many numbers there are.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Reads `count` numbers from number `first` on.
    ///
    /// # Errors
    /// Where the file cannot be read or has become shorter.
    pub fn read(&mut self, first: usize, count: usize) -> std::io::Result<Vec<f64>> {
        let size = self.element.size;
        let mut bytes = vec![0; count * size];
        let place = self.start + (first * size) as u64;
        self.file.seek(SeekFrom::Start(place))?;
        self.file.read_exact(&mut bytes)?;
        Ok(self.element.numbers(&bytes).collect())
    }
}

/// What a `.npy` says of itself.
#[derive(Debug)]
pub struct ArrayHeader {
    element: Element,
    /// The length of each axis.
    pub shape: Vec<usize>,
    start: u64,
}

impl ArrayHeader {
    /// Reads the header, or says why it is none.
    pub fn read(file: &mut impl Read) -> Result<Self, String> {
        let cut = |_| "cut off in its header".to_owned();
        let mut magic = [0; 8];
        file.read_exact(&mut magic).map_err(cut)?;
        if !magic.starts_with(b"\x93NUMPY") {
            return Err("not an array of NumPy".to_owned());
        }
        let width = if magic[6] == 1 { 2 } else { 4 };
        let mut length = [0; 4];
        file.read_exact(&mut length[..width]).map_err(cut)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST_HEADER {
            return Err(format!("a header of {length} bytes"));
        }
        let mut text = vec![0; length];
        file.read_exact(&mut text).map_err(cut)?;
        let text = String::from_utf8_lossy(&text);
        let value = |key: &str| {
            let rest = text.split_once(&format!("'{key}':"));
            rest.map(|(_, rest)| rest.trim_start())
                .ok_or_else(|| format!("its header does not say {key}"))
        };
        let stated = value("descr")?;
        let name = stated
            .strip_prefix('\'')
            .and_then(|rest| rest.split_once('\''));
        let element = name
            .and_then(|(name, _)| Element::parse(name))
            .ok_or_else(|| {
                let kind: String = stated.chars().take(20).collect();
                match kind.contains("'|O'") {
                    true => "it holds Python objects, no plain numbers".to_owned(),
                    false => format!("it holds {kind}…, no plain numbers that frames have"),
                }
            })?;
        let shape = value("shape")?;
        let shape = shape
            .strip_prefix('(')
            .and_then(|rest| rest.split_once(')'));
        let shape = shape.and_then(|(numbers, _)| {
            let numbers = numbers
                .split(',')
                .map(|number| number.trim().trim_end_matches('L'));
            let numbers = numbers.filter(|number| !number.is_empty());
            numbers.map(|number| number.parse().ok()).collect()
        });
        let shape: Vec<usize> = shape.ok_or("its header gives no shape")?;
        if value("fortran_order")?.starts_with("True") && shape.len() > 1 {
            return Err("it is in Fortran's order; numpy.ascontiguousarray turns it".to_owned());
        }
        Ok(Self {
            element,
            shape,
            start: (8 + width + length) as u64,
        })
    }

    /// Where the numbers end.
    pub fn end(&self) -> Option<u64> {
        let numbers = self
            .shape
            .iter()
            .try_fold(1usize, |all, &axis| all.checked_mul(axis))?;
        let bytes = u64::try_from(numbers.checked_mul(self.element.size)?).ok()?;
        bytes.checked_add(self.start)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A `.npy` as NumPy writes it.
    pub fn npy(kind: &str, fortran: bool, shape: &str, bytes: &[u8]) -> Vec<u8> {
        let fortran = if fortran { "True" } else { "False" };
        let text =
            format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let length = (text.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\0", &length[..], text.as_bytes(), bytes].concat()
    }

    /// The array of a file with that content.
    pub fn open(content: &[u8]) -> Result<Array, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        std::fs::write(&path, content).unwrap();
        Array::open(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_of_every_type_are_read() {
        let big = [0.5f32, -2.0].map(f32::to_be_bytes).concat();
        let table: [(&str, Vec<u8>, [f64; 2]); 5] = [
            ("|u1", vec![0, 255], [0.0, 255.0]),
            ("|b1", vec![0, 1], [0.0, 1.0]),
            (">f4", big, [0.5, -2.0]),
            ("<i2", vec![0xfe, 0xff, 3, 0], [-2.0, 3.0]),
            ("<u2", vec![0xfe, 0xff, 3, 0], [65534.0, 3.0]),
        ];
        for (kind, bytes, expected) in table {
            let mut array = open(&npy(kind, false, "(1, 2L)", &bytes)).unwrap();
            assert_eq!(array.shape, [1, 2]);
            assert_eq!(array.read(0, 2).unwrap(), expected, "{kind}");
            assert_eq!(array.read(1, 1).unwrap(), expected[1..], "{kind}");
        }
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused() {
        let huge = format!("({0}, {0}, {0})", usize::MAX);
        let table = [
            (npy("|O", false, "(2,)", &[0; 16]), "Python objects"),
            (npy("<c8", false, "(2,)", &[0; 16]), "<c8"),
            (npy("|u1", true, "(2, 2)", &[0; 4]), "Fortran"),
            (npy("|u1", false, "(2, 3)", &[0; 5]), "cut off"),
            (npy("|u1", false, &huge, &[0; 5]), "more than fits"),
            (npy("|u1", false, "(2, x)", &[0; 5]), "no shape"),
            (b"\x93NUMPY\x02\0\xff\xff\xff\xff".to_vec(), "header"),
            (b"\x93NUMPY\x01\0".to_vec(), "cut off"),
            (b"PK\x03\x04 and so on".to_vec(), ".npz"),
        ];
        for (content, says) in table {
            let error = open(&content).unwrap_err();
            assert!(error.contains(says), "{error}, not {says}");
        }
    }
}
