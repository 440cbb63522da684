//! How z acts on the next frame: first it moves pixels, then it paints.

use super::cells::Cells;
use super::movement::{Movement, Moving};
use super::next_frame::{FrameShape, NextFrameConfig};
use super::objects::{Layers, Objects};
use super::paint::Paint;
use super::weights::Scope;
use crate::error::{Error, Result};
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// How z acts on the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decoder {
    /// Moves pixels of the past, and mixes them with m(x): what is expected is made
    /// of what was there. What no move explains z paints, so that ŷ is linear in z,
    /// unless some numbers of z move pixels too.
    Move,
    /// Adds D(x) z to m(x): linear in z, so z is found exactly in one step.
    Paint,
    /// Finds the objects, light on black, that explain the past; z says where each goes.
    /// Linear in z too, but for light beyond white.
    Objects,
}

/// ŷ(x, z), and what it was before z painted. Each stage is trained to be as near
/// to y as it can, as z is found: what paints does not take over what moves.
#[derive(Debug, Clone)]
pub enum Stages {
    /// z only moves, or only paints.
    One(Tensor),
    /// z moves, then paints; no gradient goes back from the one to the other.
    Both {
        /// Before anything is painted.
        moved: Tensor,
        /// ŷ(x, z).
        painted: Tensor,
    },
}

impl Stages {
    /// ŷ(x, z).
    pub fn last(self) -> Tensor {
        match self {
            Self::One(last) | Self::Both { painted: last, .. } => last,
        }
    }
}

/// (c, q, G) of ‖y − ŷ(x, z)‖² = c − 2 qᵀz + zᵀG z.
pub type InZ = (Tensor, Tensor, Tensor);

/// The light part of a network, of a [`Decoder`]'s kind: what is expected
/// without z is m(x), or made of moved pixels.
#[derive(Debug, Clone)]
pub(super) struct Light {
    movement: Option<Movement>,
    paint: Option<Paint>,
    objects: Option<Objects>,
    /// Numbers of z that move, the first, and that paint, the others.
    pub(super) moving: usize,
    pub(super) painting: usize,
}

/// What it works on, once for all z.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// ŷ(x, 0), (B, N, pixels).
    pub(super) expected: Tensor,
    /// Where pixels move.
    moving: Option<Moving>,
    /// u(x) of what is painted, (B, N, basis).
    basis: Option<Tensor>,
    /// Where z moves objects.
    pub(super) layers: Option<Layers>,
}

impl Seen {
    /// The same after `f` on each tensor.
    pub(super) fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let moving = self.moving.as_ref().map(|moving| moving.map(&f));
        let layers = self.layers.as_ref().map(|layers| layers.map(&f));
        Ok(Self {
            expected: f(&self.expected)?,
            moving: moving.transpose()?,
            basis: self.basis.as_ref().map(&f).transpose()?,
            layers: layers.transpose()?,
        })
    }
}

impl Light {
    /// For z of `latent` numbers, 0 for none.
    pub(super) fn new(
        config: &NextFrameConfig,
        shape: FrameShape,
        latent: usize,
        scope: &mut Scope,
    ) -> Result<Self> {
        let moving = match config.decoder {
            Decoder::Move => config.moving.min(latent),
            Decoder::Paint | Decoder::Objects => 0,
        };
        let painting = latent - moving;
        let patch = config.patch;
        let pixels = patch * patch * shape.channels;
        let objects = match config.decoder {
            Decoder::Objects if latent > 0 => {
                Some(Objects::new(config, shape, latent, scope.device())?)
            }
            _ => None,
        };
        let paint = (painting > 0 && objects.is_none())
            .then(|| {
                let grid = (shape.height / patch, shape.width / patch);
                let cells = Cells::new(grid, config.cells)?;
                Paint::new(config, pixels, painting, cells, scope.scope("latent"))
            })
            .transpose()?;
        let movement = match config.decoder {
            Decoder::Move => {
                let grid = (shape.height / patch, shape.width / patch);
                let scope = scope.scope("move");
                Some(Movement::new(
                    config,
                    (grid, shape.channels),
                    moving,
                    scope,
                )?)
            }
            Decoder::Paint | Decoder::Objects => None,
        };
        Ok(Self {
            movement,
            paint,
            objects,
            moving,
            painting,
        })
    }

