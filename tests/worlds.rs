//! Worlds with a known answer, from outside: rendered, trained on, asked.

use assert_cmd::Command;
use serde_json::Value;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

fn nextframe(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::cargo_bin("nextframe").unwrap();
    command
        .args(words)
        .current_dir(folder)
        .env("NEXTFRAME_CACHE", folder.join("cache"))
        .timeout(Duration::from_secs(120));
    command.output().unwrap()
}

fn done(folder: &Path, words: &[&str]) -> String {
    let output = nextframe(folder, words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{words:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

fn refused(folder: &Path, words: &[&str], says: &str) {
    let output = nextframe(folder, words);
    let said = String::from_utf8_lossy(&output.stderr).replace("\n       ", " ");
    assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
    assert!(said.contains(says), "{words:?}: {said}");
}

/// A network small enough for a test.
#[rustfmt::skip]
const SMALL: [&str; 12] = [
    "--steps", "2", "--set", "model.backbone.width=8", "--set", "model.backbone.depth=0",
    "--set", "training.batch=2", "--set", "training.without_latent=0.0", "--set", "evaluation.horizon=4",
];

/// Eighteen images of 28 × 28, as MNIST keeps them.
fn images(path: &Path) {
    let mut bytes = vec![0, 0, 8, 3];
    for number in [18u32, 28, 28] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend((0..18 * 28 * 28).map(|i| if (i / 28 + i % 28) % 9 < 4 { 250 } else { 0 }));
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn digits_are_rendered_trained_on_and_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    images(&folder.join("images"));
    let render = ["synth", "digits", "-o", "digits.frames", "--frames", "900"];
    refused(folder, &render, "no images are named");
    done(folder, &[&render[..], &["--images", "images"]].concat());
    // A cut between sequences of 25 frames, of which the first few are listed.
    let said = done(folder, &["inspect", "digits.frames"]);
    assert!(
        said.contains("900") && said.contains("35 at 2.00") && said.contains("and 25 more"),
        "{said}"
    );
    let train = [
        "train",
        "digits.frames",
        "--recipe",
        "digits",
        "--out",
        "run",
    ];
    // z says where objects go, by as many moves as they have.
    let size = ["--set", "latent.size=9"];
    let wrong = [&train[..], &SMALL, &size].concat();
    refused(folder, &wrong, "latent.size = 81");
    let small = ["--set", "model.reach=1"];
    done(folder, &[&wrong[..], &small].concat());
    let ask = [
        "outcomes",
        "run",
        "digits",
        "--moments",
        "3",
        "--futures",
        "5",
    ];
    refused(folder, &ask, "no images are named");
    let ask = [&ask[..], &["--images", "images", "--json"]].concat();
    let found: Value = serde_json::from_str(&done(folder, &ask)).unwrap();
    assert_eq!(
        (&found[0]["name"], &found[1]["name"]),
        (&"mse".into(), &"latent".into())
    );
    assert_eq!(
        (&found[0]["futures"], &found[1]["futures"]),
        (&1.into(), &5.into())
    );
    for of in found.as_array().unwrap() {
        assert_eq!(of["moments"], 3);
        assert!(of["possible"].as_f64().unwrap() > 10.0, "{of}");
        let near = of["near"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&near), "{of}");
    }
    // Another world's frames are not this model's.
    refused(folder, &["outcomes", "run", "fork"], "1 channels");
}

#[test]
fn every_recipe_of_a_latent_family_trains_and_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(
        folder,
        &["synth", "fork", "-o", "fork.frames", "--frames", "300"],
    );
    refused(folder, &["synth", "fork", "-o", "fork.frames"], "it exists");
    // With each prior, of the family that it goes with.
    for (recipe, prior) in [
        ("flow", "flow"),
        ("sparse", "mixture"),
        ("galton", "neighbours"),
        ("codes", "masked"),
        ("tokens", "tokens"),
    ] {
        let prior = format!("latent.prior={prior}");
        let train = ["train", "fork.frames", "--recipe", recipe, "--out", recipe];
        done(folder, &[&train[..], &["--set", &prior], &SMALL].concat());
        let ask = [
            "outcomes",
            recipe,
            "fork",
            "--moments",
            "2",
            "--futures",
            "4",
        ];
        let said = done(folder, &ask);
        assert!(said.contains("latent +3: nearest to each"), "{said}");
        refused(
            folder,
            &[&ask[..], &["--persistence", "1"]].concat(),
            "below 1",
        );
        let out = format!("{recipe}.safetensors");
        let generate = [
            "generate",
            recipe,
            "fork.frames",
            "--frames",
            "2",
            "--futures",
            "3",
        ];
        let made = done(folder, &[&generate[..], &["-o", &out, "--json"]].concat());
        let made: Value = serde_json::from_str(&made).unwrap();
        // A flow and neighbours have no density that is known; the others' futures are ranked
        // by it.
        match made["log_probabilities"].as_array() {
            None => assert!(["flow", "galton"].contains(&recipe), "{recipe}"),
            Some(logs) => {
                let logs: Vec<f64> = logs.iter().map(|log| log.as_f64().unwrap()).collect();
                assert_eq!(logs.len(), 3);
                assert!(logs.is_sorted_by(|a, b| a >= b), "{logs:?}");
            }
        }
    }
    // All on the same windows.
    let compare = [
        "compare",
        "flow",
        "sparse",
        "galton",
        "tokens",
        "--no-real-or-drawn",
        "--futures",
        "2",
        "--windows",
        "2",
    ];
    let said = done(folder, &compare);
    assert!(
        said.contains("tokens latent") && said.contains("compare.html"),
        "{said}"
    );
}

#[test]
fn an_energy_over_frames_trains_goes_on_and_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(
        folder,
        &["synth", "fork", "-o", "fork.frames", "--frames", "300"],
    );
    let small = [
        "--set",
        "energy.width=8",
        "--set",
        "energy.steps=3",
        "--set",
        "energy.replay=8",
    ];
    for recipe in ["score", "contrastive"] {
        let train = ["train", "fork.frames", "--recipe", recipe, "--out", recipe];
        let train = [&train[..], &small, &SMALL].concat();
        done(folder, &train);
        let said = done(
            folder,
            &[
                "outcomes",
                recipe,
                "fork",
                "--moments",
                "2",
                "--futures",
                "4",
            ],
        );
        assert!(said.contains("energy +3: nearest to each"), "{said}");
        let out = format!("{recipe}.safetensors");
        let generate = ["generate", recipe, "fork.frames", "--frames", "2"];
        let more = ["--futures", "3", "-o", &out, "--json"];
        let made = done(folder, &[&generate[..], &more].concat());
        let made: Value = serde_json::from_str(&made).unwrap();
        assert!(made["log_probabilities"].is_null(), "{made}");
        let lines = std::fs::read_to_string(folder.join(recipe).join("metrics.jsonl")).unwrap();
        let checked = |line: &str| {
            let line: Value = serde_json::from_str(line).unwrap();
            line["energy"][0]["samples"].is_number()
        };
        assert!(lines.lines().any(checked), "no check of the energy");
        let wrong = ["--set", "energy.restart=2", "--out", "wrong"];
        refused(folder, &[&train[..4], &wrong].concat(), "energy.restart");
    }
    let said = done(
        folder,
        &[
            "compare",
            "score",
            "contrastive",
            "--no-real-or-drawn",
            "--futures",
            "2",
            "--windows",
            "2",
        ],
    );
    for words in [
        "score energy",
        "contrastive energy",
        "The energy of score energy",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
}
