//! Files to frames to files, and synthetic worlds.

pub mod galton;
pub mod galton_balls;
