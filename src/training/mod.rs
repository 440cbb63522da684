//! Objective, checkpoint and loop.

mod bounds;
pub mod budget;
pub mod checkpoint;
mod contrast;
pub mod deleted;
mod example;
mod kept;
pub mod learner;
mod objective;
mod parts;
pub mod recipe;
mod remembered;
mod revival;
mod schedule;
pub mod settings;
mod snapshot;
mod spectral;
pub mod text;
pub mod watch;

pub use learner::{Learner, LearnerState, StepReport};
pub use settings::Settings;
pub use watch::Alarm;
