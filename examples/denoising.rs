//! The denoising autoencoder: min ‖r(y + n) − y‖², E(y) = ½‖y − r(y)‖². r(y) − y points to
//! the data.
//!
//! `cargo run --release --example denoising`
//!
//! Change `NOISE`: farther off the data than that, r was never asked.

use anyhow::Result;
use candle_core::Tensor;
use nextframe::energy::{Field as _, Plane};
use nextframe::lecture::{Denoiser, Set, panel, tensor, unwatched};
use nextframe::outputs::figure::{Figure, INK};
use nextframe::rng::Seed;

const NOISE: f64 = 0.1;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Spiral.draw(3000, &mut rng);
    let data = tensor(&points)?;
    let learner = Denoiser::fit(&data, NOISE, 2000, Seed(0), &mut rng, unwatched)?;
    let denoiser = &learner.frozen;
    // How unlikely noisy points are, and where r puts them: −log p(y) of the spiral is known.
    let mut noisy = Set::Spiral.draw(1000, &mut rng);
    for y in &mut noisy {
        *y = y.map(|v| v + NOISE * rng.normal());
    }
    let arrows = denoiser.arrows(&noisy)?;
    let pairs = noisy.iter().zip(arrows);
    let moved: Vec<_> = pairs.map(|(y, a)| [y[0] + a[0], y[1] + a[1]]).collect();
    let cost = |points: &[[f64; 2]]| {
        let costs = points.iter().map(|&y| Set::Spiral.cost(y));
        costs.sum::<f64>() / points.len() as f64
    };
    let (before, after) = (cost(&noisy), cost(&moved));
    println!("mean -log p: {before:.2} of noisy points, {after:.2} of r of them");

    let grid = Plane {
        reach: 1.4,
        side: 18,
    }
    .points();
    let arrows = denoiser.arrows(&grid)?;
    let arrows = grid.into_iter().zip(arrows);
    let arrows = arrows.map(|(y, arrow)| (y, arrow.map(|v| 0.5 * v)));
    // Far off E is so high that the map would show nothing else.
    let low = |y: &Tensor| Ok(denoiser.energy(y)?.minimum(0.015)?);
    let map = panel("E(y), and half of r(y) - y", &low, &points)?;
    let map = map.arrows(arrows.collect(), INK);
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-denoising")?;
    Ok(())
}
