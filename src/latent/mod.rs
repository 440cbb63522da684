//! The latent z: its geometry and R(z).
