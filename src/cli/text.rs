//! `nextframe text`: the discrete case, words instead of pixels.

pub(super) mod evaluate;
mod fill;
mod memory;
mod score;
mod session;
mod tokenizer;
mod train;

use crate::error::{Error, Result};
use crate::outputs::standard::print;
use crate::outputs::text_model::TextModel;
use crate::text::{Document, read_within};
use crate::{hub, memory as machine};
use candle_core::Device;
use std::path::Path;

/// Words instead of pixels: train a BERT on text, fill masks, score and evaluate
#[derive(Debug, Clone, clap::Args)]
pub struct TextArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Command {
    Train(train::TrainArgs),
    Fill(fill::FillArgs),
    Score(score::ScoreArgs),
    Eval(evaluate::EvalArgs),
    Tokenizer(tokenizer::TokenizerArgs),
}

/// Runs one of its commands.
///
/// # Errors
/// Those of the command.
pub fn run(args: &TextArgs) -> Result<()> {
    match &args.command {
        Command::Train(args) => train::run(args),
        Command::Fill(args) => fill::run(args),
        Command::Score(args) => score::run(args),
        Command::Eval(args) => evaluate::run(args),
        Command::Tokenizer(args) => tokenizer::run(args),
    }
}

/// Longest sequences where a run does not say.
const LENGTH: usize = 128;

/// The share of this machine's memory that text may take: its tokens and what learns from
/// them need more.
const OF_MEMORY: f64 = 0.25;

/// From this share on, unknown words are worth a warning, and from the second on they make
/// a text one that the tokenizer is not for.
const SOME_UNKNOWN: f64 = 0.05;
const MOSTLY_UNKNOWN: f64 = 0.5;

/// A model that was named on the command line.
pub(super) fn load(model: impl AsRef<Path>, device: &Device) -> Result<TextModel> {
    TextModel::load(&hub::locate(model.as_ref())?, device)
}

/// The documents that were named on the command line.
fn corpus(inputs: &[impl AsRef<Path>]) -> Result<Vec<Document>> {
    read_within(inputs, (OF_MEMORY * machine::available()) as u64)
}

/// Paths as they are shown.
fn names(paths: &[impl AsRef<Path>]) -> Vec<String> {
    let name = |path: &dyn AsRef<Path>| path.as_ref().display().to_string();
    paths.iter().map(|path| name(path)).collect()
}

/// Warns where many words or tokens (`what`) of a text are [UNK].
fn warn_of_unknown(what: &str, name: &str, share: f64) {
    if share > SOME_UNKNOWN {
        tracing::warn!(
            "{:.0}% of the {what} of {name} are [UNK]: the tokenizer does not fit this text{}",
            100.0 * share,
            match share > MOSTLY_UNKNOWN {
                true => ", and what is said of it means little",
                false => "",
            }
        );
    }
}

/// Tokens of a sequence, as in the model's training.
pub(super) fn length(model: &TextModel) -> usize {
    let most = model.bert.config().max_position_embeddings;
    let own = model
        .run
        .as_ref()
        .map_or(LENGTH, |run| run.settings.data.length);
    own.min(most)
}

/// Prints a value as JSON.
fn print_json(value: &serde_json::Value) -> Result<()> {
    print(&format!("{value:#}"))
}

/// The temperature that was asked for, else the model's own.
fn temperature(asked: Option<f64>, model: &TextModel) -> Result<f64> {
    match asked {
        Some(asked) if !(1e-3..=1e3).contains(&asked) => Err(Error::input(
            format!("--temperature {asked}"),
            "expected a number from 0.001 to 1000",
            "give 1 for the chances as they were learned, less for surer ones",
        )),
        Some(asked) => Ok(asked),
        None => Ok(model.temperature()),
    }
}
