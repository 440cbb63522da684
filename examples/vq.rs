//! Vector quantisation: E(y, k) = ½‖y − g(c_k)‖², k the code nearest to the encoder's guess
//! in training; F(y) = min_k E(y, k).
//!
//! `cargo run --release --example vq`
//!
//! Change `CODES`: z says log₂ of it, in bits, and no more.

use anyhow::Result;
use nextframe::energy::Plane;
use nextframe::lecture::{Quantised, Set, tensor, unwatched};
use nextframe::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use nextframe::rng::Seed;
use std::collections::BTreeSet;

const CODES: usize = 24;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Spiral.draw(2000, &mut rng);
    let data = tensor(&points)?;
    let learner = Quantised::fit(&data, CODES, 1500, Seed(0), &mut rng, unwatched)?;
    let quantised = &learner.frozen;
    let table = quantised.energies(&points)?;
    let mean = table.least().iter().sum::<f64>() / points.len() as f64;
    let used: BTreeSet<usize> = table.best().into_iter().collect();
    println!("mean F = {mean:.5}; {} of {CODES} codes in use", used.len());

    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let map = Panel::plane("VQ: F(y), and g of the codes", 1.4)
        .map(plane, quantised.energies(&plane.points())?.least())
        .points(&points[..300], ORANGE, 1)
        .points(&quantised.decoded()?, VIOLET, 3);
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-vq")?;
    Ok(())
}
