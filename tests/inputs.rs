//! Folders, patterns and names as people have them.

mod common;

use assert_cmd::Command;
use common::picture;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A film of `frames` frames.
    fn film(&self, name: &str, frames: &str) {
        let words = ["synth", "galton", "--frames", frames, "-o", "made.gif"];
        assert!(self.run(&words).status.success());
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::rename(self.path("made.gif"), path).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nextframe"));
        command
            .arg("-q")
            .args(words)
            .current_dir(self.0.path())
            .env("NEXTFRAME_CACHE", self.path("cache"))
            .env_remove("RUST_LOG")
            .timeout(Duration::from_secs(60))
            .output()
            .unwrap()
    }

    /// Frames of each film that `inspect` finds, and what it says.
    fn inspect(&self, words: &[&str]) -> (Vec<u64>, String) {
        let output = self.run(&[&["inspect", "--json"], words].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{words:?}: {said}");
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let frames = |film: &serde_json::Value| film["frames"].as_u64().unwrap();
        let films = match &found {
            serde_json::Value::Array(films) => films.iter().map(frames).collect(),
            film => vec![frames(film)],
        };
        (films, said)
    }

    /// The one sentence of a refusal.
    fn refusal(&self, words: &[&str]) -> String {
        let output = self.run(words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("error: ") && last.contains("; "), "{said}");
        last.to_owned()
    }
}

const TRAIN: [&str; 14] = [
    "--steps",
    "1",
    "--only",
    "mse",
    "--set",
    "model.backbone.width=8",
    "--set",
    "model.backbone.depth=0",
    "--set",
    "training.batch=2",
    "--set",
    "data.width=16",
    "--set",
    "data.height=16",
];

#[test]
fn what_cannot_be_used_in_a_folder_is_left_out() {
    let folder = Folder::new();
    folder.film("films/a.gif", "140");
    folder.film("films/inner/b.gif", "150");
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path(name), bytes).unwrap();
    write("films/empty.mp4", b"");
    write("films/text.mp4", b"Dear diary");
    write("films/cut.gif", b"GIF89a\x08\0\x08\0\0\0\0,");
    write("films/list.txt", b"a.gif 1\n");
    write("films/.hidden.gif", b"GIF89a");
    write("films/picture.png", b"\x89PNG\r\n\x1a\n");
    write("films/broken.safetensors", b"\x40\0\0\0\0\0\0\0{\"frames");
    // The two pictures are told of together.
    let mut bad = 4;
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        for link in ["current", "latest"] {
            symlink(".", folder.path("films").join(link)).unwrap();
        }
        symlink("/no/such.mp4", folder.path("films/dead.mp4")).unwrap();
        Command::new("mkfifo")
            .arg(folder.path("films/pipe.png"))
            .assert()
            .success();
        bad += 2;
    }
    let (films, said) = folder.inspect(&["films"]);
    assert_eq!(films, [140, 150]);
    assert_eq!(said.matches("left out: ").count(), bad, "{said}");
    assert!(
        said.contains("1 other file left out") && said.contains("list.txt"),
        "{said}"
    );
    // A pattern counts like a folder.
    let (films, _) = folder.inspect(&["films/*.gif"]);
    assert_eq!(films, [140]);
    let refusal = folder.refusal(&["inspect", "--strict", "films"]);
    assert!(refusal.contains("--strict"), "{refusal}");

    let horizon = ["--set", "evaluation.horizon=4", "--out", "run"];
    let words = [&["train", "films"], &TRAIN[..], &horizon].concat();
    let output = folder.run(&words);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("left out: "),
        "{said}"
    );
    let refusal = folder.refusal(&[&words[..], &["--strict", "--overwrite"]].concat());
    assert!(refusal.contains("--strict"), "{refusal}");
    // A file that is named must be good.
    for name in ["films/text.mp4", "films/cut.gif"] {
        assert!(
            folder
                .refusal(&["inspect", "films/a.gif", name])
                .contains(name)
        );
    }
}

