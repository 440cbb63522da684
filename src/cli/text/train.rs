//! `nextframe text train`: a BERT from text.

use super::memory;
use super::session::{Plan, Session};
use crate::cli::train::lock::Lock;
use crate::cli::train::run_args::RunArgs;
use crate::device;
use crate::error::{Error, Result};
use crate::outputs::run::Run;
use crate::rng::Seed;
use crate::text::{Stream, Tokenizer};
use crate::training::recipe::{self, Recipe};
use crate::training::text::TextSettings;
use std::path::PathBuf;

/// Learn to tell hidden words from the others: a BERT, from scratch or from another
#[derive(Debug, Clone, clap::Args)]
pub struct TrainArgs {
    /// Text: plain, gzip, zip, folders of these, or - for standard input
    #[arg(required = true)]
    pub corpus: Vec<PathBuf>,
    /// A recipe: a TOML file, or the name of a bundled one
    #[arg(long, value_name = "FILE", default_value = "bert-mini")]
    pub recipe: String,
    /// The run.
    #[command(flatten)]
    pub run: RunArgs,
    /// A tokenizer.json or vocab.txt, or a folder with one [default: learned from the
    /// corpus, data.vocabulary tokens]
    #[arg(long, value_name = "FILE", conflicts_with = "init")]
    pub tokenizer: Option<PathBuf>,
    /// Begin with the weights and the tokenizer of this model instead of random ones
    #[arg(long, value_name = "MODEL")]
    pub init: Option<PathBuf>,
}

pub(super) fn run(args: &TrainArgs) -> Result<()> {
    let recipe = Recipe::find(&args.recipe)?;
    let mut settings: TextSettings = recipe::resolve(Some(&recipe), &args.run.set)?;
    let budget = args.run.budget()?;
    let save_every = args.run.save_every()?;
    let device = device::select(&args.run.device)?;
    let existing = args.run.existing();
    let inputs = super::names(&args.corpus);
    let out = args.run.out(&inputs);
    Run::check(&out, existing)?;
    let init = args
        .init
        .as_ref()
        .map(|model| super::load(model, &device))
        .transpose()?;
    if let Some(init) = &init {
        // What it is, it stays.
        settings.model = init.bert.config().clone();
        settings.data.length = settings
            .data
            .length
            .min(settings.model.max_position_embeddings);
    }
    settings.check()?;
    memory::check(&settings, &device)?;
    let documents = super::corpus(&args.corpus)?;
    // A resumed run goes on with the tokenizer that it has.
    let kept = out.join(crate::outputs::text_model::TOKENIZER);
    let tokenizer = match (&init, &args.tokenizer) {
        (Some(init), _) => init.tokenizer.clone(),
        (None, Some(path)) => Tokenizer::read(path)?,
        (None, None) if args.run.resume && kept.exists() => Tokenizer::read(&kept)?,
        (None, None) => {
            let data = &settings.data;
            Tokenizer::train(&documents, data.vocabulary, data.lower_case)?
        }
    };
    if init.is_none() {
        settings.model.vocab_size = tokenizer.size();
        memory::check(&settings, &device)?;
    }
    let name = inputs.join(", ");
    let (train, validation) = Stream::split(&documents, &tokenizer)?;
    drop(documents);
    train.check(settings.data.length, &name)?;
    validation.check(
        settings.data.length,
        &format!("{name}, its part to validate on"),
    )?;
    let unknown = train.unknown(&tokenizer);
    super::warn_of_unknown("tokens", &name, unknown);
    if unknown.max(validation.unknown(&tokenizer)) > 0.9 {
        return Err(Error::input(
            name,
            "nearly all of its tokens are [UNK]",
            "leave out --tokenizer, so that one is learned from this text",
        ));
    }
    let _lock = Lock::take(&out)?;
    let plan = Plan {
        settings,
        tokenizer,
        train,
        validation,
        inputs,
        init,
        budget,
        save_every,
        seed: Seed(args.run.seed),
        device,
    };
    Session::begin(plan, &out, existing)?.train()
}
