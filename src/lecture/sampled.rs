//! Maximum likelihood where the places to push up are sampled (strategy C2), held against
//! the exact answer by quadrature.

use super::desk::Desk;
use super::film::Film;
use super::likelihood::{Fit, fit, log_likelihood, model_points, network, panel};
use super::sets::{Set, batch, tensor};
use crate::energy::ScalarNetwork;
use crate::error::Result;
use crate::outputs::figure::Figure;
use crate::rng::Rng;
use crate::sampling::{
    Contrast, Divergence, Gibbs, Hamiltonian, Importance, Langevin, Metropolis, Persistent,
};
use candle_core::Tensor;
use rayon::prelude::*;

/// With chains, slower: they have to keep up.
const SAMPLED: Fit = Fit {
    steps: 1000,
    batch: 256,
    rate: 1e-2,
};

/// A way to push up, and its name.
type Way = (&'static str, Box<dyn Contrast + Send>);

/// All ways to push up that sample, for data (N, 2).
fn contrasts(data: &Tensor, rng: &mut Rng) -> Result<Vec<Way>> {
    let mut chains = |count: usize| batch(data, count, rng);
    let mala = Langevin::corrected(0.07);
    let hmc = Hamiltonian {
        size: 0.06,
        leaps: 6,
    };
    Ok(vec![
        (
            "importance sampling",
            Box::new(Importance {
                count: 1024,
                blur: 0.1,
                reach: 1.0,
            }),
        ),
        (
            "Metropolis-Hastings, persistent",
            Box::new(Persistent::new(Metropolis { size: 0.1 }, 10, chains(512)?)),
        ),
        (
            "Gibbs, persistent",
            Box::new(Persistent::new(
                // Places as near to each other as the data are wide: farther apart, the
                // energy learns to hide between them.
                Gibbs {
                    reach: 1.5,
                    points: 64,
                },
                1,
                chains(128)?,
            )),
        ),
        (
            "MALA, persistent",
            Box::new(Persistent::new(mala, 8, chains(512)?)),
        ),
        (
            "HMC, persistent",
            Box::new(Persistent::new(hmc, 2, chains(512)?)),
        ),
        (
            "CD-1 (MALA)",
            Box::new(Divergence {
                sampler: mala,
                steps: 1,
            }),
        ),
        (
            "CD-10 (MALA)",
            Box::new(Divergence {
                sampler: mala,
                steps: 10,
            }),
        ),
        (
            "Langevin, uncorrected",
            Box::new(Persistent::new(
                Langevin::uncorrected(0.03),
                8,
                chains(512)?,
            )),
        ),
    ])
}

/// Whose training is filmed.
const FILMED: &str = "HMC, persistent";

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let (mut panels, mut rows, mut films) = (Vec::new(), Vec::new(), Vec::new());
    for set in [Set::Spiral, Set::Ellipse] {
        let mut rng = desk.rng(&format!("sampled/{}", set.name()));
        let points = model_points(set, desk.seed);
        let held_out = tensor(&set.draw(2000, &mut rng))?;
        let data = tensor(&points)?;
        let exact = desk.exact_model(set)?;
        let reference = log_likelihood(&exact, &held_out)?;
        let mut show = |name: &str, network: &ScalarNetwork| -> Result<()> {
            let found = log_likelihood(network, &held_out)?;
            rows.push(vec![
                set.name().to_owned(),
                name.to_owned(),
                format!("{found:.3}"),
                format!("{:+.3}", found - reference),
            ]);
            panels.push(panel(name, network, &points)?);
            Ok(())
        };
        show("quadrature (C1)", &exact)?;
        // Each from the same weights, as many at once as there are threads.
        let ways = contrasts(&data, &mut rng)?.into_par_iter();
        let learned = ways.map(|(name, mut contrast)| {
            let mut rng = desk.rng(&format!("sampled/{}/{name}", set.name()));
            let mut film = Film::new("step", SAMPLED.steps);
            let mut learner = network(desk.seed)?;
            let watch = |step: usize, network: &ScalarNetwork| match (set, name) {
                (Set::Spiral, FILMED) => film.take(step, |title| panel(title, network, &points)),
                _ => Ok(()),
            };
            let contrast = contrast.as_mut();
            fit(&mut learner, &data, contrast, SAMPLED, &mut rng, watch)?;
            Ok((name, learner.frozen, film))
        });
        for (name, network, film) in learned.collect::<Result<Vec<_>>>()? {
            show(name, &network)?;
            films.push(film);
        }
    }
    desk.table(
        &["", "pushed up by", "log-likelihood held out", "beside C1's"],
        &rows,
    );
    desk.figure(&Figure::new(3, panels))?;
    match films.iter().find(|film| !film.pictures().is_empty()) {
        Some(film) => desk.film(film),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::likelihood::{C1, PLANE, exact_model};
    use super::super::{Learner, unwatched};
    use super::*;
    use crate::energy::Field as _;
    use crate::rng::Seed;
    use crate::sampling::{Quadrature, Sampler, walk};

    /// Two numbers of the gradient of ⟨E⟩: that of the first layer's first weight, and of
    /// the last layer's third.
    fn gradient(learner: &Learner<ScalarNetwork>, energy: &Tensor) -> [f64; 2] {
        let gradients = energy.backward().unwrap();
        let number = |name: &str, index: usize| {
            let pairs = learner.weights().pairs();
            let (_, var) = pairs.iter().find(|(of, _)| of == name).unwrap();
            let all = gradients.get(var).unwrap().flatten_all().unwrap();
            f64::from(all.to_vec1::<f32>().unwrap()[index])
        };
        [number("layer0.weight", 0), number("layer2.weight", 2)]
    }

    #[test]
    fn each_samplers_gradient_is_the_quadratures() {
        let mut rng = Seed(1).stream("test", 0);
        let data = tensor(&Set::Ellipse.draw(1000, &mut rng)).unwrap();
        let mut learner = network(Seed(1)).unwrap();
        let how = Fit { steps: 60, ..C1 };
        let mut exact = Quadrature(PLANE);
        fit(&mut learner, &data, &mut exact, how, &mut rng, unwatched).unwrap();
        let push = exact.push(&learner.frozen, &data, &mut rng).unwrap();
        let truth = gradient(&learner, &push.mean(&learner.network).unwrap());

        let mala = Langevin::corrected(0.12);
        let hmc = Hamiltonian {
            size: 0.1,
            leaps: 6,
        };
        let gibbs = Gibbs {
            reach: 2.5,
            points: 81,
        };
        let walk_size = Metropolis { size: 0.2 };
        let samplers: [(&dyn Sampler, usize); 4] =
            [(&walk_size, 300), (&gibbs, 25), (&mala, 300), (&hmc, 60)];
        // Sixteen groups of chains know their own error.
        const GROUPS: usize = 16;
        for (sampler, steps) in samplers {
            let start = batch(&data, GROUPS * 60, &mut rng).unwrap();
            let run = (sampler, &learner.frozen as &dyn crate::energy::Field);
            let walked = walk(run, &start, steps, &mut rng, |_| Ok(())).unwrap();
            let found: Vec<[f64; 2]> = (0..GROUPS)
                .map(|group| {
                    let points = walked.place.narrow(0, 60 * group, 60).unwrap();
                    let energy = learner.network.energy(&points).unwrap();
                    gradient(&learner, &energy.mean_all().unwrap())
                })
                .collect();
            check(sampler.name(), &found, truth);
        }
        let mut importance = Importance {
            count: 600,
            blur: 0.1,
            reach: 1.0,
        };
        let found: Vec<[f64; 2]> = (0..GROUPS)
            .map(|_| {
                let push = importance.push(&learner.frozen, &data, &mut rng).unwrap();
                gradient(&learner, &push.mean(&learner.network).unwrap())
            })
            .collect();
        check("importance sampling", &found, truth);
    }

    /// Within 3 standard errors.
    fn check(name: &str, found: &[[f64; 2]], truth: [f64; 2]) {
        let count = found.len() as f64;
        for (index, truth) in truth.into_iter().enumerate() {
            let mean = found.iter().map(|g| g[index]).sum::<f64>() / count;
            let squares = found.iter().map(|g| (g[index] - mean).powi(2));
            let error = (squares.sum::<f64>() / (count - 1.0) / count).sqrt();
            let apart = (mean - truth).abs();
            assert!(
                apart < 3.0 * error,
                "{name}, {index}: {mean} ± {error}, {truth}"
            );
        }
    }

    #[test]
    fn persistent_chains_learn_the_density_that_quadrature_does() {
        let data = tensor(&model_points(Set::Spiral, Seed(0))).unwrap();
        let mut rng = Seed(0).stream("test", 0);
        let held_out = tensor(&Set::Spiral.draw(2000, &mut rng)).unwrap();
        let exact = exact_model(Set::Spiral, Seed(0)).unwrap();
        let reference = log_likelihood(&exact.frozen, &held_out).unwrap();
        for (name, mut contrast) in contrasts(&data, &mut rng).unwrap() {
            if !matches!(name, "HMC, persistent" | "MALA, persistent") {
                continue;
            }
            let mut learner = network(Seed(0)).unwrap();
            let contrast = contrast.as_mut();
            fit(&mut learner, &data, contrast, SAMPLED, &mut rng, unwatched).unwrap();
            let found = log_likelihood(&learner.frozen, &held_out).unwrap();
            assert!(
                (found - reference).abs() < 0.1,
                "{name}: {found} {reference}"
            );
        }
    }
}
