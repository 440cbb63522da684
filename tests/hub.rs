//! `hf://…` and `nextframe hub push`, against a server that speaks the hub's protocol.
#![cfg(feature = "hub")]

mod hub_attacks;
mod hub_server;

use assert_cmd::Command;
use hub_server::{Fault, Hub};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The program with a home and a hub of its own.
fn nextframe(hub: &Hub, home: &Path, words: &[&str]) -> Command {
    let mut command = Command::cargo_bin("nextframe").unwrap();
    for name in [
        "HF_TOKEN",
        "HF_HUB_OFFLINE",
        "HF_HUB_CACHE",
        "HF_TOKEN_PATH",
        "HF_HUB_DOWNLOAD_TIMEOUT",
        "RUST_LOG",
    ] {
        command.env_remove(name);
    }
    command
        .args(words)
        .env("HF_ENDPOINT", hub.address())
        .env("HF_HOME", home)
        .env("NO_PROXY", "127.0.0.1")
        .timeout(Duration::from_secs(120));
    command
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    let said = String::from_utf8(output.stderr).unwrap();
    let last = said.lines().rfind(|line| line.starts_with("error: "));
    last.unwrap_or_else(|| panic!("no error in: {said}"))
        .to_owned()
}

/// A small run of `text train`.
fn run(folder: &Path) -> PathBuf {
    let corpus = folder.join("corpus.txt");
    fs::write(&corpus, "the ball bounces off the wall. ".repeat(200)).unwrap();
    let run = folder.join("run");
    Command::cargo_bin("nextframe")
        .unwrap()
        .args(["text", "train"])
        .arg(&corpus)
        .arg("--out")
        .arg(&run)
        .args(["--steps", "10"])
        .args(["--set", "data.length=24", "--set", "data.vocabulary=60"])
        .args([
            "--set",
            "model.hidden_size=16",
            "--set",
            "model.num_hidden_layers=1",
        ])
        .args([
            "--set",
            "model.intermediate_size=32",
            "--set",
            "training.batch=4",
        ])
        .timeout(Duration::from_secs(120))
        .assert()
        .success();
    run
}

const FILL: [&str; 4] = ["text", "fill", "hf://me/mini", "the [MASK] bounces"];

#[test]
fn what_is_pushed_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (home, run) = (folder.path().join("home"), run(folder.path()));
    let hub = Hub::start(Some("secret"));
    let push = ["hub", "push", &run.display().to_string(), "me/mini"];

    // Without a token, and with a wrong one.
    let refused = said(&mut nextframe(&hub, &home, &push));
    assert!(
        refused.contains("hf://me/mini") && refused.contains("HF_TOKEN"),
        "{refused}"
    );
    let mut wrong = nextframe(&hub, &home, &push);
    assert!(said(wrong.env("HF_TOKEN", "wrong")).contains("(401)"));

    nextframe(&hub, &home, &push)
        .env("HF_TOKEN", "secret")
        .assert()
        .success();
    let names = hub.names();
    for name in [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ] {
        assert!(
            names.iter().any(|known| known == name),
            "{name} of {names:?}"
        );
    }
    let card = String::from_utf8(hub.file("README.md")).unwrap();
    assert!(
        card.starts_with("---\n") && card.contains("10 steps"),
        "{card}"
    );
    let here = folder.path().display().to_string();
    for name in &names {
        let file = hub.file(name);
        let tells = file.windows(here.len()).any(|part| part == here.as_bytes());
        assert!(!tells, "{name} tells where the run lay");
    }
    assert_eq!(
        hub.file("model.safetensors"),
        fs::read(run.join("model.safetensors")).unwrap()
    );

    // Into a clean cache, and from there without the network.
    let ask = || nextframe(&hub, &home, &FILL);
    let first = ask().env("HF_TOKEN", "secret").output().unwrap();
    assert!(
        first.status.success(),
        "{}",
        String::from_utf8_lossy(&first.stderr)
    );
    let local = run.display().to_string();
    let own = nextframe(&hub, &home, &["text", "fill", &local, "the [MASK] bounces"]);
    let own = { own }.output().unwrap();
    assert_eq!(first.stdout, own.stdout);
    let before = hub.requests();
    let offline = ask().env("HF_HUB_OFFLINE", "1").output().unwrap();
    assert_eq!(offline.stdout, first.stdout);
    assert_eq!(hub.requests(), before);
    let clean = folder.path().join("clean");
    let none = said(nextframe(&hub, &clean, &FILL).env("HF_HUB_OFFLINE", "1"));
    assert!(
        none.contains("HF_HUB_OFFLINE is set") && none.contains("no copy"),
        "{none}"
    );

    // A hub that is gone: the cache serves, a clean one cannot.
    let gone = "http://127.0.0.1:9";
    let output = ask().env("HF_ENDPOINT", gone).output().unwrap();
    assert_eq!(output.stdout, first.stdout);
    assert!(String::from_utf8_lossy(&output.stderr).contains("the copy in the cache is used"));
    let none = said(nextframe(&hub, &clean, &FILL).env("HF_ENDPOINT", gone));
    assert!(
        none.contains("cannot be reached") && none.contains("HF_ENDPOINT"),
        "{none}"
    );
}

