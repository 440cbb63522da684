//! Awkward times: pauses, time lapses, fast cameras, missing frames, broken clocks.
#![cfg(feature = "ffmpeg")]

mod common;

use common::read;
use nextframe::data::{Inspection, inspect};
use nextframe::video::{ReadSettings, Source};
use std::path::Path;
use std::process::Command;

fn ffmpeg(words: &[&str]) {
    let made = Command::new("ffmpeg")
        .args(["-y", "-v", "error"])
        .args(words)
        .status();
    assert!(made.unwrap().success(), "{words:?}");
}

/// A film of moving shapes whose frames go through `filter`.
fn film(path: &Path, rate: &str, frames: usize, filter: &str) {
    let input = format!("testsrc2=s=64x64:r={rate}");
    let (frames, path) = (frames.to_string(), path.display().to_string());
    let words = [
        "-f",
        "lavfi",
        "-i",
        &input,
        "-frames:v",
        &frames,
        "-vf",
        filter,
        "-fps_mode",
        "passthrough",
        "-c:v",
        "ffv1",
        &path,
    ];
    ffmpeg(&words);
}

fn look(path: &Path) -> Inspection {
    inspect(&Source::file(path).unwrap()).unwrap()
}

fn at(rate: Option<f64>) -> ReadSettings {
    ReadSettings {
        width: 16,
        height: 16,
        frame_rate: rate,
        ..ReadSettings::default()
    }
}

#[test]
fn the_rate_is_the_usual_intervals() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mkv");
    let late = |frames: u32| format!("setpts='round((N+if(gte(N,20),{frames},0))/FRAME_RATE/TB)'");
    for (rate, filter, right, cuts) in [
        ("10", late(72_000), 10.0, 1),
        ("30", late(150), 30.0, 0),
        ("10", "setpts='N*300/TB'".to_owned(), 1.0 / 300.0, 0),
        (
            "10",
            "setpts='round((1600000000+N/10)/TB)'".to_owned(),
            10.0,
            0,
        ),
        ("1000", "null".to_owned(), 1000.0, 0),
        ("10", "select='not(eq(n,20))'".to_owned(), 10.0, 0),
        ("24", "select='not(eq(n,20))'".to_owned(), 24.0, 0),
        ("30", "select='not(eq(n,7))'".to_owned(), 30.0, 0),
        ("30000/1001", "select='not(eq(n,7))'".to_owned(), 29.97, 0),
        ("24000/1001", "select='not(eq(n,7))'".to_owned(), 23.976, 0),
    ] {
        film(&path, rate, 40, &filter);
        let found = look(&path);
        let said = found.frame_rate.unwrap();
        assert!((said / right).ln().abs() < 2e-4, "{rate} {filter}: {said}");
        assert_eq!(found.scene_cuts.len(), cuts, "{rate} {filter}");
        let input = path.display().to_string();
        let footage = read(&input, &at(None)).unwrap();
        assert!((footage.frame_rate() / right).ln().abs() < 2e-4);
        assert_eq!(footage.scenes().len(), cuts + 1, "{rate} {filter}");
        // Asked for its own rate, no frame is lost, and what is missing is repeated.
        let even = read(&input, &at(Some(said))).unwrap();
        let repeated = if filter.contains("select") { 1 } else { 0 };
        let still = if filter.contains("150") { 150 } else { 0 };
        assert_eq!(
            even.len(),
            footage.len() + repeated + still,
            "{rate} {filter}"
        );
        assert!(!even.uneven());
    }
}

#[test]
fn clocks_that_stand_still_or_run_backwards_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let [plain, broken] = ["a.mkv", "b.mkv"].map(|name| folder.path().join(name));
    film(&plain, "10", 40, "null");
    let input = plain.display().to_string();
    let output = broken.display().to_string();
    for times in [
        "0",
        "16000",
        "-100*N",
        "floor(N/2)*200",
        "if(eq(N,20),1e15,100*N)",
    ] {
        // NUT and Matroska let times stand still.
        let clock = format!("setts=ts='{times}'");
        ffmpeg(&["-i", &input, "-c", "copy", "-bsf:v", &clock, &output]);
        for rate in [None, Some(10.0)] {
            let footage = read(&output, &at(rate)).unwrap();
            assert!(footage.len() >= 38, "{times} {rate:?}: {}", footage.len());
            assert!(
                (footage.frame_rate() - 10.0).abs() < 0.01,
                "{times}: {}",
                footage.frame_rate()
            );
            assert!(footage.times().windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}

#[test]
fn a_range_of_a_time_lapse_starts_with_the_frame_on_show() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mkv");
    film(&path, "10", 40, "setpts='N*300/TB'");
    let settings = ReadSettings {
        start: Some(3100.0),
        end: Some(4300.0),
        ..at(Some(0.01))
    };
    let input = path.display().to_string();
    let some = read(&input, &settings).unwrap();
    let every = read(&input, &at(None)).unwrap();
    assert_eq!(some.len(), 12);
    assert_eq!(some.frame(0).unwrap(), every.frame(10).unwrap());
    assert_eq!(some.frame(2).unwrap(), every.frame(11).unwrap());
}
