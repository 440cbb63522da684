//! What enters as tensors, and back.

use super::entering::{Entering, EnteringBank};
use super::pose::Body;
use super::stored::{narrow, tensor, unfit};
use super::texels::{Texel, Texels};
use super::whole_horizon::WholeHorizon;
use crate::error::Result;
use candle_core::{DType, Tensor};
use std::collections::HashMap;

/// Numbers of a piece beside its z: its window, rows, columns, top, left, centre and radius.
const PLACE: usize = 8;
/// No sprite is larger, along a side.
const LARGEST: usize = 8192;
/// Numbers of a sprite beside its texels: rows, columns, top and left.
const SPRITE: usize = 4;

impl WholeHorizon {
    /// `entering.windows`: how many; of each piece `entering.places` and `entering.motion`; of all
    /// `entering.texels` (N, 4).
    pub(super) fn entering_tensors(&self) -> Result<Vec<(&'static str, Tensor)>> {
        let count = self.appearance.entering.windows.len();
        let mut tensors = vec![("entering.windows", narrow(&[count as f64], &[1])?)];
        let (mut places, mut motion, mut texels) = (Vec::new(), Vec::new(), Vec::new());
        for (window, pieces) in self.appearance.entering.windows.iter().enumerate() {
            for Entering {
                sprite,
                body,
                motion: z,
            } in pieces
            {
                let (rows, columns) = sprite.size;
                places.extend([window as f64, rows as f64, columns as f64]);
                places.extend([sprite.corner.0, sprite.corner.1]);
                places.extend([body.centre.0, body.centre.1, body.radius]);
                motion.extend_from_slice(z);
                texels.extend(sprite.values.iter().flatten().copied());
            }
        }
        let pieces = self.appearance.entering.count();
        if pieces > 0 {
            let (width, all) = (self.spread.len(), texels.len() / 4);
            tensors.push(("entering.places", narrow(&places, &[pieces, PLACE])?));
            tensors.push(("entering.motion", narrow(&motion, &[pieces, width])?));
            tensors.push(("entering.texels", tensor(texels, &[all, 4])?));
        }
        if !self.appearance.whole.is_empty() {
            let sprites = self.appearance.whole.iter();
            let place = |sprite: &Texels| {
                let ((rows, columns), (top, left)) = (sprite.size, sprite.corner);
                [rows as f64, columns as f64, top, left]
            };
            let places: Vec<f64> = sprites.clone().flat_map(place).collect();
            let texels = sprites.flat_map(|sprite| sprite.values.iter().flatten().copied());
            let texels: Vec<f32> = texels.collect();
            let (count, all) = (self.appearance.whole.len(), texels.len() / 4);
            tensors.push(("whole.places", narrow(&places, &[count, SPRITE])?));
            tensors.push(("whole.texels", tensor(texels, &[all, 4])?));
        }
        Ok(tensors)
    }

    /// The whole pieces of these tensors; none in runs from before they were kept.
    pub(super) fn whole_of(tensors: &HashMap<String, Tensor>) -> Result<Vec<Texels>> {
        let (Some(places), Some(texels)) =
            (tensors.get("whole.places"), tensors.get("whole.texels"))
        else {
            return Ok(Vec::new());
        };
        let numbers = |tensor: &Tensor| -> Result<Vec<f32>> {
            Ok(tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
        };
        let (places, texels) = (numbers(places)?, numbers(texels)?);
        let mut texels = texels.as_chunks::<4>().0.iter();
        let each = places.as_chunks::<SPRITE>().0.iter().map(|place| {
            sprite(place.map(f64::from), &mut texels).ok_or_else(|| {
                unfit(
                    "whole.places",
                    format!("names what is not there: {place:?}"),
                )
            })
        });
        each.collect()
    }

    /// The bank of these tensors; empty where there are none.
    pub(super) fn entering_of(&self, tensors: &HashMap<String, Tensor>) -> Result<EnteringBank> {
        let values = |name: &str| -> Result<Vec<f32>> {
            let found = tensors.get(name);
            let found = found.ok_or_else(|| unfit(name, "is missing".to_owned()))?;
            Ok(found.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
        };
        if !tensors.contains_key("entering.windows") {
            return Ok(EnteringBank::default());
        }
        let count = values("entering.windows")?
            .first()
            .map_or(0, |&n| n as usize);
        if count > 65_536 {
            return Err(unfit(
                "entering.windows",
                format!("is {count}; expected at most 65536"),
            ));
        }
        let mut bank = EnteringBank {
            windows: vec![Vec::new(); count],
        };
        if !tensors.contains_key("entering.places") {
            return Ok(bank);
        }
        let (places, motion) = (values("entering.places")?, values("entering.motion")?);
        let texels = values("entering.texels")?;
        let mut texels = texels.as_chunks::<4>().0.iter();
        let width = self.spread.len();
        let (pieces, rest) = places.as_chunks::<PLACE>();
        if !rest.is_empty() || motion.len() != pieces.len() * width {
            let problem = format!(
                "expected {width} numbers of each of {} pieces",
                pieces.len()
            );
            return Err(unfit("entering.motion", problem));
        }
        for (place, z) in pieces.iter().zip(motion.chunks_exact(width)) {
            let [window, rows, columns, top, left, y, x, radius] = place.map(f64::from);
            let sprite = sprite([rows, columns, top, left], &mut texels);
            let pieces = bank.windows.get_mut(window as usize);
            let Some((pieces, sprite)) = pieces.zip(sprite).filter(|_| radius > 0.0) else {
                return Err(unfit(
                    "entering.places",
                    format!("names what is not there: {place:?}"),
                ));
            };
            pieces.push(Entering {
                sprite,
                body: Body {
                    centre: (y, x),
                    radius,
                    reach: self.reach(),
                },
                motion: z.iter().copied().map(f64::from).collect(),
            });
        }
        Ok(bank)
    }
}

/// The next sprite of the model's size; none where its numbers are none of a sprite, or texels end.
fn sprite<'a>(
    [rows, columns, top, left]: [f64; SPRITE],
    texels: &mut impl Iterator<Item = &'a Texel>,
) -> Option<Texels> {
    let (rows, columns) = (rows as usize, columns as usize);
    if rows.max(columns) > LARGEST {
        return None;
    }
    let values: Vec<Texel> = texels.take(rows * columns).copied().collect();
    let whole = values.len() == rows * columns;
    whole.then(|| Texels::new((rows, columns), values, 1.0, (top, left)))
}
