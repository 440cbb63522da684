//! The page of a comparison.

use super::report::{
    HEADER, LEGEND, MODELS_HEADER, ModelReport, Report, WHOLE_HEADER, models, rows, summary,
    whole_rows,
};
use super::{looks, seeds, words};
use crate::error::Result;
use crate::evaluation::comparison::{Figure, Scores};
use crate::evaluation::real_or_drawn::RealOrDrawn;
use crate::outputs::page::Page;
use crate::outputs::plot::{Curve, Words};
use std::collections::BTreeMap;
use std::path::Path;

/// A figure of some scores.
type Measure = fn(&Scores) -> Figure;

/// Writes one page with all figures and plots, and the picture and the film in it.
pub(super) fn write(path: &Path, report: &Report, (picture, film): (&Path, &Path)) -> Result<()> {
    let data = &report.data;
    let mut page = Page::new("Predicted futures, compared");
    page.text(&format!("{}: {}.", data.inputs.join(", "), summary(data)));
    page.picture(film, "the context, then real and predicted frames")?;
    page.heading("Where the scene moves");
    let table = rows(report, |figures| &figures.moving);
    page.table(&HEADER, &table);
    page.text(&format!("{LEGEND}, and so are the bars."));
    let over = |title: &'static str, y: &'static str, measure: Measure, level: Option<f64>| {
        let words = Words {
            title,
            x: "frames ahead",
            y,
        };
        (words, over_horizons(report, measure), level)
    };
    page.plots(&[
        over("CRPS", "CRPS", |s| s.crps, None),
        over("Energy score", "energy score", |s| s.energy_score, None),
        over("Sharpness", "÷ real", |s| s.sharpness_ratio, Some(1.0)),
        over(
            "Spread ÷ skill",
            "spread ÷ skill",
            |s| s.spread_skill,
            Some(1.0),
        ),
        over(
            "Predictive spread ÷ skill",
            "spread ÷ skill",
            |s| s.predictive_spread_skill,
            Some(1.0),
        ),
        (
            Words {
                title: "Best of N, last horizon",
                x: "N",
                y: "PSNR (dB)",
            },
            best_of(report),
            None,
        ),
        (
            Words {
                title: "Rank of the truth, last horizon",
                x: "tenth of the ranks",
                y: "share of pixels",
            },
            ranks(report),
            Some(0.1),
        ),
        (
            Words {
                title: "Chance that a pixel has changed, last horizon",
                x: "as given",
                y: "as it came",
            },
            chances(report),
            None,
        ),
    ])?;
    page.heading("Whole frames");
    let table = rows(report, |figures| &figures.whole_frame);
    page.table(&HEADER, &table);
    page.heading("Whole futures");
    page.table(&WHOLE_HEADER, &whole_rows(report));
    page.text(
        "The mean of all frames up to the last horizon; the best of N by each measure; spread and \
         skill of whole frames at all horizons together.",
    );
    page.heading("Whether futures look like film");
    page.table(&looks::HEADER, &looks::rows(report));
    if let Some(large) = &report.large {
        page.table(&looks::HEADER, &looks::large_rows(report, large));
    }
    page.text(&format!("{}.", looks::legend(report.trial.as_ref())));
    if report.trial.is_some() {
        let told = |title, of: fn(&RealOrDrawn) -> Figure| {
            let words = Words {
                title,
                x: "frames ahead",
                y: "area under the curve",
            };
            (words, told(report, of), Some(0.5))
        };
        page.plots(&[
            told("Real or drawn, as they are", |told| told.as_they_are),
            told("Real or drawn, shape and motion", |told| told.low_passed),
        ])?;
    }
    if !report.seeds.is_empty() {
        page.heading("Over seeds");
        page.table(&seeds::HEADER, &seeds::rows(&report.seeds));
        page.text("The mean, least and most over seeds, where the scene moves.");
    }
    if let Some(text) = &report.text {
        page.heading("Words: the discrete case");
        page.table(&words::HEADER, &text.rows());
        page.text(&text.describe());
        let words = Words {
            title: "Chance of the likeliest word",
            x: "as given",
            y: "as it came",
        };
        page.plots(&[(words, text.chances(), None)])?;
    }
    page.heading("The models");
    page.table(&MODELS_HEADER, &models(report));
    page.text("Training is wall-clock time of all models of a run together.");
    for model in &report.models {
        let latent = model.members(&model.health);
        let latent = latent.map(|(name, health)| (name, health.warnings()));
        let energy = model.members(&model.energy);
        let energy = energy.map(|(name, health)| (name, &health.warnings[..]));
        for (name, warnings) in latent.chain(energy) {
            for warning in warnings {
                page.warning(&format!("{name}: {warning}"));
            }
        }
    }
    page.picture(picture, "real and predicted frames at each horizon")?;
    page.save(path)
}

