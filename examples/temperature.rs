//! F_β(y) = −β⁻¹ log ∫ exp(−βE(y, z)) dz → min_z E(y, z) as β → ∞: a sum over the wells of
//! K-means; and along a bent curve, sampled and held against quadrature over z.
//!
//! `cargo run --release --example temperature`
//!
//! Change `BETAS`; or `particles` and `stages`, and see the estimate's error.

use anyhow::Result;
use nextframe::energy::Plane;
use nextframe::lecture::{Bent, KMeans, Set};
use nextframe::outputs::figure::{Figure, ORANGE, Panel};
use nextframe::rng::Seed;
use nextframe::sampling::Annealed;

const BETAS: [f64; 3] = [0.3, 1.0, 10.0];

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Spiral.draw(1000, &mut rng);
    let mut means = KMeans::start(&points, 20, &mut rng)?;
    for _ in 0..20 {
        means.alternate(&points)?;
    }
    let bent = Bent {
        precision: 25.0,
        speed: 2.0,
    };
    let annealed = Annealed {
        particles: 4000,
        stages: 80,
        start: 1.0,
    };
    let plane = Plane {
        reach: 1.4,
        side: 90,
    };
    let table = means.energies(&plane.points(), 20.0)?;
    let map = |title: String, energies: Vec<f64>| {
        let panel = Panel::plane(title, 1.4).map(plane, energies);
        panel.points(&means.centres, ORANGE, 2)
    };
    let mut panels = Vec::new();
    for beta in BETAS {
        let y = [0.3, 0.6];
        let (exact, found) = (
            bent.exact(y, beta),
            bent.sampled(y, beta, annealed, &mut rng)?,
        );
        println!(
            "beta {beta}: F {exact:.4} by quadrature, {:.4} ± {:.4} by annealed importance sampling",
            found.log_partition, found.error
        );
        panels.push(map(format!("F at beta {beta}"), table.free_energy(beta)));
    }
    panels.push(map("min over z".to_owned(), table.least()));
    Figure::new(4, panels).save("lecture".as_ref(), "example-temperature")?;
    Ok(())
}
