//! Hubs that lie: one sentence, exit code 1, nothing written outside of the cache, and the
//! token is shown to nobody else.

mod bounds;
mod tokens;

use super::hub_server::{Act, Hub};
use super::{FILL, nextframe};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

const TOKEN: &str = "hf_secret";
/// Seconds that a hub may be silent where it is not.
const LONG: &str = "20";
/// Where it is.
const SHORT: &str = "0.1";

/// A hub with small files that stand for a model; they are never loaded.
fn hub() -> Hub {
    let hub = Hub::start(None);
    hub.put("config.json", b"{\"model_type\": \"bert\"}".to_vec());
    hub.put("model.safetensors", vec![7; 3000]);
    hub.put("tokenizer.json", b"{}".to_vec());
    hub
}

/// All files under a folder and what they hold, but for those of the cache.
fn outside(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with("home/hub") => {}
                true => folders.push(path),
                false => {
                    found.insert(path.display().to_string(), fs::read(&path).unwrap());
                }
            }
        }
    }
    found
}

/// A head with a body of no known length.
fn endless(headers: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{headers}Transfer-Encoding: chunked\r\n\r\n")
}

/// A chunk of a body.
fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn answer(status: &str, headers: &str, body: &str) -> Act {
    let length = body.len();
    Act::Say(format!(
        "HTTP/1.1 {status}\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    ))
}

fn redirect(status: u16, to: &str) -> Act {
    answer(
        &format!("{status} Moved"),
        &format!("Location: {to}\r\n"),
        "",
    )
}

/// A list of files of one file.
fn listed(path: &str, size: &str, oid: &str) -> Act {
    let entry = |path: &str, size: &str, oid: &str| {
        format!(r#"{{"type": "file", "path": "{path}", "size": {size}, "oid": "{oid}"}}"#)
    };
    let config = entry("config.json", "22", &"c".repeat(40));
    let body = format!("[{config}, {}]", entry(path, size, oid));
    answer("200 OK", "Content-Type: application/json\r\n", &body)
}

/// What a hub does, and what is said of it.
type Case = (
    &'static str,
    Vec<(&'static str, &'static str, Act)>,
    &'static str,
);

/// Runs the program on each, with another host beside the hub whose address the cases know.
fn all(silence: &str, words: &[&str], cases: impl Fn(&str, &str) -> Vec<Case>) {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    let victim = folder.path().join("victim");
    fs::create_dir(&victim).unwrap();
    for name in ["config.json", "model.safetensors", "config.json.txt"] {
        fs::write(victim.join(name), "precious").unwrap();
    }
    let before = outside(folder.path());
    let (hub, other) = (hub(), self::hub());
    let cases = cases(other.address(), &victim.display().to_string());
    assert!(!cases.is_empty());
    for (name, rules, part) in cases {
        let _ = fs::remove_dir_all(&home);
        hub.act(rules);
        let output = nextframe(&hub, &home, words)
            .env("HF_TOKEN", TOKEN)
            .env("HF_HUB_DOWNLOAD_TIMEOUT", silence)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let errors: Vec<&str> = said
            .lines()
            .filter(|line| line.starts_with("error: "))
            .collect();
        assert_eq!(output.status.code(), Some(1), "{name}: {said}");
        assert!(
            errors.len() == 1 && said.lines().count() == 1,
            "{name}: {said}"
        );
        assert!(errors[0].contains("hf://me/mini: "), "{name}: {said}");
        assert!(errors[0].contains(part), "{name}: no {part:?} in {said}");
        assert!(!said.contains(TOKEN), "{name}: {said}");
        assert_eq!(outside(folder.path()), before, "{name}");
        let seen = other.tokens();
        assert!(seen.is_empty(), "{name}: the other host was shown {seen:?}");
    }
}

#[test]
fn names_that_are_paths_reach_no_path() {
    all(LONG, &FILL, |_, victim| {
        let head = |name, header, value: String| {
            let act = Act::Header(header, value);
            ("HEAD", name, act)
        };
        let etag = |value: &str| vec![head("/resolve/", "ETag", format!("\"{value}\""))];
        let commit = |value: &str| vec![head("/resolve/", "X-Repo-Commit", value.to_owned())];
        let get = |header, value: &str| {
            vec![(
                "GET",
                "model.safetensors",
                Act::Header(header, value.to_owned()),
            )]
        };
        let list = |path: &str| vec![("GET", "/tree/", listed(path, "9", &"0".repeat(40)))];
        let escaped = "model-\\u0000.safetensors";
        vec![
            (
                "etag, absolute",
                etag(&format!("{victim}/config.json.txt")),
                "which is no hash",
            ),
            (
                "etag, relative",
                etag("../../../../victim/config.json"),
                "which is no hash",
            ),
            ("etag, weak", etag("\\W/..\\x"), "which is no hash"),
            ("etag, short", etag("abc"), "which is no hash"),
            ("etag, empty", etag(""), "which is no hash"),
            (
                "etag of a large file",
                vec![head("/resolve/", "X-Linked-Etag", "../x".to_owned())],
                "'../x'",
            ),
            (
                "etag of the weights",
                get("ETag", "\"../../x\""),
                "answer for model.safetensors names",
            ),
            ("commit, absolute", commit(victim), "which is none"),
            (
                "commit, relative",
                commit("../../../../victim"),
                "which is none",
            ),
            ("commit, empty", commit(""), "which is none"),
            (
                "commit of the weights",
                get("X-Repo-Commit", ".."),
                "names the commit '..'",
            ),
            ("list, up", list("../model.safetensors"), "a path out of it"),
            ("list, root", list("/model.safetensors"), "a path out of it"),
            (
                "list, within",
                list("model-../../../../evil.safetensors"),
                "a path out of it",
            ),
            (
                "list, backslash",
                list("model-..\\\\..\\\\x.safetensors"),
                "a path out of it",
            ),
            ("list, nothing", list(escaped), "a path out of it"),
            (
                "list, percent",
                list("model-%2e%2e%2f.safetensors"),
                "names its weights",
            ),
            (
                "list, dots",
                list("model-...safetensors"),
                "names its weights",
            ),
            (
                "list, hash",
                vec![("GET", "/tree/", listed("model.safetensors", "9", "../../x"))],
                "which is no hash",
            ),
        ]
    });
}
