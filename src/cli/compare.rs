//! `nextframe compare`: the models of one or more runs side by side on footage
//! that did not train them.

mod blind;
mod contenders;
mod csv;
mod film;
mod large;
mod looks;
mod page;
mod picture;
mod report;
mod seeds;
mod words;

use super::drawn_size::DrawnSize;
use super::footage::{StrictArgs, prepare};
use super::world::RenderedArgs;
use crate::data::{Footage, Window, batch, typical_change};
use crate::device;
use crate::error::{Error, Result};
use crate::evaluation::background::FilmBackgrounds;
use crate::evaluation::comparison::{Predictor, TrueFutures, compare};
use crate::evaluation::horizon_health::check_horizon;
use crate::evaluation::{energy_health, health};
use crate::files;
use crate::outputs::model::ModelConfig;
use crate::outputs::progress;
use crate::outputs::standard::print;
use crate::video::Source;
use blind::{BlindPairs, BlindPlaces};
use large::LargeReport;
use looks::{Lessons, Looking};
use report::{Data, HealthReport, ModelReport, Report};
use std::num::{NonZeroU16, NonZeroUsize};
use std::path::{Path, PathBuf};

/// Windows for the checks of the latent.
const HEALTH_WINDOWS: usize = 64;

/// Compare copying the last frame, the least-squares model and the latent
/// model on the part of the footage that training never saw
///
/// Several runs on the same footage are compared on the same windows; figures of those that
/// differ in their seed alone are pooled. Beside the tables, RUN gets compare.html (one
/// page with plots and films), compare.json, compare.csv and pictures; of several runs, the
/// first one.
#[derive(Debug, Clone, clap::Args)]
pub struct CompareArgs {
    /// Runs' folders, their model.safetensors, or hf://owner/name@revision
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Print JSON instead of tables
    #[arg(long)]
    pub json: bool,
    /// Futures of the latent model in each window
    #[arg(long, value_name = "N", default_value = "100")]
    pub futures: NonZeroUsize,
    /// Which footage: choose between recipes on `validation`, and report on
    /// `test`, looked at last
    #[arg(long, value_enum, default_value_t)]
    pub part: ComparePart,
    /// Windows of it, evenly spread
    #[arg(long, value_name = "W", default_value = "16")]
    pub windows: NonZeroUsize,
    /// Frames ahead, up to which all is judged [default: evaluation.horizon of the run]
    #[arg(long, value_name = "N")]
    pub horizon: Option<NonZeroU16>,
    /// The same seed draws the same futures
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Leave out real or drawn?, whether a small classifier tells futures from film
    #[arg(long)]
    pub no_real_or_drawn: bool,
    /// Also ask the classifier about the whole-horizon model's futures at another size than the
    /// model's: source, the film's own up to 512 pixels, or WxH
    #[arg(long, value_name = "SIZE", conflicts_with = "no_real_or_drawn")]
    pub size: Option<DrawnSize>,
    /// Also write a page of 40 pairs of clips, film beside what is drawn in random order, and
    /// a file that says which is which: FOLDER/blind.html and key.json, or PAGE.html and
    /// PAGE-key.json
    #[arg(long, value_name = "PATH")]
    pub blind: Option<PathBuf>,
    /// Frames after the last seen one in a clip of --blind
    #[arg(long, value_name = "N", default_value = "8", requires = "blind")]
    pub blind_frames: NonZeroUsize,
    /// Its world, where the footage is rendered.
    #[command(flatten)]
    pub rendered: RenderedArgs,
    /// A model of text, for the discrete case on the same page: a run of `text train`, a
    /// folder with a BERT, or one of the hub, hf://owner/name
    #[arg(long, value_name = "MODEL")]
    pub text: Option<String>,
    /// Text to judge it on; may be repeated
    #[arg(long, value_name = "PATH")]
    pub corpus: Vec<String>,
    /// Where the footage of the run is now, if it moved; may be repeated
    #[arg(long, value_name = "PATH")]
    pub input: Vec<String>,
    /// The picture, a .png [default: RUN/pictures/compare.png, or
    /// compare-validation.png]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// What becomes of files that cannot be used.
    #[command(flatten)]
    pub found: StrictArgs,
    /// Where decoded frames are kept [default: $NEXTFRAME_CACHE, or the
    /// user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}

/// A part that training did not step on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ComparePart {
    /// What training watched, and by which it chose the weights to keep.
    Validation,
    /// What it never saw.
    #[default]
    Test,
}

