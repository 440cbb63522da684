//! `nextframe lecture` from outside: what it writes, and what it refuses.

use assert_cmd::Command;
use std::path::Path;
use std::process::Output;
use std::time::Duration;

fn lecture(folder: &Path, words: &[&str]) -> Output {
    let mut command = Command::cargo_bin("nextframe").unwrap();
    command
        .arg("lecture")
        .args(words)
        .current_dir(folder)
        .timeout(Duration::from_secs(120));
    command.output().unwrap()
}

#[test]
fn figures_are_written_and_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    for out in ["a", "b"] {
        let output = lecture(folder, &["pca", "-o", out, "--seed", "3"]);
        assert!(output.status.success());
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(
            said.contains("ellipse") && said.contains("pca.svg"),
            "{said}"
        );
    }
    for name in ["pca.svg", "pca.png"] {
        let [a, b] = ["a", "b"].map(|out| std::fs::read(folder.join(out).join(name)).unwrap());
        assert!(!a.is_empty() && a == b, "{name}");
    }
}

#[test]
fn what_cannot_be_used_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("file"), "").unwrap();
    for (words, says) in [
        (&["kmean"][..], "choose all, or one of kmeans"),
        (&["pca", "-o", "file"], "file"),
        (&["pca", "-o", "file/inside"], "file/inside"),
        (&["--y1", "NaN"], "y1: it is NaN"),
        (&["--point", "0.3;0.8"], "'0.3;0.8' is no pair"),
        (&["--point", "0.3,inf"], "it is inf"),
    ] {
        let output = lecture(folder, words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{words:?}: {said}");
        assert!(
            said.contains("error: ") && said.contains(says),
            "{words:?}: {said}"
        );
        assert!(!said.contains("panicked"), "{words:?}: {said}");
    }
}
