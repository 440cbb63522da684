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

impl WholeHorizon {
    /// `entering.windows`: how many; of each piece `entering.places` and `entering.motion`; of all
    /// `entering.texels` (N, 4).
    pub(super) fn entering_tensors(&self) -> Result<Vec<(&'static str, Tensor)>> {
        let count = self.entering.windows.len();
        let mut tensors = vec![("entering.windows", narrow(&[count as f64], &[1])?)];
        let (mut places, mut motion, mut texels) = (Vec::new(), Vec::new(), Vec::new());
        for (window, pieces) in self.entering.windows.iter().enumerate() {
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
        let pieces = self.entering.count();
        if pieces > 0 {
            let (width, all) = (self.spread.len(), texels.len() / 4);
            tensors.push(("entering.places", narrow(&places, &[pieces, PLACE])?));
            tensors.push(("entering.motion", narrow(&motion, &[pieces, width])?));
            tensors.push(("entering.texels", tensor(texels, &[all, 4])?));
        }
        Ok(tensors)
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
            let (window, rows, columns) = (window as usize, rows as usize, columns as usize);
            let values: Vec<Texel> = match rows.max(columns) <= LARGEST {
                true => texels.by_ref().take(rows * columns).copied().collect(),
                false => Vec::new(),
            };
            let pieces = bank.windows.get_mut(window);
            let Some(pieces) = pieces.filter(|_| values.len() == rows * columns && radius > 0.0)
            else {
                return Err(unfit(
                    "entering.places",
                    format!("names what is not there: {place:?}"),
                ));
            };
            pieces.push(Entering {
                sprite: Texels {
                    size: (rows, columns),
                    values,
                    pitch: 1.0,
                    corner: (top, left),
                },
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
