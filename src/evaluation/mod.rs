//! Metrics, rollouts, baselines and comparison.
//!
//! The metrics are pure functions of frames: slices of one frame each, (C, H,
//! W) in [0, 1], and optionally a mask (H, W) of the pixels that count. They
//! give `None` where no pixel counts, and panic where sizes disagree, which is
//! a mistake in the calling code. For one certain prediction instead of
//! samples, [`crps::crps`] falls back to the absolute error and
//! [`energy_score::energy_score`] to the root mean square error, so that a
//! least-squares model is compared on equal terms.

pub mod background;
pub mod best_of;
pub mod bootstrap;
pub mod comparison;
pub mod crps;
pub mod energy_health;
pub mod energy_score;
mod ensemble;
pub mod filling;
pub mod health;
pub mod horizon_health;
pub mod large_horizon;
pub mod masked_text;
pub mod moving;
pub mod outcomes;
pub mod persistence;
pub mod pseudo;
pub mod psnr;
pub mod rank_histogram;
pub mod real_or_drawn;
mod region;
pub mod reliability;
pub mod rollout;
pub mod shape;
pub mod sharpness;
pub mod side_by_side;
pub mod spread_skill;
pub mod ssim;
pub mod whole_futures;
mod wrong;
