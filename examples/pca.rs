//! Principal components of an ellipse, z in closed form:
//! E(y, z) = (κ/2)‖y − m − Wz‖² + ½‖z‖². As κ → ∞, F/κ is half the squared distance to a line.
//!
//! `cargo run --release --example pca`
//!
//! Change `SET` to the spiral: no line helps there.

use anyhow::Result;
use nextframe::energy::Plane;
use nextframe::lecture::{Components, Set};
use nextframe::outputs::figure::{Figure, ORANGE, Panel};
use nextframe::rng::Seed;

const SET: Set = Set::Ellipse;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = SET.draw(1000, &mut rng);
    let found = Components::fit(&points)?;
    let ([u, v], [along, across]) = (found.axis, found.variances);
    println!("axis ({u:.3}, {v:.3}), variance along it {along:.4}, across {across:.4}");
    // Low along all of the line, data or not; at temperature 1 no longer.
    let far = [[found.mean[0] + 3.0 * u, found.mean[1] + 3.0 * v]];
    let (least, free) = (found.least(&far)?[0], found.free_energy(&far)?[0]);
    println!("3 away along the line: distance cost {least:.3}, F = -log p(y) {free:.2}");

    let plane = Plane {
        reach: 1.4,
        side: 100,
    };
    let map = |title: &str, energies: Vec<f64>| {
        let panel = Panel::plane(title, 1.4).map(plane, energies);
        panel.points(&points[..300], ORANGE, 1)
    };
    let panels = vec![
        map("distance to a line", found.least(&plane.points())?),
        map("F at temperature 1", found.free_energy(&plane.points())?),
    ];
    Figure::new(2, panels).save("lecture".as_ref(), "example-pca")?;
    Ok(())
}
