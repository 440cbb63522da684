//! The whole-horizon model on the command line.

use assert_cmd::Command;
use safetensors::SafeTensors;
use std::fs;
use std::path::Path;

const SMALL: &str = "--set model.backbone.width=8 --set model.backbone.depth=0 --set \
     training.members=1 --set training.batch=2 --set data.width=16 --set data.height=16 --set \
     evaluation.horizon=4 --set horizon.windows=20";

fn sample() -> String {
    format!("{}/datasets/galton.gif", env!("CARGO_MANIFEST_DIR"))
}

/// Exit code, standard output and standard error.
fn run(folder: &Path, words: &str) -> (Option<i32>, String, String) {
    let mut command = Command::cargo_bin("nextframe").unwrap();
    let output = command
        .current_dir(folder)
        .env("NEXTFRAME_CACHE", folder.join("cache"))
        .args(words.split_whitespace())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

fn done(folder: &Path, words: &str) -> (String, String) {
    let (code, stdout, stderr) = run(folder, words);
    assert_eq!(code, Some(0), "{words}: {stderr}");
    (stdout, stderr)
}

fn refused(folder: &Path, words: &str, says: &str) {
    let (code, _, stderr) = run(folder, words);
    assert_eq!(code, Some(1), "{words}: {stderr}");
    assert!(stderr.contains(says), "{words}: {stderr}");
}

#[test]
fn train_learns_it_and_all_that_draws_has_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let film = sample();
    let train = format!("train {film} {SMALL} --steps 2 --out run");
    let (_, stderr) = done(folder, &train);
    assert!(stderr.contains("horizon: learned from"), "{stderr}");
    assert!(stderr.contains("whole-horizon model's CRPS is"), "{stderr}");
    let kept = folder.join("run/horizon.safetensors");
    let whole = fs::read(&kept).unwrap();

    let compare = "compare run --futures 2 --windows 2";
    let (stdout, _) = done(folder, &format!("{compare} --size 48x48"));
    assert!(stdout.contains("horizon, 48×48"), "{stdout}");
    let found = fs::read(folder.join("run/compare.json")).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&found).unwrap();
    let names = found["models"].as_array().unwrap().iter();
    let names: Vec<_> = names.map(|model| model["name"].clone()).collect();
    assert_eq!(names, ["copy", "mse", "latent", "horizon mean", "horizon"]);
    assert_eq!(found["large"]["size"], serde_json::json!([48, 48]));
    let told = &found["large"]["real_or_drawn"]["1"]["as_they_are"]["value"];
    assert!((0.0..=1.0).contains(&told.as_f64().unwrap()), "{told}");
    assert!(found["large"]["trial"]["power"]["tiled"].is_object());
    refused(
        folder,
        &format!("{compare} --size 48x20"),
        "give --size 48x48",
    );

    done(folder, &format!("{compare} --no-real-or-drawn --horizon 6"));
    let found = fs::read(folder.join("run/compare.json")).unwrap();
    let found: serde_json::Value = serde_json::from_slice(&found).unwrap();
    let horizons = found["models"][3]["horizons"].as_object().unwrap();
    assert!(horizons.keys().eq(["1", "4", "6"]), "{horizons:?}");
    refused(folder, &format!("{compare} --horizon 60000"), "too short");

    let draw = format!("generate run {film} --futures 6 --format png");
    done(folder, &format!("{draw} --by horizon -o a"));
    done(folder, &format!("{draw} --by horizon -o b"));
    let future = |name: &str| fs::read(folder.join(name)).unwrap();
    assert!(future("a/future-01.png") == future("b/future-01.png"));
    let mut different: Vec<_> = (1..=6)
        .map(|index| future(&format!("a/future-0{index}.png")))
        .collect();
    different.sort_unstable();
    different.dedup();
    assert!(different.len() > 1);
    let shape = |name: &str| {
        let bytes = fs::read(folder.join(name)).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        file.tensor("futures").unwrap().shape().to_vec()
    };
    let stored = format!("generate run {film} --futures 2");
    let words = "--size 48x48 --frames 6 -o large.safetensors";
    done(folder, &format!("{stored} {words}"));
    assert_eq!(shape("large.safetensors"), [1, 2, 6, 3, 48, 48]);
    done(
        folder,
        &format!("{stored} --size source -o source.safetensors"),
    );
    assert_eq!(shape("source.safetensors"), [1, 2, 4, 3, 64, 64]);

    refused(folder, &format!("{draw} --size 48x20"), "give --size 48x48");
    refused(
        folder,
        &format!("{draw} --size 48x48 --by frames"),
        "--by frames",
    );
    let prepared = "generate run film.frames --futures 2 --size source";
    let synth = "synth galton --frames 40 -o other.frames";
    done(folder, synth);
    fs::rename(folder.join("other.frames"), folder.join("film.frames")).unwrap();
    let (code, _, stderr) = run(folder, prepared);
    assert_eq!(code, Some(1), "{stderr}");

    // A file that is not whole is named, and one that is gone is not missed.
    fs::write(&kept, &whole[..whole.len() / 2]).unwrap();
    refused(folder, &draw, "horizon.safetensors");
    fs::remove_file(&kept).unwrap();
    done(folder, &format!("{draw} -o frames"));
    refused(
        folder,
        &format!("{draw} --by horizon"),
        "no whole-horizon model",
    );
}

#[test]
fn a_run_without_it_and_one_that_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let film = sample();
    let without = format!("train {film} {SMALL} --steps 2 --set horizon.windows=0 --out old");
    let (_, stderr) = done(folder, &without);
    assert!(!stderr.contains("horizon:"), "{stderr}");
    assert!(!folder.join("old/horizon.safetensors").exists());
    // What is learned once is not learned again.
    let (_, stderr) = done(folder, &format!("train {film} {SMALL} --steps 2 --out run"));
    assert!(stderr.contains("horizon: learned"), "{stderr}");
    let before = fs::read(folder.join("run/horizon.safetensors")).unwrap();
    let again = format!("train {film} {SMALL} --steps 3 --out run --resume");
    let (_, stderr) = done(folder, &again);
    assert!(!stderr.contains("horizon: learned"), "{stderr}");
    assert_eq!(
        fs::read(folder.join("run/horizon.safetensors")).unwrap(),
        before
    );
    // Nor with a context of one frame.
    let one = format!("train {film} {SMALL} --steps 1 --set model.context=1 --out one");
    let (_, stderr) = done(folder, &one);
    assert!(stderr.contains("no whole-horizon model"), "{stderr}");
    refused(
        folder,
        &format!("train {film} {SMALL} --set horizon.ways=51 --out bad"),
        "horizon.ways: is 51, expected 0 to 50",
    );
    let frame = "--set horizon.parts=frame --set horizon.ways=9";
    refused(
        folder,
        &format!("train {film} {SMALL} {frame} --out bad"),
        "horizon.ways: is 9, expected 2, 8, 18, 32 or 50 where the whole frame moves",
    );
}
