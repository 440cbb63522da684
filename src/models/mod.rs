//! Predictors ỹ(x, z): networks that know neither task nor data.

mod backbone;
mod convolutional;
mod layers;
mod next_frame;
mod stem;
mod transformer;
mod weights;

pub use backbone::{Backbone, BackboneConfig, BackboneKind};
pub use layers::{LayerNorm, Linear};
pub use next_frame::{DICTIONARIES, FrameShape, NextFrame, NextFrameConfig, Observed, repeat_each};
pub use weights::{Frozen, Init, Scope, Source, Weights};
