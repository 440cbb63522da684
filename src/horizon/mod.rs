//! The whole-horizon model: z is the motion of the next frames, all at once.
//!
//! A future is made of the last true frame's pixels: pieces that differ from the
//! background move over it as z says. E(x, y, z) = ‖y − ŷ(x, z)‖²/2s² + R(z), z* is found by
//! Gauss–Newton steps, and p(z | x) is learned from the z*.

mod actor;
mod appearance;
mod background;
mod blocks;
mod completion;
mod config;
mod drawing;
mod entering;
mod grain;
mod kept_background;
mod kernel_ridge;
mod learning;
mod likeness;
mod membrane;
mod motion_energy;
mod motion_layout;
mod motion_prior;
mod motion_scene;
mod motion_search;
mod motion_sums;
mod partly_seen;
mod piece;
mod piece_prior;
mod pose;
mod ridge;
mod scene_prior;
mod shadow;
mod sheet;
mod sized_sprite;
mod spline;
mod sprite;
mod standard;
mod stored;
mod stored_bank;
mod texels;
mod time_basis;
mod whole_horizon;

pub use actor::PlacedPiece;
pub use appearance::{Appearance, LargeFilm};
pub use background::Background;
pub use config::{HorizonConfig, MovingParts};
pub use drawing::{Drawing, LargeFrame, Onlooker};
pub use entering::{Entered, Entering, EnteringBank};
pub use grain::{Grain, GrainDraw, NoiseFrames};
pub use kept_background::{KeptBackground, LATELY};
pub use learning::{frames, moving_share, with_past};
pub use likeness::Likeness;
pub use motion_energy::{MotionEnergy, MotionError};
pub use motion_layout::MotionLayout;
pub use motion_prior::{MotionExample, MotionPrior};
pub use motion_scene::{LEVELS, Motion, MotionScene, Placement, draw};
pub use motion_search::{FoundMotion, MotionSearch};
pub use partly_seen::PartlySeen;
pub use piece::{Piece, connected, pieces};
pub use piece_prior::PiecePrior;
pub use pose::{Body, Pose, WAYS, Yx};
pub use scene_prior::ScenePrior;
pub use sheet::{Sheet, SheetField, modes_of};
pub use sprite::{Cut, cut};
pub use texels::{Sampled, Texel, Texels};
pub use time_basis::TimeBasis;
pub use whole_horizon::{SeenPast, WholeHorizon};

#[cfg(test)]
mod tests;
