//! A whole-horizon model as tensors, and back.

use super::background::Background;
use super::config::HorizonConfig;
use super::grain::Grain;
use super::kernel_ridge::Bumps;
use super::likeness::Likeness;
use super::motion_prior::MotionPrior;
use super::whole_horizon::WholeHorizon;
use crate::error::{Error, Result};
use candle_core::{DType, Device, Tensor};
use std::collections::HashMap;

impl WholeHorizon {
    /// How many numbers it learned.
    pub fn parameters(&self) -> usize {
        let tensors = self.tensors().unwrap_or_default();
        tensors.iter().map(|(_, tensor)| tensor.elem_count()).sum()
    }

    /// What it learned, as f32, by name.
    ///
    /// # Errors
    /// Those of candle.
    pub fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let [channels, height, width] = self.appearance.background.shape;
        let plane = |values: &[f32], shape: &[usize]| tensor(values.to_vec(), shape);
        let list = |values: &[f64]| narrow(values, &[values.len()]);
        let mut all = vec![
            (
                "background",
                plane(
                    &self.appearance.background.pixels,
                    &[channels, height, width],
                )?,
            ),
            (
                "noise",
                plane(&self.appearance.background.noise, &[height, width])?,
            ),
            ("spread", list(&self.spread)?),
        ];
        if let Some(prior) = &self.prior {
            let features: Vec<f64> = prior.standard.iter().flat_map(|&(a, b)| [a, b]).collect();
            all.extend([
                (
                    "prior.features",
                    narrow(&features, &[prior.standard.len(), 2])?,
                ),
                ("prior.weights", rows(&prior.weights)?),
                ("prior.scale", list(&[prior.scale.0, prior.scale.1])?),
                ("prior.remainders", rows(&prior.remainders)?),
                ("prior.width", list(&prior.width)?),
            ]);
            if !prior.bumps.centres.is_empty() {
                all.extend(bumps_tensors(&prior.bumps)?);
            }
            if prior.likeness.bandwidth.is_finite() {
                all.extend(likeness_tensors(&prior.likeness)?);
            }
        }
        all.extend(self.entering_tensors()?);
        if !self.appearance.grain.sequences.is_empty() {
            let (count, frames) = (self.appearance.grain.sequences.len(), self.frames);
            let shape = [count, frames, channels, height, width];
            let noise = self
                .appearance
                .grain
                .sequences
                .iter()
                .flatten()
                .flatten()
                .copied();
            all.extend([
                (
                    "grain.persistence",
                    plane(&self.appearance.grain.persistence, &[frames])?,
                ),
                ("grain.sequences", tensor(noise.collect(), &shape)?),
            ]);
        }
        let named = all.into_iter().map(|(name, t)| (name.to_owned(), t));
        Ok(named.collect())
    }

    /// The model of these tensors, which [`Self::tensors`] gave.
    ///
    /// # Errors
    /// Names the tensor that is missing or has another shape.
    pub fn of_tensors(
        config: &HorizonConfig,
        (context, frames): (usize, usize),
        tensors: &HashMap<String, Tensor>,
    ) -> Result<Self> {
        let find = |name: &str, ranks: usize| -> Result<(Vec<usize>, Vec<f32>)> {
            let found = tensors.get(name).filter(|t| t.rank() == ranks);
            let found =
                found.ok_or_else(|| unfit(name, format!("expected a tensor of rank {ranks}")))?;
            let values = found.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
            Ok((found.dims().to_vec(), values))
        };
        let (shape, pixels) = find("background", 3)?;
        let (plane, noise) = find("noise", 2)?;
        if plane != shape[1..] || !matches!(shape[0], 1 | 3) || noise.is_empty() {
            return Err(unfit("noise", format!("is {plane:?}, beside {shape:?}")));
        }
        let background = Background {
            shape: [shape[0], shape[1], shape[2]],
            pixels,
            noise,
        };
        let mut model = Self::untrained(config, (context, frames), background);
        let size = model.spread.len();
        let sized = |name: &str, ranks: usize, last: usize| -> Result<Vec<f64>> {
            let (shape, values) = find(name, ranks)?;
            match shape.last() == Some(&last) && !values.is_empty() {
                true => Ok(values.into_iter().map(f64::from).collect()),
                false => Err(unfit(
                    name,
                    format!("is {shape:?}; expected rows of {last}"),
                )),
            }
        };
        model.spread = sized("spread", 1, size)?;
        if tensors.contains_key("prior.weights") {
            let standard = sized("prior.features", 2, 2)?;
            let features = model.feature_count();
            let weights = sized("prior.weights", 2, features + 1)?;
            if standard.len() != 2 * features || weights.len() != size * (features + 1) {
                return Err(unfit(
                    "prior.weights",
                    format!("expected {size} rows of {features}"),
                ));
            }
            let scale = sized("prior.scale", 1, 2)?;
            let scaled = model.scaled();
            let split = |values: Vec<f64>, size: usize| -> Vec<Vec<f64>> {
                values.chunks_exact(size).map(<[f64]>::to_vec).collect()
            };
            let remainders = split(sized("prior.remainders", 2, size)?, size);
            // Runs of before have lines alone.
            let mut bumps = Bumps::none();
            if tensors.contains_key("prior.centres") {
                bumps.centres = split(sized("prior.centres", 2, features)?, features);
                bumps.heights = split(sized("prior.heights", 2, scaled)?, scaled);
                bumps.bandwidth = sized("prior.bump", 1, 1)?[0];
                if bumps.centres.len() != bumps.heights.len() || bumps.bandwidth <= 0.0 {
                    let problem = format!("expected {} rows", bumps.centres.len());
                    return Err(unfit("prior.heights", problem));
                }
            }
            let mut likeness = Likeness::none(model.marks());
            if tensors.contains_key("prior.moments") {
                let marks = 1 + likeness.marks;
                likeness.moments = split(sized("prior.moments", 2, marks)?, marks);
                likeness.standard = pairs(sized("prior.marks", 2, 2)?);
                likeness.bandwidth = sized("prior.bandwidth", 1, 1)?[0];
                let fits = likeness.moments.len() == remainders.len()
                    && likeness.standard.len() == marks
                    && likeness.bandwidth > 0.0;
                if !fits {
                    let problem = format!("expected {} rows of {marks}", remainders.len());
                    return Err(unfit("prior.moments", problem));
                }
            }
            model.prior = Some(MotionPrior {
                standard: pairs(standard),
                weights: split(weights, features + 1),
                scale: (scale[0], scale[1]),
                bumps,
                layout: model.layout(),
                remainders,
                width: sized("prior.width", 1, size)?,
                likeness,
            });
        }
        model.appearance.entering = model.entering_of(tensors)?;
        model.appearance.whole = Self::whole_of(tensors)?;
        if tensors.contains_key("grain.sequences") {
            let (_, persistence) = find("grain.persistence", 1)?;
            let (noise_shape, noise) = find("grain.sequences", 5)?;
            if persistence.len() != frames || noise_shape[1] != frames || noise_shape[2..] != shape
            {
                let problem = format!("is {noise_shape:?}, of frames {shape:?} and {frames} ahead");
                return Err(unfit("grain.sequences", problem));
            }
            let size: usize = shape.iter().product();
            let sequences = noise.chunks_exact(size * frames);
            let split = |film: &[f32]| film.chunks_exact(size).map(<[f32]>::to_vec).collect();
            model.appearance.grain = Grain {
                persistence,
                sequences: sequences.map(split).collect(),
            };
        }
        Ok(model)
    }
}

