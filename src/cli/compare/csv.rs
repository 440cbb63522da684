//! The figures of a comparison as CSV.

use super::report::Report;
use crate::evaluation::comparison::Figure;

/// A line for each model, horizon, region and measure: value, and the ends of its
/// interval; nothing where there is none.
pub fn csv(report: &Report) -> String {
    let mut text = "model,frames_ahead,region,measure,value,low,high\n".to_owned();
    let cell = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
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
                    ("crps_of_mse", scores.crps_of_mse),
                    ("energy_score_of_mse", scores.energy_score_of_mse),
                ];
                let plain = plain
                    .into_iter()
                    .filter_map(|(measure, figure)| Some((measure.to_owned(), figure?)));
                for (measure, figure) in plain.chain(best) {
                    let [low, high] = figure.interval.map_or([None; 2], |ends| ends.map(Some));
                    text += &format!(
                        "{name},{horizon},{region},{measure},{},{},{}\n",
                        cell(figure.value),
                        cell(low),
                        cell(high)
                    );
                }
            }
        }
    }
    text
}