    /// Of the past's frames (its last one last, of which the next is made) and m(x) as
    /// patches, and the backbone's features.
    /// `known` is what is known of objects already.
    pub(super) fn look(
        &self,
        past: &[Tensor],
        (mean, features): (&Tensor, &Tensor),
        known: Option<Layers>,
    ) -> Result<Seen> {
        let last = past.last().ok_or_else(no_past)?;
        let layers = match (known, &self.objects) {
            (None, Some(objects)) => Some(objects.look(past)?),
            (known, _) => known,
        };
        let basis = self.paint.as_ref().map(|paint| paint.basis(features));
        let (expected, moving) = match &self.movement {
            Some(movement) => {
                let moving = movement.look(last, mean, features)?;
                (movement.decode(&moving, None)?, Some(moving))
            }
            None => (mean.clone(), None),
        };
        Ok(Seen {
            expected,
            moving,
            basis: basis.transpose()?,
            layers,
        })
    }

    /// What is known of objects after the frame of z, where there are any.
    pub(super) fn follow(&self, seen: &Seen, z: &Tensor) -> Result<Option<Layers>> {
        let objects = self.objects.as_ref().zip(seen.layers.as_ref());
        let followed = objects.map(|(objects, layers)| objects.follow(layers, z));
        followed.transpose()
    }

    /// ŷ(x, z), step by step; what is expected without z gets no gradient.
    pub(super) fn stages(&self, seen: &Seen, z: &Tensor) -> Result<Stages> {
        if let (Some(objects), Some(layers)) = (&self.objects, &seen.layers) {
            return Ok(Stages::One(objects.decode(layers, z)?));
        }
        let part = |first, count| z.narrow(1, first, count)?.contiguous();
        let moved = match self.moving {
            0 => None,
            count => Some(self.moved(seen, Some(&part(0, count)?))?),
        };
        let painted = match (&self.paint, &seen.basis) {
            (Some(paint), Some(basis)) => {
                let under = moved.as_ref().unwrap_or(&seen.expected).detach();
                Some(paint.decode(&under, basis, &part(self.moving, self.painting)?)?)
            }
            _ => None,
        };
        match (moved, painted) {
            (Some(moved), Some(painted)) => Ok(Stages::Both { moved, painted }),
            (Some(last), None) | (None, Some(last)) => Ok(Stages::One(last)),
            (None, None) => Err(no_latent()),
        }
    }

    /// Before anything is painted.
    pub(super) fn moved(&self, seen: &Seen, moves: Option<&Tensor>) -> Result<Tensor> {
        match (&self.movement, &seen.moving, moves) {
            (Some(movement), Some(moving), Some(_)) => movement.decode(moving, moves),
            _ => Ok(seen.expected.clone()),
        }
    }

    /// Not far from what some mixture of the copies could be, where pixels move and
    /// something is painted.
    pub(super) fn within(&self, seen: &Seen, tokens: &Tensor) -> Result<Tensor> {
        match (&self.movement, &seen.moving) {
            (Some(movement), Some(moving)) if self.painting > 0 => movement.within(moving, tokens),
            _ => Ok(tokens.clone()),
        }
    }

    /// See [`super::NextFrame::error_of_moves`].
    pub(super) fn error_of_moves<'a>(
        &'a self,
        seen: &'a Seen,
        y: &'a Tensor,
    ) -> Result<impl Fn(&Tensor) -> Result<InZ> + 'a> {
        let both = self.movement.as_ref().zip(seen.moving.as_ref());
        let (movement, moving) = both.ok_or_else(no_latent)?;
        movement.squared_error(moving, y)
    }

    /// See [`super::NextFrame::error_of_paint`].
    pub(super) fn error_of_paint(
        &self,
        seen: &Seen,
        moves: Option<&Tensor>,
        y: &Tensor,
    ) -> Result<InZ> {
        if let (Some(objects), Some(layers)) = (&self.objects, &seen.layers) {
            return objects.squared_error(layers, y);
        }
        let both = self.paint.as_ref().zip(seen.basis.as_ref());
        let (paint, basis) = both.ok_or_else(no_latent)?;
        let moved = self.moved(&seen.map(|t| Ok(t.detach()))?, moves)?;
        paint.squared_error(&moved, basis, y)
    }
}

pub(super) fn no_past() -> Error {
    Error::input(
        "the past",
        "it has no frame",
        "give as many as the network's context",
    )
}

pub(super) fn no_latent() -> Error {
    Error::input(
        "the next-frame network",
        "it has no latent",
        "use its mean, or a network with a latent of at least 1 dimension",
    )
}
