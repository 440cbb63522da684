//! Maximum likelihood, −log p(y) = E(y) + log ∫exp(−E), whose gradient is ∂E(y) − ⟨∂E⟩:
//! ⟨∂E⟩ by quadrature, by importance sampling, and by chains that leave the data for a few
//! steps (contrastive divergence). Chains that persist are in examples/likelihood.rs.
//!
//! `cargo run --release --example sampled`
//!
//! Change the `steps` of the chains, or their sampler: what does one step cost, and ten?

use anyhow::Result;
use nextframe::energy::Plane;
use nextframe::lecture::{Fit, Set, fit, log_likelihood, network, panel, tensor, unwatched};
use nextframe::outputs::figure::Figure;
use nextframe::rng::Seed;
use nextframe::sampling::{Contrast, Divergence, Importance, Langevin, Quadrature};

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Spiral.draw(50_000, &mut rng);
    let held_out = tensor(&Set::Spiral.draw(2000, &mut rng))?;
    let ways: [(&str, Box<dyn Contrast>); 3] = [
        (
            "quadrature",
            Box::new(Quadrature(Plane {
                reach: 1.7,
                side: 48,
            })),
        ),
        (
            "importance sampling",
            Box::new(Importance {
                count: 1024,
                blur: 0.1,
                reach: 1.0,
            }),
        ),
        (
            "CD-1",
            Box::new(Divergence {
                sampler: Langevin::corrected(0.07),
                steps: 1,
            }),
        ),
    ];
    let how = Fit {
        steps: 500,
        batch: 256,
        rate: 1e-2,
    };
    let data = tensor(&points)?;
    let mut panels = Vec::new();
    for (name, mut way) in ways {
        let mut learner = network(Seed(0))?;
        fit(&mut learner, &data, way.as_mut(), how, &mut rng, unwatched)?;
        let found = log_likelihood(&learner.frozen, &held_out)?;
        println!("{name}: {found:.3} nats a point, held out");
        panels.push(panel(name, &learner.frozen, &points)?);
    }
    Figure::new(3, panels).save("lecture".as_ref(), "example-sampled")?;
    Ok(())
}
