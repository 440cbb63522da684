//! What cannot be used is refused from outside: exit code 1, one sentence on
//! standard error, no panic, and nothing that existed is lost.

mod common;

use assert_cmd::Command;
use candle_core::{DType, Tensor};
use common::listing;
use nextframe::training::checkpoint;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_nextframe");

/// A network small enough for a test, for one step.
#[rustfmt::skip]
const TRAIN: [&str; 16] = [
    "train", "film.gif", "--steps", "1",
    "--set", "model.backbone.width=8", "--set", "model.backbone.depth=0",
    "--set", "training.batch=2", "--set", "data.width=16",
    "--set", "data.height=16", "--set", "evaluation.horizon=4",
];
const GENERATE: [&str; 6] = ["--frames", "2", "--futures", "2", "--format", "gif"];
const COMPARE: [&str; 5] = ["--futures", "2", "--windows", "1", "--no-real-or-drawn"];

/// A folder in which the program runs, with film.gif and run/.
struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        bench.done(&["synth", "galton", "--frames", "140", "-o", "film.gif"]);
        bench.done(&[&TRAIN[..], &["--out", "run"]].concat());
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .current_dir(self.folder.path())
            .env("NEXTFRAME_CACHE", self.path("cache"))
            .env_remove("RUST_LOG")
            .timeout(Duration::from_secs(60));
        command
    }

    fn done(&self, words: &[&str]) {
        let words = [&[PROGRAM, "-q"], words].concat();
        self.command(&words).assert().success();
    }

    fn refused(&self, words: &[&str], says: &str) {
        let output = self.command(&[&[PROGRAM, "-q"], words].concat()).output();
        check(words, &output.unwrap(), says);
    }

    /// As [`Bench::refused`], where no file may grow beyond `blocks` of 512
    /// bytes (of 1024 in some shells), as if the disk were full.
    #[cfg(unix)]
    fn refused_when_full(&self, blocks: &str, words: &[&str], says: &str) {
        let script = "trap '' XFSZ; ulimit -f $0; exec \"$@\"";
        let limited = ["sh", "-c", script, blocks, PROGRAM, "-q"];
        let output = self.command(&[&limited[..], words].concat()).output();
        check(words, &output.unwrap(), says);
    }

    /// Every file below `name`.
    fn files(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.path(name)];
        while let Some(folder) = folders.pop() {
            for path in listing(&folder).iter().map(|name| folder.join(name)) {
                match path.is_dir() {
                    true => folders.push(path),
                    false => drop(files.insert(path.clone(), fs::read(&path).unwrap())),
                }
            }
        }
        files
    }
}

fn check(words: &[&str], output: &Output, says: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
    let errors: Vec<_> = said.match_indices("error: ").collect();
    let last = said.lines().last().unwrap_or_default();
    assert!(
        errors.len() == 1 && last.starts_with("error: ") && last.contains(says),
        "{words:?}, expected {says:?}: {said}"
    );
    assert!(!said.contains("panicked"), "{words:?}: {said}");
}

#[test]
fn standard_input_is_called_so() {
    let folder = tempfile::tempdir().unwrap();
    let mut inputs: Vec<(&[u8], &str)> = vec![
        (b"", "empty (0 bytes)"),
        (b"GIF89a", ""),
        (b"Dear diary, nothing moved today.", "text, no video"),
    ];
    if cfg!(feature = "ffmpeg") {
        inputs.push((b"\x01\x02\x03 nothing that is known", "cannot open"));
    }
    for (bytes, says) in inputs {
        let output = Command::new(PROGRAM)
            .args(["-q", "inspect", "-"])
            .current_dir(folder.path())
            .write_stdin(bytes)
            .timeout(Duration::from_secs(60))
            .output()
            .unwrap();
        check(&["inspect", "-"], &output, says);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("error: standard input: "), "{said}");
    }
}

