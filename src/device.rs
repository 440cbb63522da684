//! Where tensors live: cpu | cuda | metal.

use crate::error::{Error, Result};
use candle_core::Device;

/// The device that `name` names: `auto`, `cpu`, `cuda`, `cuda:1` or `metal`.
///
/// `auto` takes a GPU that this build supports and the machine has, else the CPU.
pub fn select(name: &str) -> Result<Device> {
    let subject = || format!("--device {name}");
    let (kind, index) = match name.split_once(':') {
        Some((kind, index)) => {
            let index = index.parse::<usize>().map_err(|_| {
                Error::input(
                    subject(),
                    format!("'{index}' is not the number of a GPU"),
                    "write cuda:0 for the first one",
                )
            })?;
            (kind, index)
        }
        None => (name, 0),
    };
    match kind {
        "auto" => Ok(Device::new_cuda(0)
            .or_else(|_| Device::new_metal(0))
            .unwrap_or(Device::Cpu)),
        "cpu" => Ok(Device::Cpu),
        "cuda" => Device::new_cuda(index).map_err(|error| unavailable(name, "cuda", &error)),
        "metal" => Device::new_metal(index).map_err(|error| unavailable(name, "metal", &error)),
        _ => Err(Error::input(
            subject(),
            "no such device",
            "choose auto, cpu, cuda, cuda:N or metal",
        )),
    }
}

fn unavailable(name: &str, feature: &str, error: &candle_core::Error) -> Error {
    let said = error.to_string();
    let said = said.lines().next().unwrap_or_default();
    Error::input(
        format!("--device {name}"),
        format!("not available here ({said})"),
        format!("build with --features {feature} on a machine that has one, or use --device cpu"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        assert!(select("cpu").unwrap().is_cpu());
        assert!(select("auto").is_ok());
        for (name, word) in [("gpu", "no such device"), ("cuda:x", "not the number")] {
            let message = select(name).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }
}
