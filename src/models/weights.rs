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
mod tests {
    use super::*;
    use candle_core::InplaceOp1;
    use candle_core::{CpuStorage, Layout};
    use candle_nn::Optimizer as _;

    /// y = x·w + b, the smallest network.
    struct Linear {
        weight: Tensor,
        bias: Tensor,
    }

    impl Linear {
        fn new(mut scope: Scope<'_>) -> Result<Self> {
            Ok(Self {
                weight: scope.get("weight", (3, 2), Init::Normal { std: 0.5 })?,
                bias: scope.get("bias", 2, Init::Constant(0.25))?,
            })
        }

        fn forward(&self, x: &Tensor) -> Tensor {
            let y = x.matmul(&self.weight).unwrap();
            y.broadcast_add(&self.bias).unwrap()
        }
    }

    fn numbers(tensor: &Tensor) -> Vec<f32> {
        tensor.flatten_all().unwrap().to_vec1().unwrap()
    }

    fn weights() -> Weights {
        Weights::new(Seed(4), &Device::Cpu)
    }

    #[test]
    fn names_are_dotted_and_keep_their_order() {
        let mut weights = weights();
        let mut root = weights.root();
        let mut encoder = root.scope("encoder");
        for block in ["block1", "block0"] {
            Linear::new(encoder.scope(block)).unwrap();
        }
        root.get("scale", (), Init::Ones).unwrap();
        let names: Vec<_> = weights
            .pairs()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let expected = [
            "encoder.block1.weight",
            "encoder.block1.bias",
            "encoder.block0.weight",
            "encoder.block0.bias",
            "scale",
        ];
        assert_eq!(names, expected);
        assert_eq!(weights.count(), 2 * (6 + 2) + 1);
        let message = weights.variable("scale", 3, Init::Zeros).unwrap_err();
        assert!(message.to_string().contains("'scale'"), "{message}");
    }

    #[test]
    fn a_variable_is_drawn_from_its_seed_and_name() {
        let normal = Init::Normal { std: 1.0 };
        let draw = |seed, before: &[&str], name| {
            let mut weights = Weights::new(Seed(seed), &Device::Cpu);
            for other in before {
                weights.variable(other, 7, normal).unwrap();
            }
            numbers(&weights.variable(name, 4, normal).unwrap())
        };
        assert_eq!(draw(1, &[], "a"), draw(1, &["b", "c"], "a"));
        assert_ne!(draw(1, &[], "a"), draw(1, &[], "b"));
        assert_ne!(draw(1, &[], "a"), draw(2, &[], "a"));
    }

    #[test]
    fn starts_have_their_spread() {
        let mut weights = weights();
        let mut spread = |name, init| {
            let values = numbers(&weights.variable(name, 10_000, init).unwrap());
            let square = values.iter().map(|v| f64::from(v * v)).sum::<f64>();
            let largest = values.iter().fold(0f32, |most, v| most.max(v.abs()));
            ((square / 1e4).sqrt(), largest)
        };
        assert!((spread("normal", Init::Normal { std: 0.02 }).0 - 0.02).abs() < 1e-3);
        let (std, largest) = spread("uniform", Init::Uniform { bound: 0.3 });
        assert!((std - 0.3 / 3f64.sqrt()).abs() < 5e-3 && largest <= 0.3);
        assert_eq!(spread("zeros", Init::Zeros), (0.0, 0.0));
        assert_eq!(spread("ones", Init::Ones), (1.0, 1.0));
        assert_eq!(spread("constant", Init::Constant(-2.0)), (2.0, 2.0));
    }

    #[test]
    fn the_frozen_network_follows_and_takes_no_gradient() {
        let mut weights = weights();
        let tracked = Linear::new(weights.root()).unwrap();
        let frozen = Linear::new(weights.frozen().root()).unwrap();
        let x = Tensor::new(&[[1f32, -2.0, 3.0]], &Device::Cpu).unwrap();
        let agree = || assert_eq!(numbers(&tracked.forward(&x)), numbers(&frozen.forward(&x)));
        agree();

        // Only what is tracked receives a gradient.
        let loss = tracked.forward(&x).sqr().unwrap().sum_all().unwrap();
        let gradients = loss.backward().unwrap();
        for (name, var) in weights.pairs() {
            assert!(gradients.get(var).is_some(), "{name} has no gradient");
        }
        assert!(!frozen.weight.track_op() && !frozen.forward(&x).track_op());

        // candle's optimiser, which ends in `Var::set`.
        let before = numbers(&frozen.forward(&x));
        let vars = weights.pairs().iter().map(|(_, var)| var.clone()).collect();
        let mut optimiser = candle_nn::SGD::new(vars, 0.1).unwrap();
        optimiser.step(&gradients).unwrap();
        agree();
        assert_ne!(before, numbers(&frozen.forward(&x)));

        // An in-place operation, as a fused optimiser is.
        struct Double;
        impl InplaceOp1 for Double {
            fn name(&self) -> &'static str {
                "double"
            }
            fn cpu_fwd(&self, storage: &mut CpuStorage, _: &Layout) -> candle_core::Result<()> {
                let CpuStorage::F32(values) = storage else {
                    candle_core::bail!("f32 only")
                };
                values.iter_mut().for_each(|value| *value *= 2.0);
                Ok(())
            }
        }
        let before = numbers(&frozen.weight);
        weights.pairs()[0].1.inplace_op1(&Double).unwrap();
        agree();
        let doubled: Vec<_> = before.iter().map(|value| 2.0 * value).collect();
        assert_eq!(numbers(&frozen.weight), doubled);
    }

    #[test]
    fn the_frozen_view_has_exactly_the_trained_weights() {
        let mut weights = weights();
        weights.variable("a", (2, 3), Init::Ones).unwrap();
        let mut frozen = weights.frozen();
        let mut message = |name, shape: Shape| {
            let error = frozen.get(name, shape, Init::Ones).unwrap_err();
            error.to_string()
        };
        assert!(message("b", 3.into()).contains("'b'"));
        let shape = message("a", (3, 2).into());
        assert!(
            shape.contains("[2, 3]") && shape.contains("[3, 2]"),
            "{shape}"
        );
    }
}
