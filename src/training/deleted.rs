//! Keys of settings that were deleted: runs of before still have them.

use crate::error::{Error, Result};
use serde::Serialize;

/// Each key, and its value as JSON in a run that does not need what was deleted; none where
/// any value is one.
const DELETED: &[(&str, Option<&str>)] = &[
    ("model.backbone.kind", Some("\"convolutional\"")),
    ("model.backbone.heads", None),
    ("latent.refinement", None),
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
        if let (Some(found), Some(unused)) = (found, unused)
            && found.to_string() != unused
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
