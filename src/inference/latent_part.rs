//! All that a family of latents brings to a forecaster: how z is found, p(z | x), s².

use super::config::{Density, Family, LatentConfig};
use super::forecaster::UNEXPLAINED;
use super::summary::Summary;
use super::{
    Categorical, ClosedForm, Fista, Flow, GaussNewton, Inference, Local, Mixture, Objectwise,
    Prior, Refine, Search,
};
use crate::error::{Error, Result};
use crate::latent::{Codes, Gaussian, Sparse};
use crate::models::{Cells, Decoder, Init, NextFrame, NextFrameConfig, Scope};
use crate::ops;
use candle_core::Tensor;

/// Width of what a prior sees of the past.
const SUMMARY: usize = 128;
/// Steps to a sparse z, at most.
const SPARSE_STEPS: usize = 100;

/// See the module's head.
pub(super) struct LatentPart {
    pub(super) inference: Box<dyn Inference>,
    pub(super) prior: Box<dyn Prior>,
    /// s², (1,).
    pub(super) unexplained: Tensor,
    /// How the numbers of z that move pixels are found, before the others.
    pub(super) moves: Moves,
    /// Parts of the frame, each with a z.
    pub(super) parts: usize,
}

/// How the numbers of z that move pixels are found.
pub(super) enum Moves {
    /// By Gauss–Newton steps.
    Continuous(GaussNewton),
    /// By looking at all codes of the first stage.
    Codes(Search),
}

impl LatentPart {
    /// Takes its weights from `scope`; none where the family is none.
    ///
    /// # Errors
    /// Settings that do not go together.
    pub(super) fn new(
        (model, network): (&NextFrameConfig, &NextFrame),
        latent: &LatentConfig,
        scope: &mut Scope,
    ) -> Result<Option<Self>> {
        let cells = Cells::new(network.grid(), model.cells)?;
        check((model, latent), network.moving(), cells)?;
        // Of one part of the frame.
        let dimension = latent.width()?;
        let gaussian = Gaussian { dimension };
        let width = model.backbone.width;
        let summary = |scope: Scope| Summary::new(width, cells.part(), SUMMARY, scope);
        let density = |mut scope: Scope| -> Result<Box<dyn Prior>> {
            let summary = summary(scope.scope("summary"))?;
            let components = latent.components;
            let prior: Box<dyn Prior> = match latent.prior {
                Density::Mixture => Box::new(Mixture::new(
                    summary, SUMMARY, dimension, components, scope,
                )?),
                Density::Flow => Box::new(Flow::new(summary, SUMMARY, dimension, scope)?),
            };
            Ok(match cells.count() {
                1 => prior,
                _ => Box::new(Local::new(cells, prior)),
            })
        };
        let mut moves = Moves::Continuous(GaussNewton {
            latent: Gaussian {
                dimension: network.moving(),
            },
            looks: latent.looks,
        });
        let (inference, prior): (Box<dyn Inference>, Box<dyn Prior>) = match latent.family {
            Family::None => return Ok(None),
            Family::Gaussian => (
                Box::new(ClosedForm { latent: gaussian }),
                density(scope.scope("prior"))?,
            ),
            Family::Sparse => (
                Box::new(Fista {
                    latent: Sparse {
                        dimension,
                        weight: latent.sparsity,
                    },
                    steps: SPARSE_STEPS,
                }),
                density(scope.scope("prior"))?,
            ),
            Family::Refined => {
                let encoder = scope.scope("encoder");
                (
                    Box::new(Refine::new(gaussian, latent.refinement, encoder)?),
                    density(scope.scope("prior"))?,
                )
            }
            Family::Codes => {
                let codes = Codes::new(latent.stages, latent.size)?;
                moves = Moves::Codes(Search {
                    latent: Codes::new(1, latent.size)?,
                });
                let mut scope = scope.scope("prior");
                let prior: Box<dyn Prior> = match model.decoder {
                    Decoder::Objects => {
                        let seen = (network.sight(), model.context.saturating_sub(1));
                        Box::new(Objectwise::new(seen, codes, scope)?)
                    }
                    _ => {
                        let summary = summary(scope.scope("summary"))?;
                        Box::new(Categorical::new(summary, SUMMARY, codes, scope)?)
                    }
                };
                (Box::new(Search { latent: codes }), prior)
            }
        };
        Ok(Some(Self {
            inference,
            prior,
            unexplained: scope.get(UNEXPLAINED, 1, Init::Ones)?,
            moves,
            parts: cells.count(),
        }))
    }
}

/// Refuses settings that do not go together, of a network in which so many numbers of
/// z move pixels.
fn check(
    (model, latent): (&NextFrameConfig, &LatentConfig),
    moving: usize,
    cells: Cells,
) -> Result<()> {
    let refuse = |key: &str, problem: String, hint: &str| Err(Error::input(key, problem, hint));
    if model.decoder == Decoder::Objects && latent.family != Family::None {
        let one_hots = (model.objects, ops::shifts(model.reach));
        if latent.family != Family::Codes || (latent.stages, latent.size) != one_hots {
            let (count, size) = one_hots;
            return refuse(
                "latent.family",
                format!(
                    "{:?} says nothing of where {count} objects go",
                    latent.family
                ),
                &format!(
                    "set latent.family = \"codes\", latent.stages = {count} and latent.size = {size}"
                ),
            );
        }
    }
    match latent.family {
        Family::Refined | Family::Codes if cells.count() > 1 => refuse(
            "model.cells",
            format!("{:?} has one z for the whole frame", latent.family),
            "set model.cells = 1, or latent.family = \"gaussian\" or \"sparse\"",
        ),
        Family::Gaussian if cells.count() > 1 && moving > 0 => refuse(
            "model.cells",
            "a z for each part of the frame only paints".to_owned(),
            "set model.cells = 1, or model.moving = 0",
        ),
        Family::Refined | Family::Sparse if moving > 0 => refuse(
            "latent.family",
            format!("{:?} needs a network that is linear in z", latent.family),
            "set model.moving = 0, or latent.family = \"gaussian\"",
        ),
        Family::Codes if ![0, latent.size].contains(&moving) => refuse(
            "latent.family",
            format!(
                "all codes of its first stage move pixels or none, and model.moving is {moving}"
            ),
            "set model.moving = 0, or the same as latent.size",
        ),
        Family::Sparse if !(latent.sparsity > 0.0 && latent.sparsity.is_finite()) => refuse(
            "latent.sparsity",
            format!("it is {}; expected a number above 0", latent.sparsity),
            "1.41 is the default",
        ),
        _ => Ok(()),
    }
}
