//! Files to frames to files, and synthetic worlds.

#[cfg(feature = "ffmpeg")]
mod ahead;
mod animation;
mod arrays;
#[cfg(feature = "ffmpeg")]
mod clock;
#[cfg(feature = "ffmpeg")]
mod container;
mod content;
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
mod layout;
pub mod left_out;
#[cfg(feature = "ffmpeg")]
mod library;
mod npy;
mod npz;
mod pages;
mod patterns;
mod picture;
pub mod pictures;
pub mod placement;
pub mod resample;
#[cfg(feature = "ffmpeg")]
mod scale;
pub mod settings;
mod several;
mod signatures;
pub mod source;
mod spool;
#[cfg(feature = "ffmpeg")]
mod stated;
pub mod stored;
pub mod tensors;
mod walk;
pub mod worlds;

pub use frame::{Description, Frame, Frames};
pub use placement::Orientation;
pub use settings::{Channels, Fit, ReadSettings};
pub use source::Source;
