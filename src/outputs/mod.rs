//! Pictures, tables, run folders.

mod canvas;
pub mod events;
pub mod figure;
pub mod film;
pub mod gif;
pub mod horizon;
pub mod metrics;
pub mod model;
pub mod page;
pub mod picture;
pub mod plot;
pub mod progress;
pub mod run;
pub mod standard;
pub mod table;
pub mod text_model;
