//! Runs of one recipe that differ in their seed, together.

use super::contenders::Contender;
use super::report::ModelReport;
use crate::evaluation::comparison::{Figure, Scores};
use serde::Serialize;
use std::collections::BTreeMap;

/// Models of one recipe, each trained from another seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Seeds {
    /// Their names.
    pub models: Vec<String>,
    /// By frames ahead and measure, where the scene moves.
    pub horizons: BTreeMap<usize, BTreeMap<&'static str, Spread>>,
}

/// Of a figure, over seeds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    pub mean: f64,
    pub least: f64,
    pub most: f64,
}

/// What it is called, and where it stands.
type Measure = (&'static str, fn(&Scores) -> Option<Figure>);

/// What is told of each.
const MEASURES: [Measure; 6] = [
    ("CRPS", |scores| Some(scores.crps)),
    ("CRPS ÷ best", |scores| scores.crps_of_best),
    ("energy ÷ best", |scores| scores.energy_score_of_best),
    ("sharpness", |scores| Some(scores.sharpness_ratio)),
    ("spread/skill", |scores| Some(scores.spread_skill)),
    ("predictive", |scores| Some(scores.predictive_spread_skill)),
];

/// Figures of all groups of two and more that differ in their seed alone, of contenders and their
/// reports in the same order.
pub(super) fn pooled(all: &[Contender], reports: &[ModelReport]) -> Vec<Seeds> {
    let mut groups: Vec<(&Contender, Vec<&ModelReport>)> = Vec::new();
    for (one, report) in all.iter().zip(reports) {
        let same = groups
            .iter_mut()
            .find(|(first, _)| first.recipe == one.recipe);
        match same {
            _ if one.recipe.is_none() => {}
            Some((_, group)) => group.push(report),
            None => groups.push((one, vec![report])),
        }
    }
    let several = groups.iter().filter(|(_, group)| group.len() > 1);
    several.map(|(_, group)| Seeds::of(group)).collect()
}

impl Seeds {
    fn of(group: &[&ModelReport]) -> Self {
        let horizons = group[0].horizons.keys().map(|&horizon| {
            let spreads = MEASURES.iter().filter_map(|&(measure, of)| {
                let values: Option<Vec<f64>> = group
                    .iter()
                    .map(|report| of(&report.horizons.get(&horizon)?.moving)?.value)
                    .collect();
                Some((measure, Spread::of(&values?)?))
            });
            (horizon, spreads.collect())
        });
        Self {
            models: group.iter().map(|report| report.name.clone()).collect(),
            horizons: horizons.collect(),
        }
    }
}

impl Spread {
    fn of(values: &[f64]) -> Option<Self> {
        let least = values.iter().copied().min_by(f64::total_cmp)?;
        let most = values.iter().copied().max_by(f64::total_cmp)?;
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        Some(Self { mean, least, most })
    }
}

/// Of [`rows`].
pub const HEADER: [&str; 7] = [
    "frames ahead",
    MEASURES[0].0,
    MEASURES[1].0,
    MEASURES[2].0,
    MEASURES[3].0,
    MEASURES[4].0,
    MEASURES[5].0,
];

/// A line for each horizon and group.
pub fn rows(groups: &[Seeds]) -> Vec<Vec<String>> {
    let lines = groups.iter().flat_map(|group| {
        group.horizons.iter().map(move |(horizon, spreads)| {
            let mut row = vec![format!("+{horizon} {}", group.models.join(", "))];
            row.extend(MEASURES.map(|(measure, _)| match spreads.get(measure) {
                Some(Spread { mean, least, most }) => {
                    format!("{mean:.3} ({least:.3}, {most:.3})")
                }
                None => "-".to_owned(),
            }));
            row
        })
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_has_its_ends_and_its_middle() {
        let spread = Spread::of(&[0.5, 0.2, 1.1]).unwrap();
        assert_eq!((spread.least, spread.most), (0.2, 1.1));
        assert!((spread.mean - 0.6).abs() < 1e-12);
        assert_eq!(Spread::of(&[]), None);
    }
}
