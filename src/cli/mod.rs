//! One file per subcommand.

pub mod generate;
pub mod inspect;
pub mod synth;
