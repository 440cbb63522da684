//! Trainable tensor operations: fast on the CPU, composed elsewhere.
//!
//! Each operation has a fused kernel for f32 on the CPU and a version composed
//! of candle's own trainable operations for every other device and float type;
//! the arguments choose. Gradients of untracked arguments are not computed, so
//! a frozen network costs no weight gradients. The same call gives the same
//! bits each time, however many threads there are.

mod activation;
mod adamw;
mod attention;
mod average;
mod check;
mod convolution;
mod cross_entropy;
mod geometry;
mod kernel;
mod layer_norm;
mod linear;
mod modulation;
mod patches;
mod product;
mod softmax;
mod squared_error;
#[cfg(test)]
mod testing;

pub use activation::{gelu, silu};
pub use adamw::{AdamW, AdamWConfig};
pub use attention::attention;
pub use average::Average;
pub use convolution::{Convolution, convolve};
pub use cross_entropy::cross_entropy;
pub use layer_norm::layer_norm;
pub use linear::{linear, linear_add};
pub use modulation::modulate;
pub use patches::{patchify, unpatchify};
pub use softmax::softmax;
pub use squared_error::squared_error;
