//! One file per subcommand, and what they share.

pub mod compare;
pub mod drawing;
mod footage;
pub mod generate;
pub mod hub;
pub mod inspect;
pub mod lecture;
pub mod outcomes;
pub mod synth;
pub mod text;
pub mod train;
mod world;