fn over_horizons(report: &Report, measure: Measure) -> Vec<Curve> {
    let curve = |model: &ModelReport| {
        let each = (model.horizons.iter()).map(|(&at, f)| (at, measure(&f.moving)));
        curve(&model.name, each)
    };
    let curves = report.models.iter().map(curve);
    curves.filter(|curve| !curve.points.is_empty()).collect()
}

/// A figure at each horizon.
fn curve(name: &str, figures: impl Iterator<Item = (usize, Figure)>) -> Curve {
    let figures: Vec<_> = figures.map(|(at, figure)| (at as f64, figure)).collect();
    let each = || figures.iter();
    Curve {
        name: name.to_owned(),
        points: each().filter_map(|(at, f)| Some((*at, f.value?))).collect(),
        intervals: each()
            .filter_map(|(at, f)| f.interval.map(|[low, high]| (*at, low, high)))
            .collect(),
    }
}

/// How well the classifier tells each model, and film whose answer is known.
fn told(report: &Report, of: fn(&RealOrDrawn) -> Figure) -> Vec<Curve> {
    let models = report.models.iter();
    let models = models.map(|model| (&model.name[..], &model.look.real_or_drawn));
    let known = report.trial.iter().flat_map(|trial| {
        [
            ("film", &trial.power.film),
            ("blurred", &trial.power.blurred),
            ("tiled", &trial.power.tiled),
        ]
    });
    let each = |found: &BTreeMap<usize, RealOrDrawn>| -> Vec<_> {
        found.iter().map(|(&at, told)| (at, of(told))).collect()
    };
    let curves = models.chain(known);
    let curves = curves.map(|(name, found)| curve(name, each(found).into_iter()));
    curves.filter(|curve| !curve.points.is_empty()).collect()
}

fn best_of(report: &Report) -> Vec<Curve> {
    let curve = |model: &ModelReport| {
        let (_, figures) = model.horizons.last_key_value()?;
        let best = figures.moving.best_of.iter();
        let points = best.filter_map(|(&number, best)| Some((number as f64, best.psnr?)));
        Some(Curve {
            name: model.name.clone(),
            points: points.collect(),
            intervals: Vec::new(),
        })
    };
    report.models.iter().filter_map(curve).collect()
}

/// How often what was given a chance came, over whole frames, and how often it should.
fn chances(report: &Report) -> Vec<Curve> {
    let middle = |given: f64| ((given * 10.0).floor().min(9.0) + 0.5) / 10.0;
    let curve = |model: &ModelReport| {
        let (_, figures) = model.horizons.last_key_value()?;
        let bins = figures.whole_frame.reliability.iter();
        let points: Vec<_> = bins
            .map(|&[given, came, _]| (middle(given), came))
            .collect();
        (!points.is_empty()).then(|| Curve {
            name: model.name.clone(),
            points,
            intervals: Vec::new(),
        })
    };
    let mut curves: Vec<Curve> = report.models.iter().filter_map(curve).collect();
    if !curves.is_empty() {
        let as_given = (0..10).map(|bin| (bin as f64 + 0.5) / 10.0);
        curves.push(Curve {
            name: "reliable".to_owned(),
            points: as_given.map(|chance| (chance, chance)).collect(),
            intervals: Vec::new(),
        });
    }
    curves
}

fn ranks(report: &Report) -> Vec<Curve> {
    let curve = |model: &ModelReport| {
        let (_, figures) = model.horizons.last_key_value()?;
        let shares = figures.moving.rank_histogram.iter().enumerate();
        let points: Vec<_> = shares
            .map(|(bin, &share)| (bin as f64 + 1.0, share))
            .collect();
        (!points.is_empty()).then(|| Curve {
            name: model.name.clone(),
            points,
            intervals: Vec::new(),
        })
    };
    report.models.iter().filter_map(curve).collect()
}
