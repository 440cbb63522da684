//! The page of a comparison.

use super::report::{HEADER, LEGEND, ModelReport, Report, rows, summary};
use crate::error::Result;
use crate::evaluation::comparison::{Figure, Scores};
use crate::outputs::page::Page;
use crate::outputs::plot::{Curve, Words};
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
    ])?;
    page.heading("Whole frames");
    let table = rows(report, |figures| &figures.whole_frame);
    page.table(&HEADER, &table);
    page.heading("The models");
    let models: Vec<Vec<String>> = (report.models.iter())
        .map(|model| vec![model.name.clone(), model.parameters.to_string()])
        .collect();
    page.table(&["", "parameters"], &models);
    for model in &report.models {
        for warning in model.health.iter().flat_map(|health| health.warnings()) {
            page.warning(&format!("{}: {warning}", model.name));
        }
    }
    page.picture(picture, "real and predicted frames at each horizon")?;
    page.save(path)
}

fn over_horizons(report: &Report, measure: Measure) -> Vec<Curve> {
    let curve = |model: &ModelReport| {
        let each = || (model.horizons.iter()).map(|(&at, f)| (at as f64, measure(&f.moving)));
        Curve {
            name: model.name.clone(),
            points: each().filter_map(|(at, f)| Some((at, f.value?))).collect(),
            intervals: each()
                .filter_map(|(at, f)| f.interval.map(|[low, high]| (at, low, high)))
                .collect(),
        }
    };
    let curves = report.models.iter().map(curve);
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
