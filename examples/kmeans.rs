//! K-means on a spiral: coordinate descent, then the energy of any point.
//!
//! `cargo run --release --example kmeans`

use anyhow::Result;
use nextframe::lecture::{KMeans, Set};
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
    Ok(())
}
