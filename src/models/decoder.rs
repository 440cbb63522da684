//! How z acts on the next frame: it paints, or says where objects go.

use super::cells::Cells;
use super::movement::{self, Movement};
use super::next_frame::{FrameShape, NextFrameConfig};
use super::objects::{Layers, Objects};
use super::paint::Paint;
use super::weights::Scope;
use crate::error::{Error, Result};
use crate::ops::Scene;
use candle_core::Tensor;
use serde::{Deserialize, Serialize};

/// How z acts on the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decoder {
    /// Moves pixels of the past, and mixes them with m(x): what is expected is made
    /// of what was there. What no move explains z paints: linear in z.
    Move,
    /// Adds D(x) z to m(x): linear in z, so z is found exactly in one step.
    Paint,
    /// Finds the objects, light on black, that explain the past; z says where each goes.
    /// Linear in z too, but for light beyond white.
    Objects,
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
    /// Numbers of z.
    pub(super) latent: usize,
}

/// What it works on, once for all z.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// ŷ(x, 0), (B, N, pixels).
    pub(super) expected: Tensor,
    /// Of which pixels move.
    scene: Option<Scene>,
    /// u(x) of what is painted, (B, N, basis).
    basis: Option<Tensor>,
    /// Where z moves objects.
    pub(super) layers: Option<Layers>,
}

impl Seen {
    /// The same after `f` on each tensor.
    pub(super) fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let scene = self.scene.as_ref().map(|scene| scene.map(&f));
        let layers = self.layers.as_ref().map(|layers| layers.map(&f));
        Ok(Self {
            expected: f(&self.expected)?,
            scene: scene.transpose()?,
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
        let patch = config.patch;
        let pixels = patch * patch * shape.channels;
        let objects = match config.decoder {
            Decoder::Objects if latent > 0 => {
                Some(Objects::new(config, shape, latent, scope.device())?)
            }
            _ => None,
        };
        let paint = (latent > 0 && objects.is_none())
            .then(|| {
                let grid = (shape.height / patch, shape.width / patch);
                let cells = Cells::new(grid, config.cells)?;
                Paint::new(config, pixels, latent, cells, scope.scope("latent"))
            })
            .transpose()?;
        let movement = match config.decoder {
            Decoder::Move => {
                let grid = (shape.height / patch, shape.width / patch);
                let scope = scope.scope("move");
                Some(Movement::new(config, (grid, shape.channels), scope)?)
            }
            Decoder::Paint | Decoder::Objects => None,
        };
        Ok(Self {
            movement,
            paint,
            objects,
            latent,
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
        let (expected, scene) = match &self.movement {
            Some(movement) => {
                let (moved, scene) = movement.look(last, mean, features)?;
                (moved, Some(scene))
            }
            None => (mean.clone(), None),
        };
        Ok(Seen {
            expected,
            scene,
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

    /// ŷ(x, z); what is expected without z gets no gradient.
    pub(super) fn decode(&self, seen: &Seen, z: &Tensor) -> Result<Tensor> {
        if let (Some(objects), Some(layers)) = (&self.objects, &seen.layers) {
            return objects.decode(layers, z);
        }
        let (paint, basis) = self.painted(seen)?;
        paint.decode(&seen.expected.detach(), basis, z)
    }

    /// Not far from what some mixture of the copies could be, where pixels move and
    /// something is painted.
    pub(super) fn within(&self, seen: &Seen, tokens: &Tensor) -> Result<Tensor> {
        match &seen.scene {
            Some(scene) if self.paint.is_some() => movement::within(scene, tokens),
            _ => Ok(tokens.clone()),
        }
    }

    /// See [`super::NextFrame::squared_error`].
    pub(super) fn squared_error(&self, seen: &Seen, y: &Tensor) -> Result<InZ> {
        if let (Some(objects), Some(layers)) = (&self.objects, &seen.layers) {
            return objects.squared_error(layers, y);
        }
        let (paint, basis) = self.painted(seen)?;
        paint.squared_error(&seen.expected, basis, y)
    }

    /// What z paints with, and u(x).
    fn painted<'a>(&'a self, seen: &'a Seen) -> Result<(&'a Paint, &'a Tensor)> {
        let both = self.paint.as_ref().zip(seen.basis.as_ref());
        both.ok_or_else(no_latent)
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
