//! Pictures, tables, run folders.

pub mod events;
pub mod metrics;
pub mod progress;
pub mod run;
