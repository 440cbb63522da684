//! Footage seen in another light.

use crate::rng::Rng;

/// How a channel is lit: a value v in [0, 1] is seen as `gain`·v + `add`, within [0, 1].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Light {
    /// 1 leaves it as it is.
    pub gain: f32,
    /// 0 leaves it as it is.
    pub add: f32,
}

impl Light {
    /// Leaves all as it is.
    pub const PLAIN: Self = Self {
        gain: 1.0,
        add: 0.0,
    };

    /// Of each channel: gains up to exp(±`amount`) that all share times half as much of each
    /// one's own, and a third of that added or taken away.
    pub(super) fn drawn(amount: f64, rng: &mut Rng) -> [Self; 3] {
        let mut draw = || amount * (2.0 * rng.uniform() - 1.0);
        let (gain, add) = (draw(), draw());
        [(); 3].map(|()| Self {
            gain: (gain + 0.5 * draw()).exp() as f32,
            add: (0.3 * add + 0.15 * draw()) as f32,
        })
    }

    /// What a byte is seen as.
    pub(super) fn see(self, byte: u8) -> f32 {
        let value = f32::from(byte) / 255.0;
        (self.gain * value + self.add).clamp(0.0, 1.0)
    }
}
