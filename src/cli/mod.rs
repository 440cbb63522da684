//! One file per subcommand.

pub mod compare;
pub mod inspect;
pub mod synth;
pub mod train;
