//! Objective, checkpoint and loop.
