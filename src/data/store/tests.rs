use super::*;

/// A film of four frames of 2 × 2 pixels, 0 to 15, and its parts in the file.
fn film() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.frames");
    let frames: Vec<u8> = (0..16).collect();
    keep(&path, &frames, [4, 1, 2, 2], 10.0, &[2]).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    (folder, path, bytes)
}

fn refused(path: &Path, bytes: &[u8]) -> String {
    std::fs::write(path, bytes).unwrap();
    let said = open(path).unwrap_err().to_string();
    assert!(
        said.contains("film.frames") && said.lines().count() == 1,
        "{said}"
    );
    said
}

#[test]
fn a_file_is_open_to_others_and_of_before() {
    let (_folder, path, bytes) = film();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let sums = file.tensor("checksums").unwrap();
    assert_eq!((sums.dtype(), sums.shape()), (Dtype::U32, &[4][..]));
    let sum = u32::from_le_bytes(sums.data()[4..8].try_into().unwrap());
    assert_eq!(sum, crc32c::crc32c(&[4, 5, 6, 7]));
    // As it was written before there were checksums.
    let header = String::from_utf8(bytes[8..8 + ROOM].to_vec()).unwrap();
    let from = header.find(",\"checksums\"").unwrap();
    let mut old = bytes[..8].to_vec();
    old.extend(format!("{:<ROOM$}", format!("{}}}", &header[..from])).bytes());
    old.extend(&bytes[8 + ROOM..bytes.len() - 16]);
    std::fs::write(&path, old).unwrap();
    let (footage, _) = open(&path).unwrap();
    assert_eq!(*footage.frame(1).unwrap(), [4, 5, 6, 7]);
    assert!(!footage.is_whole().unwrap());
}

#[test]
fn headers_that_cannot_be_are_refused_in_one_sentence() {
    let (_folder, path, bytes) = film();
    let header = String::from_utf8(bytes[8..8 + ROOM].to_vec()).unwrap();
    for (from, to, words) in [
        ("[4,1,2,2]", "[4,1,0,2]", "not a whole"),
        ("[4,1,2,2]", "[4,1,4,1]", "frames of shape [4, 1, 4, 1]"),
        ("[4,1,2,2]", "[4,4,1,1]", "frames of shape"),
        ("[4,1,2,2]", "[16]", "frames of shape [16]"),
        ("[4,1,2,2]", "[2,2,2,2]", "frames of shape"),
        ("[4,1,2,2]", "[9223372036854775807,4,2,2]", "not a whole"),
        (
            "\"data_offsets\":[0,16]",
            "\"data_offsets\":[1,17]",
            "not a whole",
        ),
        (
            "\"data_offsets\":[16,48]",
            "\"data_offsets\":[0,32]",
            "not a whole",
        ),
        (
            "\"shape\":[4],\"data_offsets\":[16",
            "\"shape\":[2,2],\"data_offsets\":[16",
            "times of shape",
        ),
        ("\"F64\"", "\"U64\"", "no tensor times of F64"),
        ("\"U32\"", "\"F32\"", "no tensor checksums of U32"),
        ("\"cuts\"", "\"cats\"", "no tensor cuts"),
        (
            "\"frame_rate\":\"10\"",
            "\"frame_rate\":\"0\"",
            "0 frames per second",
        ),
        (
            "\"frame_rate\":\"10\"",
            "\"frame_rate\":\"-1\"",
            "-1 frames per second",
        ),
        (
            "\"frame_rate\":\"10\"",
            "\"frame_rate\":\"NaN\"",
            "frame_rate is no number",
        ),
        (
            "\"frame_rate\":\"10\"",
            "\"frame_rate\":\"1e999\"",
            "frame_rate is no number",
        ),
        (
            "\"frame_rate\":\"10\"",
            "\"frame_rate\":\"1e-320\"",
            "frames per second",
        ),
        (
            "\\\"height\\\":2",
            "\\\"height\\\":0",
            "settings have 1 channels, 2 × 0",
        ),
        (
            "\\\"width\\\":2",
            "\\\"width\\\":3",
            "settings have 1 channels, 3 × 2",
        ),
        ("\\\"width\\\":2", "\\\"width\\\":-2", "settings"),
        (
            "nextframe frames 1",
            "nextframe frames 9",
            "reads 'nextframe frames 1'",
        ),
    ] {
        assert!(header.contains(from), "{from} in {header}");
        let changed = format!("{:<ROOM$}", header.trim_end().replacen(from, to, 1));
        let mut broken = bytes.clone();
        broken[8..8 + ROOM].copy_from_slice(changed.as_bytes());
        let said = refused(&path, &broken);
        assert!(said.contains(words), "{to}: {said}");
    }
}

#[test]
fn times_and_cuts_that_cannot_be_are_refused() {
    let (_folder, path, bytes) = film();
    let times = 8 + ROOM + 16;
    for time in [f64::NAN, f64::INFINITY, -1.0, 1e300] {
        let mut broken = bytes.clone();
        broken[times + 24..times + 32].copy_from_slice(&time.to_le_bytes());
        let said = refused(&path, &broken);
        assert!(said.contains("times that are no numbers"), "{time}: {said}");
    }
    for cut in [0, 4, u64::MAX] {
        let mut broken = bytes.clone();
        broken[times + 32..times + 40].copy_from_slice(&cut.to_le_bytes());
        let said = refused(&path, &broken);
        assert!(said.contains("cuts that are not in order"), "{cut}: {said}");
    }
}
