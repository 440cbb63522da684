//! Changes to what is packed in gzip and zip files, packed again.

use super::tree::STRINGS;
use super::{bytes, lines};
use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use nextframe::rng::Rng;
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// No more is unpacked.
const MOST: u64 = 1 << 20;

/// Changes what a gzip file holds, or packs it once more.
pub fn change_gzip(file: &mut Vec<u8>, rng: &mut Rng) -> bool {
    let mut inner = Vec::new();
    let mut decoder = GzDecoder::new(file.as_slice()).take(MOST);
    if decoder.read_to_end(&mut inner).is_err() {
        return false;
    }
    match rng.below(8) {
        0 => inner.clone_from(file),
        _ => change_inner(&mut inner, rng),
    }
    match gzipped(&inner) {
        Some(packed) => *file = packed,
        None => return false,
    }
    true
}

/// Changes a file in a zip archive, its name, or which files there are.
pub fn change_zip(file: &mut Vec<u8>, rng: &mut Rng) -> bool {
    let Some(mut members) = members(file) else {
        return false;
    };
    if members.is_empty() {
        return false;
    }
    let at = rng.below(members.len());
    match rng.below(6) {
        0 => drop(members.remove(at)),
        1 => {
            let copies = vec![members[at].clone(); 1 << rng.below(8)];
            let named = copies.into_iter().enumerate();
            members.extend(named.map(|(turn, (name, inner))| (format!("{name}-{turn}"), inner)));
        }
        2 => members[at].0 = STRINGS[rng.below(STRINGS.len())].to_owned(),
        3 => members[at].1.clone_from(file),
        _ => change_inner(&mut members[at].1, rng),
    }
    match zipped(&members) {
        Some(packed) => *file = packed,
        None => return false,
    }
    true
}

fn change_inner(inner: &mut Vec<u8>, rng: &mut Rng) {
    if rng.below(2) == 0 || !lines::change(inner, &[], rng) {
        bytes::change(inner, &[], rng);
    }
}

/// Name and content of each file.
fn members(file: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let mut archive = ZipArchive::new(Cursor::new(file)).ok()?;
    let mut members = Vec::new();
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).ok()?;
        let name = member.name().ok()?.into_owned();
        let mut inner = Vec::new();
        member.by_ref().take(MOST).read_to_end(&mut inner).ok()?;
        members.push((name, inner));
    }
    Some(members)
}

/// A zip archive of these files.
pub fn zipped(members: &[(String, Vec<u8>)]) -> Option<Vec<u8>> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for (turn, (name, inner)) in members.iter().enumerate() {
        let method = match turn % 2 {
            0 => CompressionMethod::Deflated,
            _ => CompressionMethod::Stored,
        };
        let options = SimpleFileOptions::default().compression_method(method);
        archive.start_file(name.as_str(), options).ok()?;
        archive.write_all(inner).ok()?;
    }
    Some(archive.finish().ok()?.into_inner())
}

/// A gzip file of these bytes.
pub fn gzipped(inner: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(inner).ok()?;
    encoder.finish().ok()
}

/// What is packed as in PNG (zlib).
pub fn inflated(packed: &[u8]) -> Option<Vec<u8>> {
    let mut inner = Vec::new();
    let mut decoder = ZlibDecoder::new(packed).take(MOST);
    decoder.read_to_end(&mut inner).ok()?;
    Some(inner)
}

/// Bytes packed as in PNG.
pub fn deflated(inner: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    // Writing to memory cannot fail.
    let _ = encoder.write_all(inner);
    encoder.finish().unwrap_or_default()
}
