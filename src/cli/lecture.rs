//! `nextframe lecture`: the energies of the lecture, in the plane.

use crate::error::{Error, Result};
use crate::lecture;
use crate::rng::Seed;
use std::path::PathBuf;

/// Show the lecture's energies in the plane: learn each in seconds, draw its figure
///
/// NAME is one of: kmeans, mixture, pca, sparse, glo, vae, vq, contracting, score,
/// likelihood, sampled, nce, denoising, masked, temperature, samplers, conditional, ask; or
/// all. With --y1 or --point, an energy of the spiral is learned and asked.
#[derive(Debug, Clone, clap::Args)]
pub struct LectureArgs {
    /// Which figure
    #[arg(value_name = "NAME", default_value = "all")]
    pub name: String,
    /// The folder for figures (SVG, PNG, GIF); made if missing
    #[arg(short, long, value_name = "DIR", default_value = "lecture")]
    pub output: PathBuf,
    /// The same seed gives the same figures
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,
    /// Given this y1, predict y2
    #[arg(long, value_name = "Y1", allow_hyphen_values = true, conflicts_with_all = ["name", "output", "point"])]
    pub y1: Option<f64>,
    /// Bring this point back onto the spiral
    #[arg(long, value_name = "Y1,Y2", allow_hyphen_values = true, conflicts_with_all = ["name", "output"])]
    pub point: Option<String>,
}

/// How far along y₂ answers are looked for.
const REACH: f64 = 1.4;

/// Runs what is asked for.
///
/// # Errors
/// An unknown name, a point that is none, a folder that cannot be written.
pub fn run(args: &LectureArgs) -> Result<()> {
    let seed = Seed(args.seed);
    if let Some(y1) = args.y1 {
        return lecture::tell_predicted(y1, REACH, seed);
    }
    if let Some(point) = &args.point {
        return lecture::tell_projected(pair(point)?, seed);
    }
    lecture::run(&args.name, &args.output, seed)
}

/// Two numbers with a comma between.
fn pair(text: &str) -> Result<[f64; 2]> {
    let numbers: Vec<f64> = (text.split(',').map(|part| part.trim().parse()))
        .collect::<std::result::Result<_, _>>()
        .unwrap_or_default();
    <[f64; 2]>::try_from(numbers).map_err(|_| {
        Error::input(
            "--point",
            format!("'{text}' is no pair of numbers"),
            "give two with a comma between, such as 0.3,0.8",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_read_or_refused() {
        assert_eq!(pair("0.3, -0.8").unwrap(), [0.3, -0.8]);
        for text in ["", "1", "1,2,3", "a,b"] {
            let said = pair(text).unwrap_err().to_string();
            assert!(said.contains(text) && said.contains("0.3,0.8"), "{said}");
        }
    }
}
