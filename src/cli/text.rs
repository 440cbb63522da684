//! `nextframe text`: the discrete case, words instead of pixels.

pub(super) mod evaluate;
mod fill;
mod score;
mod session;
mod tokenizer;
mod train;

use crate::error::{Error, Result};
use crate::hub;
use crate::outputs::standard::print;
use crate::outputs::text_model::TextModel;
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

/// A model that was named on the command line.
pub(super) fn load(model: &str, device: &Device) -> Result<TextModel> {
    TextModel::load(&hub::locate(Path::new(model))?, device)
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
        Some(asked) if !(asked > 0.0 && asked.is_finite()) => Err(Error::input(
            format!("--temperature {asked}"),
            "it must be above 0",
            "give 1 for the chances as they were learned, less for surer ones",
        )),
        Some(asked) => Ok(asked),
        None => Ok(model.temperature()),
    }
}
