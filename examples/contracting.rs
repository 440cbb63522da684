//! The contracting autoencoder: F(y) = ½‖y − r(y)‖², and training adds λ‖∂r/∂y‖². Without
//! that cost everything is reconstructed, and F is low everywhere.
//!
//! `cargo run --release --example contracting`
//!
//! Change `WEIGHTS` (λ): too high, and r is the same for all y.

use anyhow::Result;
use candle_core::{Device, Tensor};
use nextframe::energy::Field as _;
use nextframe::lecture::{Contracting, Set, panel, tensor, unwatched};
use nextframe::outputs::figure::Figure;
use nextframe::rng::Seed;

const WEIGHTS: [f64; 2] = [0.0, 3e-3];

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = Set::Spiral.draw(3000, &mut rng);
    let data = tensor(&points)?;
    let anywhere = rng.uniform_tensor(-1.2, 1.2, (2000, 2), &Device::Cpu)?;
    let mut panels = Vec::new();
    for weight in WEIGHTS {
        let learner = Contracting::fit(&data, weight, 1500, Seed(0), &mut rng, unwatched)?;
        let network = &learner.frozen;
        let mean = |y: &Tensor| -> Result<f32> {
            let energies = network.energy(y)?;
            Ok(energies.mean_all()?.to_scalar()?)
        };
        let (on, off) = (mean(&data)?, mean(&anywhere)?);
        println!("weight {weight}: mean F {on:.5} on the data, {off:.5} anywhere");
        // Far off F is so high that the map would show nothing else.
        let low = |y: &Tensor| Ok(network.energy(y)?.minimum(0.03)?);
        panels.push(panel(&format!("F(y), weight {weight}"), &low, &points)?);
    }
    Figure::new(2, panels).save("lecture".as_ref(), "example-contracting")?;
    Ok(())
}