fn bumps_tensors(bumps: &Bumps) -> Result<[(&'static str, Tensor); 3]> {
    Ok([
        ("prior.centres", rows(&bumps.centres)?),
        ("prior.heights", rows(&bumps.heights)?),
        ("prior.bump", narrow(&[bumps.bandwidth], &[1])?),
    ])
}

fn likeness_tensors(likeness: &Likeness) -> Result<[(&'static str, Tensor); 3]> {
    let marks: Vec<f64> = likeness
        .standard
        .iter()
        .flat_map(|&(a, b)| [a, b])
        .collect();
    Ok([
        ("prior.moments", rows(&likeness.moments)?),
        (
            "prior.marks",
            narrow(&marks, &[likeness.standard.len(), 2])?,
        ),
        ("prior.bandwidth", narrow(&[likeness.bandwidth], &[1])?),
    ])
}

fn pairs(values: Vec<f64>) -> Vec<(f64, f64)> {
    values.as_chunks().0.iter().map(|&[a, b]| (a, b)).collect()
}

pub(super) fn unfit(name: &str, problem: String) -> Error {
    Error::input(name, problem, "train anew: the file is not whole")
}

pub(super) fn tensor(values: Vec<f32>, shape: &[usize]) -> Result<Tensor> {
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

pub(super) fn narrow(values: &[f64], shape: &[usize]) -> Result<Tensor> {
    tensor(values.iter().map(|&value| value as f32).collect(), shape)
}

fn rows(rows: &[Vec<f64>]) -> Result<Tensor> {
    let width = rows.first().map_or(0, Vec::len);
    narrow(&rows.concat(), &[rows.len(), width])
}
