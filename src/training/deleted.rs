//! Keys of settings that were deleted: runs of before still have them.

use crate::error::{Error, Result};
use serde::Serialize;

/// Each key, and its value as JSON in a run that does not need what was deleted; none where
/// any value is one.
const DELETED: &[(&str, Option<&str>)] = &[
    ("model.backbone.kind", Some("\"convolutional\"")),
    ("model.backbone.heads", None),
    ("model.moving", Some("0")),
    ("latent.refinement", None),
    ("latent.looks", None),
];

/// Whether a key of settings was deleted.
pub(super) fn was_a_key(path: &str) -> bool {
    DELETED.iter().any(|&(key, _)| key == path)
}

/// Refuses settings of `source` that need what was deleted.
///
/// # Errors
/// Names the key, its value and the value that was expected.
pub fn check(source: &str, settings: &impl Serialize) -> Result<()> {
    let Ok(tree) = serde_json::to_value(settings) else {
        return Ok(());
    };
    for &(key, unused) in DELETED {
        let found = key.split('.').try_fold(&tree, |tree, part| tree.get(part));
        let found = found.map(ToString::to_string);
        if let (Some(found), Some(unused)) = (found, unused)
            && found != unused
        {
            return Err(Error::input(
                source,
                format!("key '{key}' is {found}, expected {unused}: what it needs was deleted"),
                "train anew without this key, or use the release of nextframe that wrote it",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_before_is_refused_where_it_asks_for_more_than_there_is() {
        let settings = |text: &str| text.parse::<toml::Table>().unwrap();
        let of_before = "[model]\nmoving = 0\n[model.backbone]\nkind = \"convolutional\"\nheads = 4\n\
                         [latent]\nlooks = 3\nrefinement = 32\n";
        check("run", &settings(of_before)).unwrap();
        for (text, says) in [
            (
                "[model]\nmoving = 32",
                "run: key 'model.moving' is 32, expected 0: ",
            ),
            (
                "[model.backbone]\nkind = \"transformer\"",
                "key 'model.backbone.kind' is \"transformer\", expected \"convolutional\": ",
            ),
        ] {
            let said = check("run", &settings(text)).unwrap_err().to_string();
            assert!(said.contains(says) && said.contains("train anew"), "{said}");
        }
    }
}
