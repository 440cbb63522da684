//! `nextframe hub`: runs to the Hugging Face hub.

use crate::error::Result;
use crate::hub::{Place, push};
use std::path::PathBuf;

/// Publish runs on the Hugging Face hub; hf://owner/name reads them anywhere
#[derive(Debug, Clone, clap::Args)]
pub struct HubArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, clap::Subcommand)]
enum Command {
    Push(PushArgs),
}

/// Write a run to a repository: model, settings, figures and a model card
///
/// HF_TOKEN must be one that may write; HF_ENDPOINT is where it goes. Of the paths of inputs
/// only the last part is sent.
#[derive(Debug, Clone, clap::Args)]
pub struct PushArgs {
    /// The run's folder
    #[arg(value_name = "RUN")]
    pub run: PathBuf,
    /// The repository, made if there is none
    #[arg(value_name = "OWNER/NAME")]
    pub repository: String,
    /// Where it is made, let only its owner see it
    #[arg(long)]
    pub private: bool,
}

/// Runs its command.
///
/// # Errors
/// Those of [`push`].
pub fn run(args: &HubArgs) -> Result<()> {
    let Command::Push(args) = &args.command;
    let place = Place::read(&args.repository)?;
    let address = push(&args.run, &place, args.private)?;
    tracing::info!("{place}: {address}");
    Ok(())
}
