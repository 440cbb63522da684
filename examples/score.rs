//! Score matching, no partition function in sight: sliced ½(vᵀ∇E)² − vᵀ∇²E v, denoising
//! ½‖σ∇E(y + σn) − n‖². The slope is held against the true one, which is known here.
//!
//! `cargo run --release --example score`
//!
//! Change `WIDTH` (σ): wide, E is that of blurred data; narrow, learning is slow. Or `STEPS`.

use anyhow::Result;
use nextframe::energy::Field as _;
use nextframe::lecture::{Matching, Set, alike, network, pairs, panel, tensor, unwatched};
use nextframe::outputs::figure::Figure;
use nextframe::rng::Seed;

const WIDTH: f64 = 0.03;
const STEPS: usize = 1000;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Spiral.draw(50_000, &mut rng);
    let data = tensor(&points)?;
    let held_out = Set::Spiral.draw(2000, &mut rng);
    let truth: Vec<_> = held_out.iter().map(|&y| Set::Spiral.slope(y)).collect();
    let mut panels = Vec::new();
    for (name, matching) in [
        ("sliced", Matching::Sliced),
        ("denoising", Matching::Denoising(WIDTH)),
    ] {
        let mut learner = network(Seed(0))?;
        matching.fit(&mut learner, &data, STEPS, &mut rng, unwatched)?;
        let (_, slopes) = learner.frozen.slope(&tensor(&held_out)?)?;
        let found = alike(&pairs(&slopes)?, &truth);
        println!(
            "{name}: cosine with the true slope {:.3}, point by point {:.3}",
            found.field, found.pointwise
        );
        panels.push(panel(&format!("E(y), {name}"), &learner.frozen, &points)?);
    }
    Figure::new(2, panels).save("lecture".as_ref(), "example-score")?;
    Ok(())
}
