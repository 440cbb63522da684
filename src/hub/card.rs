//! The model card of a run: what it is, what was measured, how to use it.

use super::bare::last_part;
use crate::error::{Error, Result};
use crate::outputs::run::{CONFIG, Run};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// A figure of a card: name and value.
type Row = (String, f64);

/// The text of README.md for a run, with the names of pictures that lie in it.
///
/// # Errors
/// A run that has no config.json.
#[cfg_attr(
    not(feature = "hub"),
    allow(dead_code, reason = "only a push writes one")
)]
pub(super) fn card(run: &Run, repository: &str, pictures: &[String]) -> Result<String> {
    let path = run.folder().join(CONFIG);
    let config = read(&path)?;
    let is_text = config.get("model_type").is_some();
    let about = match is_text {
        true => config.get("nextframe").cloned().unwrap_or_default(),
        false => config.get("config").cloned().unwrap_or_default(),
    };
    let (task, tags) = match is_text {
        true => ("fill-mask", "masked-language-modeling"),
        false => ("image-to-video", "video-prediction"),
    };
    let mut text = format!(
        "---\nlibrary_name: candle\npipeline_tag: {task}\ntags:\n- nextframe\n- {tags}\n\
         - energy-based-model\n---\n\n# {repository}\n\n"
    );
    let what = match is_text {
        true => "A BERT, trained by masked prediction with nextframe.",
        false => "Predicts the next frames of a video, several plausible futures, with nextframe.",
    };
    let _ = writeln!(text, "{what}\n");
    if let Some(inputs) = about.get("inputs").and_then(Value::as_array) {
        let names = inputs.iter().filter_map(Value::as_str).map(last_part);
        let _ = writeln!(
            text,
            "Trained on: {}.\n",
            names.collect::<Vec<_>>().join(", ")
        );
    }
    if let Some(trained) = about.get("trained").filter(|trained| trained.is_object()) {
        let _ = writeln!(
            text,
            "{} steps in {:.0} s, seed {}, {} threads.\n",
            trained["steps"],
            trained["seconds"].as_f64().unwrap_or(0.0),
            trained["seed"],
            trained["threads"]
        );
    }
    let figures = figures(run);
    if !figures.is_empty() {
        text += "## Figures\n\nOf the last look at the validation part.\n\n| | |\n|---|---|\n";
        for (name, value) in figures {
            let _ = writeln!(text, "| {name} | {value:.4} |");
        }
        text.push('\n');
    }
    for picture in pictures {
        let _ = writeln!(text, "![{picture}]({picture})\n");
    }
    let command = match is_text {
        true => format!("nextframe text fill hf://{repository} \"The ball [MASK] off the wall.\""),
        false => format!("nextframe generate hf://{repository} video.mp4"),
    };
    let _ = write!(text, "## Use\n\n```sh\n{command}\n```\n");
    Ok(text)
}

/// The numbers of the last validation in the run's metrics.
fn figures(run: &Run) -> Vec<Row> {
    let text = std::fs::read_to_string(run.metrics()).unwrap_or_default();
    let line = text
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|line| line.get("validation").cloned());
    let mut rows = Vec::new();
    collect(&line.unwrap_or_default(), "", &mut rows);
    rows
}

fn collect(value: &Value, name: &str, rows: &mut Vec<Row>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let name = [name, key].join(" ");
                collect(value, name.trim(), rows);
            }
        }
        Value::Number(number) => {
            rows.push((name.replace('_', " "), number.as_f64().unwrap_or(0.0)))
        }
        _ => {}
    }
}

fn read(path: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
    serde_json::from_str(&text).map_err(|error| {
        Error::input(
            path.display().to_string(),
            format!("cannot be used: {error}"),
            "name a run's folder",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_card_says_what_was_measured_and_no_path() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("config.toml", "");
        write(
            "config.json",
            r#"{"model_type": "bert", "nextframe": {"inputs": ["/home/me/brown.zip"],
                "trained": {"steps": 12, "seconds": 3.4, "seed": 0, "threads": 2}}}"#,
        );
        write(
            "metrics.jsonl",
            "{\"validation\": {\"accuracy\": 0.1}}\n{\"validation\": {\"accuracy\": 0.25, \
             \"bins\": [{\"cases\": 1}]}}\n{\"step\": 3}\n",
        );
        let run = Run::open(folder.path()).unwrap();
        let text = card(&run, "me/x", &["pictures/1.png".to_owned()]).unwrap();
        for part in [
            "pipeline_tag: fill-mask",
            "Trained on: brown.zip.",
            "12 steps in 3 s, seed 0",
            "| accuracy | 0.2500 |",
            "![pictures/1.png](pictures/1.png)",
            "text fill hf://me/x",
        ] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert!(!text.contains("/home") && !text.contains("bins"));
    }
}
