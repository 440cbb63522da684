//! The sizes of a network's weights, found without making them.

use super::weights::{Init, Source};
use crate::error::{Error, Result};
use candle_core::{DType, Device, Shape, Tensor};

/// No network has more tensors.
const MOST_TENSORS: usize = 100_000;

/// Notes the weights that a network asks for; each is a single zero that repeats, and
/// takes no room.
#[derive(Debug, Default)]
pub struct Sizes {
    /// Names and shapes, in the order in which they were asked for.
    pub tensors: Vec<(String, Shape)>,
}

impl Sizes {
    /// Numbers in all tensors, about.
    pub fn numbers(&self) -> f64 {
        let numbers = |shape: &Shape| shape.dims().iter().map(|&d| d as f64).product::<f64>();
        self.tensors.iter().map(|(_, shape)| numbers(shape)).sum()
    }
}

impl Source for Sizes {
    fn get(&mut self, name: &str, shape: Shape, _: Init) -> Result<Tensor> {
        if self.tensors.len() == MOST_TENSORS {
            return Err(Error::input(
                "the network",
                format!("has more than {MOST_TENSORS} tensors"),
                "lower model.backbone.depth or energy.depth",
            ));
        }
        let zero = Tensor::zeros(vec![1; shape.rank()], DType::F32, &Device::Cpu)?;
        let repeated = zero.broadcast_as(&shape)?;
        self.tensors.push((name.to_owned(), shape));
        Ok(repeated)
    }

    fn device(&self) -> &Device {
        &Device::Cpu
    }
}
