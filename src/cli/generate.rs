//! `nextframe generate`: several futures of a video.

mod futures;
mod grid;
mod large;
mod moment;
mod target;

use super::drawing::DrawingArgs;
use super::drawn_size::DrawnSize;
use super::footage::StrictArgs;
use super::input::Input;
use crate::data::Window;
use crate::device;
use crate::error::{Error, Result};
use crate::horizon::{LargeFrame, WholeHorizon};
use crate::hub;
use crate::outputs::model::{Draws, Model};
use crate::outputs::standard::{print, print_json};
use crate::rng::Seed;
use candle_core::Device;
use futures::Futures;
use grid::Grid;
use large::Large;
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
    /// The size of frames: source, the film's own, or WxH. The model of the whole horizon finds how
    /// things move at its own size, and moves the film's pixels; what lies behind them is the
    /// median of the whole input [default: the size that the model sees]
    #[arg(long, value_name = "SIZE")]
    pub size: Option<DrawnSize>,
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
    let (moment, horizon) = (moment(args, &model, &input)?, horizon(args, &model)?);
    let sized = args.size.zip(horizon);
    let drawn = (input.sequences.len() * length(args, &model)) as f64 * args.futures as f64;
    let large = sized.map(|sized| Large::read(&input, moment, sized, drawn));
    let large = large.transpose()?;
    let futures = draw(
        args,
        (&model, horizon, temperature),
        (&input, moment, large.as_ref().map(Large::frame)),
        &device,
    )?;
    let mse = match large {
        Some(_) => None,
        None => mse(args, (&model, horizon), (&input, moment), &device)?,
    };
    let (input, moment) = match &large {
        Some(large) => (&large.input, large.moment),
        None => (&input, moment),
    };
    let made = Made {
        input,
        moment,
        futures,
        mse,
    };
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

/// Frames of each future.
fn length(args: &GenerateArgs, model: &Model) -> usize {
    let usual = model.config.settings.evaluation.horizon.max(1);
    args.frames.unwrap_or(usual)
}

/// Where the context lies.
fn moment(args: &GenerateArgs, model: &Model, input: &Input) -> Result<Moment> {
    let seen = model.config.settings.model.context;
    let context = args.context.unwrap_or(seen);
    if context < seen {
        return Err(Error::input(
            format!("--context {context}"),
            format!("the model looks at {seen} frames"),
            format!("give {seen} or more"),
        ));
    }
    let moment = Moment::find(input, args.at, context, length(args, model))?;
    tracing::info!("{}: {}", input.footage.name(), moment.describe(input));
    Ok(moment)
}

/// The futures, of the size of `large` where there is one.
fn draw(
    args: &GenerateArgs,
    (model, horizon, temperature): (&Model, Option<&WholeHorizon>, f64),
    (input, moment, large): (&Input, Moment, Option<LargeFrame>),
    device: &Device,
) -> Result<Futures> {
    if model.latent.is_empty() && horizon.is_none() && args.futures > 1 {
        tracing::warn!(
            "this model is certain of what comes: its {} futures are all the same",
            args.futures
        );
    }
    let windows: Vec<Window> = (input.sequences.iter())
        .map(|sequence| Window::new(0, sequence.start + moment.start))
        .collect();
    let shape = large.map_or(input.footage.shape(), |large| {
        let [channels, height, width] = large.appearance.background.shape;
        (channels, height, width)
    });
    let mut futures = Futures::room(windows.len(), args.futures, length(args, model), shape)?;
    let context = (from_ref(&input.footage), &windows[..], moment.context);
    let how = (temperature, Seed(args.seed), device);
    match horizon {
        Some(horizon) => futures.sample_whole((horizon, large), context, how)?,
        None => futures.sample(model.main()?, context, how)?,
    }
    Ok(futures)
}

/// The least-squares model's future of the first sequence, beside those of another.
fn mse(
    args: &GenerateArgs,
    (model, horizon): (&Model, Option<&WholeHorizon>),
    (input, moment): (&Input, Moment),
    device: &Device,
) -> Result<Option<Futures>> {
    let beside = horizon.is_some() || !model.latent.is_empty();
    let Some(mse) = model.mse.as_ref().filter(|_| beside) else {
        return Ok(None);
    };
    let mut only = Futures::room(1, 1, length(args, model), input.footage.shape())?;
    let first = Window::new(0, input.sequences[0].start + moment.start);
    let context = (from_ref(&input.footage), from_ref(&first), moment.context);
    only.sample(from_ref(mse), context, (1.0, Seed(args.seed), device))?;
    Ok(Some(only))
}

/// The whole-horizon model, where it is the one to draw.
fn horizon<'a>(args: &GenerateArgs, model: &'a Model) -> Result<Option<&'a WholeHorizon>> {
    // Only motion has no resolution.
    let chosen = args.size.map_or(model.config.draws, |_| Draws::Horizon);
    match (args.by.unwrap_or(chosen), &model.horizon) {
        (Draws::Frames, _) if args.size.is_some() => Err(Error::input(
            "--by frames",
            "draws at the model's own size only",
            "leave out --size, or draw by horizon",
        )),
        (Draws::Frames, _) => Ok(None),
        (Draws::Horizon, None) if args.by.is_some() || args.size.is_some() => Err(Error::input(
            args.model.display().to_string(),
            "it has no whole-horizon model, which --by horizon and --size ask for",
            "leave these out, or train with --set horizon.windows=300",
        )),
        (Draws::Horizon, horizon) => {
            if args.by.is_none() && model.config.draws == Draws::Frames {
                tracing::warn!(
                    "only the whole-horizon model draws at other sizes; on the validation part the \
                     frame-by-frame model was better"
                );
            }
            Ok(horizon.as_ref())
        }
    }
}

fn tell(written: &Written, json: bool) -> Result<()> {
    match json {
        true => print_json(written),
        false => print(&written.paths().join("\n")),
    }
}