#[test]
fn footage() {
    let bench = Bench::new();
    for (name, frames) in [("five.gif", "5"), ("three.gif", "3")] {
        bench.done(&["synth", "galton", "--frames", frames, "-o", name, "-y"]);
    }
    fs::write(bench.path("empty.mp4"), b"").unwrap();
    fs::write(bench.path("cut.gif"), b"GIF89a").unwrap();
    fs::create_dir(bench.path("folder")).unwrap();
    fs::write(bench.path("text.mp4"), "Dear diary".repeat(99)).unwrap();
    let mut inputs = vec![
        ("nothing.mp4".to_owned(), "no such file"),
        ("empty.mp4".to_owned(), "empty (0 bytes)"),
        ("cut.gif".to_owned(), "cut.gif"),
        ("folder".to_owned(), "no videos or pictures in this folder"),
        ("text.mp4".to_owned(), "text, no video"),
        (
            "https://example.org/film.mp4".to_owned(),
            "download it first",
        ),
        ("f%d.png".to_owned(), "a glob such as f*.png"),
    ];
    if cfg!(feature = "ffmpeg") {
        fs::write(bench.path("noise.mp4"), b"\x01\x02\x03".repeat(99)).unwrap();
        inputs.push(("noise.mp4".to_owned(), "cannot open"));
        let shared = [
            ("robust/ax-sample_audio_only.mp4", "only audio"),
            ("robust/moz-invalid_userdata.mp4", "no frames"),
        ];
        for (name, says) in shared {
            inputs.extend(common::shared(name).map(|path| (path, says)));
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let secret = bench.path("secret.gif");
        fs::copy(bench.path("film.gif"), &secret).unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o000)).unwrap();
        match fs::File::open(&secret) {
            Ok(_) => eprintln!("skipped: this user may read every file"),
            Err(_) => inputs.push(("secret.gif".to_owned(), "secret.gif: Permission denied")),
        }
    }
    #[cfg(unix)]
    {
        bench.command(&["mkfifo", "pipe"]).assert().success();
        inputs.push(("pipe".to_owned(), "no regular file"));
    }
    let before = bench.files("run");
    let mut train = TRAIN;
    for (input, says) in &inputs {
        train[1] = input;
        let again = ["--out", "run", "--overwrite"];
        bench.refused(&[&train[..], &again].concat(), says);
        bench.refused(&["generate", "run", input, "-o", "out"], says);
        bench.refused(&["compare", "run", "--input", input], says);
        bench.refused(&["inspect", input], says);
    }
    train[1] = "five.gif";
    let again = ["--out", "run", "--overwrite"];
    let says = "too short: of its 5 frames";
    bench.refused(&[&train[..], &again].concat(), says);
    bench.refused(&["compare", "run", "--input", "five.gif"], says);
    let says = "3 frames without a cut";
    bench.refused(&["generate", "run", "three.gif", "-o", "out"], says);
    assert_eq!(bench.files("run"), before);
    assert!(!bench.path("out").exists());
}

#[test]
fn a_part_too_short_to_compare_on() {
    let bench = Bench::new();
    // 14 of its 140 frames validate: enough to train, too few for 16 ahead.
    let long = ["--set", "evaluation.horizon=16", "--out", "long"];
    bench.done(&[&TRAIN[..], &long].concat());
    let before = bench.files("long");
    let validation = ["compare", "long", "--part", "validation"];
    bench.refused(&validation, "has no window of 20 frames");
    assert_eq!(bench.files("long"), before);
}

#[test]
fn folders_of_others() {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("data/real")).unwrap();
    fs::create_dir(bench.path("films")).unwrap();
    fs::write(bench.path("films/real.mp4"), "mine").unwrap();
    fs::create_dir(bench.path("frames")).unwrap();
    fs::write(bench.path("frames/frame-0001.png"), "mine").unwrap();
    for (folder, other) in [("data", "real"), ("films", "real.mp4")] {
        let words = ["generate", "run", "film.gif", "-o", folder];
        bench.refused(&words, &format!("something else ({other})"));
    }
    let words = ["synth", "galton", "--frames", "2", "-o", "frames"];
    bench.refused(&words, "frames: it exists");
    let words = [&words[..], &["-y"]].concat();
    bench.refused(&words, "something else (frame-0001.png)");
    assert!(bench.path("data/real").is_dir());
    assert_eq!(fs::read(bench.path("films/real.mp4")).unwrap(), b"mine");
}

/// A way to spoil the model in a folder.
type Spoil = fn(&Path);

fn rewrite(folder: &Path, change: fn(&str, Tensor) -> Option<Tensor>) {
    let path = folder.join("model.safetensors");
    let tensors = checkpoint::load(&path).unwrap().tensors.into_iter();
    let tensors = tensors.filter_map(|(name, tensor)| Some((name.clone(), change(&name, tensor)?)));
    checkpoint::save(&path, &tensors.collect::<Vec<_>>(), &[]).unwrap();
}

/// Replaces `old` by `new` in a file of the folder.
fn replace(folder: &Path, name: &str, old: &str, new: &str) {
    let path = folder.join(name);
    let mut bytes = fs::read(&path).unwrap();
    let at = (bytes.windows(old.len())).position(|part| part == old.as_bytes());
    let at = at.unwrap();
    bytes.splice(at..at + old.len(), new.bytes());
    fs::write(path, bytes).unwrap();
}

