//! Generative latent optimisation: a z of one number for each point, moved with the
//! decoder. min over W and all z_i of Σ_i (κ/2)‖y_i − g_W(z_i)‖² + ½λz_i².
//!
//! `cargo run --release --example glo`
//!
//! Change `SET`: z begins along the first principal axis, and where that folds the spiral the
//! curve takes short cuts. Or `WEIGHT` (λ).

use anyhow::Result;
use nextframe::energy::Plane;
use nextframe::lecture::{GLO_PRECISION, Line, Set, fit_glo, unwatched};
use nextframe::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use nextframe::rng::Seed;

const SET: Set = Set::Spiral;
const WEIGHT: f64 = 0.1;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = SET.draw(500, &mut rng);
    let learner = fit_glo(&points, WEIGHT, 800, Seed(0), &mut rng, unwatched)?;
    // z is one number: F is the least E over many places of its line.
    let line = Line {
        reach: 4.0,
        count: 400,
    };
    let cost = |z: f64| 0.5 * WEIGHT * z * z;
    let energies = |points: &[[f64; 2]]| -> Result<Vec<f64>> {
        let table = line.table(&learner.frozen, points, GLO_PRECISION, cost)?;
        Ok(table.least())
    };
    let on = energies(&points)?.iter().sum::<f64>() / points.len() as f64;
    let off = energies(&[[1.3, 1.3]])?[0];
    println!("F at (1.3, 1.3) is {:.2} above F on the data", off - on);

    let plane = Plane {
        reach: 1.4,
        side: 80,
    };
    let map = Panel::plane("GLO: F(y), and g(z)", 1.4)
        .map(plane, energies(&plane.points())?)
        .points(&points[..300], ORANGE, 1)
        .curve(line.decoded(&learner.frozen)?, VIOLET, "");
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-glo")?;
    Ok(())
}
