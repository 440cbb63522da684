//! Clips, windows, cache and batches.

pub mod cache;
pub mod clips;
mod fingerprint;
pub mod footage;
pub mod inspect;
mod light;
mod places;
mod short;
mod split;
mod store;
mod timing;
mod views;

pub use cache::{Progress, Stage, default_folder, open_cache, prepare, prepare_sources};
pub use clips::{Window, batch, typical_change};
pub use footage::Footage;
pub use inspect::{Inspection, inspect};
pub use light::Light;
pub use places::ValidationPlaces;
pub use split::{Part, PartMotion, Split};
pub use store::keep;
pub use views::{Views, vary};
