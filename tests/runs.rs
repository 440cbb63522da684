//! What becomes of a run whatever happens around it.
#![cfg(unix)]

use assert_cmd::Command;
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const SMALL: &str = "--set model.backbone.width=8 --set model.backbone.depth=0 --set \
     training.batch=2 --set data.width=16 --set data.height=16 --set evaluation.horizon=4";

fn sample() -> String {
    format!("{}/datasets/galton.gif", env!("CARGO_MANIFEST_DIR"))
}

fn command(folder: &Path, words: &str) -> Command {
    let mut command = Command::cargo_bin("nextframe").unwrap();
    command
        .args(words.split_whitespace())
        .current_dir(folder)
        .env("NEXTFRAME_CACHE", folder.join("cache"))
        .timeout(Duration::from_secs(120));
    command
}

fn train(folder: &Path, words: &str) -> Command {
    command(
        folder,
        &format!("train {} {SMALL} --out run {words}", sample()),
    )
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A process that is not waited for.
fn start(command: &Command) -> Child {
    let words = command.get_args();
    std::process::Command::new(command.get_program())
        .args(words)
        .current_dir(command.get_current_dir().unwrap())
        .envs(
            command
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        )
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn wait_for(what: impl Fn() -> bool) {
    let begun = Instant::now();
    while !what() {
        assert!(begun.elapsed() < Duration::from_secs(60), "it never came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn config(folder: &Path) -> serde_json::Value {
    let text = std::fs::read(folder.join("run/config.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn standard_error_that_cannot_be_written_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let words = |more: &str| {
        let program = env!("CARGO_BIN_EXE_nextframe");
        format!(
            "{program} train {} {SMALL} --steps 12 --overwrite --out run {more}",
            sample()
        )
    };
    for line in [
        words("2>/dev/full"),
        words("2>&1 | head -1; exit ${PIPESTATUS[0]}"),
    ] {
        let mut shell = Command::new("bash");
        shell.args(["-c", &line]).current_dir(folder);
        shell.env("NEXTFRAME_CACHE", folder.join("cache"));
        let output = shell.timeout(Duration::from_secs(120)).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        assert_eq!(config(folder)["config"]["trained"]["done"], true, "{line}");
    }
    // So does standard output whose reader has gone.
    let program = env!("CARGO_BIN_EXE_nextframe");
    let line = format!(
        "{program} generate run {} --futures 2 --frames 2 --format png --json | true; \
         exit ${{PIPESTATUS[0]}}",
        sample()
    );
    let mut shell = Command::new("bash");
    shell.args(["-c", &line]).current_dir(folder);
    shell.env("NEXTFRAME_CACHE", folder.join("cache"));
    let output = shell.timeout(Duration::from_secs(120)).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_folder_that_is_moved_away_ends_training_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut child = start(&train(folder, "--steps 1000000 --save-every 100ms"));
    wait_for(|| folder.join("run/state.json").exists());
    std::fs::rename(folder.join("run"), folder.join("moved")).unwrap();
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it goes on");
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(1));
    assert!(!folder.join("run").exists());
    let loaded = format!(
        "generate moved {} --futures 2 --frames 2 --format png",
        sample()
    );
    command(folder, &loaded).assert().success();
}

#[test]
fn an_interrupt_after_the_last_step_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    // Many members, so that the choice after the last step takes a while.
    let words = "--steps 1 --set training.members=3 --set evaluation.horizon=16";
    let mut child = start(&train(folder, words));
    wait_for(|| folder.join("run/state.json").exists());
    let kill = format!("kill -INT {}", child.id());
    let sent = std::process::Command::new("sh")
        .args(["-c", &kill])
        .status();
    assert!(sent.unwrap().success());
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().unwrap();
    std::io::Read::read_to_string(&mut pipe, &mut stderr).unwrap();
    assert!(child.wait().unwrap().success(), "{stderr}");
    if config(folder)["config"]["trained"]["done"] == true {
        eprintln!("skipped: the signal came too late");
        return;
    }
    assert!(
        stderr.contains("not chosen yet; end it with --resume"),
        "{stderr}"
    );
    let loaded = format!(
        "generate run {} --futures 2 --frames 2 --format png",
        sample()
    );
    command(folder, &loaded).assert().success();
    train(folder, &format!("{words} --resume"))
        .assert()
        .success();
    assert_eq!(config(folder)["config"]["trained"]["done"], true);
}

#[test]
fn a_run_is_compared_from_any_folder_and_counts_have_their_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::copy(sample(), folder.join("film.gif")).unwrap();
    let words = format!("train ./film.gif {SMALL} --out run --steps 1");
    command(folder, &words).assert().success();
    let elsewhere = folder.join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::rename(folder.join("run"), elsewhere.join("moved")).unwrap();
    let compare = |more: &str| {
        let mut command = command(
            &elsewhere,
            &format!("compare moved --no-real-or-drawn {more}"),
        );
        command.env("NEXTFRAME_CACHE", folder.join("cache"));
        command
    };
    compare("--windows 1 --futures 2").assert().success();
    let most = "18446744073709551615";
    let film = folder.join("film.gif").display().to_string();
    for (words, named) in [
        (format!("compare moved --futures {most}"), "--futures"),
        (format!("generate moved {film} --futures {most}"), "futures"),
        (
            format!("generate moved {film} --futures 100000 --frames 1000000"),
            "GiB",
        ),
        (format!("generate moved {film} --frames {most}"), "frames"),
        (
            format!("fill moved {film} --mask all@2-3 --fillings {most}"),
            "fillings",
        ),
        (
            format!("fill moved {film} --mask all@2-3 --tries {most}"),
            "tries",
        ),
        (format!("synth galton --frames {most}"), "--frames"),
        (
            "synth galton --frames 200000 --scale 64 -o strip.png".to_owned(),
            "GiB",
        ),
        ("synth digits --images /dev/zero".to_owned(), "/dev/zero"),
        (
            format!("train {film} {SMALL} --steps 1 --set training.batch={most}"),
            "batch",
        ),
    ] {
        let mut command = command(&elsewhere, &words);
        let stderr = said(command.env("NEXTFRAME_CACHE", folder.join("cache")));
        let error = stderr.lines().find(|line| line.starts_with("error: "));
        assert!(
            error.is_some_and(|line| line.contains(named)),
            "{words}: {stderr}"
        );
    }
    // Windows are as many as there are.
    compare(&format!("--windows {most} --futures 1"))
        .assert()
        .success();
}

#[test]
fn outcomes_of_another_world_are_told_and_fill_takes_a_model_of_the_hub() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let film = "synth galton --frames 300 -o film.frames";
    command(folder, film).assert().success();
    let small = SMALL
        .replace("width=16", "width=64")
        .replace("height=16", "height=64");
    let words = format!("train film.frames {small} --out run --steps 1 --only mse");
    command(folder, &words).assert().success();
    for (world, another) in [("galton", false), ("fork", true), ("occlusion", true)] {
        let mut command = command(folder, &format!("outcomes run {world} --moments 2"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            stderr.contains("another world"),
            another,
            "{world}: {stderr}"
        );
    }
    // Nor does one step leave a future near what can come.
    let words = format!("train film.frames {small} --out latent --steps 1 --only latent");
    command(folder, &words).assert().success();
    let words = "outcomes latent fork --moments 2 --futures 4";
    let output = command(folder, words).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("near a frame that can come"), "{stderr}");
    let stderr = said(&mut command(
        folder,
        "outcomes run galton --moments 99999999",
    ));
    assert!(stderr.contains("--moments"), "{stderr}");
    if cfg!(not(feature = "hub")) {
        let stderr = said(&mut command(
            folder,
            "fill hf://me/x film.frames --mask all",
        ));
        assert!(stderr.contains("built without the hub"), "{stderr}");
    }
}

/// Every weight of a file of f32 becomes so large.
fn fill(path: &Path, value: f32) {
    let mut bytes = std::fs::read(path).unwrap();
    let header = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    for number in bytes[8 + header..].as_chunks_mut::<4>().0 {
        *number = value.to_le_bytes();
    }
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_training_that_ends_with_nan_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let more = "--set horizon.windows=0 --set training.members=1";
    (train(folder, &format!("{more} --steps 2")).assert()).success();
    let saves = folder.join("run/checkpoints");
    for save in std::fs::read_dir(&saves).unwrap() {
        for file in std::fs::read_dir(save.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.ends_with(".safetensors") && !name.contains("optimizer") {
                fill(&path, 9e8);
            }
        }
    }
    let text = said(&mut train(folder, &format!("{more} --steps 4 --resume")));
    assert!(text.contains("is not finite"), "{text}");
}
