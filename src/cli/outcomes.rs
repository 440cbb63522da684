//! `nextframe outcomes`: a run's futures against all that can come.

use super::drawing::DrawingArgs;
use super::world::WorldArgs;
use crate::device;
use crate::error::{Error, Result};
use crate::evaluation::comparison::Predictor;
use crate::evaluation::outcomes::{Answers, FRAMES, Inquiry, ask};
use crate::hub;
use crate::memory;
use crate::outputs::horizon::HORIZON;
use crate::outputs::model::Model;
use crate::outputs::progress;
use crate::outputs::standard::{print, print_json};
use crate::outputs::table::table;
use crate::rng::Seed;
use crate::video::worlds::digits::Taken;
use crate::video::worlds::{SIZE, World};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Hold a run's futures against all that can come, in a world where that is known
///
/// At each moment of a film that training did not see, futures are drawn and each is
/// held against every frame that may be there: how many of these have a future near
/// them, how many futures are near one, and how often each is met.
#[derive(Debug, Clone, clap::Args)]
pub struct OutcomesArgs {
    /// A run's folder, its model.safetensors, or hf://owner/name@revision
    pub run: PathBuf,
    /// Which world.
    #[command(flatten)]
    pub world: WorldArgs,
    /// Moments at which to ask
    #[arg(long, value_name = "N", default_value = "40")]
    pub moments: NonZeroUsize,
    /// Futures drawn at each
    #[arg(long, value_name = "N", default_value = "100")]
    pub futures: NonZeroUsize,
    /// How they are drawn.
    #[command(flatten)]
    pub drawing: DrawingArgs,
    /// Of the film and the futures; take another one than `synth` took for training.
    /// (The digits of `digits` are others in any case.)
    #[arg(long, value_name = "S", default_value_t = 1_000_003)]
    pub seed: u64,
    /// Print JSON instead of a table
    #[arg(long)]
    pub json: bool,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "auto")]
    pub device: String,
}

/// No world has more questions at a moment.
const MOST_QUESTIONS: f64 = 64.0;
/// Frames by which a world's change is measured.
const MEASURED: usize = 500;
/// Films of one world differ by less in the logarithm of their change, other worlds by more.
const CHANGES_APART: f64 = 0.2;
/// A model of this world has a larger share of its futures near what can come.
const FEW_NEAR: f64 = 0.05;

/// One model's.
#[derive(Debug, Serialize)]
struct OfModel {
    name: &'static str,
    #[serde(flatten)]
    answers: Answers,
}

/// Asks, and prints to standard output.
pub fn run(args: &OutcomesArgs) -> Result<()> {
    args.drawing.check()?;
    if args.moments.get() > FRAMES {
        return Err(Error::input(
            format!("--moments {}", args.moments),
            format!("a world is looked at for {FRAMES} frames"),
            "give fewer; 40 is the default",
        ));
    }
    let device = device::select(&args.device)?;
    let mut model = Model::load(&hub::locate(&args.run)?, &device)?;
    let temperature = args.drawing.apply(&mut model)?;
    let world = args.world.make(Taken::HeldOut, Seed(args.seed))?;
    let shape = model.config.shape;
    if (shape.channels, shape.height, shape.width) != (world.channels(), SIZE, SIZE) {
        return Err(Error::input(
            args.run.display().to_string(),
            format!(
                "its frames are of {} channels, {}×{} pixels; the world's are of {}, {SIZE}×{SIZE}",
                shape.channels,
                shape.width,
                shape.height,
                world.channels()
            ),
            "train on what `synth` renders, as it is",
        ));
    }
    let subject = format!("--futures {}", args.futures);
    let frame = (world.channels() * SIZE * SIZE) as f64;
    let numbers = 4.0 * args.futures.get() as f64 * MOST_QUESTIONS * frame;
    memory::check(numbers * size_of::<f32>() as f64, &subject, || {
        "give fewer; 100 is the default".to_owned()
    })?;
    tell_of_another_world(args, shape.change, world.as_ref());
    let inquiry = Inquiry {
        moments: args.moments.get(),
        futures: args.futures.get(),
        temperature,
        seed: Seed(args.seed),
    };
    let mut found = Vec::new();
    let networks = model.each();
    let networks = networks.map(|(name, members, _)| (name, Predictor::Model(members)));
    let whole = (model.horizon.as_ref()).map(|whole| (HORIZON, Predictor::Horizon(whole)));
    let context = model.config.settings.model.context;
    for (name, predictor) in networks.chain(whole) {
        let bar = progress::counted(inquiry.moments, format!("{name}: moment"));
        let mut watch = |done| bar.set_position(done as u64);
        let about = (predictor, context);
        let answers = ask(about, world.as_ref(), &inquiry, &device, &mut watch)?;
        bar.finish_and_clear();
        found.extend(answers.into_iter().map(|answers| OfModel { name, answers }));
    }
    if found.is_empty() {
        return Err(Error::input(
            args.world.name(),
            format!(
                "no moment to ask at after {} frames of context",
                model.config.settings.model.context
            ),
            "give longer sequences with --length, or train with a lower model.context",
        ));
    }
    tell_of_far_futures(args, &found);
    match args.json {
        true => print_json(&found),
        false => print(&describe(&found)),
    }
}

