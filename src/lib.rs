//! **nextframe** learns from any video to predict what comes next, and shows
//! several plausible futures instead of one blurry average.
//!
//! Data flows one way through the rooms below: a file imports only from rooms
//! above its own in this list (`tests/layers.rs` keeps it so).

pub mod device;
pub mod error;
pub mod files;
pub mod folders;
pub mod interrupt;
pub mod memory;
pub mod panics;
pub mod rng;
pub mod standard_input;

pub mod ops;
pub mod video;

pub mod text;

pub mod data;

pub mod models;

pub mod latent;

pub mod energy;

pub mod sampling;

pub mod inference;

pub mod horizon;

pub mod training;

pub mod evaluation;

pub mod outputs;

pub mod hub;

pub mod lecture;

pub mod cli;

pub use error::{Error, Result};
