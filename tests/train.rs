//! `nextframe train`, from outside.

use assert_cmd::Command;
use nextframe::rng::Seed;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

fn sample() -> String {
    format!("{}/datasets/galton.gif", env!("CARGO_MANIFEST_DIR"))
}

/// A network small enough for a test.
const SMALL: [&str; 10] = [
    "--set",
    "model.backbone.width=8",
    "--set",
    "model.backbone.depth=0",
    "--set",
    "training.batch=4",
    "--set",
    "horizon.windows=10",
    "--set",
    "horizon.ways=4",
];

fn train(folder: &Path, run: &str, more: &[&str]) -> Command {
    let mut command = Command::cargo_bin("nextframe").unwrap();
    command
        .arg("train")
        .arg(sample())
        .args(SMALL)
        .arg("--out")
        .arg(folder.join(run))
        .arg("--cache")
        .arg(folder.join("cache"))
        .args(more)
        .timeout(Duration::from_secs(240));
    command
}

/// As [`train`], in a process that is not waited for.
fn start(folder: &Path, run: &str, more: &[&str]) -> Child {
    let words = train(folder, run, more);
    std::process::Command::new(words.get_program())
        .args(words.get_args())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The step of a run's latest save, and the last step in its metrics; 0 where
/// there is none.
fn steps(folder: &Path, run: &str) -> (u64, u64) {
    let read = |name: &str| std::fs::read_to_string(folder.join(run).join(name));
    let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
    let state = read("state.json").ok().and_then(|text| parse(&text));
    let saved = state.map_or(0, |state| state["latest"]["step"].as_u64().unwrap());
    // The last line may be torn.
    let lines = read("metrics.jsonl").unwrap_or_default();
    let logged = lines.lines().filter_map(parse);
    let logged = logged.filter_map(|line| line["step"].as_u64()).max();
    (saved, logged.unwrap_or(0))
}

fn weights(folder: &Path, run: &str) -> Vec<u8> {
    std::fs::read(folder.join(run).join("model.safetensors")).unwrap()
}

fn message(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_same_seed_gives_the_same_weights_and_so_does_a_resumed_run() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    train(folder, "a", &["--steps", "12"]).assert().success();
    train(folder, "b", &["--steps", "12"]).assert().success();
    assert_eq!(weights(folder, "a"), weights(folder, "b"));

    train(folder, "other", &["--steps", "12", "--seed", "1"])
        .assert()
        .success();
    assert_ne!(weights(folder, "a"), weights(folder, "other"));

    // Killed at moments of chance, with a save after every step: of what was
    // done, one step is lost at most.
    let saving = ["--steps", "12", "--save-every", "1ms"];
    let mut rng = Seed(7).stream("kill", 0);
    let mut last = 0;
    let learned = folder.join("c/horizon.safetensors");
    for _ in 0..6 {
        let mut child = start(folder, "c", &[&saving[..], &["--resume"]].concat());
        // The whole-horizon model is learned before there is a step to lose.
        while !learned.exists() && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(20));
        }
        std::thread::sleep(Duration::from_millis(100 + rng.below(1500) as u64));
        child.kill().unwrap();
        child.wait().unwrap();
        let (saved, logged) = steps(folder, "c");
        assert!(saved >= last, "went back from step {last} to {saved}");
        assert!(logged <= saved + 1, "{logged} steps, {saved} saved");
        last = saved;
    }
    assert!(last > 0, "no process lived long enough to save");
    train(folder, "c", &[&saving[..], &["--resume"]].concat())
        .assert()
        .success();
    assert_eq!(weights(folder, "a"), weights(folder, "c"));

    let lines = std::fs::read_to_string(folder.join("c/metrics.jsonl")).unwrap();
    let steps: Vec<u64> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .filter(|line| line.get("mse").is_some())
        .map(|line| line["step"].as_u64().unwrap())
        .collect();
    assert_eq!(steps, [1, 11]);
    let pictures = std::fs::read_dir(folder.join("a/pictures")).unwrap();
    assert!(pictures.count() >= 5);
}

