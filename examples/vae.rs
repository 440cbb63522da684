//! The variational autoencoder: F(y) ≤ ⟨E(y, z)⟩_q + KL(q(z | y) ‖ p(z)), the bound beside
//! what it bounds, which is a sum over one number of z.
//!
//! `cargo run --release --example vae`
//!
//! Change `STEPS`, or `SET`: on the spiral the curve cuts across the arms, and the bound is
//! looser there.

use anyhow::Result;
use nextframe::energy::Plane;
use nextframe::lecture::{Line, Set, Variational, tensor, unwatched};
use nextframe::outputs::figure::{Figure, ORANGE, Panel, VIOLET};
use nextframe::rng::Seed;

const SET: Set = Set::Ellipse;
const STEPS: usize = 2500;

fn main() -> Result<()> {
    let mut rng = Seed(0).stream("example", 0);
    let points = SET.draw(2000, &mut rng);
    let data = tensor(&points)?;
    let learner = Variational::fit(&data, STEPS, Seed(0), &mut rng, unwatched)?;
    let vae = &learner.frozen;
    let noise = rng.normal_tensor((points.len(), 1), data.device())?;
    let bound = vae.bound(&data, &noise)?.mean_all()?.to_scalar::<f32>()?;
    let exact = vae.exact(&points)?.iter().sum::<f64>() / points.len() as f64;
    println!("-log p(y): at most {bound:.3} nats by the bound, {exact:.3} by the sum over z");

    let plane = Plane {
        reach: 1.4,
        side: 60,
    };
    let line = Line {
        reach: 2.5,
        count: 400,
    };
    let map = Panel::plane("VAE: F(y), and g(z)", 1.4)
        .map(plane, vae.exact(&plane.points())?)
        .points(&points[..300], ORANGE, 1)
        .curve(line.decoded(&vae.decoder)?, VIOLET, "");
    Figure::new(1, vec![map]).save("lecture".as_ref(), "example-vae")?;
    Ok(())
}