impl ComparePart {
    fn name(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// The name of what is written, without an ending.
    fn file(self) -> &'static str {
        match self {
            Self::Validation => "compare-validation",
            Self::Test => "compare",
        }
    }
}

/// Compares, writes the picture and compare.json, and prints to standard
/// output.
pub fn run(args: &CompareArgs) -> Result<()> {
    let text = produce(args)?;
    print(&text)
}

/// Writes the picture and compare.json; the result is what to print.
fn produce(args: &CompareArgs) -> Result<String> {
    let folder = folder(&args.runs[0]);
    let picture = match &args.output {
        Some(path) => path.clone(),
        None => folder
            .join("pictures")
            .join(format!("{}.png", args.part.file())),
    };
    check_ending(&picture)?;
    let places = (args.blind.as_deref()).map(BlindPlaces::new).transpose()?;
    let device = device::select(&args.device)?;
    let runs = contenders::load(&args.runs, !args.input.is_empty(), &device)?;
    let config = &runs[0].model.config;
    let plan = contenders::plan(&runs, args)?;
    if places.is_some() {
        blind::check(args.blind_frames, &plan)?;
    }
    let footage = footage(config, args)?;
    let parts = contenders::parts(&runs, &footage);
    for ((run, path), own) in runs.iter().zip(&args.runs).zip(&parts) {
        let own = own.as_ref().ok();
        let change = own.and_then(|own| typical_change(&footage, &own.train).ok());
        if change != Some(run.model.config.shape.change) {
            tracing::warn!(
                "{}: this is not the footage that {} was trained on, so its {} part says how the \
                 model does elsewhere",
                footage.first().map_or("the footage", Footage::name),
                path.display(),
                args.part.name()
            );
        }
    }
    let words = words::judge(args, &device)?;
    let own = parts.iter().find_map(|own| own.as_ref().ok().cloned());
    let own = match own {
        Some(own) => own,
        None => contenders::test_split(&runs, &footage, &plan)?,
    };
    let part = &match args.part {
        ComparePart::Validation => contenders::validation(parts, args)?,
        ComparePart::Test => contenders::test_split(&runs, &footage, &plan)?.test,
    };
    let windows = part.spread(plan.length(), args.windows.get());
    if windows.is_empty() {
        return Err(Error::input(
            footage.first().map_or("the footage", Footage::name),
            format!(
                "its {} part of {} frames has no window of {} frames without a cut",
                args.part.name(),
                part.frames(),
                plan.length()
            ),
            "give a longer video, or a lower --horizon",
        ));
    }

    let world = args.rendered.make()?;
    let truth = |windows: &[Window]| {
        let truth = |world| TrueFutures::new(world, &footage, windows, plan.context);
        world.as_deref().map(truth).transpose()
    };
    let lessons = Lessons::new(&own, args.part, plan.length());
    let (truth, other_truth) = (truth(&windows)?, truth(&lessons.windows)?);
    let all = contenders::contenders(&runs, truth.as_ref());
    let predictors: Vec<_> = all.iter().map(|one| one.predictor).collect();
    let bar = progress::counted(windows.len(), "window".to_owned());
    let mut watch = |done| bar.set_position(done as u64);
    let found = compare(&predictors, &footage, &windows, &plan, &device, &mut watch)?;
    bar.finish_and_clear();
    let looking = Looking {
        footage: &footage,
        windows: &windows,
        more: &part.spread(plan.length(), looks::MORE),
        background: &FilmBackgrounds::of(&footage, &own.train)?,
        plan: &plan,
        device: &device,
    };
    let learning = contenders::contenders(&runs, other_truth.as_ref());
    let learning = (!args.no_real_or_drawn).then_some((&lessons, &learning[..]));
    let (seen, trial) = looking.look(&all, learning)?;
    let large = args.size.map(|size| {
        let about = (&looking, &lessons, &own);
        LargeReport::of((args, size), &runs[0], about)
    });
    let large = large.transpose()?;

    let mut models = Vec::new();
    let figures = found.models.into_iter().zip(found.whole_futures);
    let figures = figures.zip(found.calibration).zip(seen);
    for (one, (((horizons, whole_futures), calibration), look)) in all.iter().zip(figures) {
        let (mut health, mut energy) = (Vec::new(), Vec::new());
        let members = match one.predictor {
            Predictor::Model(members) if !one.predictor.is_certain() => members,
            _ => &[],
        };
        for member in members {
            let length = member.network().config().context + 1;
            let windows = part.spread(length, HEALTH_WINDOWS);
            let frames = batch(&footage, &windows, length, &device)?;
            let mut rng = plan.seed.stream("compare/health", 0);
            if member.frame_energy().is_some() {
                energy.push(energy_health::check(member, &frames, &mut rng)?);
            } else {
                let found = health::check(member, one.mse, &frames, &mut rng)?;
                health.push(HealthReport::new(found, windows.len()));
            }
        }
        let whole = match one.predictor {
            Predictor::Horizon(model) => {
                let windows = part.spread(model.context + model.frames, HEALTH_WINDOWS);
                Some(check_horizon(model, &footage, &windows)?)
            }
            _ => None,
        };
        models.push(ModelReport {
            name: one.name.clone(),
            latent: !one.predictor.is_certain(),
            parameters: one.parameters,
            trained: one.trained,
            horizons,
            whole_futures,
            calibration,
            look,
            health,
            energy,
            whole_horizon: whole,
        });
    }
    let report = Report {
        data: Data {
            inputs: footage.iter().map(|film| film.name().to_owned()).collect(),
            part: args.part.name(),
            frames: part.frames(),
            windows: windows.len(),
            still_windows: found.still,
            context: plan.context,
            futures: plan.futures,
            temperature: plan.temperature,
            seed: args.seed,
        },
        trial,
        large,
        seeds: seeds::pooled(&all, &models),
        models,
        text: words,
    };

    let beside = |ending: &str| folder.join(format!("{}.{ending}", args.part.file()));
    let (json, page) = (beside("json"), beside("html"));
    let text = serde_json::to_string_pretty(&report)
        .map_err(|error| Error::io(&json, std::io::Error::other(error)))?;
    files::replace_bytes(&json, format!("{text}\n").as_bytes())?;
    files::replace_bytes(&beside("csv"), csv::csv(&report).as_bytes())?;
    let shown = windows[found.liveliest];
    let frames = batch(&footage, &[shown], plan.length(), &device)?;
    let seen = (&plan.past(&footage, &shown, &device)?, &frames);
    picture::draw(&all, seen, &plan, found.liveliest)?.save(&picture)?;
    let gif = picture.with_extension("gif");
    film::write(&gif, &all, seen, &plan, found.liveliest)?;
    page::write(&page, &report, (&picture, &gif))?;
    let mut told = format!(
        "{}\npage: {}\npicture: {}\nfigures: {}",
        report::describe(&report),
        page.display(),
        picture.display(),
        json.display()
    );
    if let Some(places) = places {
        let windows = part.spread(plan.length(), blind::LOOKED_AT);
        let pairs = BlindPairs::choose(&all, &looking, &windows, args.blind_frames.get())?;
        pairs.write(&places)?;
        told += &format!("\n{}", places.describe());
    }
    Ok(if args.json { text } else { told })
}

