//! Pictures, tables, run folders.
