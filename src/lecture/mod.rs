//! The lecture's energies, each a few lines on the library's own traits: run one, look at
//! its figure, change it. (Yann LeCun, energy-based models, NYU 2020, week 7.)
//!
//! `docs/lecture.md` walks through them in the lecture's order.

mod ask;
mod components;
mod conditional;
mod contracting;
mod contrastive;
mod curve;
mod denoising;
mod desk;
mod film;
mod glo;
mod kmeans;
mod learner;
mod likelihood;
mod masked;
mod mixture;
mod quantised;
mod sampled;
mod score;
mod sets;
mod sparse;
mod temperature;
mod variational;
mod walks;

pub use ask::{Answer, predict, project, tell_predicted, tell_projected};
pub use components::Components;
pub use conditional::Road;
pub use contracting::Contracting;
pub use contrastive::{Noise, Normalised};
pub use curve::Line;
pub use denoising::Denoiser;
pub use desk::Desk;
pub use glo::{PRECISION as GLO_PRECISION, fit as fit_glo};
pub use kmeans::KMeans;
pub use learner::{Learner, unwatched};
pub use likelihood::{Fit, exact_model, fit, log_likelihood, network, panel};
pub use masked::Masked;
pub use mixture::{energies as mixture_energies, fit_mixture};
pub use quantised::Quantised;
pub use score::{Alike, Matching, alike};
pub use sets::{Set, pairs, tensor};
pub use sparse::{Dictionary, Lista};
pub use temperature::Bent;
pub use variational::Variational;

use crate::error::{Error, Result};
use crate::rng::Seed;
use desk::print;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// One of the lecture's figures.
pub struct Show {
    /// What it is called on the command line.
    pub name: &'static str,
    /// Which of the lecture's seven strategies it is of, or nothing.
    pub strategy: &'static str,
    /// What it shows.
    pub about: &'static str,
    run: fn(&mut Desk) -> Result<()>,
}

/// All of them, in the lecture's order.
pub const SHOWS: &[Show] = &[
    Show {
        name: "kmeans",
        strategy: "A1",
        about: "wells along a spiral, dug by coordinate descent and by gradient descent",
        run: kmeans::show,
    },
    Show {
        name: "mixture",
        strategy: "A1",
        about: "a mixture of Gaussians: F at temperature 1",
        run: mixture::show,
    },
    Show {
        name: "pca",
        strategy: "A1",
        about: "a valley along a line, z in closed form",
        run: components::show,
    },
    Show {
        name: "sparse",
        strategy: "A2",
        about: "few numbers of z: ISTA, FISTA, and LISTA, which learned to guess",
        run: sparse::show,
    },
    Show {
        name: "glo",
        strategy: "A2",
        about: "a z for each point, moved with the decoder",
        run: glo::show,
    },
    Show {
        name: "vae",
        strategy: "A2",
        about: "a noisy z, its information limited",
        run: variational::show,
    },
    Show {
        name: "vq",
        strategy: "A2",
        about: "z snaps to one of a few codes",
        run: quantised::show,
    },
    Show {
        name: "contracting",
        strategy: "A3",
        about: "an encoder as constant as the data allow",
        run: contracting::show,
    },
    Show {
        name: "score",
        strategy: "A4",
        about: "score matching, sliced and denoising",
        run: score::show,
    },
    Show {
        name: "likelihood",
        strategy: "C1",
        about: "maximum likelihood with the partition function by quadrature",
        run: likelihood::show,
    },
    Show {
        name: "samplers",
        strategy: "C2",
        about: "Metropolis-Hastings, Gibbs, Langevin and HMC on densities that are known",
        run: walks::show,
    },
    Show {
        name: "sampled",
        strategy: "C2",
        about: "maximum likelihood by importance sampling, MH, Gibbs, MALA, HMC; CD-k",
        run: sampled::show,
    },
    Show {
        name: "nce",
        strategy: "C2",
        about: "data told from noise of a known density",
        run: contrastive::show,
    },
    Show {
        name: "denoising",
        strategy: "C3",
        about: "the denoising autoencoder: its field, and its energy off the data",
        run: denoising::show,
    },
    Show {
        name: "masked",
        strategy: "C3",
        about: "one coordinate hidden, the other says in which bins it may be",
        run: masked::show,
    },
    Show {
        name: "temperature",
        strategy: "",
        about: "F at inverse temperature beta, and its limit, the minimum over z",
        run: temperature::show,
    },
    Show {
        name: "conditional",
        strategy: "C1",
        about: "F(x, y): a road that forks has two answers",
        run: conditional::show,
    },
    Show {
        name: "ask",
        strategy: "",
        about: "given y1, predict y2; bring y back onto the manifold",
        run: ask::show,
    },
];

/// Runs the show of this name, or `all`, several at once; figures go into `folder`, numbers
/// to standard output.
///
/// # Errors
/// A name that there is not; a folder that cannot be written; a method that diverged.
pub fn run(name: &str, folder: &Path, seed: Seed) -> Result<()> {
    let shows: Vec<&Show> = SHOWS
        .iter()
        .filter(|show| name == "all" || name == show.name)
        .collect();
    if shows.is_empty() {
        let names: Vec<&str> = SHOWS.iter().map(|show| show.name).collect();
        return Err(Error::input(
            format!("lecture {name}"),
            "there is no figure of that name",
            format!("choose all, or one of {}", names.join(", ")),
        ));
    }
    let mut desk = Desk::new(folder, seed)?;
    if shows.len() > 1 {
        // Not when the first show asks, while others wait for it.
        desk.learn(&[Set::Spiral, Set::Ellipse])?;
    }
    // As many at once as there are threads; told in their order.
    let told = Mutex::new((0, BTreeMap::new()));
    let all = shows.into_iter().enumerate().par_bridge();
    all.try_for_each(|(index, show)| {
        let mut desk = desk.of_show(show.name, show.about);
        (show.run)(&mut desk)?;
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        let (next, waiting) = &mut *told;
        waiting.insert(index, desk.said());
        while let Some(said) = waiting.remove(next) {
            print(&said)?;
            *next += 1;
        }
        Ok(())
    })
}
