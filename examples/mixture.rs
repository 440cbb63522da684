//! A mixture of Gaussians on a spiral, by expectation–maximisation:
//! E(y, k) = −log π_k − log N(y; μ_k, Σ_k), F(y) = −log Σ_k exp(−E(y, k)).
//!
//! `cargo run --release --example mixture`
//!
//! Change `BELLS`: with many the points get likelier, and points held out do not.

use anyhow::Result;
use nextframe::energy::Plane;
use nextframe::lecture::{KMeans, Set, fit_mixture, mixture_energies, unwatched};
use nextframe::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use nextframe::rng::Seed;

const BELLS: usize = 12;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Spiral.draw(1000, &mut rng);
    let held_out = Set::Spiral.draw(1000, &mut rng);
    let mut means = KMeans::start(&points, BELLS, &mut rng)?;
    for _ in 0..20 {
        means.alternate(&points)?;
    }
    let (wells, free) = fit_mixture(&means.centres, 0.02, &points, 300, unwatched)?;
    let apart = mixture_energies(&wells, &held_out)?.free_energy(1.0);
    let apart = apart.iter().sum::<f64>() / apart.len() as f64;
    println!("mean F = -log p(y): {free:.3} nats, held out {apart:.3}");

    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let free = mixture_energies(&wells, &plane.points())?.free_energy(1.0);
    let centres: Vec<_> = wells.bells.iter().map(|bell| bell.mean).collect();
    let map = Panel::plane("mixture: F(y)", 1.4)
        .map(plane, free)
        .points(&points[..300], ORANGE, 1)
        .points(&centres, VIOLET, 3);
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-mixture")?;
    Ok(())
}
