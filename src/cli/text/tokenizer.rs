//! `nextframe text tokenizer`: learns a vocabulary.

use crate::error::{Error, Result};
use crate::text::Tokenizer;
use std::path::PathBuf;

/// Learn a WordPiece vocabulary from text
#[derive(Debug, Clone, clap::Args)]
pub struct TokenizerArgs {
    /// Text: plain, gzip, zip, folders of these, or - for standard input
    #[arg(required = true)]
    pub corpus: Vec<PathBuf>,
    /// Tokens, the five special ones included
    #[arg(long, value_name = "N", default_value_t = 8192)]
    pub size: usize,
    /// Keep capital letters and accents
    #[arg(long)]
    pub cased: bool,
    /// Where to write it
    #[arg(short, long, value_name = "FILE", default_value = "tokenizer.json")]
    pub output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    pub overwrite: bool,
}

pub(super) fn run(args: &TokenizerArgs) -> Result<()> {
    if args.output.exists() && !args.overwrite {
        return Err(Error::input(
            args.output.display().to_string(),
            "is already there",
            "give another --output, or --overwrite",
        ));
    }
    let documents = super::corpus(&args.corpus)?;
    let tokenizer = Tokenizer::train(&documents, args.size, !args.cased)?;
    tokenizer.save(&args.output)?;
    tracing::info!(
        "{}: {} tokens from {} documents",
        args.output.display(),
        tokenizer.size(),
        documents.len()
    );
    Ok(())
}
