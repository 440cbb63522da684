//! Recipes: what to train and how, in TOML. Defaults come first, then the
//! recipe's file, then `--set key=value`.

use super::deleted;
use crate::error::{Error, Result};
use crate::files;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use toml::{Table, Value};

/// The recipes inside the binary: name and text of each file in `models/`.
const BUNDLED: &[(&str, &str)] = &[
    ("default", include_str!("../../models/default.toml")),
    ("bert-mini", include_str!("../../models/bert-mini.toml")),
    ("codes", include_str!("../../models/codes.toml")),
    ("contrastive", include_str!("../../models/contrastive.toml")),
    ("digits", include_str!("../../models/digits.toml")),
    ("flow", include_str!("../../models/flow.toml")),
    ("galton", include_str!("../../models/galton.toml")),
    ("score", include_str!("../../models/score.toml")),
    ("sparse", include_str!("../../models/sparse.toml")),
    ("tokens", include_str!("../../models/tokens.toml")),
];

/// The text of a recipe, and what to call it in messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// The file's path, or the name of a bundled recipe.
    pub name: String,
    /// TOML.
    pub text: String,
}

impl Recipe {
    /// Finds a recipe: the file of that name if there is one, else the
    /// bundled recipe. `galton` and `models/galton.toml` name the same one.
    pub fn find(name: &str) -> Result<Self> {
        Self::find_among(name, BUNDLED)
    }

    /// The names of the recipes inside the binary.
    pub fn bundled() -> impl Iterator<Item = &'static str> {
        BUNDLED.iter().map(|&(name, _)| name)
    }

    fn find_among(name: &str, bundled: &[(&str, &str)]) -> Result<Self> {
        let path = Path::new(name);
        // A folder `galton/` must not hide the recipe of that name.
        if path.is_file() {
            let text = files::read_text(path)?;
            return Ok(Self {
                name: name.to_owned(),
                text,
            });
        }
        let short = name.strip_prefix("models/").unwrap_or(name);
        let short = short.strip_suffix(".toml").unwrap_or(short);
        if let Some((_, text)) = bundled.iter().find(|(known, _)| *known == short) {
            return Ok(Self {
                name: name.to_owned(),
                text: (*text).to_owned(),
            });
        }
        let names: Vec<_> = bundled.iter().map(|&(known, _)| known).collect();
        Err(Error::input(
            format!("recipe {name}"),
            "there is no such file and no bundled recipe of that name",
            format!("the bundled ones are: {}", names.join(", ")),
        ))
    }
}

/// The settings that result from `T`'s defaults, `recipe` and `overrides`
/// (`key=value`; a dotted key reaches into a table, the value is TOML, and a
/// bare word is a string).
///
/// A key that `T` does not know is an error, so `T` needs no
/// `deny_unknown_fields`; it does need `#[serde(default)]`, here and in the
/// structs inside it, so that a recipe may name a few keys only.
///
/// # Errors
/// An unknown key (with the nearest known one), a value of the wrong type or
/// range (with what was expected), a text that is no TOML.
pub fn resolve<T>(recipe: Option<&Recipe>, overrides: &[String]) -> Result<T>
where
    T: Serialize + DeserializeOwned + Default,
{
    let mut layers = Vec::new();
    if let Some(recipe) = recipe {
        let table = recipe.text.parse::<Table>().map_err(|error| {
            Error::input(
                &recipe.name,
                not_parsed(&recipe.text, &error),
                "correct that line",
            )
        })?;
        layers.push((recipe.name.clone(), table));
    }
    for text in overrides {
        layers.push((format!("--set {text}"), parse_override(text)?));
    }
    for (source, table) in &layers {
        deleted::check(source, table)?;
    }

    let mut merged = as_table(&T::default())?;
    for (_, table) in &layers {
        merge(&mut merged, table.clone());
    }
    let settings: T = serde_path_to_error::deserialize(Value::Table(merged)).map_err(|error| {
        // A mistyped key is the likelier cause of, say, a missing field.
        let unknown = unknown_key(&layers, &T::default());
        unknown.unwrap_or_else(|| wrong_value(&layers, &error))
    })?;
    match unknown_key(&layers, &settings) {
        Some(error) => Err(error),
        None => Ok(settings),
    }
}

/// What is wrong with a text that is no TOML, and in which of its lines.
fn not_parsed(text: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map(|before| 1 + before.matches('\n').count());
    let place = line.map_or(String::new(), |line| format!("line {line}: "));
    format!("not valid TOML: {place}{}", error.message())
}

/// Settings as TOML text that [`resolve`] reads back to the same settings.
pub fn to_toml<T: Serialize>(settings: &T) -> Result<String> {
    toml::to_string(settings).map_err(|error| not_toml(&error))
}

fn as_table<T: Serialize>(settings: &T) -> Result<Table> {
    Table::try_from(settings).map_err(|error| not_toml(&error))
}

fn not_toml(error: &toml::ser::Error) -> Error {
    Error::input(
        "settings",
        format!("cannot be written as TOML ({error})"),
        "whole numbers must stay below 2^63",
    )
}

