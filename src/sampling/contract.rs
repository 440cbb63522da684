//! The contract of all samplers, on densities of which everything is known: moments
//! within 4 standard errors, an acceptance as textbooks have it, detailed balance.

use super::{Gibbs, Hamiltonian, Langevin, Metropolis, Sampler, State, effective_size, walk};
use crate::energy::{Bell, Field, Wells};
use crate::rng::{Rng, Seed};
use candle_core::{Device, Tensor};

const CHAINS: usize = 400;

/// The sampler, whether it is exact by refusing, and its acceptance.
type Case = (Box<dyn Sampler>, bool, [f64; 2]);

/// Of random-walk, Langevin and Hamiltonian steps: sizes that suit the density.
fn cases([walk, langevin, leap]: [f64; 3]) -> Vec<Case> {
    let gibbs = Gibbs {
        reach: 5.0,
        points: 161,
    };
    let mala = Langevin::corrected(langevin);
    let hmc = Hamiltonian {
        size: leap,
        leaps: 8,
    };
    vec![
        // 0.35 is best in two dimensions, 0.57 in many for MALA, 0.65 to 0.9 for HMC.
        (Box::new(Metropolis { size: walk }), true, [0.2, 0.5]),
        (Box::new(mala), true, [0.45, 0.75]),
        (Box::new(hmc), true, [0.6, 0.95]),
        (Box::new(gibbs), false, [1.0, 1.0]),
    ]
}

type Draw = Box<dyn Fn(&mut Rng) -> [f64; 2]>;
type Function = Box<dyn Fn([f64; 2]) -> f64>;

struct Known {
    name: &'static str,
    field: Box<dyn Field>,
    mean: [f64; 2],
    covariance: [[f64; 2]; 2],
    draw: Draw,
    sizes: [f64; 3],
}

fn known() -> Vec<Known> {
    let bell = Bell::new([0.2, -0.1], [[1.0, 0.95], [0.95, 1.0]]).unwrap();
    let wells = Wells::two(1.0, 0.25, 0.4).unwrap();
    vec![
        Known {
            name: "a Gaussian of correlation 0.95",
            mean: bell.mean,
            covariance: bell.covariance,
            draw: Box::new(move |rng| bell.draw(rng)),
            sizes: [0.6, 0.4, 0.3],
            field: Box::new(bell),
        },
        Known {
            name: "two wells",
            mean: wells.mean(),
            covariance: wells.covariance(),
            sizes: [1.1, 0.75, 0.6],
            field: Box::new(wells.clone()),
            draw: Box::new(move |rng| wells.draw(rng)),
        },
    ]
}

fn tensor(points: &[[f64; 2]]) -> Tensor {
    let flat: Vec<f32> = points.iter().flatten().map(|&v| v as f32).collect();
    Tensor::from_vec(flat, (points.len(), 2), &Device::Cpu).unwrap()
}

/// Five functions of y whose means are known from the moments; with their names.
fn moments(known: &Known) -> Vec<(&'static str, Function, f64)> {
    let [m, n] = known.mean;
    let [[a, b], [_, d]] = known.covariance;
    vec![
        ("mean 1", Box::new(|y| y[0]), m),
        ("mean 2", Box::new(|y| y[1]), n),
        ("variance 1", Box::new(move |y| (y[0] - m).powi(2)), a),
        ("variance 2", Box::new(move |y| (y[1] - n).powi(2)), d),
        ("covariance", Box::new(move |y| (y[0] - m) * (y[1] - n)), b),
    ]
}

#[test]
fn moments_are_met_and_acceptance_is_as_in_textbooks() {
    for known in known() {
        for (sampler, _, [low, high]) in cases(known.sizes) {
            let mut rng = Seed(11).stream(sampler.name(), 0);
            let wide: Vec<[f64; 2]> = (0..CHAINS)
                .map(|_| [2.0 * rng.normal(), 2.0 * rng.normal()])
                .collect();
            let mut trace: Vec<Vec<[f64; 2]>> = vec![Vec::new(); CHAINS];
            let (warm, steps) = (200, 150);
            let steps = if sampler.name() == "Gibbs" {
                steps / 3
            } else {
                steps
            };
            let warm = if sampler.name() == "Gibbs" {
                warm / 2
            } else {
                warm
            };
            let run = (sampler.as_ref(), known.field.as_ref());
            let last = walk(run, &tensor(&wide), warm + steps, &mut rng, |state| {
                if state.steps > warm {
                    let places = state.place.to_vec2::<f32>()?;
                    for (chain, place) in trace.iter_mut().zip(places) {
                        chain.push([f64::from(place[0]), f64::from(place[1])]);
                    }
                }
                Ok(())
            })
            .unwrap();
            let named = format!("{} on {}", sampler.name(), known.name);
            let acceptance = last.acceptance();
            assert!(
                (low..=high).contains(&acceptance),
                "{named}: acceptance {acceptance}"
            );
            for (what, f, truth) in moments(&known) {
                let chains: Vec<Vec<f64>> = trace
                    .iter()
                    .map(|chain| chain.iter().map(|&y| f(y)).collect())
                    .collect();
                let all: Vec<f64> = chains.iter().flatten().copied().collect();
                let mean = all.iter().sum::<f64>() / all.len() as f64;
                let variance =
                    all.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / all.len() as f64;
                let size = effective_size(&chains);
                assert!(size > 300.0, "{named}, {what}: {size} effective draws");
                let error = (variance / size).sqrt();
                assert!(
                    (mean - truth).abs() < 4.0 * error,
                    "{named}, {what}: {mean} ± {error}, truth {truth}"
                );
            }
        }
    }
}

