//! What was deleted from settings: runs of before still have it.

use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::Value;

/// Each key, and its value as JSON in a run that does not need what was deleted; none where
/// any value is one.
const KEYS: &[(&str, Option<&str>)] = &[
    ("model.backbone.kind", Some("\"convolutional\"")),
    ("model.backbone.heads", None),
    ("model.moving", Some("0")),
    ("latent.refinement", None),
    ("latent.looks", None),
];

/// Values of keys that stay, and what these may be.
const VALUES: &[(&str, &[&str], &str)] = &[
    (
        "latent.family",
        &["refined", "table"],
        "none, gaussian, sparse or codes",
    ),
    (
        "latent.prior",
        &["langevin"],
        "mixture, flow, masked, tokens, bank or neighbours",
    ),
];

/// Whether a key of settings was deleted.
pub(super) fn was_a_key(path: &str) -> bool {
    KEYS.iter().any(|&(key, _)| key == path)
}

/// Refuses settings of `source` that need what was deleted.
///
/// # Errors
/// Names the key, its value and the values that were expected.
pub fn check(source: &str, settings: &impl Serialize) -> Result<()> {
    let Ok(tree) = serde_json::to_value(settings) else {
        return Ok(());
    };
    let found = |key: &str| key.split('.').try_fold(&tree, |tree, part| tree.get(part));
    let refuse = |key: &str, found: String, expected: &str| {
        Err(Error::input(
            source,
            format!("key '{key}' is {found}, expected {expected}: what it needs was deleted"),
            "train anew without it, or use the release of nextframe that wrote it",
        ))
    };
    for &(key, unused) in KEYS {
        let found = found(key).map(ToString::to_string);
        if let (Some(found), Some(unused)) = (found, unused)
            && found != unused
        {
            return refuse(key, found, unused);
        }
    }
    for &(key, values, expected) in VALUES {
        if let Some(found) = found(key).and_then(Value::as_str)
            && values.contains(&found)
        {
            return refuse(key, format!("\"{found}\""), expected);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_before_are_refused_where_they_need_what_was_deleted() {
        let settings = |text: &str| text.parse::<toml::Table>().unwrap();
        let of_before = "[model]\nmoving = 0\n[model.backbone]\nkind = \"convolutional\"\nheads = 4\n\
                         [latent]\nfamily = \"gaussian\"\nlooks = 3\nrefinement = 32\n";
        check("run", &settings(of_before)).unwrap();
        for (text, says) in [
            (
                "model.moving = 32",
                "run: key 'model.moving' is 32, expected 0: ",
            ),
            (
                "model.backbone.kind = \"transformer\"",
                "key 'model.backbone.kind' is \"transformer\", expected \"convolutional\": ",
            ),
            (
                "latent.family = \"table\"",
                "key 'latent.family' is \"table\", expected none, gaussian, sparse or codes: ",
            ),
            (
                "latent.prior = \"langevin\"",
                "key 'latent.prior' is \"langevin\", expected mixture, ",
            ),
        ] {
            let said = check("run", &settings(text)).unwrap_err().to_string();
            assert!(said.contains(says) && said.contains("train anew"), "{said}");
        }
    }
}
