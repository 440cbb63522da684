//! The masked autoencoder: one coordinate hidden, the other says in which of 40 bins it may
//! be. E(y) = −log p(y₂ | y₁) − log p(y₁ | y₂), over bins.
//!
//! `cargo run --release --example masked`
//!
//! Change the set, or how long it learns.

use anyhow::Result;
use nextframe::energy::Plane;
use nextframe::lecture::{Masked, Set, unwatched};
use nextframe::outputs::figure::{Figure, ORANGE, Panel};
use nextframe::rng::Seed;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Fork.draw(4000, &mut rng);
    let held_out = Set::Fork.draw(2000, &mut rng);
    let learner = Masked::fit(&points, 1000, Seed(0), &mut rng, unwatched)?;
    let masked = &learner.frozen;
    for (hidden, name) in [(0, "y1 | y2"), (1, "y2 | y1")] {
        let cost = masked.cost(&held_out, hidden)?.mean_all()?;
        println!(
            "-log p({name}): {:.2} nats, held out",
            cost.to_scalar::<f32>()?
        );
    }
    // Where the road forks: on a branch, and between the two, where an average would be.
    let energies = masked.energies(&[[0.6, 0.56], [0.6, 0.0]])?;
    println!(
        "E on a branch {:.2}, between them {:.2}",
        energies[0], energies[1]
    );

    let plane = Plane {
        reach: 1.4,
        side: 80,
    };
    let map = Panel::plane("masked: E(y)", 1.4)
        .map(plane, masked.energies(&plane.points())?)
        .points(&points[..300], ORANGE, 1);
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-masked")?;
    Ok(())
}