#[test]
fn a_picture_that_breaks_off_is_left_out_unless_reading_is_strict() {
    let folder = Folder::new();
    fs::create_dir(folder.path("film")).unwrap();
    for name in ["0.png", "1.png", "2.png"] {
        picture(folder.path("film").join(name), 8, 6, [9, 99, 200]);
    }
    let whole = fs::read(folder.path("film/1.png")).unwrap();
    fs::write(folder.path("film/1.png"), &whole[..whole.len() / 2]).unwrap();
    let (films, said) = folder.inspect(&["film"]);
    assert!(films == [2] && said.contains("1.png"), "{films:?} {said}");
    let refusal = folder.refusal(&["inspect", "--strict", "film"]);
    assert!(refusal.contains("1.png"), "{refusal}");
}

#[test]
fn a_folder_in_which_all_is_bad_is_refused() {
    let folder = Folder::new();
    fs::create_dir(folder.path("films")).unwrap();
    fs::write(folder.path("films/a.gif"), b"GIF89a").unwrap();
    let refusal = folder.refusal(&["inspect", "films"]);
    assert!(refusal.contains("a.gif"), "{refusal}");
    let words = [&["train", "films", "--out", "run"], &TRAIN[..]].concat();
    assert!(folder.refusal(&words).contains("a.gif"));
    fs::write(folder.path("films/a.gif"), b"").unwrap();
    let refusal = folder.refusal(&["inspect", "films"]);
    assert!(
        refusal.contains("no videos or pictures in this folder (1 left out)"),
        "{refusal}"
    );
}

#[test]
fn names_are_only_names() {
    let folder = Folder::new();
    for name in [
        "12:30:15.gif",
        "f%d.gif",
        "http:/x.gif",
        "[1]/a.gif",
        "ü ö.gif",
    ] {
        folder.film(name, "6");
        assert_eq!(folder.inspect(&[name]).0, [6], "{name}");
    }
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let odd = std::ffi::OsStr::from_bytes(b"caf\xe9.gif");
        fs::create_dir(folder.path("old")).unwrap();
        fs::rename(folder.path("ü ö.gif"), folder.path("old").join(odd)).unwrap();
        assert_eq!(folder.inspect(&["old"]).0, [6]);
        assert_eq!(folder.inspect(&["old/*.gif"]).0, [6]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_nextframe"));
        let output = command.arg("inspect").arg(odd).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(
            said.starts_with("error: caf") && said.contains("rename it"),
            "{said}"
        );
    }
}

/// A film as FFmpeg makes it, or None (said) where the program is absent.
#[cfg(feature = "ffmpeg")]
fn made(folder: &Folder, words: &[&str], name: &str) -> Option<Vec<u8>> {
    let source = "testsrc=d=1:r=10:s=64x48";
    let before = ["-v", "error", "-y", "-f", "lavfi", "-i", source];
    let path = folder.path(name);
    let made = std::process::Command::new("ffmpeg")
        .args(before)
        .args(words)
        .arg(&path)
        .status();
    match made {
        Ok(status) if status.success() => Some(fs::read(path).unwrap()),
        _ => {
            eprintln!("skipped: ffmpeg cannot make {name}");
            None
        }
    }
}

#[cfg(feature = "ffmpeg")]
#[test]
fn films_are_opened_by_their_content_whatever_their_name() {
    let folder = Folder::new();
    let Some(film) = made(&folder, &["-c:v", "mpeg4"], "film.mp4") else {
        return;
    };
    for name in [
        "2024-08-20T13:28:35Z.mp4",
        "concat:a|b",
        "f%03d.mp4",
        "film",
        "film.txt",
        "a.png",
    ] {
        fs::write(folder.path(name), &film).unwrap();
        assert_eq!(folder.inspect(&[name]).0, [10], "{name}");
    }
    // Ours to name, and found without an ending.
    fs::create_dir(folder.path("films")).unwrap();
    fs::write(folder.path("films/clip"), &film).unwrap();
    assert_eq!(folder.inspect(&["films"]).0, [10]);
    // A list that leads to the film is no film, whatever it is called.
    let list = format!(
        "ffconcat version 1.0\nfile '{}'\n",
        folder.path("film.mp4").display()
    );
    fs::write(folder.path("list.mp4"), list).unwrap();
    assert!(folder.refusal(&["inspect", "list.mp4"]).contains("a list"));
    let pixels: Vec<u8> = (0..200_000u32)
        .map(|index| ((index * 7919) >> 5) as u8)
        .collect();
    fs::write(folder.path("film.yuv"), pixels).unwrap();
    assert!(
        folder
            .refusal(&["inspect", "film.yuv"])
            .contains("-f rawvideo")
    );
}

