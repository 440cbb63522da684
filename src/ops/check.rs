//! What an operation asks of its arguments before it starts.

use crate::error::{Error, Result};
use candle_core::{DType, Tensor};

/// Whether the fused kernels serve this tensor: f32 on the CPU.
pub(super) fn fused(x: &Tensor) -> bool {
    x.device().is_cpu() && x.dtype() == DType::F32
}

/// All named tensors hold the same float type on the same device.
pub(super) fn alike(operation: &str, tensors: &[(&str, &Tensor)]) -> Result<()> {
    let Some((first, like)) = tensors.first() else {
        return Ok(());
    };
    for (name, tensor) in tensors {
        if !tensor.dtype().is_float() {
            return Err(Error::input(
                format!("{operation}: {name}"),
                format!("its dtype is {:?}, expected a float", tensor.dtype()),
                "convert it with to_dtype(DType::F32)",
            ));
        }
        if tensor.dtype() != like.dtype() {
            return Err(Error::input(
                format!("{operation}: {name}"),
                format!(
                    "its dtype is {:?} where {first} has {:?}",
                    tensor.dtype(),
                    like.dtype()
                ),
                "give all arguments one dtype",
            ));
        }
        same_device(operation, (first, like), (name, tensor))?;
    }
    Ok(())
}

/// Both named tensors are on one device.
pub(super) fn same_device(
    operation: &str,
    (first, like): (&str, &Tensor),
    (name, tensor): (&str, &Tensor),
) -> Result<()> {
    if tensor.device().same_device(like.device()) {
        return Ok(());
    }
    Err(Error::input(
        format!("{operation}: {name}"),
        format!(
            "it is on {:?} where {first} is on {:?}",
            tensor.device().location(),
            like.device().location()
        ),
        "move it with to_device",
    ))
}

/// The error for a tensor whose shape is not the expected one.
pub(super) fn wrong_shape(
    operation: &str,
    name: &str,
    tensor: &Tensor,
    expected: impl std::fmt::Display,
) -> Error {
    Error::input(
        format!("{operation}: {name}"),
        format!("its shape is {:?}, expected {expected}", tensor.dims()),
        "check how it is built and laid out",
    )
}

/// The tensor has exactly these dimensions.
pub(super) fn shape(operation: &str, name: &str, tensor: &Tensor, dims: &[usize]) -> Result<()> {
    if tensor.dims() == dims {
        return Ok(());
    }
    Err(wrong_shape(operation, name, tensor, format!("{dims:?}")))
}

/// The size of the last dimension, which must be there and not be 0.
pub(super) fn width(operation: &str, name: &str, tensor: &Tensor) -> Result<usize> {
    match tensor.dims().last() {
        Some(&width) if width > 0 => Ok(width),
        _ => Err(wrong_shape(
            operation,
            name,
            tensor,
            "a last dimension of at least 1",
        )),
    }
}
