//! F(x, y) on a road that forks, x along it and y across:
//! −log p(y | x) = E(x, y) + log ∫exp(−E(x, y')) dy'. From x = −0.2 on there are two answers.
//!
//! `cargo run --release --example conditional`
//!
//! Change `X`, where answers are drawn.

use anyhow::Result;
use candle_core::Device;
use nextframe::energy::Plane;
use nextframe::lecture::{Road, Set, tensor, unwatched};
use nextframe::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use nextframe::rng::Seed;

const X: f64 = 0.6;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Fork.draw(4000, &mut rng);
    let learner = Road::fit(&tensor(&points)?, 600, Seed(0), &mut rng, unwatched)?;
    let road = &learner.frozen;
    let draws = road.draw(X, 200, &mut rng)?;
    let (up, down): (Vec<f64>, Vec<f64>) = draws.iter().partition(|y| **y > 0.0);
    let mean = |draws: &[f64]| draws.iter().sum::<f64>() / draws.len() as f64;
    println!(
        "{} draws of y given {X} go up, {:+.2} on average",
        up.len(),
        mean(&up)
    );
    println!("{} go down, {:+.2} on average", down.len(), mean(&down));
    println!("their mean, {:+.2}, is no road", mean(&draws));

    let plane = Plane {
        reach: 1.2,
        side: 100,
    };
    let grid = plane.tensor(&Device::Cpu)?;
    let costs = road.cost(&grid.narrow(1, 0, 1)?, &grid.narrow(1, 1, 1)?)?;
    let costs = costs.to_vec1::<f32>()?.into_iter().map(f64::from).collect();
    let drawn: Vec<_> = draws.iter().map(|&y| [X, y]).collect();
    let map = Panel::plane("-log p(y | x), and draws of y", 1.2)
        .axes(["x", "y"])
        .map(plane, costs)
        .points(&points[..300], ORANGE, 1)
        .points(&drawn, VIOLET, 2);
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-conditional")?;
    Ok(())
}
