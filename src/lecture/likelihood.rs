//! Maximum likelihood: push down on the data, up everywhere else (strategies C1, C2).
//!
//! −log p(y) = E(y) + log ∫exp(−E), whose gradient is ∂E(y) − ⟨∂E⟩. On the plane ⟨∂E⟩ is
//! a sum over cells (C1): the exact answer that the sampled ones (C2) are held against.

use super::desk::Desk;
use super::learner::Learner;
use super::sets::{Set, batch, tensor};
use crate::energy::{Plane, ScalarNetwork};
use crate::error::Result;
use crate::interrupt;
use crate::outputs::figure::{Figure, ORANGE, Panel};
use crate::rng::{Rng, Seed};
use crate::sampling::{
    Contrast, Divergence, Gibbs, Hamiltonian, Importance, Langevin, Metropolis, Persistent,
    Quadrature,
};
use candle_core::{Device, Tensor};

/// Where the energy is integrated while it learns.
pub(super) const PLANE: Plane = Plane {
    reach: 1.7,
    side: 64,
};
/// Where it is integrated to be judged.
const FINE: Plane = Plane {
    reach: 2.5,
    side: 200,
};

/// How long, and how fast.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// Steps.
    pub steps: usize,
    /// Points a step.
    pub batch: usize,
    /// The learning rate at first; it falls to 0 along a line.
    pub rate: f64,
}

/// A network for the plane.
///
/// # Errors
/// Nothing that a user could cause.
pub fn network(seed: Seed) -> Result<Learner<ScalarNetwork>> {
    Learner::new(seed, |scope| ScalarNetwork::new(2, 64, 1.0, scope))
}

/// Lowers E on the data and raises it where `contrast` says; `watch` sees each step's
/// number before it is made.
///
/// # Errors
/// A sampler or an energy that diverges, with the step.
pub fn fit(
    learner: &mut Learner<ScalarNetwork>,
    data: &Tensor,
    contrast: &mut dyn Contrast,
    how: Fit,
    rng: &mut Rng,
    mut watch: impl FnMut(usize, &ScalarNetwork) -> Result<()>,
) -> Result<()> {
    use crate::energy::Field as _;
    for step in 0..how.steps {
        interrupt::check()?;
        watch(step, &learner.frozen)?;
        let y = batch(data, how.batch, rng)?;
        let push = contrast.push(&learner.frozen, &y, rng)?;
        let down = learner.network.energy(&y)?.mean_all()?;
        let loss = (down - push.mean(&learner.network)?)?;
        let left = 1.0 - step as f64 / how.steps as f64;
        learner.step(&loss, how.rate * left)?;
    }
    learner.settle()
}

/// The mean of log p(y) over points (N, 2), in nats, p's integral by quadrature.
///
/// # Errors
/// An energy that is not finite.
pub fn log_likelihood(network: &ScalarNetwork, points: &Tensor) -> Result<f64> {
    use crate::energy::Field as _;
    let energies = FINE.energies(network, &Device::Cpu)?;
    let mean = network.energy(points)?.mean_all()?.to_scalar::<f32>()?;
    Ok(-f64::from(mean) - FINE.log_partition(&energies))
}

const C1: Fit = Fit {
    steps: 800,
    batch: 256,
    rate: 1e-2,
};

/// The points that [`spiral_model`] learns from.
pub fn spiral_points(seed: Seed) -> Vec<[f64; 2]> {
    let mut rng = seed.stream("lecture/spiral model", 0);
    Set::Spiral.draw(20_000, &mut rng)
}

/// An energy of the spiral, learned exactly.
///
/// # Errors
/// Those of [`fit`].
pub fn spiral_model(seed: Seed) -> Result<Learner<ScalarNetwork>> {
    let mut rng = seed.stream("lecture/spiral model", 1);
    let data = tensor(&spiral_points(seed))?;
    let mut learner = network(seed)?;
    fit(
        &mut learner,
        &data,
        &mut Quadrature(PLANE),
        C1,
        &mut rng,
        |_, _| Ok(()),
    )?;
    Ok(learner)
}

