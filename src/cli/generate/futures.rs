//! Sampled futures as bytes: a quarter of what they take as numbers, so that
//! a hundred fit in memory.

use crate::data::{Footage, Window, batch};
use crate::error::{Error, Result};
use crate::evaluation::rollout::rollout;
use crate::inference::Forecaster;
use crate::interrupt;
use crate::rng::Seed;
use candle_core::{Device, Tensor};

/// Numbers of a rollout that are held at once before they become bytes.
const AT_ONCE: usize = 1 << 25;

/// Futures (B, N, T, C, H, W), u8.
pub(super) struct Futures {
    pub bytes: Vec<u8>,
    pub shape: [usize; 6],
}

impl Futures {
    /// Room for the futures of `rows` contexts.
    ///
    /// # Errors
    /// More than fits in memory.
    pub fn room(
        rows: usize,
        count: usize,
        frames: usize,
        (channels, height, width): (usize, usize, usize),
    ) -> Result<Self> {
        let shape = [rows, count, frames, channels, height, width];
        let size = shape
            .iter()
            .try_fold(1usize, |size, &side| size.checked_mul(side));
        let mut bytes = Vec::new();
        match size {
            Some(size) if bytes.try_reserve_exact(size).is_ok() => Ok(Self { bytes, shape }),
            _ => Err(Error::input(
                format!("{count} futures of {frames} frames"),
                "they do not fit in memory",
                "lower --futures or --frames",
            )),
        }
    }

    /// Rolls out the futures after each window of `length` frames; each row
    /// has a random stream of its own.
    pub fn sample(
        &mut self,
        forecaster: &Forecaster,
        (footage, windows, length): (&[Footage], &[Window], usize),
        temperature: f64,
        seed: Seed,
        device: &Device,
    ) -> Result<()> {
        let [_, count, frames, ..] = self.shape;
        let chunk = (AT_ONCE / self.film_bytes()).max(1);
        for (row, window) in windows.iter().enumerate() {
            let x = batch(footage, std::slice::from_ref(window), length, device)?;
            let mut rng = seed.stream("generate", row as u64);
            for start in (0..count).step_by(chunk) {
                interrupt::check()?;
                let some = chunk.min(count - start);
                let made = rollout(forecaster, &x, some, frames, temperature, &mut rng)?;
                let values = made.flatten_all()?.to_vec1::<f32>()?;
                let byte = |value: &f32| (value * 255.0).round() as u8;
                self.bytes.extend(values.iter().map(byte));
            }
        }
        Ok(())
    }

    /// C, H, W.
    pub fn frame_shape(&self) -> [usize; 3] {
        let [.., channels, height, width] = self.shape;
        [channels, height, width]
    }

    /// A future of the first row: (T, C, H, W).
    pub fn film(&self, future: usize) -> &[u8] {
        &self.bytes[future * self.film_bytes()..][..self.film_bytes()]
    }

    /// A frame of a future of the first row: (C, H, W).
    pub fn frame(&self, future: usize, time: usize) -> &[u8] {
        let size = self.frame_shape().iter().product::<usize>();
        &self.film(future)[time * size..][..size]
    }

    /// All futures of the first row at one time: (N, C, H, W) in [0, 1].
    pub fn at(&self, time: usize) -> Result<Tensor> {
        let [_, count, _, channels, height, width] = self.shape;
        let bytes = (0..count).flat_map(|future| self.frame(future, time));
        let values: Vec<f32> = bytes.map(|&byte| f32::from(byte) / 255.0).collect();
        let shape = (count, channels, height, width);
        Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
    }

    fn film_bytes(&self) -> usize {
        self.shape[2..].iter().product()
    }
}
