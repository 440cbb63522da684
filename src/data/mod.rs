//! Clips, windows, cache and batches.

pub mod cache;
pub mod footage;
mod store;

pub use cache::{Progress, Stage, default_folder, open_cache, prepare};
pub use footage::Footage;