/// In equilibrium a step from a to b is as frequent as one from b to a: for any two
/// functions, ⟨φ(before) ψ(after)⟩ = ⟨ψ(before) φ(after)⟩.
#[test]
fn those_that_refuse_are_in_detailed_balance() {
    for known in known() {
        for (sampler, refuses, _) in cases(known.sizes) {
            if !refuses {
                continue;
            }
            let mut rng = Seed(12).stream(sampler.name(), 0);
            let before: Vec<[f64; 2]> = (0..20_000).map(|_| (known.draw)(&mut rng)).collect();
            let mut state = State::new(known.field.as_ref(), &tensor(&before)).unwrap();
            sampler
                .step(known.field.as_ref(), &mut state, &mut rng)
                .unwrap();
            let after = state.place.to_vec2::<f32>().unwrap();
            let after: Vec<[f64; 2]> = (after.iter())
                .map(|y| [f64::from(y[0]), f64::from(y[1])])
                .collect();
            type Plain = fn([f64; 2]) -> f64;
            let functions: [(Plain, Plain); 4] = [
                (|y| y[0], |y| y[0].powi(2)),
                (|y| y[0], |y| y[0].powi(3)),
                (|y| y[0], |y| y[1].powi(2)),
                (|y| f64::from(u8::from(y[0] > 0.5)), |y| y[0] - y[1]),
            ];
            for (index, (phi, psi)) in functions.into_iter().enumerate() {
                let pairs = before.iter().zip(&after);
                let apart: Vec<f64> = pairs
                    .map(|(&a, &b)| phi(a) * psi(b) - psi(a) * phi(b))
                    .collect();
                let count = apart.len() as f64;
                let mean = apart.iter().sum::<f64>() / count;
                let variance = apart.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
                let error = (variance / count).sqrt();
                assert!(
                    mean.abs() < 4.0 * error,
                    "{} on {}, pair {index}: {mean} ± {error}",
                    sampler.name(),
                    known.name
                );
            }
        }
    }
}

#[test]
fn a_walk_that_diverges_says_at_which_step() {
    // Its slope grows faster than any fixed step can follow.
    let steep = |v: &Tensor| Ok(v.powf(4.0)?.sum(1)?);
    let start = tensor(&[[1.0, 2.0], [0.5, -1.0]]);
    let langevin = Langevin::uncorrected(3.0);
    let hmc = Hamiltonian {
        size: 3.0,
        leaps: 20,
    };
    for sampler in [&langevin as &dyn Sampler, &hmc] {
        let mut rng = Seed(1).stream("test", 0);
        let said = walk((sampler, &steep), &start, 50, &mut rng, |_| Ok(()))
            .unwrap_err()
            .to_string();
        assert!(said.contains("diverged at step"), "{said}");
        assert!(
            said.contains("smaller step") && said.contains('3'),
            "{said}"
        );
    }
}

#[test]
fn every_sampler_says_at_which_step_the_energy_had_no_number() {
    // A cliff: nothing is known beyond 1.
    let cliff = |v: &Tensor| Ok(v.sqr()?.affine(-1.0, 1.0)?.log()?.sum(1)?.neg()?);
    let start = tensor(&[[0.1, 0.0], [-0.2, 0.3]]);
    let mut samplers: Vec<Box<dyn Sampler>> = cases([0.9, 0.9, 0.9])
        .into_iter()
        .map(|case| case.0)
        .collect();
    samplers.push(Box::new(Langevin::uncorrected(0.9)));
    for sampler in samplers {
        let mut rng = Seed(1).stream("test", 0);
        let walked = walk((&*sampler, &cliff), &start, 200, &mut rng, |_| Ok(()));
        let said = walked.unwrap_err().to_string();
        let name = sampler.name();
        assert!(
            said.contains(name) && said.contains("diverged at step "),
            "{name}: {said}"
        );
    }
}

#[test]
fn a_temperature_and_a_bound_do_as_they_say() {
    // Of a Gaussian at temperature T the variance is T times as large.
    let bell = Bell::new([0.0; 2], [[1.0, 0.0], [0.0, 1.0]]).unwrap();
    let start = tensor(&[[0.0; 2]; CHAINS]);
    for (temperature, bound) in [(0.25, None), (2.0, None), (1.0, Some(0.2))] {
        let sampler = Langevin {
            temperature,
            bound,
            ..Langevin::corrected(0.8)
        };
        let mut rng = Seed(1).stream("test", 0);
        let (mut square, mut count) = (0.0, 0.0);
        let watch = |state: &State| {
            if state.steps > 20 {
                square += f64::from(state.place.sqr()?.mean_all()?.to_scalar::<f32>()?);
                count += 1.0;
            }
            Ok(())
        };
        walk((&sampler, &bell), &start, 120, &mut rng, watch).unwrap();
        let variance = square / count / temperature;
        // 800 numbers of about 30 independent draws each.
        assert!(
            (variance - 1.0).abs() < 0.06,
            "{temperature} {bound:?}: {variance}"
        );
    }
    let cold = Langevin {
        temperature: 0.0,
        bound: Some(0.1),
        ..Langevin::uncorrected(1.0)
    };
    let mut rng = Seed(1).stream("test", 0);
    let walked = walk((&cold, &bell), &tensor(&[[3.0, -0.1]]), 1, &mut rng, |_| {
        Ok(())
    })
    .unwrap();
    let place = walked.place.to_vec2::<f32>().unwrap();
    assert!(
        (place[0][0] - 2.9).abs() < 1e-6 && (place[0][1] + 0.05).abs() < 1e-6,
        "{place:?}"
    );
}
