//! `nextframe generate`: several futures of a video.

mod futures;
mod grid;
mod moment;
mod target;

use super::drawing::DrawingArgs;
use super::footage::StrictArgs;
use super::input::Input;
use crate::data::Window;
use crate::device;
use crate::error::{Error, Result};
use crate::horizon::WholeHorizon;
use crate::hub;
use crate::outputs::model::{Draws, Model};
use crate::outputs::standard::{print, print_json};
use crate::rng::Seed;
use candle_core::Device;
use futures::Futures;
use grid::Grid;
use moment::Moment;
use std::path::PathBuf;
use std::slice::from_ref;
use target::{Made, Target, Written};

/// Show several futures of a video: each as a film, and all of them beside
/// each other, with their mean and how they differ
#[derive(Debug, Clone, clap::Args)]
pub struct GenerateArgs {
    /// A run's folder, a model's .safetensors with its config.json beside it, or
    /// hf://owner/name@revision
    pub model: PathBuf,
    /// A video, GIF, folder of pictures, .safetensors (frames, one sequence or
    /// a batch), prepared .frames, or - for standard input
    pub input: String,
    /// Where the context ends, in seconds: its last frame is the one on show
    /// then [default: so late that the real future can be shown as well, or
    /// the end]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub at: Option<f64>,
    /// Frames of the past to write; the model looks at the last few of them
    /// [default: as many as it looks at]
    #[arg(long, value_name = "C")]
    pub context: Option<usize>,
    /// Frames of each future [default: the recipe's evaluation.horizon]
    #[arg(long, value_name = "T")]
    pub frames: Option<usize>,
    /// How many futures
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub futures: usize,
    /// How they are drawn.
    #[command(flatten)]
    pub drawing: DrawingArgs,
    /// Which of the run's models draws them [default: the one that training chose]
    #[arg(long, value_enum, value_name = "MODEL")]
    pub by: Option<Draws>,
    /// The same seed gives the same futures
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "D", default_value = "auto")]
    pub device: String,
    /// What to write [default: mp4, or gif in a build without FFmpeg;
    /// safetensors where the input is a batch]
    #[arg(long, value_enum)]
    pub format: Option<Format>,
    /// A folder, or the name of a .safetensors to write that alone. A folder
    /// that an earlier `generate` wrote is replaced; one that holds anything
    /// else never is
    #[arg(short, long, value_name = "PATH", default_value = "futures")]
    pub output: PathBuf,
    /// Replace the .safetensors that --output names
    #[arg(short = 'y', long)]
    pub overwrite: bool,
    /// Print JSON: the paths written
    #[arg(long)]
    pub json: bool,
    /// What becomes of files that cannot be used.
    #[command(flatten)]
    pub found: StrictArgs,
    /// Where decoded frames are kept [default: $NEXTFRAME_CACHE, or the
    /// user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// How futures are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A video each (needs FFmpeg)
    Mp4,
    /// An animation each
    Gif,
    /// A picture each, frames from left to right
    Png,
    /// One file: context (B,Tc,C,H,W), futures (B,N,T,C,H,W) and member (B,N), which of the
    /// model's drew each, u8, and log_probability (B,N) and remainder (B,T,C,H,W), the
    /// standard deviation of what futures leave unexplained, f32
    Safetensors,
}

/// Rolls out the futures, writes them, the likeliest first, and prints the paths.
///
/// # Errors
/// A model or an input that cannot be used, a time outside the input, too few
/// frames before it, counts of 0, a target that is taken.
pub fn run(args: &GenerateArgs) -> Result<()> {
    check(args)?;
    let target = Target::new(&args.output, args.format, args.overwrite)?;
    let device = device::select(&args.device)?;
    let mut model = Model::load(&hub::locate(&args.model)?, &device)?;
    let temperature = args.drawing.apply(&mut model)?;
    let input = Input::read(
        &args.input,
        args.found,
        &model.config,
        args.cache.as_deref(),
    )?;
    let target = target.batched(input.sequences.len())?;
    let made = roll_out(args, (&model, temperature), &input, &device)?;
    tell(&target.write(&made)?, args.json)
}

fn check(args: &GenerateArgs) -> Result<()> {
    let at_least_one = |name: &str, value: Option<usize>| match value {
        Some(0) => Err(Error::input(
            format!("--{name} 0"),
            "there would be nothing to show",
            "give at least 1",
        )),
        _ => Ok(()),
    };
    at_least_one("futures", Some(args.futures))?;
    at_least_one("frames", args.frames)?;
    at_least_one("context", args.context)?;
    args.drawing.check()
}

fn roll_out<'a>(
    args: &GenerateArgs,
    (model, temperature): (&Model, f64),
    input: &'a Input,
    device: &Device,
) -> Result<Made<'a>> {
    let evaluation = &model.config.settings.evaluation;
    let frames = args.frames.unwrap_or(evaluation.horizon.max(1));
    let seen = model.config.settings.model.context;
    let horizon = horizon(args.by, model)?;
    let context = args.context.unwrap_or(seen);
    if context < seen {
        return Err(Error::input(
            format!("--context {context}"),
            format!("the model looks at {seen} frames"),
            format!("give {seen} or more"),
        ));
    }
    let moment = Moment::find(input, args.at, context, frames)?;
    tracing::info!("{}: {}", input.footage.name(), moment.describe(input));
    if model.latent.is_empty() && horizon.is_none() && args.futures > 1 {
        tracing::warn!(
            "this model is certain of what comes: its {} futures are all the same",
            args.futures
        );
    }
    let windows: Vec<Window> = (input.sequences.iter())
        .map(|sequence| Window::new(0, sequence.start + moment.start))
        .collect();
    let footage = std::slice::from_ref(&input.footage);
    let context = (footage, windows.as_slice(), context);
    let mut futures = Futures::room(windows.len(), args.futures, frames, input.footage.shape())?;
    let how = (temperature, Seed(args.seed), device);
    match horizon {
        Some(horizon) => futures.sample_whole(horizon, context, how)?,
        None => futures.sample(model.main()?, context, how)?,
    }
    let mse = match &model.mse {
        Some(mse) if horizon.is_some() || !model.latent.is_empty() => {
            let mut only = Futures::room(1, 1, frames, input.footage.shape())?;
            let first = (footage, &windows[..1], moment.context);
            only.sample(from_ref(mse), first, how)?;
            Some(only)
        }
        _ => None,
    };
    Ok(Made {
        input,
        moment,
        futures,
        mse,
    })
}

/// The whole-horizon model, where it is the one to draw.
fn horizon(by: Option<Draws>, model: &Model) -> Result<Option<&WholeHorizon>> {
    match (by.unwrap_or(model.config.draws), &model.horizon) {
        (Draws::Frames, _) => Ok(None),
        (Draws::Horizon, None) if by.is_some() => Err(Error::input(
            "--by horizon",
            "this run has no whole-horizon model",
            "leave it out, or train with --set horizon.windows=300",
        )),
        (Draws::Horizon, horizon) => Ok(horizon.as_ref()),
    }
}

fn tell(written: &Written, json: bool) -> Result<()> {
    match json {
        true => print_json(written),
        false => print(&written.paths().join("\n")),
    }
}
