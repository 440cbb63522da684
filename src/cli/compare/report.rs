//! The figures of a comparison, as JSON and as tables.

mod energies;

use super::large::LargeReport;
use super::looks::{self, Look, Trial};
use super::seeds::{self, Seeds};
use super::words::{self, TextReport};
use crate::evaluation::comparison::{BestFuture, Calibration, Figure, Figures, Scores};
use crate::evaluation::energy_health::EnergyHealth;
use crate::evaluation::health::Health;
use crate::evaluation::horizon_health::HorizonHealth;
use crate::outputs::model::Trained;
use crate::outputs::table::table;
use console::style;
use energies::{energy_checks, horizon_checks};
use serde::Serialize;
use std::collections::BTreeMap;

/// All of a comparison, as it is written to `compare.json`.
#[derive(Debug, Serialize)]
pub struct Report {
    pub data: Data,
    pub models: Vec<ModelReport>,
    /// How the classifier learned to tell what is drawn, and its power; none where it was
    /// left out.
    pub trial: Option<Trial>,
    /// Futures at another size, where they were asked for.
    pub large: Option<LargeReport>,
    /// Models that differ in their seed alone, together.
    pub seeds: Vec<Seeds>,
    /// The discrete case, where it was asked for.
    pub text: Option<TextReport>,
}

/// On what the models were compared.
#[derive(Debug, Serialize)]
pub struct Data {
    pub inputs: Vec<String>,
    /// `test` or `validation`.
    pub part: &'static str,
    /// Frames in that part.
    pub frames: usize,
    pub windows: usize,
    /// Windows in which nothing moves, by horizon.
    pub still_windows: BTreeMap<usize, usize>,
    pub context: usize,
    pub futures: usize,
    pub temperature: f64,
    pub seed: u64,
}

/// One model's figures.
#[derive(Debug, Serialize)]
pub struct ModelReport {
    pub name: String,
    /// Whether its futures differ.
    pub latent: bool,
    pub parameters: usize,
    /// Its run's training, both models together, where that is known.
    pub trained: Option<Trained>,
    pub horizons: BTreeMap<usize, Figures>,
    /// The best of so many futures, all frames up to the last horizon together.
    pub whole_futures: BTreeMap<usize, BestFuture>,
    /// Spread and skill at all horizons together.
    pub calibration: Calibration,
    /// Whether futures look like film.
    #[serde(flatten)]
    pub look: Look,
    /// Of each member with a z.
    pub health: Vec<HealthReport>,
    /// Of each member that is an energy over frames.
    pub energy: Vec<EnergyHealth>,
    /// Of a whole-horizon model.
    pub whole_horizon: Option<HorizonHealth>,
}

impl ModelReport {
    /// What was found of each member, with its name.
    pub fn members<'a, T>(&'a self, found: &'a [T]) -> impl Iterator<Item = (String, &'a T)> {
        let name = move |member: usize| match found.len() {
            1 => self.name.clone(),
            _ => format!("{}, member {}", self.name, member + 1),
        };
        let each = found.iter().enumerate();
        each.map(move |(member, found)| (name(member), found))
    }
}

/// Whether z does its work.
#[derive(Debug, Serialize)]
pub struct HealthReport {
    #[serde(flatten)]
    health: Health,
    /// Windows of one frame ahead that were looked at.
    windows: usize,
    /// Errors ÷ the least-squares model's, where there is one.
    of_mse: Option<OfMse>,
}

/// Errors ÷ the least-squares model's, where the scene moves.
#[derive(Debug, Serialize)]
struct OfMse {
    best_z: f64,
    sampled_z: f64,
    no_z: f64,
}

impl HealthReport {
    /// What is not as it should be.
    pub fn warnings(&self) -> &[String] {
        &self.health.warnings
    }

    /// `windows` is how many windows were looked at.
    pub fn new(health: Health, windows: usize) -> Self {
        let error = &health.error;
        let mse = error.mse.filter(|_| health.moving > 0);
        let of_mse = mse.map(|mse| OfMse {
            best_z: error.best_z / mse,
            sampled_z: error.sampled_z / mse,
            no_z: error.no_z / mse,
        });
        Self {
            health,
            windows,
            of_mse,
        }
    }
}

