//! The cache: decoded once, found again, never half.

mod common;

use candle_core::Device;
use common::{listing, picture, read};
use nextframe::data::{Footage, Stage, Window, batch, open_cache, prepare};
use nextframe::video::{Channels, ReadSettings};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A folder with pictures 1 to 12, brighter by 20 each.
fn pictures() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for index in 1..=12u8 {
        let name = folder.path().join(format!("picture{index}.png"));
        picture(name, 20, 10, [index * 20, 0, 0]);
    }
    folder
}

fn small() -> ReadSettings {
    ReadSettings {
        width: 8,
        height: 8,
        ..ReadSettings::default()
    }
}

/// Reads `input`, and says whether it was decoded.
fn prepared(input: &Path, settings: &ReadSettings, cache: &Path) -> (Footage, bool) {
    let mut decoded = false;
    let all = prepare(
        &[input.display().to_string()],
        settings,
        Some(cache),
        &mut |progress| decoded |= matches!(progress.stage, Stage::Decoding { .. }),
    )
    .unwrap();
    (all.into_iter().next().unwrap(), decoded)
}

fn cached_file(cache: &Path) -> PathBuf {
    let name = listing(cache)
        .into_iter()
        .find(|name| name.ends_with(".frames"))
        .unwrap();
    cache.join(name)
}

fn frames(footage: &Footage) -> Vec<Vec<u8>> {
    (0..footage.len())
        .map(|index| footage.frame(index).unwrap().into_owned())
        .collect()
}

#[test]
fn backwards_is_the_same_file_from_its_end() {
    let (input, cache) = (pictures(), tempfile::tempdir().unwrap());
    let (film, _) = prepared(input.path(), &small(), cache.path());
    let settings = ReadSettings {
        backwards: true,
        ..small()
    };
    let (back, decoded) = prepared(input.path(), &settings, cache.path());
    assert!(!decoded && back.is_backwards());
    let mut there = frames(&film);
    there.reverse();
    assert_eq!(frames(&back), there);
    // A prepared file too.
    let (back, _) = prepared(&cached_file(cache.path()), &settings, cache.path());
    assert_eq!(frames(&back), there);
}

#[test]
fn a_second_time_is_not_decoded() {
    let (input, cache) = (pictures(), tempfile::tempdir().unwrap());
    let (first, decoded) = prepared(input.path(), &small(), cache.path());
    assert!(decoded);
    let (second, decoded) = prepared(input.path(), &small(), cache.path());
    assert!(!decoded);
    assert_eq!(first.shape(), (3, 8, 8));
    assert_eq!(frames(&first), frames(&second));
    assert_eq!(first.times(), second.times());

    let grey = ReadSettings {
        channels: Channels::Grey,
        ..small()
    };
    let (third, decoded) = prepared(input.path(), &grey, cache.path());
    assert!(decoded, "other settings are other frames");
    assert_eq!(third.shape(), (1, 8, 8));

    picture(input.path().join("picture3.png"), 20, 10, [0, 0, 200]);
    let (changed, decoded) = prepared(input.path(), &small(), cache.path());
    assert!(decoded, "other content is other frames");
    assert_eq!(changed.frame(2).unwrap()[2 * 64], 200);
    assert_eq!(
        first.frame(2).unwrap()[2 * 64],
        0,
        "what is open stays as it was"
    );
}

#[test]
fn the_order_of_pictures_is_natural() {
    let input = pictures();
    let footage = read(&input.path().display().to_string(), &small()).unwrap();
    let reds: Vec<u8> = (0..12)
        .map(|index| footage.frame(index).unwrap()[0])
        .collect();
    let expected: Vec<u8> = (1..=12).map(|index| index * 20).collect();
    assert_eq!(reds, expected);
    assert_eq!(footage.frame_rate(), 25.0);

    let glob = input.path().join("picture1*.png").display().to_string();
    assert_eq!(read(&glob, &small()).unwrap().len(), 4, "1, 10, 11, 12");
}

#[test]
fn a_prepared_file_is_an_input() {
    let (input, cache) = (pictures(), tempfile::tempdir().unwrap());
    let (footage, _) = prepared(input.path(), &small(), cache.path());
    let file = cached_file(cache.path());
    let opened = open_cache(&file).unwrap();
    assert_eq!(frames(&opened), frames(&footage));
    assert_eq!(opened.times(), footage.times());
    assert_eq!(opened.name(), footage.name());
    let file = file.display().to_string();
    assert_eq!(frames(&read(&file, &small()).unwrap()), frames(&footage));
    let error = read(&file, &ReadSettings::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("prepared with"), "{error}");
}

#[test]
fn a_truncated_file_is_refused_and_made_again() {
    let (input, cache) = (pictures(), tempfile::tempdir().unwrap());
    let (footage, _) = prepared(input.path(), &small(), cache.path());
    let whole = frames(&footage);
    drop(footage);
    let file = cached_file(cache.path());
    let bytes = std::fs::read(&file).unwrap();
    for keep in [0, 7, 100, 9000, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..keep]).unwrap();
        let error = open_cache(&file).unwrap_err().to_string();
        assert!(error.contains("cache file"), "{keep}: {error}");
    }
    let (again, decoded) = prepared(input.path(), &small(), cache.path());
    assert!(decoded);
    assert_eq!(frames(&again), whole);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

