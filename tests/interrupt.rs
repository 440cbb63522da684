//! Ctrl-C, sent to a process of its own.
#![cfg(unix)]

use nextframe::interrupt;
use std::io::{BufRead as _, BufReader};
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
