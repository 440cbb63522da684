//! Recipes in TOML and settings on the command line.

use crate::case::Case;
use crate::target::{FuzzTarget, program, word};
use nextframe::training::recipe::Recipe;
use nextframe::{Error, Result};
use std::path::Path;

pub const RECIPES: FuzzTarget = FuzzTarget {
    name: "recipes",
    about: "recipes and --set of `train`, up to where footage is read",
    kept: &[],
    seeds: || seeds(|name| name != TEXT),
    read: |folder| read(folder, &["train"]),
};

pub const TEXT_RECIPES: FuzzTarget = FuzzTarget {
    name: "text-recipes",
    about: "recipes and --set of `text train`, up to where text is read",
    kept: &[],
    seeds: || seeds(|name| name == TEXT),
    read: |folder| read(folder, &["text", "train"]),
};

/// The bundled recipe of text.
const TEXT: &str = "bert-mini";
/// The input, which is not there, so that nothing is trained.
const ABSENT: &str = "absent.frames";

fn seeds(wanted: fn(&str) -> bool) -> Result<Vec<Case>> {
    Recipe::bundled()
        .filter(|name| wanted(name))
        .map(|name| {
            let recipe = Recipe::find(name)?;
            let table: toml::Table = recipe.text.parse().unwrap_or_default();
            let mut lines = String::new();
            collect(&table, "", &mut lines);
            Ok(Case::one("recipe.toml", recipe.text).with("lines.set", lines))
        })
        .collect()
}

/// The keys of a table as `key=value`, one a line.
fn collect(table: &toml::Table, prefix: &str, lines: &mut String) {
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => collect(inner, &format!("{prefix}{key}."), lines),
            value => lines.push_str(&format!("{prefix}{key}={value}\n")),
        }
    }
}

fn read(folder: &Path, command: &[&str]) -> Result<String> {
    let absent = word(folder, ABSENT);
    let (recipe, out) = (word(folder, "recipe.toml"), word(folder, "out"));
    let sets = std::fs::read(folder.join("lines.set")).unwrap_or_default();
    let sets = String::from_utf8_lossy(&sets).into_owned();
    let sets: Vec<String> = (sets.lines().take(200))
        .map(|line| format!("--set={line}"))
        .collect();
    let mut words = command.to_vec();
    words.extend([&absent, "--recipe", &recipe, "--out", &out].map(|word| word));
    words.extend(sets.iter().map(String::as_str));
    match program(&words) {
        Err(error) if names(&error, ABSENT) => Ok("settings".to_owned()),
        Err(error) => Err(error),
        Ok(()) => panic!("trained on a file that is not there"),
    }
}

/// Whether it is the input that an error is about, and not the settings.
fn names(error: &Error, input: &str) -> bool {
    match error {
        Error::Input { subject, .. } => subject.ends_with(input),
        Error::Io { path, .. } => path.ends_with(input),
        _ => false,
    }
}
