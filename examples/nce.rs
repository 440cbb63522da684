//! Noise-contrastive estimation: data told from noise of a known density q by E alone,
//! log-odds of being data = −E(y) − c − log q(y). c learns log ∫exp(−E).
//!
//! `cargo run --release --example nce`
//!
//! Change the noise's `width`: noise that is nowhere near the data teaches little.

use anyhow::Result;
use nextframe::energy::Field as _;
use nextframe::lecture::{Noise, Set, log_likelihood, panel, tensor, unwatched};
use nextframe::outputs::figure::Figure;
use nextframe::rng::Seed;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Spiral.draw(50_000, &mut rng);
    let held_out = tensor(&Set::Spiral.draw(2000, &mut rng))?;
    let noise = Noise {
        width: 0.7,
        count: 1024,
    };
    let learner = noise.fit(&tensor(&points)?, 1000, Seed(0), &mut rng, unwatched)?;
    let energy = &learner.frozen.energy;
    let found = log_likelihood(energy, &held_out)?;
    println!("{found:.3} nats a point, held out");
    // log p(y) = −E(y) − log ∫exp(−E).
    let mean = energy.energy(&held_out)?.mean_all()?.to_scalar::<f32>()?;
    let exact = -f64::from(mean) - found;
    let learned = learner.frozen.log_partition.to_scalar::<f32>()?;
    println!("log of the partition function: learned {learned:.3}, by quadrature {exact:.3}");

    let map = panel("NCE: E(y)", energy, &points)?;
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-nce")?;
    Ok(())
}
