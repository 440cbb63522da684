//! E(x, y, z): how well past x, next frame y and latent z fit; low is good.

mod quadratic;

pub use quadratic::{Bowl, Quadratic};
