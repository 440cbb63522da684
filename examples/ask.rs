//! The lecture's two questions to an energy of the spiral: given y₁, which y₂? And where on
//! the spiral does a point belong?
//!
//! `cargo run --release --example ask`

use anyhow::Result;
use nextframe::lecture::{Set, exact_model, predict, project};
use nextframe::rng::Seed;

fn main() -> Result<()> {
    let learner = exact_model(Set::Spiral, Seed(0))?;
    for answer in predict(&learner.frozen, 0.3, 1.4)? {
        println!(
            "y2 = {:+.3}, {:.2} nats above the best",
            answer.y2, answer.above
        );
    }
    let found = project(&learner.frozen, &[[0.5, 0.9]])?;
    println!(
        "(0.5, 0.9) belongs at ({:.3}, {:.3})",
        found[0][0], found[0][1]
    );
    Ok(())
}
