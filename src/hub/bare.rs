//! What a run's files say of the machine that they were written on, taken out: where a file
//! lay is nobody's business.

use crate::error::{Error, Result};
use serde_json::Value;
use std::path::Path;

/// The key of what a model was trained on: paths, or patterns of them, as given.
const INPUTS: &str = "inputs";

/// A file of settings or figures, its paths cut to their last part. Where there are none it
/// is as it was, to the byte.
///
/// # Errors
/// A file that is not what its ending says.
pub(super) fn bare(path: &Path, text: &str) -> Result<String> {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let wrong = |error: &dyn std::fmt::Display| {
        Error::input(
            path.display().to_string(),
            format!("cannot be used: {error}"),
            "name a run's folder",
        )
    };
    match ending {
        Some("json") => {
            let mut value = serde_json::from_str(text).map_err(|error| wrong(&error))?;
            match cut(&mut value, false) {
                false => Ok(text.to_owned()),
                true => serde_json::to_string_pretty(&value)
                    .map(|text| text + "\n")
                    .map_err(|error| wrong(&error)),
            }
        }
        Some("jsonl") => Ok(lines(text)),
        _ => {
            let table: toml::Table =
                toml::from_str(text).map_err(|error| wrong(&error.message()))?;
            let mut value = serde_json::to_value(&table).map_err(|error| wrong(&error))?;
            match cut(&mut value, false) {
                false => Ok(text.to_owned()),
                true => toml::to_string(&value).map_err(|error| wrong(&error)),
            }
        }
    }
}

/// Each line by itself; one that was cut off while it was written stays out.
fn lines(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    for line in text.lines() {
        let Ok(mut value) = serde_json::from_str(line) else {
            continue;
        };
        match cut(&mut value, false) {
            true => bare += &value.to_string(),
            false => bare += line,
        }
        bare.push('\n');
    }
    bare
}

/// Cuts the paths in a value to their last part; whether there were any. Under `inputs` all
/// texts are paths, elsewhere those that begin at a root.
fn cut(value: &mut Value, are_paths: bool) -> bool {
    match value {
        Value::String(text) if are_paths || is_absolute(text) => {
            let last = last_part(text).to_owned();
            let changed = last != *text;
            *text = last;
            changed
        }
        Value::Array(items) => items
            .iter_mut()
            .fold(false, |changed, item| cut(item, are_paths) | changed),
        Value::Object(entries) => entries.iter_mut().fold(false, |changed, (key, item)| {
            cut(item, are_paths || key == INPUTS) | changed
        }),
        _ => false,
    }
}

/// Whether a text begins at a root, of this system or another.
fn is_absolute(text: &str) -> bool {
    let mut letters = text.chars();
    let drive = letters
        .next()
        .is_some_and(|letter| letter.is_ascii_alphabetic())
        && letters.next() == Some(':')
        && letters
            .next()
            .is_some_and(|mark| mark == '/' || mark == '\\');
    drive
        || ["/", "\\\\", "~/", "file:"]
            .iter()
            .any(|root| text.starts_with(root))
}

/// The last part of a path.
pub(super) fn last_part(path: &str) -> &str {
    let parts = path.rsplit(['/', '\\']);
    parts
        .into_iter()
        .find(|part| !part.is_empty())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, text: &str) -> String {
        bare(Path::new(name), text).unwrap()
    }

    #[test]
    fn paths_are_cut_to_their_last_part() {
        for (path, last) in [
            ("/home/me/brown.zip", "brown.zip"),
            ("../films/*.mp4", "*.mp4"),
            ("C:\\films\\a.mp4", "a.mp4"),
            ("films/", "films"),
            ("/", ""),
            ("-", "-"),
        ] {
            assert_eq!(last_part(path), last);
        }
        let json = r#"{"config": {"inputs": ["/home/me/a.mp4", "b/c.mp4"], "shape": [1, 2.50],
            "_name_or_path": "/home/me/bert", "rate": "1/2", "x": "D:\\y\\z"}}"#;
        let text = of("config.json", json);
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            value["config"]["inputs"],
            serde_json::json!(["a.mp4", "c.mp4"])
        );
        assert_eq!(value["config"]["_name_or_path"], "bert");
        assert_eq!(
            (&value["config"]["rate"], &value["config"]["x"]),
            (&"1/2".into(), &"z".into())
        );
        assert!(!text.contains("home"), "{text}");
        let toml = "[data]\n# a note\ntokenizer = \"/home/me/t.json\"\nwidth = 3\n";
        assert_eq!(
            of("config.toml", toml),
            "[data]\ntokenizer = \"t.json\"\nwidth = 3\n"
        );
        let lines = "{\"step\":1,\"from\":\"/home/me\"}\n{\"step\": 2}\n{\"st";
        assert_eq!(
            of("metrics.jsonl", lines),
            "{\"step\":1,\"from\":\"me\"}\n{\"step\": 2}\n"
        );
    }

    #[test]
    fn what_holds_no_path_stays_as_it_is() {
        for (name, text) in [
            ("config.json", "{ \"a\": 1.0e-3,\n \"b\": \"c/d\" }"),
            ("config.toml", "# a note\nrate = 1e-3\n"),
            ("metrics.jsonl", "{\"a\": 1.50}\n"),
        ] {
            assert_eq!(of(name, text), text);
        }
        let said = bare(Path::new("run/config.json"), "{")
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("run/config.json") && said.contains("cannot be used"),
            "{said}"
        );
    }
}
