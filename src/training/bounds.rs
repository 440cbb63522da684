//! The range of every number that a recipe may set: whatever reads settings asks here
//! before anything is allocated.

use crate::error::{Error, Result};
use serde::Serialize;
use serde_json::Value;

/// No count of features or samples is larger.
const MANY: u64 = 65_536;

/// No frame takes more passes one after another: with more, a small network takes minutes.
const PASSES: u64 = 4096;

/// No other number is larger: its square is still one in single precision.
const LARGEST: f64 = 1e12;

/// Which values a key may have.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Range {
    /// Whole numbers, from and to.
    Whole(u64, u64),
    /// Above 0.
    Positive,
    /// 0 or more.
    Amount,
    /// 0 to 1.
    Share,
    /// 0 up to, but not, 1.
    BelowOne,
    /// Any rate or time, which [`crate::video::ReadSettings::check`] looks at.
    Read,
}

use Range::{Amount, BelowOne, Positive, Read, Share, Whole};

/// Every key that holds a number.
const BOUNDS: &[(&str, Range)] = &[
    ("data.width", Whole(1, 4096)),
    ("data.height", Whole(1, 4096)),
    ("data.frame_rate", Read),
    ("data.start", Read),
    ("data.end", Read),
    ("model.context", Whole(1, 1024)),
    ("model.patch", Whole(1, 4096)),
    ("model.hidden", Whole(1, MANY)),
    ("model.reach", Whole(0, 8)),
    ("model.peak", Positive),
    ("model.objects", Whole(1, 64)),
    ("model.cells", Whole(1, 64)),
    ("model.basis", Whole(1, MANY)),
    ("model.latent_start", Amount),
    ("model.backbone.width", Whole(1, MANY)),
    ("model.backbone.depth", Whole(0, 1024)),
    ("latent.dimension", Whole(0, MANY)),
    ("latent.stages", Whole(1, 64)),
    ("latent.size", Whole(1, MANY)),
    ("latent.sparsity", Amount),
    ("latent.rounds", Whole(1, PASSES)),
    ("latent.components", Whole(1, MANY)),
    ("energy.width", Whole(1, MANY)),
    ("energy.depth", Whole(1, 1024)),
    ("energy.grain", Positive),
    ("energy.bend", Positive),
    ("energy.norm", Amount),
    ("energy.steps", Whole(1, PASSES)),
    ("energy.noise_most", Positive),
    ("energy.noise_least", Positive),
    ("energy.settling", Whole(0, PASSES)),
    ("energy.start", Amount),
    ("energy.step_size", Positive),
    ("energy.temperature", Amount),
    ("energy.bound", Positive),
    ("energy.replay", Whole(1, MANY)),
    ("energy.restart", Share),
    ("energy.restraint", Amount),
    ("horizon.windows", Whole(0, MANY)),
    ("horizon.functions", Whole(1, 16)),
    ("horizon.ways", Whole(0, 50)),
    ("training.members", Whole(1, 64)),
    ("training.batch", Whole(1, MANY)),
    ("training.learning_rate", Positive),
    ("training.rise", Whole(0, 1 << 53)),
    ("training.weight_decay", Amount),
    ("training.clip", Positive),
    ("training.without_latent", Share),
    ("training.shift", Whole(0, 2048)),
    ("training.light", Amount),
    ("training.average", BelowOne),
    ("training.context_noise", Amount),
    ("training.own_frames", Share),
    ("training.beta", Positive),
    ("training.beta_start", Positive),
    ("training.beta_rise", Share),
    ("training.prior_weight", Amount),
    ("training.rehearsal", Whole(0, 256)),
    ("training.score_weight", Amount),
    ("evaluation.horizon", Whole(1, MANY)),
    ("evaluation.futures", Whole(1, MANY)),
    ("evaluation.temperature", Amount),
];

/// Refuses settings of which a number is out of its range.
///
/// # Errors
/// Names the key, its value and its range.
pub(super) fn check(settings: &impl Serialize) -> Result<()> {
    let tree = serde_json::to_value(settings)
        .map_err(|error| Error::input("settings", error.to_string(), "correct this value"))?;
    for &(key, range) in BOUNDS {
        let found = key.split('.').try_fold(&tree, |tree, part| tree.get(part));
        match found {
            Some(value) if range.holds(value) => {}
            // What is no finite number has no form in JSON.
            Some(Value::Null) => return Err(out_of_range(key, "no number", &range.words())),
            Some(value) => return Err(out_of_range(key, value, &range.words())),
            None => {}
        }
    }
    Ok(())
}

impl Range {
    fn holds(self, value: &Value) -> bool {
        let number = value.as_f64().unwrap_or(f64::NAN);
        match self {
            Whole(least, most) => value.as_u64().is_some_and(|n| (least..=most).contains(&n)),
            Positive => number > 0.0 && number <= LARGEST,
            Amount => (0.0..=LARGEST).contains(&number),
            Share => (0.0..=1.0).contains(&number),
            BelowOne => (0.0..1.0).contains(&number),
            Read => true,
        }
    }

    fn words(self) -> String {
        match self {
            Whole(least, most) => format!("{least} to {most}"),
            Positive => format!("above 0, at most {LARGEST:e}"),
            Amount => format!("0 to {LARGEST:e}"),
            Share => "0 to 1".to_owned(),
            BelowOne => "0 up to, but not, 1".to_owned(),
            Read => String::new(),
        }
    }
}

pub(super) fn out_of_range(key: &str, value: impl std::fmt::Display, range: &str) -> Error {
    Error::input(
        key,
        format!("is {value}, expected {range}"),
        format!("correct it in the recipe or with --set {key}=…"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::training::Settings;

    fn numbers(tree: &Value, prefix: &str, found: &mut Vec<String>) {
        for (key, value) in tree.as_object().into_iter().flatten() {
            let path = format!("{prefix}{key}");
            match value {
                Value::Object(_) => numbers(value, &format!("{path}."), found),
                Value::Number(_) | Value::Null => found.push(path),
                _ => {}
            }
        }
    }

    #[test]
    fn every_number_has_a_range_and_each_range_a_number() {
        let mut found = Vec::new();
        let tree = serde_json::to_value(Settings::default()).unwrap();
        numbers(&tree, "", &mut found);
        let mut known: Vec<_> = BOUNDS.iter().map(|(key, _)| (*key).to_owned()).collect();
        found.sort();
        known.sort();
        assert_eq!(found, known);
        check(&Settings::default()).unwrap();
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let mut settings = Settings::default();
        settings.training.learning_rate = f64::NAN;
        let said = check(&settings).unwrap_err().to_string();
        assert!(
            said.starts_with("training.learning_rate: is no number"),
            "{said}"
        );
        settings.model.hidden = usize::MAX;
        let said = check(&settings).unwrap_err().to_string();
        assert!(
            said.contains("model.hidden: is 18446744073709551615"),
            "{said}"
        );
        assert!(said.contains("1 to 65536"), "{said}");
    }
}
