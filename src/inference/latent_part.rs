//! All that a family of latents brings to a forecaster: how z is found, p(z | x), s².

use super::config::{Density, Family, LatentConfig};
use super::forecaster::UNEXPLAINED;
use super::summary::Summary;
use super::{
    Bank, Categorical, ClosedForm, Fista, Flow, Inference, Local, Masked, Mixture, Objectwise,
    Prior, Remainder, Search, Tokens,
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
    /// What futures leave unexplained, as noise.
    pub(super) remainder: Option<Remainder>,
    /// Parts of the frame, each with a z.
    pub(super) parts: usize,
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
        check((model, latent), cells)?;
        // Of one part of the frame.
        let dimension = latent.width()?;
        let inference: Box<dyn Inference> = match latent.family {
            Family::None => return Ok(None),
            Family::Gaussian => Box::new(ClosedForm {
                latent: Gaussian { dimension },
            }),
            Family::Sparse => Box::new(Fista {
                latent: Sparse {
                    dimension,
                    weight: latent.sparsity,
                },
                steps: SPARSE_STEPS,
            }),
            Family::Codes => Box::new(Search {
                latent: Codes::new(latent.stages, latent.size)?,
            }),
        };
        let prior = prior((model, network), latent, cells, scope.scope("prior"))?;
        let remainder = latent
            .remainder
            .then(|| Remainder::new(network, scope.scope("remainder")))
            .transpose()?;
        Ok(Some(Self {
            inference,
            prior,
            unexplained: scope.get(UNEXPLAINED, 1, Init::Ones)?,
            remainder,
            parts: cells.count(),
        }))
    }
}

/// p(z | x) of a family that has a z.
fn prior(
    (model, network): (&NextFrameConfig, &NextFrame),
    latent: &LatentConfig,
    cells: Cells,
    mut scope: Scope,
) -> Result<Box<dyn Prior>> {
    let dimension = latent.width()?;
    let sight = network.sight();
    // Of the past, what others than banks see.
    let summary = |scope: &mut Scope| {
        let grid = cells.part();
        Summary::new(model.backbone.width, grid, SUMMARY, scope.scope("summary"))
    };
    let codes = match latent.family {
        Family::Codes => Some(Codes::new(latent.stages, latent.size)?),
        _ => None,
    };
    let prior: Box<dyn Prior> = match (latent.prior, codes) {
        (Density::Bank, _) => Box::new(Bank::new(dimension, None, scope)?),
        (Density::Neighbours, _) => Box::new(Bank::new(dimension, Some(sight), scope)?),
        (Density::Mixture, Some(codes)) if model.decoder == Decoder::Objects => {
            let seen = (sight, model.context.saturating_sub(1));
            Box::new(Objectwise::new(seen, codes, scope)?)
        }
        (Density::Mixture, Some(codes)) => {
            let summary = summary(&mut scope)?;
            Box::new(Categorical::new(summary, SUMMARY, codes, scope)?)
        }
        (Density::Masked, Some(codes)) => {
            let summary = summary(&mut scope)?;
            Box::new(Masked::new(summary, SUMMARY, codes, scope)?)
        }
        (Density::Tokens, Some(codes)) => {
            // It sees all parts at once.
            let seen = (model.backbone.width, latent.rounds);
            return Ok(Box::new(Tokens::new(seen, codes, cells, scope)?));
        }
        (Density::Mixture, None) => {
            let summary = summary(&mut scope)?;
            let components = latent.components;
            Box::new(Mixture::new(
                summary, SUMMARY, dimension, components, scope,
            )?)
        }
        (Density::Flow, None) => {
            let summary = summary(&mut scope)?;
            Box::new(Flow::new(summary, SUMMARY, dimension, scope)?)
        }
        (Density::Flow, Some(_)) | (Density::Masked | Density::Tokens, None) => {
            return Err(Error::input(
                "latent.prior",
                format!("{:?} does not go with {:?}", latent.prior, latent.family),
                "flow is of a continuous z, masked and tokens of codes; mixture of any",
            ));
        }
    };
    Ok(match cells.count() {
        1 => prior,
        _ => Box::new(Local::new(cells, prior)),
    })
}

/// Refuses settings that do not go together.
fn check((model, latent): (&NextFrameConfig, &LatentConfig), cells: Cells) -> Result<()> {
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
    if cells.count() > 1 && matches!(latent.prior, Density::Bank | Density::Neighbours) {
        return refuse(
            "model.cells",
            "a bank keeps one z for the whole frame".to_owned(),
            "set model.cells = 1, or latent.prior = \"mixture\"",
        );
    }
    let by_masks = matches!(latent.prior, Density::Masked | Density::Tokens);
    if model.decoder == Decoder::Objects && by_masks {
        return refuse(
            "latent.prior",
            "objects are told one by one".to_owned(),
            "set latent.prior = \"mixture\"",
        );
    }
    match latent.family {
        Family::Sparse if !(latent.sparsity > 0.0 && latent.sparsity.is_finite()) => refuse(
            "latent.sparsity",
            format!("it is {}; expected a number above 0", latent.sparsity),
            "1.41 is the default",
        ),
        _ => Ok(()),
    }
}