#[test]
fn a_run_is_not_overwritten_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let once = ["--steps", "2", "--only", "mse"];
    train(folder, "a", &once).assert().success();
    let before = weights(folder, "a");
    let again = train(folder, "a", &["--steps", "3"]).output().unwrap();
    assert_eq!(again.status.code(), Some(1));
    assert!(message(&again).contains("already holds a run"));
    assert_eq!(before, weights(folder, "a"));

    let other = train(
        folder,
        "a",
        &["--steps", "3", "--resume", "--set", "latent.dimension=3"],
    )
    .output()
    .unwrap();
    assert_eq!(other.status.code(), Some(1));
    let said = message(&other);
    assert!(
        said.contains("not as when it was begun: the recipe's [latent]"),
        "{said}"
    );
    assert_eq!(before, weights(folder, "a"));

    let finished = [&once[..], &["--resume"]].concat();
    let finished = train(folder, "a", &finished).output().unwrap();
    assert_eq!(finished.status.code(), Some(0));
    let said = message(&finished);
    assert!(
        said.contains("nothing left to do: after step 2 the budget, 2 steps,"),
        "{said}"
    );
    assert_eq!(before, weights(folder, "a"));

    // Its two files alone are a model, of which compare says where it is used.
    std::fs::create_dir(folder.join("two")).unwrap();
    for name in ["model.safetensors", "config.json"] {
        std::fs::copy(folder.join("a").join(name), folder.join("two").join(name)).unwrap();
    }
    let other = folder.join("other.gif").display().to_string();
    let mut synth = Command::cargo_bin("nextframe").unwrap();
    let words = ["synth", "galton", "--frames", "300", "--seed", "1", "-o"];
    synth.args(words).arg(&other).assert().success();
    for (input, elsewhere) in [(sample(), false), (other, true)] {
        let mut compare = Command::cargo_bin("nextframe").unwrap();
        let words = [
            "compare",
            "--futures",
            "1",
            "--windows",
            "2",
            "--no-real-or-drawn",
        ];
        compare.args(words).arg("--input").arg(input);
        compare.arg(folder.join("two"));
        compare.arg("--cache").arg(folder.join("cache"));
        let compared = compare.output().unwrap();
        let said = message(&compared);
        assert_eq!(compared.status.code(), Some(0), "{said}");
        assert_eq!(
            said.contains("this is not the footage"),
            elsewhere,
            "{said}"
        );
    }

    std::fs::write(folder.join("file"), "mine").unwrap();
    let taken = train(folder, "file", &once).output().unwrap();
    assert_eq!(taken.status.code(), Some(1));
    assert!(message(&taken).contains("file: is a file, a run is a folder"));
}

#[test]
fn with_more_steps_a_resumed_run_goes_on_being_judged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let only = ["--only", "mse", "--steps"];
    let run = |more: &[&str]| {
        let output = train(folder, "a", &[&only[..], more].concat()).output();
        output.unwrap()
    };
    assert!(run(&["6"]).status.success());
    let (before, picture) = (weights(folder, "a"), folder.join("a/pictures/00000040.png"));
    let other = run(&["40", "--resume", "--seed", "3"]);
    assert!(message(&other).contains("--seed 0"), "{}", message(&other));
    assert_eq!(weights(folder, "a"), before);

    let rate = ["40", "--resume", "--set", "training.learning_rate=1e-3"];
    let quiet = run(&[&rate[..], &["-q"]].concat());
    assert!(quiet.status.success());
    // A warning, and neither progress nor news.
    let said = message(&quiet);
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("settings of training differ"), "{said}");
    assert!(picture.exists());
    assert_ne!(weights(folder, "a"), before);
    let config = std::fs::read_to_string(folder.join("a/config.toml")).unwrap();
    assert!(config.contains("learning_rate = 0.001"), "{config}");
}

#[test]
fn two_do_not_train_in_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut first = start(folder, "a", &["--steps", "1000000"]);
    while !folder.join("a/config.toml").exists() {
        assert_eq!(first.try_wait().unwrap(), None, "it ended by itself");
        std::thread::sleep(Duration::from_millis(5));
    }
    for existing in ["--resume", "--overwrite"] {
        let second = train(folder, "a", &["--steps", "1", existing]).output();
        let second = second.unwrap();
        let said = message(&second);
        let last = said.lines().last().unwrap();
        assert_eq!(second.status.code(), Some(1), "{said}");
        assert!(
            last.starts_with("error: ") && last.contains("/a: another"),
            "{said}"
        );
        assert!(last.contains(&format!("process {}", first.id())) || cfg!(windows));
    }
    assert_eq!(first.try_wait().unwrap(), None);
    first.kill().unwrap();
    first.wait().unwrap();
    // The lock goes with the process.
    train(
        folder,
        "a",
        &["--steps", "1", "--overwrite", "--only", "mse"],
    )
    .assert()
    .success();
    assert!(!folder.join("a/.lock").exists());
}

#[test]
fn mistakes_are_told_in_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for (arguments, words) in [
        (&["--set", "training.bacth=3"][..], "training.batch"),
        (&["--set", "model.patch=7"], "multiple of the patch"),
        (&["--set", "latent.dimension=0"], "0 dimensions"),
        (&["--set", "training.batch=0"], "training.batch"),
        (&["--device", "gpu"], "no such device"),
        (&["--recipe", "nothing"], "bundled"),
        (&["--time-budget", "soon"], "90s"),
        (&["--steps", "0"], "at least 1"),
        (&["--set", "evaluation.horizon=9000"], "too short"),
        (
            &[
                "--set",
                "model.basis=65536",
                "--set",
                "latent.dimension=65536",
            ],
            "lower latent.dimension (65536), model.basis (65536)",
        ),
    ] {
        let mut command = train(folder, "bad", arguments);
        if !arguments.contains(&"--steps") && !arguments.contains(&"--time-budget") {
            command.args(["--steps", "1"]);
        }
        let output = command.output().unwrap();
        let said = message(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
        assert!(!folder.join("bad/model.safetensors").exists());
    }
    let missing = Command::cargo_bin("nextframe")
        .unwrap()
        .args(["train", "no-such-video.mp4"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(1));
    assert!(message(&missing).contains("no-such-video.mp4"));
}
