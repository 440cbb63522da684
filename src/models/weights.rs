//! Named weights, drawn from the project's own randomness.
//!
//! A network is a struct of tensors taken from a [`Scope`]. The same
//! constructor builds the one that is trained (from [`Weights`]) and the one
//! that inner loops over z use (from [`Frozen`]), which follows its training
//! without costing gradients of the weights.

use crate::error::{Error, Result};
use crate::rng::Seed;
use candle_core::{DType, Device, Shape, Tensor, Var};
use std::collections::HashMap;

/// How a new variable starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All this value.
    Constant(f32),
    /// Normal around 0.
    Normal {
        /// The standard deviation.
        std: f64,
    },
    /// Uniform in [-bound, bound).
    Uniform {
        /// The largest absolute value.
        bound: f64,
    },
}

/// Where a network takes its tensors from.
pub trait Source {
    /// The tensor of this name, f32. `init` says how it starts where it is new.
    ///
    /// # Errors
    /// A name that is taken (new weights) or absent, or has another shape
    /// (existing weights).
    fn get(&mut self, name: &str, shape: Shape, init: Init) -> Result<Tensor>;

    /// Where the tensors live.
    fn device(&self) -> &Device;

    /// The root of the names.
    fn root(&mut self) -> Scope<'_>
    where
        Self: Sized,
    {
        Scope {
            source: self,
            prefix: String::new(),
        }
    }
}

/// A part of a network's names: `root.scope("encoder").scope("block0")` names
/// its tensors `encoder.block0.…`.
pub struct Scope<'a> {
    source: &'a mut dyn Source,
    prefix: String,
}

impl Scope<'_> {
    /// The names below `name`.
    pub fn scope(&mut self, name: &str) -> Scope<'_> {
        let prefix = self.dotted(name);
        Scope {
            source: &mut *self.source,
            prefix,
        }
    }

    /// The tensor `name` in this part; see [`Source::get`].
    pub fn get(&mut self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Tensor> {
        let name = self.dotted(name);
        self.source.get(&name, shape.into(), init)
    }

    /// Where the tensors live.
    pub fn device(&self) -> &Device {
        self.source.device()
    }

    fn dotted(&self, name: &str) -> String {
        match self.prefix.as_str() {
            "" => name.to_owned(),
            prefix => format!("{prefix}.{name}"),
        }
    }
}

/// Trainable variables, f32, in the order in which they were asked for.
#[derive(Debug)]
pub struct Weights {
    seed: Seed,
    device: Device,
    pairs: Vec<(String, Var)>,
}

impl Weights {
    /// No variables yet; those to come are drawn from `seed`.
    pub fn new(seed: Seed, device: &Device) -> Self {
        Self {
            seed,
            device: device.clone(),
            pairs: Vec::new(),
        }
    }

    /// A new variable, as the tensor that tracks its gradient. Its values
    /// depend on the seed, its name and its shape only, so a further variable
    /// elsewhere changes no other.
    ///
    /// # Errors
    /// If the name is taken.
    pub fn variable(&mut self, name: &str, shape: impl Into<Shape>, init: Init) -> Result<Tensor> {
        if self.pairs.iter().any(|(taken, _)| taken == name) {
            return Err(Error::input(
                format!("weight '{name}'"),
                "there is already a variable of that name",
                "give each part of the network a scope of its own",
            ));
        }
        let (shape, device) = (shape.into(), &self.device);
        let mut rng = self.seed.stream(&format!("weights/{name}"), 0);
        let tensor = match init {
            Init::Zeros => Tensor::zeros(shape, DType::F32, device)?,
            Init::Ones => Tensor::ones(shape, DType::F32, device)?,
            Init::Constant(value) => Tensor::full(value, shape, device)?,
            Init::Normal { std } => (rng.normal_tensor(shape, device)? * std)?,
            Init::Uniform { bound } => rng.uniform_tensor(-bound, bound, shape, device)?,
        };
        let var = Var::from_tensor(&tensor)?;
        let tracked = var.as_tensor().clone();
        self.pairs.push((name.to_owned(), var));
        Ok(tracked)
    }

    /// Names and variables, in the order in which they were asked for.
    pub fn pairs(&self) -> &[(String, Var)] {
        &self.pairs
    }

    /// Names and values, to be saved; they share the variables' memory.
    pub fn tensors(&self) -> Vec<(String, Tensor)> {
        let value = |(name, var): &(String, Var)| (name.clone(), var.as_detached_tensor());
        self.pairs.iter().map(value).collect()
    }

    /// The number of parameters: single numbers in all variables.
    pub fn count(&self) -> usize {
        self.pairs.iter().map(|(_, var)| var.elem_count()).sum()
    }

    /// The same weights without gradients. They share the variables' memory,
    /// so whatever writes into it is seen: `Var::set`, `Checkpoint::fill`,
    /// candle's optimisers and in-place operations on the variable. A new
    /// tensor made from a variable is not. Variables asked for later are absent.
    pub fn frozen(&self) -> Frozen {
        Frozen {
            device: self.device.clone(),
            tensors: self
                .pairs
                .iter()
                .map(|(name, var)| (name.clone(), var.as_detached_tensor()))
                .collect(),
        }
    }
}

impl Source for Weights {
    fn get(&mut self, name: &str, shape: Shape, init: Init) -> Result<Tensor> {
        self.variable(name, shape, init)
    }

    fn device(&self) -> &Device {
        &self.device
    }
}

/// No network that learned has larger weights; ones that do draw what is not finite.
const LARGEST: f32 = 1e9;

/// That all numbers of a tensor are finite in f32, as networks compute with it. `file` is
/// where it was read. Integers always pass.
///
/// # Errors
/// Names the file, the tensor and the first number that is not finite.
pub(crate) fn check_finite(file: &str, name: &str, tensor: &Tensor) -> Result<()> {
    if !tensor.dtype().is_float() {
        return Ok(());
    }
    let numbers = tensor.to_dtype(DType::F32)?.flatten_all()?;
    let numbers = numbers.to_vec1::<f32>()?;
    let is_bad = |number: &&f32| number.is_nan() || number.abs() > LARGEST;
    let Some(first) = numbers.iter().find(is_bad) else {
        return Ok(());
    };
    let bad = numbers.iter().filter(is_bad).count();
    let what = match numbers.iter().all(|number| number.is_finite()) {
        true => "larger than a billion",
        false => "not finite",
    };
    Err(Error::input(
        file,
        format!(
            "{bad} of the {} numbers of tensor '{name}' are {what} (the first is {first:e})",
            numbers.len()
        ),
        "the network diverged or the file is damaged: use an earlier save, or copy it again",
    ))
}

/// Existing weights without gradients; see [`Weights::frozen`].
#[derive(Debug, Clone)]
pub struct Frozen {
    device: Device,
    tensors: HashMap<String, Tensor>,
}

impl Source for Frozen {
    fn get(&mut self, name: &str, shape: Shape, _init: Init) -> Result<Tensor> {
        let refuse = |problem: String| {
            Error::input(
                format!("weight '{name}'"),
                problem,
                "build the frozen network with the settings of the trained one",
            )
        };
        match self.tensors.get(name) {
            Some(tensor) if *tensor.shape() == shape => Ok(tensor.clone()),
            Some(tensor) => Err(refuse(format!(
                "its shape is {:?}, {:?} was expected",
                tensor.dims(),
                shape.dims()
            ))),
            None => Err(refuse("the trained weights have none".to_owned())),
        }
    }

    fn device(&self) -> &Device {
        &self.device
    }
}

#[cfg(test)]
mod tests;
