//! The figures of a comparison as CSV.

use super::report::Report;
use crate::evaluation::comparison::Figure;

/// A line for each model, horizon, region and measure: value, and the ends of its
/// interval; nothing where there is none. For shapes the value is the median, and the
/// ends are 10% and 90%.
pub fn csv(report: &Report) -> String {
    let mut text = "model,frames_ahead,region,measure,value,low,high\n".to_owned();
    let cell = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let line = |name: &str, (horizon, region): (usize, &str), measure: &str, figure: Figure| {
        let [low, high] = figure.interval.map_or([None; 2], |ends| ends.map(Some));
        let [value, low, high] = [figure.value, low, high].map(cell);
        format!("{name},{horizon},{region},{measure},{value},{low},{high}\n")
    };
    for model in &report.models {
        // As RFC 4180 has it.
        let name = match model.name.contains([',', '"', '\n']) {
            true => format!("\"{}\"", model.name.replace('"', "\"\"")),
            false => model.name.clone(),
        };
        for (horizon, figures) in &model.horizons {
            for (region, scores) in [("moving", &figures.moving), ("whole", &figures.whole_frame)] {
                let best = scores.best_of.iter().flat_map(|(number, best)| {
                    let figure = |value| Figure {
                        value,
                        interval: None,
                    };
                    [
                        (format!("psnr_best_of_{number}"), figure(best.psnr)),
                        (format!("ssim_best_of_{number}"), figure(best.ssim)),
                    ]
                });
                let plain = [
                    ("psnr", Some(scores.psnr)),
                    ("ssim", Some(scores.ssim)),
                    ("sharpness_ratio", Some(scores.sharpness_ratio)),
                    ("sharpness_difference", Some(scores.sharpness_difference)),
                    ("crps", Some(scores.crps)),
                    ("energy_score", Some(scores.energy_score)),
                    ("spread_skill", Some(scores.spread_skill)),
                    (
                        "predictive_spread_skill",
                        Some(scores.predictive_spread_skill),
                    ),
                    ("calibration_error", Some(scores.calibration_error)),
                    ("crps_of_best", scores.crps_of_best),
                    ("energy_score_of_best", scores.energy_score_of_best),
                ];
                let plain = plain
                    .into_iter()
                    .filter_map(|(measure, figure)| Some((measure.to_owned(), figure?)));
                for (measure, figure) in plain.chain(best) {
                    text += &line(&name, (*horizon, region), &measure, figure);
                }
            }
        }
        for (&horizon, told) in &model.look.real_or_drawn {
            let at = (horizon, "moving");
            text += &line(&name, at, "real_or_drawn", told.as_they_are);
            text += &line(&name, at, "real_or_drawn_low_passed", told.low_passed);
        }
        for (&horizon, kept) in &model.look.shape {
            for (measure, found) in [("shape_area", kept.area), ("shape_pieces", kept.pieces)] {
                let figure = Figure {
                    value: found.map(|found| found.median),
                    interval: found.map(|found| [found.low, found.high]),
                };
                text += &line(&name, (horizon, "whole"), measure, figure);
            }
        }
    }
    text
}
