//! `nextframe fill`: hidden parts of a video, filled in several ways.

mod block;
mod written;

use super::drawing::DrawingArgs;
use super::footage::StrictArgs;
use super::input::Input;
use crate::device;
use crate::error::{Error, Result};
use crate::evaluation::filling::{How, fill, fill_whole};
use crate::horizon::WholeHorizon;
use crate::hub;
use crate::memory;
use crate::outputs::model::{Draws, Model};
use crate::rng::Seed;
use block::Hole;
use candle_core::{Device, Tensor};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::slice::from_ref;
use written::Made;

/// Fill hidden parts of a video in several ways
///
/// A region of its frames, frames in the middle, or what comes last. The whole-horizon model
/// finds the motion z that fits what is seen, about a draw; of the frame-by-frame model z is drawn for each
/// frame, and of many draws one that fits is kept. What is hidden is not
/// looked at; if the video shows it nevertheless, the fillings are scored by it. The
/// model's context before the first hidden frame must be whole.
#[derive(Debug, Clone, clap::Args)]
pub struct FillArgs {
    /// A run's folder, a model's .safetensors with its config.json beside it, or
    /// hf://owner/name@revision
    pub model: PathBuf,
    /// A video, GIF, folder of pictures, prepared .frames, or - for standard input
    pub input: String,
    /// What to hide: x,y,width,height in pixels of the frames as the model sees them, or
    /// `all`, and from when to when in seconds; without times, all but the frames that the
    /// model needs before. May be given several times
    #[arg(long, value_name = "x,y,w,h[@t0-t1]", required = true)]
    pub mask: Vec<Hole>,
    /// How many fillings
    #[arg(long, value_name = "N", default_value = "8")]
    pub fillings: NonZeroUsize,
    /// z's drawn for each frame or block of frames of a filling, of which one is kept
    #[arg(long, value_name = "K", default_value = "32")]
    pub tries: NonZeroUsize,
    /// How they are drawn.
    #[command(flatten)]
    pub drawing: DrawingArgs,
    /// Which of the run's models fills [default: the one that training chose]
    #[arg(long, value_enum, value_name = "MODEL")]
    pub by: Option<Draws>,
    /// The same seed gives the same fillings
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, value_name = "D", default_value = "auto")]
    pub device: String,
    /// A folder. One that an earlier `fill` wrote is replaced; one that holds anything
    /// else never is
    #[arg(short, long, value_name = "PATH", default_value = "fillings")]
    pub output: PathBuf,
    /// Print JSON: the paths written, and the scores
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

/// Fills, writes, and prints the paths.
///
/// # Errors
/// A model or an input that cannot be used, a mask outside of it or too near its start or
/// a scene cut, a folder that holds something else.
pub fn run(args: &FillArgs) -> Result<()> {
    args.drawing.check()?;
    written::check(&args.output)?;
    let device = device::select(&args.device)?;
    let mut model = Model::load(&hub::locate(&args.model)?, &device)?;
    let temperature = args.drawing.apply(&mut model)?;
    let input = Input::read(
        &args.input,
        args.found,
        &model.config,
        args.cache.as_deref(),
    )?;
    if input.sequences.len() > 1 {
        return Err(Error::input(
            args.input.as_str(),
            format!("a batch of {} sequences", input.sequences.len()),
            "give one film",
        ));
    }
    let context = model.config.settings.model.context;
    let (mask, scene) = block::mask(&args.mask, &input, context)?;
    let film = tensor(&input, scene.clone(), &device)?;
    let how = How {
        fillings: args.fillings.get(),
        tries: args.tries.get(),
        temperature,
    };
    check_memory(how, film.elem_count(), film.dim(0)?)?;
    let of = |members, how| {
        let mut rng = Seed(args.seed).stream("fill", 0);
        fill(members, &film, &mask, how, &mut rng)
    };
    let fillings = match whole(args, &model)? {
        Some(whole) => {
            let mut rng = Seed(args.seed).stream("fill", 0);
            fill_whole(whole, &film, &mask, how, &mut rng)?
        }
        None => of(model.main()?, how)?,
    };
    let mse = match &model.mse {
        Some(mse) if !model.latent.is_empty() => {
            Some(of(from_ref(mse), How { fillings: 1, ..how })?)
        }
        _ => None,
    };
    let made = Made {
        input: &input,
        start: scene.start,
        film: film.to_device(&Device::Cpu)?,
        mask,
        fillings: fillings.to_device(&Device::Cpu)?,
        mse: mse.map(|mse| mse.to_device(&Device::Cpu)).transpose()?,
    };
    made.write(&args.output)?.print(args.json)
}

/// The whole-horizon model, where it is the one to fill.
fn whole<'a>(args: &FillArgs, model: &'a Model) -> Result<Option<&'a WholeHorizon>> {
    match (args.by.unwrap_or(model.config.draws), &model.horizon) {
        (Draws::Horizon, None) if args.by.is_some() => Err(Error::input(
            args.model.display().to_string(),
            "it has no whole-horizon model, which --by horizon asks for",
            "leave it out, or train with --set horizon.windows=300",
        )),
        (Draws::Horizon, horizon) => Ok(horizon.as_ref()),
        (Draws::Frames, _) => Ok(None),
    }
}

/// Refuses more than fits in memory: fillings of a film of so many numbers, and all that is
/// drawn of one of its frames.
fn check_memory(how: How, film: usize, frames: usize) -> Result<()> {
    let frame = film as f64 / frames.max(1) as f64;
    let fillings = how.fillings as f64;
    let numbers = fillings * (3.0 * film as f64 + 4.0 * how.tries as f64 * frame);
    let subject = format!(
        "{} fillings, {} tries for each frame",
        how.fillings, how.tries
    );
    memory::check(numbers * size_of::<f32>() as f64, &subject, || {
        "lower --fillings or --tries, or hide less".to_owned()
    })
}

/// Frames of the input, (T, C, H, W) in [0, 1].
fn tensor(input: &Input, frames: std::ops::Range<usize>, device: &Device) -> Result<Tensor> {
    let (channels, height, width) = input.footage.shape();
    let shape = (frames.len(), channels, height, width);
    let mut values = Vec::new();
    for frame in frames {
        let bytes = input.footage.frame(frame)?;
        values.extend(bytes.iter().map(|&byte| f32::from(byte) / 255.0));
    }
    Ok(Tensor::from_vec(values, shape, device)?)
}
