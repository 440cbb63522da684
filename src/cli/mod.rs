//! One file per subcommand.

pub mod synth;
