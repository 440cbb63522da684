//! K-means on a spiral: coordinate descent, then the energy of any point.
//! E(y, z) = ½‖y − Wz‖², z one-hot; F(y) = min_z E(y, z).
//!
//! `cargo run --release --example kmeans`
//!
//! Change the number of wells.

use anyhow::Result;
use nextframe::energy::Plane;
use nextframe::lecture::{KMeans, Set};
use nextframe::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use nextframe::rng::Seed;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Spiral.draw(1000, &mut rng);
    let mut means = KMeans::start(&points, 20, &mut rng)?;
    for turn in 0..20 {
        let energy = means.alternate(&points)?;
        println!("turn {turn}: mean F = {energy:.5}");
    }
    // F(y) = min over z, and F at temperature 1, on the spiral and off it.
    let table = means.energies(&[Set::Spiral.place(0.5), [1.3, 1.3]], 100.0)?;
    let (least, free) = (table.least(), table.free_energy(1.0));
    println!(
        "on the spiral:  min E = {:.2}, F = {:.2}",
        least[0], free[0]
    );
    println!(
        "off the spiral: min E = {:.2}, F = {:.2}",
        least[1], free[1]
    );

    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let map = Panel::plane("K-means: F(y)", 1.4)
        .map(plane, means.energies(&plane.points(), 1.0)?.least())
        .points(&points[..300], ORANGE, 1)
        .points(&means.centres, VIOLET, 3);
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-kmeans")?;
    Ok(())
}