#[cfg(feature = "ffmpeg")]
#[test]
fn pictures_in_a_row_are_read_whole() {
    let folder = Folder::new();
    for codec in ["mjpeg", "png", "bmp", "ppm"] {
        let words = ["-f", "image2pipe", "-c:v", codec];
        let Some(stream) = made(&folder, &words, "stream") else {
            return;
        };
        assert_eq!(folder.inspect(&["stream"]).0, [10], "{codec}");
        fs::write(folder.path("stream.jpg"), &stream).unwrap();
        assert_eq!(folder.inspect(&["stream.jpg"]).0, [10], "{codec}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_nextframe"));
        let output = command
            .args(["inspect", "--json", "-"])
            .write_stdin(stream)
            .output();
        let found: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        assert_eq!(found["frames"], 10, "{codec}");
    }
}

#[test]
fn pictures_are_read_by_a_pattern_with_a_number() {
    let folder = Folder::new();
    fs::create_dir(folder.path("frames")).unwrap();
    for index in 0..12 {
        let path = folder.path(&format!("frames/f{index}.png"));
        common::picture(path, 16, 16, [index * 20, 0, 0]);
    }
    common::picture(folder.path("frames/other.png"), 16, 16, [0; 3]);
    assert_eq!(folder.inspect(&["frames/f%d.png"]).0, [12]);
    assert!(
        folder
            .refusal(&["inspect", "frames/f%03d.png"])
            .contains("frames/f*.png")
    );
}

#[test]
fn arrays_are_read() {
    let folder = Folder::new();
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (10, 8, 12), }\n";
    let length = (header.len() as u16).to_le_bytes();
    let pixels: Vec<u8> = (0..960).map(|index| (index % 251) as u8).collect();
    let array = [b"\x93NUMPY\x01\0", &length[..], header.as_bytes(), &pixels].concat();
    fs::write(folder.path("frames.npy"), &array).unwrap();
    assert_eq!(folder.inspect(&["frames.npy"]).0, [10]);
    fs::write(folder.path("short.npy"), &array[..500]).unwrap();
    assert!(
        folder
            .refusal(&["inspect", "short.npy"])
            .contains("cut off")
    );
    // Beside films it may be anything, such as their features.
    folder.film("films/a.gif", "6");
    fs::write(folder.path("films/frames.npy"), &array).unwrap();
    let (films, said) = folder.inspect(&["films"]);
    assert_eq!(films, [6]);
    assert!(said.contains("arrays"), "{said}");
}

/// A reader of standard input to which nothing comes.
#[cfg(unix)]
#[test]
fn ctrl_c_is_heard_while_nothing_comes() {
    let folder = Folder::new();
    let spools = folder.path("spools");
    fs::create_dir(&spools).unwrap();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_nextframe"))
        .args(["inspect", "-"])
        .env("TMPDIR", &spools)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let is_empty = |folder: &Path| folder.read_dir().unwrap().next().is_none();
    while is_empty(&spools) {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(code_after_ctrl_c(&mut child), Some(130));
    assert!(is_empty(&spools));
}

/// A reader of text to which nothing more comes.
#[cfg(unix)]
#[test]
fn ctrl_c_is_heard_while_no_more_text_comes() {
    use std::io::Write as _;
    let folder = Folder::new();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_nextframe"))
        .args(["text", "tokenizer", "-", "-o", "tokenizer.json"])
        .current_dir(folder.0.path())
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // More than a pipe holds: once it is written, it is being read.
    let text = "many words ".repeat(1 << 18);
    let mut input = child.stdin.take().unwrap();
    input.write_all(text.as_bytes()).unwrap();
    assert_eq!(code_after_ctrl_c(&mut child), Some(130));
    assert!(!folder.path("tokenizer.json").exists());
    drop(input);
}

#[cfg(unix)]
fn code_after_ctrl_c(child: &mut std::process::Child) -> Option<i32> {
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(kill.unwrap().success());
    // Its standard input stays open until here.
    for _ in 0..2000 {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    panic!("it did not end");
}