/// Warns where frames of the world change otherwise than those that the model was trained
/// on, by standard deviations of a pixel.
fn tell_of_another_world(args: &OutcomesArgs, change: f64, world: &dyn World) {
    let found = change_of(world);
    if (change / found).ln().abs() > CHANGES_APART {
        tracing::warn!(
            "{}: it was trained on frames that change by {change:.3} from one to the next, those \
             of the world {} change by {found:.3}: its footage was another world, or was read \
             otherwise, and these figures say nothing of it",
            args.run.display(),
            args.world.name()
        );
    }
}

/// Warns where hardly a future is near a frame that can come. It finds footage of another
/// world that changes as much as this one.
fn tell_of_far_futures(args: &OutcomesArgs, found: &[OfModel]) {
    // A single future is an average, which is near nothing in any world.
    let several = found.iter().filter(|of| of.answers.futures > 1);
    let nearest = several.map(|of| of.answers.near).reduce(f64::max);
    if let Some(nearest) = nearest.filter(|nearest| *nearest < FEW_NEAR) {
        tracing::warn!(
            "{}: {:.1}% of its futures are near a frame that can come in the world {}: it was \
             trained on other footage, or too little",
            args.run.display(),
            100.0 * nearest,
            args.world.name()
        );
    }
}

/// The standard deviation of a pixel's change from frame to frame.
fn change_of(world: &dyn World) -> f64 {
    let (mut sum, mut count) = (0.0, 0usize);
    let mut before = world.frame(0);
    for time in 1..MEASURED {
        let frame = world.frame(time);
        if !world.starts(time) {
            let changes = frame.iter().zip(&before);
            let changes = changes.map(|(now, before)| f64::from(*now) - f64::from(*before));
            sum += changes.map(|change| change * change).sum::<f64>();
            count += frame.len();
        }
        before = frame;
    }
    (sum / count.max(1) as f64).sqrt() / 255.0
}

fn describe(found: &[OfModel]) -> String {
    let header = [
        "",
        "ahead",
        "futures",
        "possible",
        "covered",
        "by the truth",
        "near one",
    ];
    let row = |of: &OfModel| {
        let Answers { ahead, .. } = of.answers;
        let ahead = match ahead {
            [low, high] if low == high => low.to_string(),
            [low, high] => format!("{low} to {high}"),
        };
        vec![
            of.name.to_owned(),
            ahead,
            of.answers.futures.to_string(),
            format!("{:.1}", of.answers.possible),
            format!("{:.1}", of.answers.covered),
            format!("{:.1}", of.answers.covered_by_truth),
            format!("{:.1}%", 100.0 * of.answers.near),
        ]
    };
    let rows: Vec<_> = found.iter().map(row).collect();
    let moments = found.first().map_or(0, |of| of.answers.moments);
    let mut text = format!("{moments} moments\n{}", table(&header, &rows));
    for of in found {
        let Answers { ahead, .. } = of.answers;
        if let (Some(frequencies), Some(probabilities)) =
            (&of.answers.frequencies, &of.answers.probabilities)
        {
            let list = |values: &[f64]| -> String {
                let each = values.iter().map(|value| format!("{value:.3}"));
                each.collect::<Vec<_>>().join(" ")
            };
            text += &format!(
                "\n{} +{}: nearest to each {} (true {})",
                of.name,
                ahead[0],
                list(frequencies),
                list(probabilities)
            );
        }
    }
    text
}
