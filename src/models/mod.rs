//! Predictors ỹ(x, z): networks that know neither task nor data.

mod backbone;
mod bert;
mod cells;
mod convolutional;
mod decoder;
mod layers;
mod movement;
mod next_frame;
mod objects;
mod observed;
mod paint;
mod reconstruction;
mod sizes;
mod stem;
mod transformer;
mod weights;

pub use backbone::{Activation, BackboneConfig};
pub use bert::{Bert, BertConfig, begin as begin_bert, canonical as bert_weights};
pub use cells::Cells;
pub use convolutional::Convolutional;
pub use decoder::{Decoder, InZ};
pub use layers::{Convolve, LayerNorm, Linear};
pub use next_frame::{FrameShape, NextFrame, NextFrameConfig};
pub use observed::{Observed, repeat_each};
pub use paint::DICTIONARIES;
pub use reconstruction::{Reconstructed, Reconstruction, ReconstructionShape, Sight};
pub use sizes::Sizes;
pub use transformer::Transformer;
pub(crate) use weights::check_finite;
pub use weights::{Frozen, Init, Scope, Source, Weights};
