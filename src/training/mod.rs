//! Objective, checkpoint and loop.

pub mod budget;
pub mod checkpoint;
pub mod recipe;
