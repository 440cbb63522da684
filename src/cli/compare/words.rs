//! The discrete case beside video: how a model of text tells hidden words.

use super::CompareArgs;
use crate::cli::text::{evaluate, length, load};
use crate::error::{Error, Result};
use crate::evaluation::masked_text::TextFigures;
use crate::evaluation::reliability::Bin;
use crate::outputs::plot::Curve;
use crate::rng::Seed;
use candle_core::Device;
use serde::Serialize;

/// Sequences of the corpus that are looked at, at most.
const SEQUENCES: usize = 256;

/// What the page says of text.
#[derive(Debug, Serialize)]
pub(super) struct TextReport {
    model: String,
    corpus: String,
    parameters: usize,
    /// As learned, then at the temperature that training chose.
    figures: Vec<TextFigures>,
}

/// Of the model and the corpus that were named, if any.
///
/// # Errors
/// One without the other; what cannot be read.
pub(super) fn judge(args: &CompareArgs, device: &Device) -> Result<Option<TextReport>> {
    let name = match (&args.text, args.corpus.as_slice()) {
        (None, []) => return Ok(None),
        (Some(name), [_, ..]) => name,
        (Some(name), []) => {
            return Err(Error::input(
                format!("--text {name}"),
                "there is no text to judge it on",
                "name one with --corpus",
            ));
        }
        (None, corpus) => {
            return Err(Error::input(
                format!("--corpus {}", corpus.join(" ")),
                "there is no model of text",
                "name one with --text",
            ));
        }
    };
    let model = load(name, device)?;
    let stream = evaluate::read(&args.corpus, &model)?;
    let sequences: Vec<Vec<u32>> = stream.sequences(length(&model)).take(SEQUENCES).collect();
    let temperature = model.temperature();
    let figures = evaluate::told(&model, &sequences, temperature, Seed(args.seed), device)?;
    Ok(Some(TextReport {
        model: name.clone(),
        corpus: args.corpus.join(", "),
        parameters: model.parameters,
        figures,
    }))
}

pub(super) const HEADER: [&str; 8] = [
    "model",
    "hidden words",
    "told",
    "in five",
    "−log p",
    "perplexity",
    "entropy",
    "calibration error",
];

impl TextReport {
    /// For [`HEADER`].
    pub(super) fn rows(&self) -> Vec<Vec<String>> {
        let row = |figures: &TextFigures| {
            vec![
                format!("{}, temperature {:.2}", self.model, figures.temperature),
                figures.told.to_string(),
                format!("{:.1}%", 100.0 * figures.accuracy),
                format!("{:.1}%", 100.0 * figures.top5),
                format!("{:.3}", figures.cross_entropy),
                format!("{:.2}", figures.perplexity),
                format!("{:.3}", figures.entropy),
                format!("{:.3}", figures.calibration_error),
            ]
        };
        self.figures.iter().map(row).collect()
    }

    /// What the table is of.
    pub(super) fn describe(&self) -> String {
        format!(
            "{}: {} parameters, on {}. Words that were hidden are told from the others; \
             −log p, perplexity and entropy (of what was given, as large as −log p where \
             chances are right) are in nats a token. A softmax gives every word its chance: \
             nothing is averaged, and no z is needed.",
            self.model, self.parameters, self.corpus
        )
    }

    /// How often the likeliest word was right, and how often it should have been.
    pub(super) fn chances(&self) -> Vec<Curve> {
        let points = |bins: &[Bin]| {
            let used = bins.iter().filter(|bin| bin.cases > 0.0);
            used.map(|bin| (bin.given / bin.cases, bin.came / bin.cases))
                .collect()
        };
        let curve = |figures: &TextFigures| Curve {
            name: format!("temperature {:.2}", figures.temperature),
            points: points(&figures.bins),
            intervals: Vec::new(),
        };
        let mut curves: Vec<Curve> = self.figures.iter().map(curve).collect();
        curves.push(Curve {
            name: "reliable".to_owned(),
            points: vec![(0.0, 0.0), (1.0, 1.0)],
            intervals: Vec::new(),
        });
        curves
    }
}
