//! Maximum likelihood on the ellipse, the energy pushed up where HMC chains go, and held
//! against the exact partition function: −log p(y) = E(y) + log ∫exp(−E).
//!
//! `cargo run --release --example likelihood`
//!
//! Change the sampler; examples/sampled.rs has other ways to push up.

use anyhow::Result;
use nextframe::lecture::{Fit, Set, fit, log_likelihood, network, panel, tensor};
use nextframe::outputs::figure::Figure;
use nextframe::rng::Seed;
use nextframe::sampling::{Hamiltonian, Persistent};

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Ellipse.draw(4000, &mut rng);
    let data = tensor(&points)?;
    let held_out = tensor(&Set::Ellipse.draw(1000, &mut rng))?;
    let sampler = Hamiltonian {
        size: 0.06,
        leaps: 6,
    };
    let start = data.narrow(0, 0, 256)?;
    let mut chains = Persistent::new(sampler, 2, start);
    let mut learner = network(Seed(0))?;
    let how = Fit {
        steps: 500,
        batch: 256,
        rate: 1e-2,
    };
    fit(
        &mut learner,
        &data,
        &mut chains,
        how,
        &mut rng,
        |step, network| {
            if step % 100 == 0 {
                let found = log_likelihood(network, &held_out)?;
                println!("step {step}: {found:.3} nats a point, held out");
            }
            Ok(())
        },
    )?;
    let map = panel("E(y)", &learner.frozen, &points)?;
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-likelihood")?;
    Ok(())
}
