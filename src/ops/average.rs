//! A moving average of weights.

use super::check::fused;
use super::kernel::{Parts, ranges, simd, values};
use crate::error::{Error, Result};
use candle_core::{CpuStorage, InplaceOp2, Layout, Tensor, Var};
use std::collections::{HashMap, HashSet};

/// The exponential moving average of a network's weights: smoother than the
/// last step's, and often better to predict with.
pub struct Average {
    tensors: Vec<(String, Tensor)>,
    decay: f64,
}

impl Average {
    /// An average that starts at the variables' present values; `decay` in
    /// [0, 1) is what one update keeps of it.
    pub fn new(vars: &[(String, Var)], decay: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&decay) {
            return Err(Error::input(
                "Average: decay",
                format!("it is {decay}, expected a number in [0, 1)"),
                "the usual values are 0.99 to 0.9999",
            ));
        }
        let tensors = vars
            .iter()
            .map(|(name, var)| Ok((name.clone(), own(var)?)))
            .collect::<Result<_>>()?;
        Ok(Self { tensors, decay })
    }

    /// average ← k · average + (1 − k) · variable, for each: k is the decay,
    /// at first less, (1 + n) / (10 + n) after n `updates`, so that the start
    /// is soon forgotten.
    ///
    /// Fails, with nothing changed, unless these are the variables of
    /// [`new`](Self::new): same names, order, shapes and dtypes.
    pub fn update(&mut self, vars: &[(String, Var)], updates: usize) -> Result<()> {
        if vars.len() != self.tensors.len() {
            return Err(Error::input(
                "Average: variables",
                format!("{} given, expected {}", vars.len(), self.tensors.len()),
                "give those it was made with",
            ));
        }
        for ((name, average), (given, var)) in self.tensors.iter().zip(vars) {
            if name != given {
                return Err(Error::input(
                    format!("Average: variable {given}"),
                    format!("expected {name} in its place"),
                    "give the variables it was made with, in their order",
                ));
            }
            check(name, var, average)?;
        }
        let first = (1.0 + updates as f64) / (10.0 + updates as f64);
        let keep = self.decay.min(first);
        for ((_, average), (_, var)) in self.tensors.iter_mut().zip(vars) {
            if fused(average) {
                average.inplace_op2(&var.as_detached_tensor(), &Blend(keep as f32))?;
            } else {
                *average = composed(average, var, keep)?;
            }
        }
        Ok(())
    }

    /// The averages by the variables' names and in their order, as copies.
    pub fn tensors(&self) -> Result<Vec<(String, Tensor)>> {
        let copy = |(name, tensor): &(String, Tensor)| Ok((name.clone(), tensor.copy()?));
        self.tensors.iter().map(copy).collect()
    }

    /// Takes over averages from [`tensors`](Self::tensors). Fails, with nothing
    /// changed, unless names, shapes and dtypes are exactly its own.
    pub fn load(&mut self, tensors: &HashMap<String, Tensor>) -> Result<()> {
        let mut loaded = Vec::with_capacity(self.tensors.len());
        let mut known = HashSet::new();
        for (name, average) in &self.tensors {
            let Some(tensor) = tensors.get(name) else {
                return Err(Error::input(
                    format!("average of {name}"),
                    "it is missing",
                    "load the averages saved with this very model",
                ));
            };
            check(name, tensor, average)?;
            loaded.push((name.clone(), own(&tensor.to_device(average.device())?)?));
            known.insert(name);
        }
        if let Some(name) = tensors.keys().filter(|name| !known.contains(name)).min() {
            return Err(Error::input(
                format!("average of {name}"),
                "no variable has this name",
                "load the averages saved with this very model",
            ));
        }
        self.tensors = loaded;
        Ok(())
    }
}

/// A copy with storage of its own and no graph.
fn own(tensor: &Tensor) -> Result<Tensor> {
    Ok(tensor.detach().contiguous()?.copy()?)
}

fn check(name: &str, tensor: &Tensor, average: &Tensor) -> Result<()> {
    if tensor.dims() == average.dims() && tensor.dtype() == average.dtype() {
        return Ok(());
    }
    Err(Error::input(
        format!("average of {name}"),
        format!(
            "it is {:?} of shape {:?}, expected {:?} of shape {:?}",
            tensor.dtype(),
            tensor.dims(),
            average.dtype(),
            average.dims()
        ),
        "use the average with the model it was made for",
    ))
}