/// The footage that the model was trained on, or where --input says it is.
fn footage(config: &ModelConfig, args: &CompareArgs) -> Result<Vec<Footage>> {
    let read = |sources: Vec<_>| prepare(&sources, &config.settings.data, args.cache.as_deref());
    sources(config, args).and_then(|sources| read(sources).map_err(|error| of_run(error, args)))
}

const MOVED: &str = "say with --input PATH where the footage is now";

/// What is wrong with footage that the user did not name.
fn of_run(error: Error, args: &CompareArgs) -> Error {
    match error {
        Error::Input {
            subject, problem, ..
        } if args.input.is_empty() => {
            Error::input(subject, format!("{problem} (the run's footage)"), MOVED)
        }
        error => error,
    }
}

/// Where the run's footage is.
fn sources(config: &ModelConfig, args: &CompareArgs) -> Result<Vec<Source>> {
    let moved = !args.input.is_empty();
    let inputs = if moved { &args.input } else { &config.inputs };
    if !moved && inputs.iter().any(|input| input == "-") {
        return Err(Error::input(
            args.runs[0].display().to_string(),
            "its footage came through standard input, which is not kept",
            MOVED,
        ));
    }
    (args.found.expand(inputs)).map_err(|error| of_run(error, args))
}

/// The run's folder; for a file, the one it lies in; for one of the hub, the current one.
fn folder(run: &Path) -> &Path {
    if run.starts_with("hf:") {
        return Path::new(".");
    }
    if run.is_dir() {
        return run;
    }
    match run.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Before any work is done.
fn check_ending(picture: &Path) -> Result<()> {
    let ending = picture.extension().unwrap_or_default();
    if ending.eq_ignore_ascii_case("png") {
        return Ok(());
    }
    Err(Error::input(
        picture.display().to_string(),
        "the picture can only be a PNG",
        "end the name with .png",
    ))
}

#[cfg(test)]
mod tests;
