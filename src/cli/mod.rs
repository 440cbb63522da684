//! One file per subcommand.

pub mod compare;
pub mod generate;
pub mod inspect;
pub mod synth;
pub mod train;