/// A map of the energy with points on it.
pub(super) fn panel(title: &str, network: &ScalarNetwork, points: &[[f64; 2]]) -> Result<Panel> {
    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let energies = plane.energies(network, &Device::Cpu)?;
    let some = &points[..points.len().min(300)];
    Ok(Panel::plane(title, 1.4)
        .map(plane, energies)
        .points(some, ORANGE, 1))
}

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let mut panels = Vec::new();
    let mut rows = Vec::new();
    let mut pictures = Vec::new();
    for (name, set) in [("spiral", Set::Spiral), ("fork", Set::Fork)] {
        let mut rng = desk.rng(&format!("likelihood/{name}"));
        let points = set.draw(4000, &mut rng);
        let held_out = tensor(&set.draw(2000, &mut rng))?;
        let mut learner = network(desk.seed)?;
        let data = tensor(&points)?;
        fit(
            &mut learner,
            &data,
            &mut Quadrature(PLANE),
            C1,
            &mut rng,
            |step, network| {
                if set == Set::Spiral && step % 40 == 0 {
                    let panel = panel(&format!("step {step}"), network, &points)?;
                    pictures.push(Figure::new(1, vec![panel]).picture()?);
                }
                Ok(())
            },
        )?;
        rows.push(vec![
            name.to_owned(),
            format!("{:.3}", log_likelihood(&learner.frozen, &data)?),
            format!("{:.3}", log_likelihood(&learner.frozen, &held_out)?),
        ]);
        panels.push(panel(
            &format!("E(y) by quadrature, {name}"),
            &learner.frozen,
            &points,
        )?);
    }
    desk.table(&["", "log-likelihood (nats/point)", "held out"], &rows)?;
    desk.figure(&Figure::new(2, panels))?;
    desk.film(&pictures)
}

/// With chains, slower: they have to keep up.
const SAMPLED: Fit = Fit {
    steps: 1000,
    batch: 256,
    rate: 1e-2,
};

/// All ways to push up that sample, for data (N, 2); with the name of each.
fn contrasts(data: &Tensor, rng: &mut Rng) -> Result<Vec<(&'static str, Box<dyn Contrast>)>> {
    let mut chains = |count: usize| batch(data, count, rng);
    let mala = Langevin {
        size: 0.07,
        corrected: true,
    };
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
                Gibbs {
                    reach: 2.0,
                    points: 40,
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
                Langevin {
                    size: 0.03,
                    corrected: false,
                },
                8,
                chains(512)?,
            )),
        ),
    ])
}

pub(super) fn show_sampled(desk: &mut Desk) -> Result<()> {
    let mut rng = desk.rng("sampled");
    let points = spiral_points(desk.seed);
    let held_out = tensor(&Set::Spiral.draw(2000, &mut rng))?;
    let data = tensor(&points)?;
    let exact = desk.spiral_model()?;
    let reference = log_likelihood(exact, &held_out)?;
    let mut rows = vec![vec![
        "quadrature (C1)".to_owned(),
        format!("{reference:.3}"),
        "0".to_owned(),
        String::new(),
    ]];
    let mut panels = vec![panel("quadrature", exact, &points)?];
    for (name, mut contrast) in contrasts(&data, &mut rng)? {
        let start = std::time::Instant::now();
        let mut learner = network(desk.seed)?;
        fit(
            &mut learner,
            &data,
            contrast.as_mut(),
            SAMPLED,
            &mut rng,
            |_, _| Ok(()),
        )?;
        let found = log_likelihood(&learner.frozen, &held_out)?;
        rows.push(vec![
            name.to_owned(),
            format!("{found:.3}"),
            format!("{:+.3}", found - reference),
            format!("{:.1}", start.elapsed().as_secs_f64()),
        ]);
        panels.push(panel(name, &learner.frozen, &points)?);
    }
    desk.table(
        &[
            "pushed up by",
            "log-likelihood held out",
            "beside C1's",
            "s",
        ],
        &rows,
    )?;
    desk.figure(&Figure::new(3, panels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::energy::Field as _;
    use crate::sampling::{Sampler, walk};

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
        fit(
            &mut learner,
            &data,
            &mut exact,
            how,
            &mut rng,
            |_, _| Ok(()),
        )
        .unwrap();
        let push = exact.push(&learner.frozen, &data, &mut rng).unwrap();
        let truth = gradient(&learner, &push.mean(&learner.network).unwrap());

        let mala = Langevin {
            size: 0.12,
            corrected: true,
        };
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
        check(importance.name(), &found, truth);
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
        let data = tensor(&spiral_points(Seed(0))).unwrap();
        let mut rng = Seed(0).stream("test", 0);
        let held_out = tensor(&Set::Spiral.draw(2000, &mut rng)).unwrap();
        let exact = spiral_model(Seed(0)).unwrap();
        let reference = log_likelihood(&exact.frozen, &held_out).unwrap();
        for (name, mut contrast) in contrasts(&data, &mut rng).unwrap() {
            if !matches!(name, "HMC, persistent" | "MALA, persistent") {
                continue;
            }
            let mut learner = network(Seed(0)).unwrap();
            let contrast = contrast.as_mut();
            fit(&mut learner, &data, contrast, SAMPLED, &mut rng, |_, _| {
                Ok(())
            })
            .unwrap();
            let found = log_likelihood(&learner.frozen, &held_out).unwrap();
            assert!(
                (found - reference).abs() < 0.1,
                "{name}: {found} {reference}"
            );
        }
    }
}