#[test]
fn checkpoints() {
    const SPARED: &str = "latent.unexplained";
    let spoils: [(Spoil, &str); 10] = [
        (
            |folder| rewrite(folder, |name, tensor| (name != SPARED).then_some(tensor)),
            "1 tensor is missing: latent.unexplained",
        ),
        (
            |folder| {
                rewrite(folder, |name, tensor| match name {
                    SPARED => Some(Tensor::cat(&[&tensor, &tensor], 0).unwrap()),
                    _ => Some(tensor),
                });
            },
            "tensor 'latent.unexplained' is [2] of f32, the model has [1] of f32",
        ),
        (
            |folder| {
                rewrite(folder, |name, tensor| match name {
                    SPARED => Some(tensor.to_dtype(DType::F64).unwrap()),
                    _ => Some(tensor),
                });
            },
            "tensor 'latent.unexplained' is [1] of f64, the model has [1] of f32",
        ),
        (
            |folder| {
                let version = |n| format!(r#"\"version\":\"{n}\""#);
                replace(folder, "model.safetensors", &version(1), &version(7));
            },
            "has format version 7, this program reads version 1",
        ),
        (
            |folder| {
                let path = folder.join("model.safetensors");
                let bytes = fs::read(&path).unwrap();
                fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
            },
            "the file is cut off",
        ),
        (
            |folder| fs::write(folder.join("model.safetensors"), "text".repeat(99)).unwrap(),
            "this is no safetensors file",
        ),
        (
            |folder| replace(folder, "config.json", "\"version\": 1", "\"version\": 2"),
            "has format version 2, this program reads version 1",
        ),
        (
            |folder| replace(folder, "config.json", "\"shape\"", "\"shapes\""),
            "missing field `shape`",
        ),
        (
            |folder| fs::write(folder.join("config.json"), "{").unwrap(),
            "config.json: cannot be used",
        ),
        (
            |folder| fs::remove_file(folder.join("config.json")).unwrap(),
            "there is no config.json beside it",
        ),
    ];
    let bench = Bench::new();
    let folder = bench.path("spoilt");
    fs::create_dir(&folder).unwrap();
    for (spoil, says) in spoils {
        for name in ["model.safetensors", "config.json"] {
            fs::copy(bench.path("run").join(name), folder.join(name)).unwrap();
        }
        spoil(&folder);
        let model = "spoilt/model.safetensors";
        bench.refused(&["generate", model, "film.gif", "-o", "out"], says);
        bench.refused(&["compare", model], says);
    }
    for folder in ["spoilt", "nothing"] {
        let says = format!("{folder}: ");
        bench.refused(&["generate", folder, "film.gif", "-o", "out"], &says);
        bench.refused(&["compare", folder], &says);
    }
    assert!(!bench.path("out").exists());
}

#[test]
fn recipes_and_devices() {
    let bench = Bench::new();
    let before = bench.files("run");
    for (words, says) in [
        (&["--set", "model.patch=5"][..], "a multiple of the patch"),
        (&["--set", "data.width=50"], "a multiple of the patch"),
        (&["--set", "data.width=0"], "width: 0 pixels"),
        (
            &["--set", "model.context=0"],
            "model.context: is 0, expected 1 to 1024",
        ),
        (&["--set", "model.context=99"], "too short"),
        (&["--set", "training.shift=9"], "half a frame"),
        (
            &["--set", "training.turn=true", "--set", "data.width=32"],
            "no square",
        ),
        (&["--set", "training.bacth=3"], "training.batch"),
        (&["--set", "training.batch=many"], "training.batch"),
        (&["--recipe", "best"], "the bundled ones are: default"),
        (&["--device", "abacus"], "no such device"),
        (&["--device", "cuda:x"], "not the number of a GPU"),
    ] {
        let again = ["--out", "run", "--overwrite"];
        bench.refused(&[&TRAIN[..], words, &again].concat(), says);
    }
    let again = [&TRAIN[..], &["--out", "run"]].concat();
    bench.refused(&again, "already holds a run");
    for words in [&["generate", "run", "film.gif"][..], &["compare", "run"]] {
        let words = [words, &["--device", "abacus"]].concat();
        bench.refused(&words, "no such device");
    }
    assert_eq!(bench.files("run"), before);
    assert!(!bench.path("futures").exists());
}

#[test]
fn a_run_of_before_loads_unless_it_needs_what_was_deleted() {
    let bench = Bench::new();
    let config = bench.path("run/config.json");
    let text = fs::read_to_string(&config).unwrap();
    let out = ["-o", "out.safetensors", "--overwrite", "--frames", "2"];
    let generate = [&["generate", "run", "film.gif"], &out[..]].concat();
    let moving = |value: &str| text.replace("\"model\": {", &format!("\"model\": {{ {value},"));
    fs::write(&config, moving("\"moving\": 0")).unwrap();
    bench.done(&generate);
    for (text, says) in [
        (
            moving("\"moving\": 32"),
            "key 'model.moving' is 32, expected 0",
        ),
        (
            text.replace("\"gaussian\"", "\"refined\""),
            "key 'latent.family' is \"refined\"",
        ),
    ] {
        fs::write(&config, text).unwrap();
        bench.refused(&generate, says);
    }
    // Its config.toml as a recipe.
    let recipe = fs::read_to_string(bench.path("run/config.toml")).unwrap();
    let recipe = recipe.replace("[model]\n", "[model]\nmoving = 0\n");
    fs::write(bench.path("before.toml"), recipe).unwrap();
    let again = [&TRAIN[..], &["--recipe", "before.toml", "--out", "again"]].concat();
    bench.done(&again);
    let moved = [&again[..], &["--set", "model.moving=32"]].concat();
    bench.refused(&moved, "key 'model.moving' is 32, expected 0");
}

#[cfg(unix)]
#[test]
fn a_full_disk() {
    const SAYS: &str = "File too large";
    let bench = Bench::new();
    let generate = [&["generate", "run", "film.gif"], &GENERATE[..]].concat();
    let folder = [&generate[..], &["-o", "out"]].concat();
    bench.done(&folder);
    bench.done(&[&["compare", "run"], &COMPARE[..]].concat());
    let kept = ["out", "run/checkpoints", "run/pictures"];
    let before = kept.map(|name| bench.files(name));
    let figures = fs::read(bench.path("run/compare.json")).unwrap();

    let mut more = TRAIN;
    more[3] = "2";
    let resume = ["--out", "run", "--resume"];
    bench.refused_when_full("400", &[&more[..], &resume].concat(), SAYS);
    bench.refused_when_full("1", &folder, "out/grid.png: File too large");
    let again = ["compare", "run", "--seed", "1"];
    bench.refused_when_full("1", &[&again, &COMPARE[..]].concat(), SAYS);
    let tensors = ["generate", "run", "film.gif", "-o", "out.safetensors"];
    bench.refused_when_full("1", &tensors, "out.safetensors: File too large");
    let synth = ["synth", "galton", "-o", "film.gif", "-y"];
    bench.refused_when_full("8", &synth, "film.gif: File too large");
    for (name, before) in kept.iter().zip(before) {
        // The step that could not be saved left a picture.
        let after = bench.files(name);
        let same = |(path, bytes)| after.get(path) == Some(bytes);
        assert!(before.iter().all(same), "{name}: files differ");
        assert!(after.len() == before.len() || *name == "run/pictures");
    }
    assert_eq!(fs::read(bench.path("run/compare.json")).unwrap(), figures);

    let elsewhere = ["--cache", "other", "--out", "new"];
    let words = [&TRAIN[..], &elsewhere].concat();
    bench.refused_when_full("8", &words, "the cache cannot be written there");
    assert_eq!(listing(&bench.path("other")), ["known"]);
    let mut names = listing(bench.folder.path());
    names.sort();
    assert_eq!(names, ["cache", "film.gif", "other", "out", "run"]);
    bench.done(&[&more[..], &resume].concat());
}

#[cfg(target_os = "linux")]
#[test]
fn nowhere_to_speak() {
    let bench = Bench::new();
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let program = |words: &[&str]| {
        let mut command = std::process::Command::new(PROGRAM);
        command.args(words).current_dir(bench.folder.path());
        command.env("NEXTFRAME_CACHE", bench.path("cache"));
        command
    };
    let generate = [&["generate", "run", "film.gif"], &GENERATE[..]].concat();
    let compare = [&["compare", "run"], &COMPARE[..]].concat();
    for words in [&generate[..], &compare, &["inspect", "film.gif"]] {
        let output = program(&[&["-q"], words].concat()).stdout(full()).output();
        check(words, &output.unwrap(), "standard output: No space left");
    }
    let status = program(&["inspect", "nothing.mp4"]).stderr(full()).status();
    assert_eq!(status.unwrap().code(), Some(1));
}