/// The most parts of a key: each is a table in the one before, and what walks through tables
/// calls itself for each.
const DEEPEST: usize = 16;

fn parse_override(text: &str) -> Result<Table> {
    let problem = |problem: String| {
        Error::input(
            format!("--set {text}"),
            problem,
            "write --set key=value, for example --set training.batch=16",
        )
    };
    let (key, value) = text
        .split_once('=')
        .ok_or_else(|| problem("there is no '='".to_owned()))?;
    let (key, value) = (key.trim(), value.trim());
    if value.is_empty() {
        return Err(problem("there is no value after '='".to_owned()));
    }
    let parsed = match format!("value = {value}").parse::<Table>() {
        Ok(mut table) if table.len() == 1 => table.remove("value"),
        _ => None,
    };
    let value = match parsed {
        Some(value) => value,
        None if value.starts_with(['[', '{', '"', '\'']) => {
            return Err(problem(format!("the value {value} is not valid TOML")));
        }
        None => Value::String(value.to_owned()),
    };
    let mut parts = key.rsplit('.').map(str::trim);
    let count = parts.clone().count();
    if count > DEEPEST {
        return Err(problem(format!(
            "the key has {count} parts; no key has more than {DEEPEST}"
        )));
    }
    if key.split('.').any(|part| part.trim().is_empty()) {
        return Err(problem(format!("'{key}' is not a key")));
    }
    let last = parts.next().unwrap_or(key).to_owned();
    let mut table = Table::from_iter([(last, value)]);
    for part in parts {
        table = Table::from_iter([(part.to_owned(), Value::Table(table))]);
    }
    Ok(table)
}

fn merge(base: &mut Table, layer: Table) {
    for (key, value) in layer {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            (_, value) => drop(base.insert(key, value)),
        }
    }
}

/// The first key of `layers` that the settings do not have. The tree of known
/// keys comes from JSON, which keeps a `None` where TOML leaves the key out.
fn unknown_key<T: Serialize>(layers: &[(String, Table)], settings: &T) -> Option<Error> {
    let tree = serde_json::to_value(settings).ok()?;
    let mut known = Vec::new();
    collect_keys(&tree, "", &mut known);
    for (source, table) in layers {
        let Some(key) = first_unknown(table, &tree, "") else {
            continue;
        };
        let hint = match nearest(&key, &known) {
            Some(near) => format!("the nearest known key is '{near}'"),
            None if known.is_empty() => "this recipe has no keys".to_owned(),
            None => format!("no key is longer than {LONGEST_KEY} bytes"),
        };
        return Some(Error::input(source, format!("unknown key '{key}'"), hint));
    }
    None
}

fn first_unknown(table: &Table, tree: &serde_json::Value, prefix: &str) -> Option<String> {
    for (key, value) in table {
        let path = join(prefix, key);
        match (tree.get(key), value) {
            (None, _) if deleted::was_a_key(&path) => {}
            (None, _) => return Some(path),
            (Some(inner @ serde_json::Value::Object(_)), Value::Table(value)) => {
                if let Some(path) = first_unknown(value, inner, &path) {
                    return Some(path);
                }
            }
            _ => {}
        }
    }
    None
}

fn collect_keys(tree: &serde_json::Value, prefix: &str, keys: &mut Vec<String>) {
    for (key, value) in tree.as_object().into_iter().flatten() {
        let path = join(prefix, key);
        collect_keys(value, &path, keys);
        keys.push(path);
    }
}

/// Keys of more bytes are compared with none.
const LONGEST_KEY: usize = 200;

/// The known key most like `key`, as a whole or in its last part: `lr` is
/// near `training.lr`.
fn nearest<'k>(key: &str, known: &'k [String]) -> Option<&'k str> {
    // A long key is like none, and takes the square of its length to compare.
    if key.len() > LONGEST_KEY {
        return None;
    }
    let last = |path: &str| path.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |candidate: &str| {
        let whole = strsim::normalized_damerau_levenshtein(key, candidate);
        let part = strsim::normalized_damerau_levenshtein(&last(key), &last(candidate));
        whole.max(0.9 * part)
    };
    known
        .iter()
        .map(String::as_str)
        .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
}

fn wrong_value(
    layers: &[(String, Table)],
    error: &serde_path_to_error::Error<toml::de::Error>,
) -> Error {
    let key = error.path().to_string();
    // The layer that set the value is the last one that has the key, or a
    // part of the way to it (where a table was expected).
    let source = layers
        .iter()
        .rev()
        .find(|(_, table)| reaches(table, &key))
        .map_or("settings", |(source, _)| source);
    let said = error.inner().message();
    Error::input(
        source,
        format!("key '{key}': {said}"),
        "correct this value or leave the key out to keep its default",
    )
}

fn reaches(table: &Table, path: &str) -> bool {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match table.get(first) {
        Some(Value::Table(inner)) if !rest.is_empty() => reaches(inner, rest),
        found => found.is_some(),
    }
}

fn join(prefix: &str, key: &str) -> String {
    if prefix.is_empty() {
        key.to_owned()
    } else {
        format!("{prefix}.{key}")
    }
}

#[cfg(test)]
mod tests;
