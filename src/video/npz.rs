//! Archives of arrays, `.npz`: the one array that holds frames.

use super::npy::ArrayHeader;
use crate::error::{Error, Result};
use crate::interrupt;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use zip::ZipArchive;

/// Members of a `.npz` that are looked at.
const MEMBERS: usize = 64;
/// A member may be so many times as long as it is stored, and a bit more.
const RATIO: u64 = 200;
const SLACK: u64 = 64 << 20;

/// The array of a `.npz` that holds frames, copied to a file of its own: it is
/// called `frames`, or is the only one with axes enough.
pub fn unpack(path: &Path, file: File) -> Result<File> {
    let name = path.display().to_string();
    let refuse = |problem: String, hint: &str| Error::input(&name, problem, hint);
    let broken = |error: zip::result::ZipError| {
        refuse(
            format!("not a whole .npz ({error})"),
            "store it again with numpy.savez",
        )
    };
    let mut archive = ZipArchive::new(file).map_err(broken)?;
    let mut found = Vec::new();
    for index in 0..archive.len().min(MEMBERS) {
        let mut member = archive.by_index(index).map_err(broken)?;
        let called = member
            .name()
            .map_err(broken)?
            .trim_end_matches(".npy")
            .to_owned();
        if let Ok(header) = ArrayHeader::read(&mut member) {
            found.push((index, called, header));
        }
    }
    let frames = found.iter().position(|(_, called, _)| called == "frames");
    let fits = |header: &ArrayHeader| (3..=5).contains(&header.shape.len());
    let mut fitting = (found.iter())
        .enumerate()
        .filter(|(_, (.., header))| fits(header));
    let chosen = frames.or(match (fitting.next(), fitting.next()) {
        (Some((only, _)), None) => Some(only),
        _ => None,
    });
    let Some((index, called, header)) = chosen.map(|chosen| found.swap_remove(chosen)) else {
        let names: Vec<_> = found.iter().map(|(_, name, _)| name.as_str()).collect();
        let problem = format!("which of its arrays holds frames is not clear: {names:?}");
        return Err(refuse(
            problem,
            "call it `frames`, or store it alone with numpy.save",
        ));
    };
    let mut member = archive.by_index(index).map_err(broken)?;
    let (long, short) = (member.size(), member.compressed_size());
    let needed = header.end().unwrap_or(u64::MAX);
    if needed > long {
        let problem = format!(
            "cut off: `{called}` of shape {:?} takes {needed} bytes, it has {long}",
            header.shape
        );
        return Err(refuse(problem, "store it again with numpy.savez"));
    }
    if long > short.saturating_mul(RATIO).saturating_add(SLACK) {
        let problem = format!("`{called}` has {long} bytes, from {short} in the file");
        return Err(refuse(problem, "unpack it with unzip, and give the .npy"));
    }
    let full = |error: std::io::Error| {
        refuse(
            format!(
                "no room for a copy in {} ({error})",
                std::env::temp_dir().display()
            ),
            "make room, or set TMPDIR to another folder",
        )
    };
    let mut copy = tempfile::tempfile().map_err(full)?;
    let mut left = needed;
    let mut piece = vec![0; 1 << 20];
    while left > 0 {
        interrupt::check()?;
        let size = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        (member.read_exact(&mut piece[..size])).map_err(|error| broken(error.into()))?;
        copy.write_all(&piece[..size]).map_err(full)?;
        left -= size as u64;
    }
    copy.rewind().map_err(full)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::super::npy::tests::{npy, open};
    use super::*;

    fn npz(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in members {
            let options = zip::write::SimpleFileOptions::default();
            archive.start_file(format!("{name}.npy"), options).unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    #[test]
    fn the_array_of_frames_is_found_in_an_archive() {
        let frames = npy("|u1", false, "(2, 1, 2)", &[1, 2, 3, 4]);
        let other = npy("|u1", false, "(1, 1, 2)", &[9, 9]);
        let labels = npy("|u1", false, "(2,)", &[7, 8]);
        for members in [
            vec![("labels", &labels[..]), ("video", &frames)],
            vec![("other", &other[..]), ("frames", &frames)],
        ] {
            let mut array = open(&npz(&members)).unwrap();
            assert_eq!(array.read(0, 4).unwrap(), [1.0, 2.0, 3.0, 4.0]);
        }
        let error = open(&npz(&[("a", &other), ("b", &frames)])).unwrap_err();
        assert!(error.contains("[\"a\", \"b\"]"), "{error}");
        // 300 MB of zeros from 300 KB.
        let many = npy("|u1", false, "(300, 1000, 1000)", &vec![0; 300_000_000]);
        let error = open(&npz(&[("frames", &many)])).unwrap_err();
        assert!(error.contains("unzip"), "{error}");
    }
}
