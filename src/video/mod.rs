//! Files to frames to files, and synthetic worlds.
