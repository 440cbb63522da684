//! Clips, windows, cache and batches.
