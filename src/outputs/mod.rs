//! Pictures, tables, run folders.

pub mod events;
pub mod film;
pub mod gif;
pub mod metrics;
pub mod model;
pub mod page;
pub mod picture;
pub mod plot;
pub mod progress;
pub mod run;
pub mod table;
