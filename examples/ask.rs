//! The lecture's two questions to an energy of the spiral: given y₁, which y₂? And where on
//! the spiral does a point belong? Both are minimisations of F.
//!
//! `cargo run --release --example ask`
//!
//! Change `Y1`, `LOST`, or the set.

use anyhow::Result;
use nextframe::lecture::{Set, exact_model, panel, predict, project};
use nextframe::outputs::figure::{Figure, GREEN, VIOLET};
use nextframe::rng::Seed;

const Y1: f64 = 0.3;
const LOST: [f64; 2] = [0.5, 0.9];

fn main() -> Result<()> {
    let learner = exact_model(Set::Spiral, Seed(0))?;
    let answers = predict(&learner.frozen, Y1, 1.4)?;
    for answer in &answers {
        println!(
            "y2 = {:+.3}, {:.2} nats above the best",
            answer.y2, answer.above
        );
    }
    let [u, v] = LOST;
    let found = project(&learner.frozen, &[LOST])?[0];
    println!("({u}, {v}) belongs at ({:.3}, {:.3})", found[0], found[1]);

    let likely = answers.iter().filter(|answer| answer.above < 5.0);
    let likely: Vec<_> = likely.map(|answer| [Y1, answer.y2]).collect();
    let way = (LOST, [found[0] - u, found[1] - v]);
    let map = panel("given y1, which y2? and a way back", &learner.frozen, &[])?
        .points(&likely, GREEN, 4)
        .arrows(vec![way], VIOLET);
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-ask")?;
    Ok(())
}