fn composed(average: &Tensor, var: &Tensor, keep: f64) -> Result<Tensor> {
    let new = var.detach().affine(1.0 - keep, 0.0)?;
    Ok(average.affine(keep, 0.0)?.add(&new)?)
}

simd! {
    fn blend(average: &mut [f32], new: &[f32], keep: f32) {
        for (average, &new) in average.iter_mut().zip(new) {
            *average = keep * *average + (1.0 - keep) * new;
        }
    }
}

struct Blend(f32);

impl InplaceOp2 for Blend {
    fn name(&self) -> &'static str {
        "average"
    }

    fn cpu_fwd(
        &self,
        average: &mut CpuStorage,
        layout: &Layout,
        new: &CpuStorage,
        new_layout: &Layout,
    ) -> candle_core::Result<()> {
        let new = values(new, new_layout)?;
        let (CpuStorage::F32(average), Some((start, end))) = (average, layout.contiguous_offsets())
        else {
            candle_core::bail!("average: a tensor must be contiguous f32")
        };
        let average = &mut average[start..end];
        if average.len() != new.len() {
            candle_core::bail!("average: {} values for {}", new.len(), average.len())
        }
        let parts = Parts::of(average);
        ranges(new.len(), 16384, |range| {
            // SAFETY: ranges are disjoint and lie in the buffer.
            let average = unsafe { parts.part(range.start, range.len()) };
            blend(average, &new[range], self.0);
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{list, normal};
    use candle_core::{DType, Device};

    fn vars() -> Vec<(String, Var)> {
        let var = |shape: &[usize], draw| Var::from_tensor(&normal(shape, draw)).unwrap();
        vec![("w".into(), var(&[3, 5], 1)), ("b".into(), var(&[7], 2))]
    }

    #[test]
    fn it_follows_the_variables() {
        let vars = vars();
        let mut average = Average::new(&vars, 0.75).unwrap();
        let start = list(&vars[0].1);
        vars[0].1.set(&vars[0].1.affine(0.0, 2.0).unwrap()).unwrap();
        average.update(&vars, 1000).unwrap();
        let tensors = average.tensors().unwrap();
        assert_eq!(tensors[0].0, "w");
        let by_hand = composed(
            &Tensor::from_vec(start.clone(), (3, 5), &Device::Cpu).unwrap(),
            &vars[0].1.to_dtype(DType::F64).unwrap(),
            0.75,
        );
        let by_hand = list(&by_hand.unwrap());
        for ((value, by_hand), start) in list(&tensors[0].1).iter().zip(by_hand).zip(start) {
            assert!((value - by_hand).abs() < 1e-6);
            assert!((value - (0.75 * start + 0.5)).abs() < 1e-6);
        }
        // The first update hardly keeps the start.
        let mut early = Average::new(&vars, 0.75).unwrap();
        vars[1].1.set(&vars[1].1.affine(0.0, 1.0).unwrap()).unwrap();
        let start = list(&early.tensors().unwrap()[1].1);
        early.update(&vars, 0).unwrap();
        for (value, start) in list(&early.tensors().unwrap()[1].1).iter().zip(start) {
            assert!((value - (0.1 * start + 0.9)).abs() < 1e-6);
        }
        // A copy: a later update does not change it.
        let before = list(&tensors[0].1);
        average.update(&vars, 1000).unwrap();
        assert_eq!(before, list(&tensors[0].1));
    }

    #[test]
    fn it_loads_what_it_gave() {
        let vars = vars();
        let mut average = Average::new(&vars, 0.5).unwrap();
        vars[1].1.set(&vars[1].1.affine(3.0, 0.0).unwrap()).unwrap();
        average.update(&vars, 1000).unwrap();
        let saved: HashMap<String, Tensor> = average.tensors().unwrap().into_iter().collect();
        let mut other = Average::new(&vars, 0.5).unwrap();
        other.load(&saved).unwrap();
        for ((_, a), (_, b)) in average
            .tensors()
            .unwrap()
            .iter()
            .zip(other.tensors().unwrap())
        {
            assert_eq!(list(a), list(&b));
        }
        let mut extra = saved.clone();
        extra.insert("x".into(), saved["b"].clone());
        let mut missing = saved.clone();
        missing.remove("b");
        let mut shape = saved.clone();
        shape.insert("b".into(), saved["w"].clone());
        for (tensors, word) in [(extra, "of x"), (missing, "missing"), (shape, "[7]")] {
            let message = other.load(&tensors).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
        assert!(average.update(&vars[..1], 0).is_err());
        assert!(Average::new(&vars, 1.0).is_err());
    }
}
