//! Trainable tensor operations: fast on the CPU, composed elsewhere.
