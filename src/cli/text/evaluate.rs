//! `nextframe text eval`: how well a model tells what is hidden.

use super::{length, load, print, print_json, warn_of_unknown};
use crate::device;
use crate::energy::MaskedText;
use crate::error::{Error, Result};
use crate::evaluation::masked_text::{self, TextFigures};
use crate::evaluation::pseudo::pseudo_perplexity;
use crate::outputs::table::table;
use crate::outputs::text_model::TextModel;
use crate::rng::Seed;
use crate::text::Stream;
use candle_core::Device;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Judge a model on text: hidden words told, perplexity, calibration
#[derive(Debug, Clone, clap::Args)]
pub struct EvalArgs {
    /// A run of `text train`, a folder with a BERT in Hugging Face's layout, or
    /// hf://owner/name@revision
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Text: plain, gzip, zip, folders of these, or - for standard input
    #[arg(required = true)]
    pub corpus: Vec<PathBuf>,
    /// Sequences to hide words of, at most
    #[arg(long, value_name = "N", default_value_t = 512)]
    pub sequences: usize,
    /// Sequences of which every token is hidden in turn, for the pseudo-perplexity
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub pseudo: usize,
    /// Divide logits by this [default: that of the run, else 1]
    #[arg(long, value_name = "T")]
    pub temperature: Option<f64>,
    /// The same seed hides the same words
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &EvalArgs) -> Result<()> {
    if args.sequences == 0 {
        return Err(Error::input(
            "--sequences 0",
            "there is nothing to judge",
            "give at least 1",
        ));
    }
    let device = device::select(&args.device)?;
    let model = load(&args.model, &device)?;
    let temperature = super::temperature(args.temperature, &model)?;
    let length = length(&model);
    let stream = read(&args.corpus, &model)?;
    let text = MaskedText::new(&model.bert, model.tokenizer.mask());
    let sequences: Vec<Vec<u32>> = stream.sequences(length).collect();
    let some = &sequences[..args.sequences.min(sequences.len())];
    let found = told(&model, some, temperature, Seed(args.seed), &device)?;
    // Spread over the whole text.
    let apart = (sequences.len() / args.pseudo.max(1)).max(1);
    let few: Vec<Vec<u32>> = (sequences.iter().step_by(apart))
        .take(args.pseudo)
        .cloned()
        .collect();
    let pseudo = pseudo_perplexity(&text, &model.tokenizer, &few, 1.0, &device)?;
    let unknown = stream.unknown(&model.tokenizer);
    if args.json {
        return print_json(&json!({
            "model": args.model.display().to_string(),
            "corpus": super::names(&args.corpus),
            "tokens": stream.len(),
            "unknown": unknown,
            "sequences": some.len(),
            "length": length,
            "seed": args.seed,
            "hidden": found,
            "pseudo_perplexity": pseudo,
            "pseudo_sequences": few.len(),
        }));
    }
    let row = |f: &TextFigures| {
        vec![
            format!("at temperature {:.2}", f.temperature),
            f.told.to_string(),
            format!("{:.1}%", 100.0 * f.accuracy),
            format!("{:.1}%", 100.0 * f.top5),
            format!("{:.3}", f.cross_entropy),
            format!("{:.2}", f.perplexity),
            format!("{:.3}", f.entropy),
            format!("{:.4}", f.calibration_error),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    print(&table(
        &[
            "",
            "hidden",
            "told",
            "in five",
            "-log p",
            "perplexity",
            "entropy",
            "calibration error",
        ],
        &rows,
    ))?;
    if let Some(pseudo) = pseudo {
        let tokens = few.len() * (length - 2);
        print(&format!(
            "pseudo-perplexity {pseudo:.2}, of {tokens} tokens"
        ))?;
    }
    print(&format!(
        "{} tokens, {:.2}% of them [UNK]; {} sequences of {length}",
        stream.len(),
        100.0 * unknown,
        some.len()
    ))
}

/// A corpus as the model's tokens.
///
/// # Errors
/// A corpus that cannot be read, or is shorter than a sequence.
pub(in crate::cli) fn read(corpus: &[impl AsRef<Path>], model: &TextModel) -> Result<Stream> {
    let name = super::names(corpus).join(", ");
    let stream = Stream::new(&super::corpus(corpus)?, &model.tokenizer)?;
    stream.check(length(model), &name)?;
    warn_of_unknown("tokens", &name, stream.unknown(&model.tokenizer));
    Ok(stream)
}

/// How hidden words of `sequences` are told: as learned, and at `temperature` where that
/// is another one than 1.
///
/// # Errors
/// Sequences of which nothing can be hidden, a network that gives no numbers; Ctrl-C.
pub(in crate::cli) fn told(
    model: &TextModel,
    sequences: &[Vec<u32>],
    temperature: f64,
    seed: Seed,
    device: &Device,
) -> Result<Vec<TextFigures>> {
    let masking = model.run.as_ref().map(|run| run.settings.masking);
    let masking = masking.unwrap_or_default();
    let text = MaskedText::new(&model.bert, model.tokenizer.mask());
    let hidden = masked_text::hidden(sequences.iter().cloned(), &model.tokenizer, &masking, seed);
    if hidden.iter().all(|sequence| sequence.places.is_empty()) {
        return Err(Error::input(
            "the text",
            "no word of it can be hidden: the tokenizer knows none, all are [UNK]",
            "give a text of the language that the model was trained on",
        ));
    }
    let mut found = vec![masked_text::judge(&text, &hidden, 1.0, device)?];
    if temperature != 1.0 {
        found.push(masked_text::judge(&text, &hidden, temperature, device)?);
    }
    Ok(found)
}