/// What the figures mean.
pub const LEGEND: &str = "PSNR (dB) and SSIM: higher is better; CRPS and energy (score): lower is, ÷ best: \
     as a share of the best of least squares', by either decoder, and of copying's; sharpness: 1 is as sharp as the real frame (of moving parts, where either of the two moves); \
     spread/skill: below 1, futures agree more than they are right; predictive: the same with the \
     variance of what futures leave unexplained, where a model has learned it; in brackets 95% of draws of the windows";

/// On what, and how.
pub fn summary(data: &Data) -> String {
    format!(
        "{} {} frames, {} windows of {} frames of context; a latent model has {} futures \
         (temperature {}, seed {})",
        data.frames,
        data.part,
        data.windows,
        data.context,
        data.futures,
        data.temperature,
        data.seed
    )
}

/// The report as tables.
pub fn describe(report: &Report) -> String {
    let data = &report.data;
    let mut text = format!("{}\n{}\n", data.inputs.join(", "), summary(data));
    text += "\nWhere the scene moves\n";
    text += &table(&HEADER, &rows(report, |figures| &figures.moving));
    let still: Vec<String> = data
        .still_windows
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(horizon, count)| format!("{count} at +{horizon}"))
        .collect();
    if !still.is_empty() {
        text += &format!("\nwindows left out, as nothing moves: {}", still.join(", "));
    }
    text += "\n\nWhole frames\n";
    text += &table(&HEADER, &rows(report, |figures| &figures.whole_frame));
    text += "\n\nWhole futures: the mean over all frames, best of N; spread and skill of whole frames at all \
         these times together\n";
    text += &table(&WHOLE_HEADER, &whole_rows(report));
    text += &format!("\n\n{LEGEND}\n");
    if data.futures < 100 {
        text += &format!(
            "-: of {} futures there is no best of more (--futures)\n",
            data.futures
        );
    }
    text += "\nWhether futures look like film\n";
    text += &table(&looks::HEADER, &looks::rows(report));
    if let Some(large) = &report.large {
        text += "\n\n";
        text += &table(&looks::HEADER, &looks::large_rows(report, large));
    }
    text += &format!("\n\n{}\n", looks::legend(report.trial.as_ref()));
    text += &format!("\n{}\n", table(&MODELS_HEADER, &models(report)));
    if !report.seeds.is_empty() {
        text += "\nOver seeds: the mean, least and most, where the scene moves\n";
        text += &format!("{}\n", table(&seeds::HEADER, &seeds::rows(&report.seeds)));
    }
    if let Some(words) = &report.text {
        text += "\nWords: the discrete case\n";
        text += &format!("{}\n", table(&words::HEADER, &words.rows()));
    }
    for model in &report.models {
        for (name, health) in model.members(&model.health) {
            text += &checks(&name, health);
        }
        if let Some(health) = &model.whole_horizon {
            text += &horizon_checks(&model.name, health);
        }
        for (name, health) in model.members(&model.energy) {
            text += &energy_checks(&name, health);
        }
    }
    text
}

/// Of [`rows`].
pub const HEADER: [&str; 14] = [
    "frames ahead",
    "PSNR",
    "SSIM",
    "sharpness",
    "CRPS",
    "÷ best",
    "energy",
    "÷ best",
    "spread/skill",
    "predictive",
    "PSNR of 10",
    "of 100",
    "SSIM of 10",
    "of 100",
];

/// A line for each horizon and model.
pub fn rows(report: &Report, region: fn(&Figures) -> &Scores) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for horizon in report.data.still_windows.keys() {
        for model in &report.models {
            let Some(scores) = model.horizons.get(horizon).map(region) else {
                continue;
            };
            let best = |number: usize| scores.best_of.get(&number);
            rows.push(vec![
                format!("+{horizon:<2} {}", model.name),
                number(scores.psnr.value, 2),
                number(scores.ssim.value, 3),
                number(scores.sharpness_ratio.value, 2),
                number(scores.crps.value, 4),
                sure(scores.crps_of_best, 2),
                number(scores.energy_score.value, 4),
                sure(scores.energy_score_of_best, 2),
                sure(Some(scores.spread_skill), 2),
                sure(Some(scores.predictive_spread_skill), 2),
                number(best(10).and_then(|best| best.psnr), 2),
                number(best(100).and_then(|best| best.psnr), 2),
                number(best(10).and_then(|best| best.ssim), 3),
                number(best(100).and_then(|best| best.ssim), 3),
            ]);
        }
    }
    rows
}

