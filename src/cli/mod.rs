//! One file per subcommand.

pub mod inspect;
pub mod synth;
pub mod train;