/// A hub that holds a model, without a token.
fn filled(folder: &Path) -> Hub {
    let (hub, run) = (Hub::start(None), run(folder));
    for name in ["config.json", "model.safetensors", "tokenizer.json"] {
        hub.put(name, fs::read(run.join(name)).unwrap());
    }
    hub
}

#[test]
fn what_does_not_arrive_whole_is_fetched_again() {
    let folder = tempfile::tempdir().unwrap();
    let hub = filled(folder.path());
    // The connection breaks off, twice.
    let home = folder.path().join("dropped");
    hub.fail("model.safetensors", Fault::Drop, 2);
    nextframe(&hub, &home, &FILL).assert().success();
    // Fewer bytes than the listing says, once, and for ever.
    let home = folder.path().join("short");
    hub.fail("model.safetensors", Fault::Short, 1);
    nextframe(&hub, &home, &FILL).assert().success();
    let home = folder.path().join("always");
    hub.fail("model.safetensors", Fault::Short, 99);
    let refused = said(&mut nextframe(&hub, &home, &FILL));
    assert!(
        refused.contains("arrives damaged") && refused.contains("the hub says"),
        "{refused}"
    );
    hub.fail("model.safetensors", Fault::Short, 0);

    // A file of the cache was changed, its length kept.
    let home = folder.path().join("poisoned");
    let good = nextframe(&hub, &home, &FILL).output().unwrap();
    assert!(good.status.success());
    let blobs = home.join("hub/models--me--mini/blobs");
    let largest = fs::read_dir(&blobs)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .max_by_key(|path| path.metadata().unwrap().len())
        .unwrap();
    let mut bytes = fs::read(&largest).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 0x40;
    fs::write(&largest, &bytes).unwrap();
    let refused = said(nextframe(&hub, &home, &FILL).env("HF_HUB_OFFLINE", "1"));
    assert!(refused.contains("is damaged"), "{refused}");
    let output = nextframe(&hub, &home, &FILL).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && told.contains("fetched anew"),
        "{told}"
    );
    assert_eq!(output.stdout, good.stdout);
}

#[test]
fn what_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let hub = filled(folder.path());
    let home = folder.path().join("home");
    let refused = |model: &str| {
        said(&mut nextframe(
            &hub,
            &home,
            &["text", "fill", model, "[MASK]"],
        ))
    };
    for (model, part) in [
        ("hf://me/other", "no such repository"),
        ("hf://me/mini@v9", "no revision 'v9'"),
        ("hf://me", "is no place on the hub"),
    ] {
        let said = refused(model);
        assert!(said.contains(model) && said.contains(part), "{said}");
    }
    nextframe(
        &hub,
        &home,
        &["text", "fill", "hf://me/mini@main", "[MASK]"],
    )
    .assert()
    .success();
    hub.remove("model.safetensors");
    assert!(refused("hf://me/mini").contains("no model.safetensors"));
}
