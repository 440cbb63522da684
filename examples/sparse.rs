//! Sparse modelling: E(y, z) = ½‖y − Wz‖² + λ‖z‖₁. z by FISTA, W by steps down F; then a
//! network, LISTA, that guesses z in a few layers.
//!
//! `cargo run --release --example sparse`
//!
//! Change `WEIGHT` (λ): the higher, the fewer numbers of z are used, and the farther Wz is
//! from y. Or `LAYERS`.

use anyhow::Result;
use nextframe::energy::Plane;
use nextframe::lecture::{Dictionary, Lista, Set, tensor};
use nextframe::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use nextframe::rng::Seed;

const COLUMNS: usize = 8;
const WEIGHT: f64 = 0.1;
const LAYERS: usize = 2;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Spiral.draw(600, &mut rng);
    let mut dictionary = Dictionary::start(COLUMNS, WEIGHT, &mut rng);
    for _ in 0..60 {
        dictionary.learn(&points, 2.0)?;
    }
    let found = dictionary.infer(&points)?;
    let least = found.energy.iter().sum::<f64>() / points.len() as f64;
    let used = found.best.iter().flatten().filter(|z| **z != 0.0).count();
    let used = used as f64 / points.len() as f64;
    println!("mean F = {least:.4}; {used:.2} of {COLUMNS} numbers of z in use");

    let data = tensor(&points)?;
    let lista = Lista::fit(&dictionary, LAYERS, &data, 600, Seed(0), &mut rng)?;
    let energy = lista.frozen.energy(&dictionary, &data)?.mean_all()?;
    let above = f64::from(energy.to_scalar::<f32>()?) - least;
    println!("LISTA of {LAYERS} layers: E is {above:.4} above its minimum");

    let plane = Plane {
        reach: 1.4,
        side: 60,
    };
    let spokes = dictionary.columns.iter().map(|&w| ([0.0, 0.0], w));
    let map = Panel::plane("sparse: F(y), and W", 1.4)
        .map(plane, dictionary.infer(&plane.points())?.energy)
        .points(&points[..300], ORANGE, 1)
        .arrows(spokes.collect(), VIOLET);
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-sparse")?;
    Ok(())
}