/// Of [`models`].
pub const MODELS_HEADER: [&str; 5] = ["", "parameters", "steps", "training", "seed"];

/// A line for each model.
pub fn models(report: &Report) -> Vec<Vec<String>> {
    let row = |model: &ModelReport| {
        let known =
            |cell: &dyn Fn(&Trained) -> String| model.trained.as_ref().map_or("-".to_owned(), cell);
        vec![
            model.name.clone(),
            model.parameters.to_string(),
            known(&|trained| trained.steps.to_string()),
            known(&|trained| {
                let minutes = trained.seconds / 60.0;
                format!("{minutes:.1} min, {} threads", trained.threads)
            }),
            known(&|trained| trained.seed.to_string()),
        ]
    };
    report.models.iter().map(row).collect()
}

/// Of [`whole_rows`].
pub const WHOLE_HEADER: [&str; 9] = [
    "",
    "PSNR",
    "of 10",
    "of 100",
    "SSIM",
    "of 10",
    "of 100",
    "spread/skill",
    "predictive",
];

/// A line for each model.
pub fn whole_rows(report: &Report) -> Vec<Vec<String>> {
    let row = |model: &ModelReport| {
        let best = |of: fn(&BestFuture) -> Figure, digits| {
            let cell = move |best: &BestFuture| sure(Some(of(best)), digits);
            model.whole_futures.values().map(cell)
        };
        let cells = best(|best| best.psnr, 2).chain(best(|best| best.ssim, 3));
        let Calibration {
            spread_skill,
            predictive_spread_skill,
        } = model.calibration;
        let ratios = [spread_skill, predictive_spread_skill].map(|ratio| sure(Some(ratio), 2));
        let name = std::iter::once(model.name.clone());
        name.chain(cells).chain(ratios).collect()
    };
    report.models.iter().map(row).collect()
}

/// What was found about z.
fn checks(name: &str, report: &HealthReport) -> String {
    let health = &report.health;
    let error = &health.error;
    let rows: Vec<Vec<String>> = [
        ("mse model", error.mse),
        ("copy", Some(error.copy)),
        ("latent, z* (z inferred from y)", Some(error.best_z)),
        ("latent, z sampled", Some(error.sampled_z)),
        ("latent, best of 10 sampled", Some(error.best_of_10)),
        ("latent, no z", Some(error.no_z)),
        ("latent, z* with another past", Some(error.shuffled_x)),
    ]
    .into_iter()
    .filter_map(|(name, value)| {
        let value = value?;
        let ratio = error.mse.map(|mse| value / mse);
        Some(vec![
            name.to_owned(),
            format!("{value:.3e}"),
            number(ratio, 3),
        ])
    })
    .collect();
    let mut text = format!(
        "\nThe latent of {name}: squared error one frame ahead where the scene moves, {} windows of its own\n{}\n\
         energy score there of drawn z {:.4}, of no z {:.4}; F(x, wrong y) > F(x, y) in {:.1}% of \
         {} pairs; {} of {} dimensions of z are used\n",
        report.windows,
        table(&["", "error", "÷ mse model's"], &rows),
        health.scores.drawn,
        health.scores.no_z,
        100.0 * health.wrong_above_right,
        health.wrong_pairs,
        health.live_dimensions,
        health.dimensions,
    );
    for warning in &health.warnings {
        text += &format!("{}\n", style(format!("warning: {warning}")).red());
    }
    text
}

/// A figure and its interval.
pub(super) fn sure(figure: Option<Figure>, digits: usize) -> String {
    match figure {
        Some(Figure {
            value: Some(value),
            interval: Some([low, high]),
        }) => format!("{value:.digits$} ({low:.digits$}, {high:.digits$})"),
        _ => number(figure.and_then(|figure| figure.value), digits),
    }
}

/// A number, or that there is none.
pub(super) fn number(value: Option<f64>, digits: usize) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.digits$}"))
}
