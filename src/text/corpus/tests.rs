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

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[cfg(unix)]
#[test]
fn what_cannot_be_read_in_a_folder_is_left_out_and_counted() {
    use std::os::unix::ffi::OsStringExt as _;
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("a.txt"), "Eins.").unwrap();
    let latin = std::ffi::OsString::from_vec(b"caf\xe9.txt".to_vec());
    fs::write(folder.path().join(latin), "Zwei.").unwrap();
    fs::create_dir(path("inner")).unwrap();
    fs::write(path("inner/c.txt"), "Drei.").unwrap();
    // None of these is text.
    fs::write(path("empty.txt"), "").unwrap();
    fs::write(path("latin.txt"), b"caf\xe9").unwrap();
    fs::write(path("cut.gz"), &gzipped(b"Vier.")[..20]).unwrap();
    fs::write(path("cut.zip"), b"PK\x03\x04").unwrap();
    symlink("nowhere", path("dead.txt")).unwrap();
    symlink("self", path("self")).unwrap();
    symlink("/dev/zero", path("zero")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(path("pipe"))
        .status();
    assert!(made.unwrap().success());
    for link in ["one", "two"] {
        symlink(folder.path(), path("inner").join(link)).unwrap();
    }
    let mut corpus = Corpus {
        documents: Vec::new(),
        allowance: Allowance::of(u64::MAX),
        folders: HashSet::new(),
        left_out: Vec::new(),
    };
    corpus.folder(folder.path()).unwrap();
    let mut texts: Vec<&str> = corpus.documents.iter().map(|d| d.text.as_str()).collect();
    texts.sort_unstable();
    assert_eq!(texts, ["Drei.", "Eins.", "Zwei."]);
    let left: Vec<&str> = corpus.left_out.iter().map(String::as_str).collect();
    assert_eq!(left.len(), 10, "{left:#?}");
    for part in [
        "empty.txt (is empty)",
        "latin.txt (is not UTF-8",
        "cut.gz (cannot be read as gzip",
        "cut.zip (cannot be read as zip",
        "dead.txt (No such file",
        "self (",
        "zero (is a device)",
        "pipe (is a named pipe)",
        "two (a folder that was read)",
    ] {
        assert!(
            left.iter().any(|said| said.contains(part)),
            "{part}: {left:#?}"
        );
    }
}

#[test]
fn archives_are_unpacked_within_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.gz");
    let said = |bytes: &[u8], most: u64| {
        fs::write(&path, bytes).unwrap();
        read_within(&[&path], most).unwrap_err().to_string()
    };
    let blanks = vec![b' '; 80 << 20];
    let said_of_blanks = said(&gzipped(&blanks), u64::MAX);
    assert!(
        said_of_blanks.contains("packed more than 300 times"),
        "{said_of_blanks}"
    );
    // A nest of archives: one around another.
    let mut nest = b"Eins.".to_vec();
    for _ in 0..4 {
        nest = gzipped(&nest);
    }
    fs::write(&path, &nest).unwrap();
    assert_eq!(read_all(&[&path]).unwrap()[0].text, "Eins.");
    let deep = said(&gzipped(&nest), u64::MAX);
    assert!(deep.contains("more than 4 deep"), "{deep}");
    // More than there is room for, in one file and over all.
    let much = said(b"one two three", 12);
    assert!(much.contains("a.gz: with it the text is longer"), "{much}");
    fs::write(&path, b"one two").unwrap();
    assert!(read_within(&[&path, &path], 13).is_err());
    assert!(read_within(&[&path, &path], 14).is_ok());
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_named() {
    let said = |name: &str| read_all(&[name]).unwrap_err().to_string();
    assert!(said("/dev/zero").contains("/dev/zero: is a device"));
    assert!(said("https://example.org/a.txt").contains("curl -LO"));
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
