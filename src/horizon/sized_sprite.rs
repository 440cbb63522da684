//! Sprites made larger or smaller.

use super::pose::Yx;
use super::texels::Texels;

/// What is less opaque is not part of a sprite's extent.
const OPAQUE: f32 = 0.5;

/// Where a sprite is opaque: top, left, bottom and right, in model pixels.
pub(super) type Extent = [f64; 4];

/// A sprite made larger or smaller about its centre: whole pieces are mostly further away than those at the border.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SizedSprite<'a> {
    pub sprite: &'a Texels,
    pub centre: Yx,
    pub scale: f64,
}

impl SizedSprite<'_> {
    /// Where a place of the sprite comes to lie.
    pub fn forward(&self, (y, x): Yx) -> Yx {
        let along = |at: f64, centre: f64| centre + self.scale * (at - centre);
        (along(y, self.centre.0), along(x, self.centre.1))
    }

    /// The place of the sprite that comes to lie there.
    pub fn backward(&self, (y, x): Yx) -> Yx {
        let along = |at: f64, centre: f64| centre + (at - centre) / self.scale;
        (along(y, self.centre.0), along(x, self.centre.1))
    }

    /// Where `its` extent comes to lie.
    pub fn extent(&self, its: Extent) -> Extent {
        let (low, high) = (
            self.forward((its[0], its[1])),
            self.forward((its[2], its[3])),
        );
        [low.0, low.1, high.0, high.1]
    }
}

/// Where a sprite is opaque, among the places that `within` admits; none where it is not.
pub(super) fn extent(sprite: &Texels, within: impl Fn(Yx) -> bool) -> Option<Extent> {
    let mut extent = [f64::MAX, f64::MAX, f64::MIN, f64::MIN];
    for (at, texel) in sprite.values.iter().enumerate() {
        let (y, x) = sprite.centre(at / sprite.size.1, at % sprite.size.1);
        if texel[3] > OPAQUE && within((y, x)) {
            extent = [
                extent[0].min(y),
                extent[1].min(x),
                extent[2].max(y),
                extent[3].max(x),
            ];
        }
    }
    (extent[0] <= extent[2]).then_some(extent)
}
