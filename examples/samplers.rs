//! Metropolis–Hastings, Gibbs, Langevin and Hamiltonian Monte Carlo on two wells of which
//! everything is known: chains whose long-run distribution is exp(−E) / ∫exp(−E).
//!
//! `cargo run --release --example samplers`
//!
//! Change a sampler's `size`, and see what it accepts; or how far `APART` the wells are.

use anyhow::Result;
use nextframe::energy::{Plane, Wells};
use nextframe::lecture::{pairs, tensor};
use nextframe::outputs::figure::{Figure, INK, ORANGE, Panel};
use nextframe::rng::Seed;
use nextframe::sampling::{
    Gibbs, Hamiltonian, Langevin, Metropolis, Sampler, effective_size, walk,
};

const APART: f64 = 1.2;
const CHAINS: usize = 100;
const STEPS: usize = 200;

fn main() -> Result<()> {
    let wells = Wells::two(APART, 0.2, 0.4)?;
    let samplers: [Box<dyn Sampler>; 4] = [
        Box::new(Metropolis { size: 1.0 }),
        Box::new(Gibbs {
            reach: 4.0,
            points: 101,
        }),
        Box::new(Langevin::corrected(0.8)),
        Box::new(Hamiltonian {
            size: 0.55,
            leaps: 8,
        }),
    ];
    let plane = Plane {
        reach: 3.0,
        side: 90,
    };
    let mut panels = Vec::new();
    for sampler in samplers {
        let mut rng = Seed(0).stream("example", 0);
        let start: Vec<_> = (0..CHAINS).map(|_| [rng.normal(), rng.normal()]).collect();
        let mut chains = vec![Vec::new(); CHAINS];
        let run = (sampler.as_ref(), &wells as _);
        let end = walk(run, &tensor(&start)?, STEPS, &mut rng, |state| {
            let places = pairs(&state.place)?;
            chains.iter_mut().zip(places).for_each(|(c, y)| c.push(y));
            Ok(())
        })?;
        // The first quarter remembers where it began.
        let first = |chain: &Vec<[f64; 2]>| chain[STEPS / 4..].iter().map(|y| y[0]).collect();
        let draws: Vec<Vec<f64>> = chains.iter().map(first).collect();
        let count = draws.concat().len() as f64;
        let mean = draws.iter().flatten().sum::<f64>() / count;
        println!(
            "{}: {:.0}% accepted, mean of y1 {mean:+.3} (truth {:+.3}), {count} draws worth {:.0}",
            sampler.name(),
            100.0 * end.acceptance(),
            wells.mean()[0],
            effective_size(&draws)
        );
        panels.push(
            Panel::plane(sampler.name(), 3.0)
                .map(plane, plane.energies(&wells, end.place.device())?)
                .curve(chains[0][..60].to_vec(), INK, "")
                .points(&pairs(&end.place)?, ORANGE, 2),
        );
    }
    Figure::new(4, panels).save("lecture".as_ref(), "example-samplers")?;
    Ok(())
}
