//! Pictures, tables, run folders.

pub mod atomic;
pub mod film;
pub mod gif;
pub mod picture;
pub mod table;
