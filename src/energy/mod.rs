//! E(x, y, z): how well past x, next frame y and latent z fit; low is good.
//!
//! An energy is looked at in one of three ways. Of a z that has finitely many values
//! it is a [`Table`]; of a z in which the decoder is linear, a [`Quadratic`]; of one
//! variable v, whatever that is, a [`Field`], on which samplers walk.

mod descent;
mod field;
mod frames;
mod known;
mod masked_text;
mod network;
mod perceptron;
mod plane;
mod quadratic;
mod table;

pub use descent::Descent;
pub use field::{Energy, Field, Held};
pub use frames::{FrameEnergy, HeldFrame};
pub use known::{Bell, Wells};
pub use masked_text::MaskedText;
pub use network::{Directional, ScalarNetwork};
pub use perceptron::{Along, Perceptron};
pub use plane::Plane;
pub use quadratic::{Bowl, Quadratic};
pub use table::Table;
