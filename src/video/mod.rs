//! Files to frames to files, and synthetic worlds.

#[cfg(feature = "ffmpeg")]
mod ahead;
mod animation;
#[cfg(feature = "ffmpeg")]
mod clock;
pub mod cuts;
#[cfg(feature = "ffmpeg")]
mod damage;
#[cfg(feature = "ffmpeg")]
pub mod decode;
#[cfg(feature = "ffmpeg")]
pub mod encode;
pub mod frame;
pub mod inputs;
pub mod intervals;
mod jpeg;
#[cfg(feature = "ffmpeg")]
mod library;
mod pages;
mod picture;
pub mod pictures;
pub mod placement;
pub mod resample;
#[cfg(feature = "ffmpeg")]
mod scale;
pub mod settings;
pub mod source;
#[cfg(feature = "ffmpeg")]
mod stated;
pub mod stored;
pub mod tensors;
pub mod worlds;

pub use frame::{Description, Frame, Frames};
pub use placement::Orientation;
pub use settings::{Channels, Fit, ReadSettings};
pub use source::Source;
