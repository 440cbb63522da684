//! One file per subcommand, and what they share.

pub mod compare;
pub mod drawing;
mod drawn_size;
pub mod fill;
pub mod footage;
pub mod generate;
pub mod hub;
mod input;
pub mod inspect;
mod lasting;
pub mod lecture;
pub mod outcomes;
pub mod synth;
pub mod text;
pub mod train;
mod world;