/// Overwrites a byte in place, and sets back when the file was written to.
fn scratch(file: &Path, at: u64) {
    let open = std::fs::File::options().read(true).write(true).open(file);
    let mut open = open.unwrap();
    let written = open.metadata().unwrap().modified().unwrap();
    open.seek(SeekFrom::Start(at)).unwrap();
    let mut byte = [0];
    open.read_exact(&mut byte).unwrap();
    open.seek(SeekFrom::Start(at)).unwrap();
    open.write_all(&[!byte[0]]).unwrap();
    open.set_modified(written).unwrap();
}

/// Where a cache file's frames start.
const FRAMES: u64 = 8192;

#[test]
fn a_cached_file_that_was_changed_is_made_again() {
    let (input, cache) = (pictures(), tempfile::tempdir().unwrap());
    let (footage, _) = prepared(input.path(), &small(), cache.path());
    let whole = frames(&footage);
    let file = cached_file(cache.path());
    // Long ago, so that it is known from now on.
    let old = std::fs::File::options().write(true).open(&file).unwrap();
    let ago = std::time::SystemTime::now() - std::time::Duration::from_secs(1000);
    old.set_modified(ago).unwrap();
    assert!(!prepared(input.path(), &small(), cache.path()).1);
    scratch(&file, FRAMES + 3 * 192);
    let (again, decoded) = prepared(input.path(), &small(), cache.path());
    assert!(decoded);
    assert_eq!(frames(&again), whole);
}

#[cfg(unix)]
#[test]
fn an_input_whose_time_was_set_back_is_read_again() {
    let (folder, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let input = folder.path().join("a.bmp");
    picture(input.clone(), 8, 8, [10, 20, 30]);
    assert!(prepared(&input, &small(), cache.path()).1);
    // Known in the cache, once its last change is some seconds ago.
    std::thread::sleep(std::time::Duration::from_millis(3100));
    assert!(!prepared(&input, &small(), cache.path()).1);
    scratch(&input, 100);
    let (changed, decoded) = prepared(&input, &small(), cache.path());
    assert!(decoded);
    assert!(
        !frames(&changed)[0]
            .iter()
            .all(|byte| [10, 20, 30].contains(byte))
    );
}

#[test]
fn frames_that_change_in_use_are_an_error_that_names_the_file() {
    let (input, cache) = (pictures(), tempfile::tempdir().unwrap());
    let (footage, _) = prepared(input.path(), &small(), cache.path());
    let file = cached_file(cache.path());
    scratch(&file, FRAMES + 5 * 192 + 7);
    let read = |index| footage.frame(index).map(|frame| frame.len());
    assert_eq!(read(4).unwrap(), 192);
    let said = read(5).unwrap_err().to_string();
    assert!(
        said.contains(&file.display().to_string()) && said.contains("changed while it was in use"),
        "{said}"
    );
    // Cut short: mapped into memory, this would be the end of the process.
    let open = std::fs::File::options().write(true).open(&file).unwrap();
    open.set_len(FRAMES + 100).unwrap();
    let said = read(4).unwrap_err().to_string();
    assert!(said.contains("it ends before byte"), "{said}");
    let error = batch(&[footage], &[Window::new(0, 2)], 4, &Device::Cpu).unwrap_err();
    assert!(error.to_string().contains(".frames"), "{error}");
}

#[test]
fn refusals_leave_no_partial_file() {
    let (input, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(
        input.path().join("picture9.png"),
        b"\x89PNG\r\n\x1a\nbroken",
    )
    .unwrap();
    let input = input.path().display().to_string();
    let refused = |inputs: &[&str], settings: &ReadSettings| {
        let inputs: Vec<String> = inputs.iter().map(|&input| input.to_owned()).collect();
        let error = prepare(&inputs, settings, Some(cache.path()), &mut |_| {}).unwrap_err();
        assert_eq!(listing(cache.path()), ["known"], "{error}");
        error.to_string()
    };
    assert!(refused(&[&input], &small()).contains("picture9.png"));
    assert!(refused(&["no/such.mp4"], &small()).contains("no such file"));
    assert!(refused(&["no/such*.mp4"], &small()).contains("no file matches"));
    assert!(refused(&[], &small()).contains("nothing to read"));
    let late = ReadSettings {
        start: Some(9.0),
        ..small()
    };
    assert!(refused(&[&input], &late).contains("picture9.png"));
    let empty = ReadSettings {
        width: 0,
        ..small()
    };
    assert!(refused(&[&input], &empty).contains("width"));
}

#[test]
fn a_file_that_vanishes_or_changes_is_refused() {
    let (input, cache) = (pictures(), tempfile::tempdir().unwrap());
    let inputs = [input.path().display().to_string()];
    let gone = input.path().join("picture12.png");
    let act = |change: &dyn Fn()| {
        let error = prepare(&inputs, &small(), Some(cache.path()), &mut |progress| {
            if matches!(progress.stage, Stage::Decoding { frames: 0, .. }) {
                change();
            }
        });
        assert_eq!(listing(cache.path()), ["known"]);
        error.unwrap_err().to_string()
    };
    let said = act(&|| picture(gone.clone(), 200, 100, [0, 9, 0]));
    assert!(said.contains("changed while"), "{said}");
    let said = act(&|| std::fs::remove_file(&gone).unwrap());
    assert!(said.contains("picture12.png"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_or_unwritable_disk_is_said() {
    let input = pictures();
    let inputs = [input.path().display().to_string()];
    // A folder that nobody can write to, root included.
    let folder = Path::new("/proc/nextframe");
    let error = prepare(&inputs, &small(), Some(folder), &mut |_| {}).unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("/proc/nextframe") && said.contains("NEXTFRAME_CACHE"),
        "{said}"
    );
}
