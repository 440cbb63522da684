//! Clips, windows, cache and batches.

pub mod cache;
pub mod clips;
pub mod footage;
pub mod inspect;
mod light;
mod store;
mod timing;
mod views;

pub use cache::{Progress, Stage, default_folder, open_cache, prepare};
pub use clips::{Part, Split, Window, batch, typical_change};
pub use footage::Footage;
pub use inspect::{Inspection, inspect};
pub use light::Light;
pub use store::keep;
pub use views::{Views, vary};
