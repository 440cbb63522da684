//! Files to frames to files, and synthetic worlds.

#[cfg(feature = "ffmpeg")]
pub mod encode;
pub mod galton;
pub mod galton_balls;
