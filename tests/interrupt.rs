//! Ctrl-C, sent to a process of its own.
#![cfg(unix)]

use nextframe::interrupt;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const ROLE: &str = "NEXTFRAME_TEST_INTERRUPT";

#[test]
fn the_first_asks_and_the_second_ends() {
    if let Ok(role) = std::env::var(ROLE) {
        play(&role);
    }
    let (mut child, _lines) = start("polite");
    send(&child);
    assert_eq!(wait(&mut child).code(), Some(7));

    let (mut child, mut lines) = start("deaf");
    send(&child);
    // It has seen the first, and goes on.
    assert_eq!(lines.next().as_deref(), Some("asked"));
    send(&child);
    assert_eq!(wait(&mut child).code(), Some(130));
}

/// A process of `nextframe` in `folder`.
fn nextframe(folder: &Path, words: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_nextframe"))
        .args(words.split(' '))
        .current_dir(folder)
        .env("NEXTFRAME_CACHE", folder.join("cache"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Whether `folder` holds something with a hidden name.
fn hides(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.file_name())
        .any(|name| name.to_string_lossy().starts_with('.'))
}

#[test]
fn generate_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for words in [
        "synth galton --frames 140 -o film.gif",
        "synth galton --frames 3000 -o long.gif",
        "train film.gif --steps 1 --out run --set model.backbone.width=8 \
         --set model.backbone.depth=0 --set training.batch=2 --set data.width=16 \
         --set data.height=16 --set evaluation.horizon=4",
    ] {
        assert!(wait(&mut nextframe(folder, words)).success(), "{words}");
    }
    // While futures are written, and while a film is decoded into the cache.
    let films = "generate run film.gif --frames 60 --futures 60 --format gif -o films";
    let long = "generate run long.gif --format gif -o films";
    for (words, place) in [(films, folder.to_owned()), (long, folder.join("cache"))] {
        let mut child = nextframe(folder, words);
        while !hides(&place) {
            let ended = child.try_wait().unwrap();
            assert_eq!(ended, None, "{words}: ended before it was interrupted");
            std::thread::sleep(Duration::from_millis(1));
        }
        send(&child);
        assert_eq!(wait(&mut child).code(), Some(130), "{words}");
        assert!(!hides(&place) && !folder.join("films").exists(), "{words}");
    }
}

fn play(role: &str) -> ! {
    interrupt::install().unwrap();
    interrupt::install().unwrap();
    assert!(interrupt::check().is_ok());
    eprintln!("ready");
    while !interrupt::interrupted() {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(interrupt::check().is_err());
    eprintln!("asked");
    if role == "polite" {
        std::process::exit(7);
    }
    std::thread::sleep(Duration::from_secs(60));
    std::process::exit(1);
}

fn start(role: &str) -> (Child, impl Iterator<Item = String>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "the_first_asks_and_the_second_ends",
            "--nocapture",
        ])
        .env(ROLE, role)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let mut lines = stderr.lines().map_while(Result::ok);
    assert_eq!(lines.next().as_deref(), Some("ready"));
    (child, lines)
}

fn send(child: &Child) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -INT {}", child.id())])
        .status();
    assert!(status.unwrap().success());
}

fn wait(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    panic!("the process did not end");
}
