//! `nextframe synth`: renders a synthetic world.

use super::world::WorldArgs;
use crate::data;
use crate::error::{Error, Result};
use crate::memory;
use crate::outputs::film::write_film;
use crate::rng::Seed;
use crate::video::worlds::digits::Taken;
use crate::video::worlds::{FRAME_RATE, SIZE};
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// Render a synthetic world, whose possible futures are known exactly
#[derive(Debug, Clone, clap::Args)]
pub struct SynthArgs {
    /// Which world.
    #[command(flatten)]
    pub world: WorldArgs,
    /// How many frames
    #[arg(long, value_name = "N", default_value = "1500")]
    pub frames: NonZeroUsize,
    /// The same seed renders the same film
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Draw each pixel as SCALE x SCALE pixels
    #[arg(long, default_value = "1")]
    pub scale: NonZeroUsize,
    /// Where to write: .frames (which `train` takes as it is, with the cuts between
    /// sequences), .mp4, .webm, .mkv, .gif, .png, .safetensors, or a name without an
    /// ending for a folder of pictures [default: WORLD.gif]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Replace what --output names
    #[arg(short = 'y', long)]
    pub overwrite: bool,
}

/// 2.5 GB of frames.
const MOST_FRAMES: usize = 200_000;
/// Pictures of 4096 × 4096.
const MOST_SCALE: usize = 64;

/// Renders and writes the film.
pub fn run(args: &SynthArgs) -> Result<()> {
    let within = |option: &str, value: usize, most: usize| match value <= most {
        true => Ok(()),
        false => Err(Error::input(
            format!("{option} {value}"),
            "the film would not fit in memory",
            format!("give at most {most}"),
        )),
    };
    within("--frames", args.frames.get(), MOST_FRAMES)?;
    within("--scale", args.scale.get(), MOST_SCALE)?;
    let strip = match &args.output {
        Some(path) if path.extension().is_some_and(|ending| ending == "png") => {
            2.0 * args.scale.get().pow(2) as f64
        }
        _ => 0.0,
    };
    let bytes = args.frames.get() as f64 * (3 * SIZE * SIZE) as f64 * (3.0 + strip);
    memory::check(bytes, &format!("--frames {}", args.frames), || {
        "give fewer, or a lower --scale".to_owned()
    })?;
    let output = match &args.output {
        Some(output) => output.clone(),
        None => PathBuf::from(format!("{}.gif", args.world.name())),
    };
    if output.exists() && !args.overwrite {
        return Err(Error::input(
            output.display().to_string(),
            "it exists",
            "add --overwrite, or name another",
        ));
    }
    let world = args.world.make(Taken::Training, Seed(args.seed))?;
    let film = world.film(args.frames.get());
    let scale = args.scale.get();
    match output.extension() {
        Some(ending) if ending == "frames" && scale == 1 => {
            data::keep(&output, &film.frames, film.shape, FRAME_RATE, &film.cuts)?;
        }
        _ => write_film(&output, &film.frames, film.shape, FRAME_RATE, scale)?,
    }
    tracing::info!("wrote {} ({} frames)", output.display(), args.frames);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use image::AnimationDecoder;
    use std::{fs::File, io::BufReader, path::Path};

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        args: SynthArgs,
    }

    fn frames(path: &Path) -> Vec<image::Frame> {
        let file = BufReader::new(File::open(path).unwrap());
        let decoder = image::codecs::gif::GifDecoder::new(file).unwrap();
        decoder.into_frames().collect_frames().unwrap()
    }

    /// `datasets/galton.gif` is what `nextframe synth galton` renders.
    #[test]
    fn the_bundled_film_is_this_renderers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("galton.gif");
        let words = ["synth", "galton", "--frames", "1500", "--seed", "0", "-o"];
        let words = words.into_iter().map(Into::into);
        let command = Command::parse_from(words.chain([path.clone().into_os_string()]));
        run(&command.args).unwrap();
        let bundled = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/galton.gif");
        let (ours, bundled) = (frames(&path), frames(bundled.as_ref()));
        assert_eq!((ours.len(), bundled.len()), (1500, 1500));
        for (ours, bundled) in ours.iter().zip(&bundled) {
            // One step of 256 is what another system's rounding may change.
            let pairs = ours.buffer().iter().zip(bundled.buffer().iter());
            assert!(pairs.into_iter().all(|(a, b)| a.abs_diff(*b) <= 1));
        }
    }
}
