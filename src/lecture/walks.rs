//! What samplers do (strategy C2): each walks on a density of which everything is known.

use super::desk::Desk;
use super::film::Film;
use super::sets::{pairs, tensor};
use crate::energy::{Bell, Field, Plane, Wells};
use crate::error::Result;
use crate::outputs::figure::{Figure, GREEN, INK, ORANGE, Panel, VIOLET};
use crate::sampling::{Gibbs, Hamiltonian, Langevin, Metropolis, Sampler, effective_size, walk};
use candle_core::Device;

const CHAINS: usize = 100;
const STEPS: usize = 200;
/// Steps of the film, and how many of them a chain's trail shows.
const FILMED: usize = 60;
const TRAIL: usize = 8;

/// Of random-walk, Langevin and Hamiltonian steps: sizes that suit the density.
fn samplers([walk, langevin, leap]: [f64; 3]) -> [Box<dyn Sampler>; 4] {
    [
        Box::new(Metropolis { size: walk }),
        Box::new(Gibbs {
            reach: 4.0,
            points: 101,
        }),
        Box::new(Langevin::corrected(langevin)),
        Box::new(Hamiltonian {
            size: leap,
            leaps: 8,
        }),
    ]
}

pub(super) fn show(desk: &mut Desk) -> Result<()> {
    let plane = Plane {
        reach: 3.0,
        side: 90,
    };
    let bell = Bell::new([0.0, 0.0], [[1.0, 0.95], [0.95, 1.0]])?;
    let wells = Wells::two(1.2, 0.2, 0.4)?;
    let known: [(&str, &dyn Field, [f64; 3], f64); 2] = [
        ("correlated", &bell, [0.6, 0.4, 0.3], bell.mean[0]),
        ("two wells", &wells, [1.0, 0.8, 0.55], wells.mean()[0]),
    ];
    let (mut panels, mut rows) = (Vec::new(), Vec::new());
    let mut trails = Vec::new();
    for (name, field, sizes, truth) in known {
        for sampler in samplers(sizes) {
            let mut rng = desk.rng(&format!("samplers/{name}/{}", sampler.name()));
            let start: Vec<[f64; 2]> = (0..CHAINS).map(|_| [rng.normal(), rng.normal()]).collect();
            let mut trace: Vec<Vec<[f64; 2]>> = vec![Vec::new(); CHAINS];
            let run = (sampler.as_ref(), field);
            let last = walk(run, &tensor(&start)?, STEPS, &mut rng, |state| {
                for (chain, place) in trace.iter_mut().zip(pairs(&state.place)?) {
                    chain.push(place);
                }
                Ok(())
            })?;
            let later: Vec<Vec<f64>> = (trace.iter())
                .map(|chain| chain[STEPS / 4..].iter().map(|y| y[0]).collect())
                .collect();
            let all: Vec<f64> = later.iter().flatten().copied().collect();
            let mean = all.iter().sum::<f64>() / all.len() as f64;
            let size = effective_size(&later);
            rows.push(vec![
                format!("{} on {name}", sampler.name()),
                format!("{:.2}", last.acceptance()),
                format!("{mean:.3}"),
                format!("{truth:.3}"),
                format!("{:.0} of {}", size, all.len()),
            ]);
            let energies = plane.energies(field, &Device::Cpu)?;
            let ends: Vec<_> = trace
                .iter()
                .filter_map(|chain| chain.last().copied())
                .collect();
            panels.push(
                Panel::plane(format!("{}, {name}", sampler.name()), 3.0)
                    .map(plane, energies)
                    .curve(trace[0][STEPS / 4..][..60].to_vec(), INK, "")
                    .points(&ends, ORANGE, 2),
            );
            if name == "two wells" {
                trails.push((sampler.name(), trace.swap_remove(0)));
            }
        }
    }
    desk.table(
        &["", "acceptance", "mean of y1", "truth", "draws it is worth"],
        &rows,
    );
    desk.figure(&Figure::new(4, panels))?;

    let energies = plane.energies(&wells, &Device::Cpu)?;
    let mut film = Film::new("step", FILMED);
    for step in 0..=FILMED {
        film.take(step, |title| {
            let mut panel = Panel::plane(title, 3.0).map(plane, energies.clone());
            for ((name, trace), colour) in trails.iter().zip([ORANGE, GREEN, VIOLET, INK]) {
                let trail = &trace[step.saturating_sub(TRAIL)..=step];
                panel = panel.curve(trail.to_vec(), colour, name).points(
                    &trace[step..=step],
                    colour,
                    4,
                );
            }
            Ok(panel)
        })?;
    }
    desk.film(&film)
}
