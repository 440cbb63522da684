//! Completions: what lies beyond the border, of pieces that it cuts off.
//!
//! A car that comes in shows its front. Its rear is that of another car of the film, whose front is alike: the
//! exemplar-based completion of Criminisi et al. (2004), of whole pieces. Where none is alike, the piece goes on as in a mirror.

use super::piece::Piece;
use super::pose::Yx;
use super::sized_sprite::{Extent, SizedSprite, extent};
use super::sprite::Cut;
use super::texels::{Texel, Texels};
use crate::rng::Rng;

/// The best of them, which a future may take.
const BEST: usize = 3;
/// Model pixels by which the ends of what is alike may differ.
const ASIDE: isize = 4;
/// Two are alike where their mean squared difference, over what is opaque, is less.
const ALIKE: f64 = 0.5;
/// The deviation of colours by which likelier completions are told.
const DEVIATION: f64 = 0.1;
/// A completion is so many times as large, at least and at most, and as it is if the difference is less.
const SIZES: (f64, f64) = (0.7, 2.0);
const SAME_SIZE: f64 = 0.1;
/// A completion is so many times as bright, at least and at most.
const GAIN: (f32, f32) = (0.6, 1.6);
/// Model pixels beyond the border in which a piece becomes its completion.
const SEAM: f64 = 1.5;
/// One that is alike.
#[derive(Debug, Clone, Copy, PartialEq)]
struct AlikeSprite<'a> {
    whole: SizedSprite<'a>,
    /// How far it is moved.
    aside: Yx,
    gain: [f32; 3],
    error: f64,
}

/// What each piece may be as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Completions {
    /// Of each piece, how likely each of some sprites is, and these; none where the piece is whole, or none is alike.
    pieces: Vec<(Vec<f32>, Vec<Texels>)>,
}

impl Completions {
    /// Of the pieces of a frame of the model's `size`, cut out at any size, by `whole` ones of the film.
    pub fn of(cut: &Cut, pieces: &[Piece], size: (usize, usize), whole: &[Texels]) -> Self {
        let each = pieces.iter().zip(&cut.sprites);
        let each = each.map(|(piece, sprite)| completed(sprite, piece, size, whole));
        Self {
            pieces: each.map(|all| all.into_iter().unzip()).collect(),
        }
    }

    /// None of any piece.
    pub fn none(cut: &Cut) -> Self {
        Self {
            pieces: vec![Default::default(); cut.sprites.len()],
        }
    }

    /// The sprites of one future.
    pub fn sample<'a>(&'a self, cut: &'a Cut, rng: &mut Rng) -> Vec<&'a Texels> {
        let each = self.pieces.iter().zip(&cut.sprites);
        each.map(
            |((weights, completed), sprite)| match completed.is_empty() {
                true => sprite,
                false => &completed[rng.weighted(weights)],
            },
        )
        .collect()
    }
}

/// How likely each of some sprites is to be a piece as a whole, the likeliest first; none where it is whole, or none is alike.
pub(super) fn completed(
    sprite: &Texels,
    piece: &Piece,
    size: (usize, usize),
    whole: &[Texels],
) -> Vec<(f32, Texels)> {
    let sides = piece.cut_off(size);
    if sides == [false; 4] {
        return Vec::new();
    }
    let Some(seen) = SeenPart::of(sprite, size, sides) else {
        return Vec::new();
    };
    let mut alike: Vec<AlikeSprite> = whole.iter().filter_map(|one| seen.best(one)).collect();
    alike.sort_by(|a, b| a.error.total_cmp(&b.error));
    alike.truncate(BEST);
    let least = alike.first().map_or(0.0, |best| best.error);
    let weight =
        |one: &AlikeSprite| (-(one.error - least) / (2.0 * DEVIATION.powi(2))).exp() as f32;
    let each = alike.iter();
    each.map(|one| (weight(one), seen.completed(one))).collect()
}

/// What the frame shows of a piece.
struct SeenPart<'a> {
    sprite: &'a Texels,
    size: (usize, usize),
    /// Whether it is cut off above, below, on the left and on the right.
    sides: [bool; 4],
    /// Of the part inside the frame.
    extent: Extent,
    opaque: f64,
}

impl<'a> SeenPart<'a> {
    /// None where nothing opaque is inside the frame.
    fn of(sprite: &'a Texels, size: (usize, usize), sides: [bool; 4]) -> Option<Self> {
        let within =
            |(y, x): Yx| y > -0.5 && x > -0.5 && y < size.0 as f64 - 0.5 && x < size.1 as f64 - 0.5;
        let mut seen = Self {
            sprite,
            size,
            sides,
            extent: extent(sprite, within)?,
            opaque: 0.0,
        };
        seen.opaque = (seen.places(seen.extent))
            .map(|place| f64::from(nearest(sprite, place)[3]))
            .sum();
        Some(seen)
    }

    /// Model pixels of the frame within an extent and a little around.
    fn places(&self, [top, left, bottom, right]: Extent) -> impl Iterator<Item = Yx> + use<> {
        let range = |low: f64, high: f64, length: usize| {
            let end = (high + 3.0).clamp(0.0, length as f64) as usize;
            ((low - 2.0).clamp(0.0, length as f64) as usize).min(end)..end
        };
        let columns = range(left, right, self.size.1);
        range(top, bottom, self.size.0)
            .flat_map(move |y| columns.clone().map(move |x| (y as f64, x as f64)))
    }

    /// Where another sprite fits best, as it is or as large as what is seen; none where it is not alike.
    fn best(&self, other: &'a Texels) -> Option<AlikeSprite<'a>> {
        let its = extent(other, |_| true)?;
        let centre = (0.5 * (its[0] + its[2]), 0.5 * (its[1] + its[3]));
        // A side that cuts it off hides how long it is, so what is across tells how large.
        let [above, below, left, right] = self.sides;
        let across = match (above || below, left || right) {
            (true, false) => Some((1, 3)),
            (false, true) => Some((0, 2)),
            _ => None,
        };
        let length = |of: Extent, (low, high): (usize, usize)| of[high] - of[low] + 1.0;
        let scale = across.map(|ends| length(self.extent, ends) / length(its, ends));
        let scale = scale.map(|scale| scale.clamp(SIZES.0, SIZES.1));
        let scale = scale.filter(|scale| (scale - 1.0).abs() >= SAME_SIZE);
        let each = [Some(1.0), scale]
            .into_iter()
            .flatten()
            .filter_map(|scale| {
                let whole = SizedSprite {
                    sprite: other,
                    centre,
                    scale,
                };
                self.best_place(whole, whole.extent(its))
            });
        each.min_by(|a, b| a.error.total_cmp(&b.error))
            .filter(|best| best.error < ALIKE)
    }

    /// Where a sprite of this size, and with this extent, fits best.
    fn best_place(&self, whole: SizedSprite<'a>, its: Extent) -> Option<AlikeSprite<'a>> {
        let along =
            |low: usize, high: usize, [cut_low, cut_high]: [bool; 2]| match (cut_low, cut_high) {
                (true, true) => None,
                (true, false) => Some(self.extent[high] - its[high]),
                (false, true) => Some(self.extent[low] - its[low]),
                _ => Some(0.5 * (self.extent[low] + self.extent[high] - its[low] - its[high])),
            };
        let [above, below, left, right] = self.sides;
        let ends = (
            along(0, 2, [above, below])?.round(),
            along(1, 3, [left, right])?.round(),
        );
        let aside = (-ASIDE..=ASIDE).flat_map(|y| (-ASIDE..=ASIDE).map(move |x| (y, x)));
        let each = aside.map(|(y, x)| {
            let aside = (ends.0 + y as f64, ends.1 + x as f64);
            self.compare(whole, its, aside)
        });
        each.min_by(|a, b| a.error.total_cmp(&b.error))
    }

    fn compare(&self, whole: SizedSprite<'a>, its: Extent, aside: Yx) -> AlikeSprite<'a> {
        let mut both = self.extent;
        for (both, (its, low)) in both.iter_mut().zip([
            (its[0] + aside.0, true),
            (its[1] + aside.1, true),
            (its[2] + aside.0, false),
            (its[3] + aside.1, false),
        ]) {
            *both = if low { both.min(its) } else { both.max(its) };
        }
        let pairs: Vec<(Texel, Texel)> = (self.places(both))
            .map(|(y, x)| {
                let from = whole.backward((y - aside.0, x - aside.1));
                let other = nearest(whole.sprite, from);
                (nearest(self.sprite, (y, x)), other)
            })
            .collect();
        let gain = [0, 1, 2].map(|c| {
            let sum = |of: &dyn Fn(&(Texel, Texel)) -> f32| pairs.iter().map(of).sum::<f32>();
            let own = sum(&|pair| pair.0[c] * pair.1[3]);
            let its = sum(&|pair| pair.1[c] * pair.0[3]);
            (own / its.max(1e-6)).clamp(GAIN.0, GAIN.1)
        });
        let error: f32 = (pairs.iter())
            .map(|(own, its)| {
                let colours: f32 = (0..3)
                    .map(|c| (own[c] - (gain[c] * its[c]).min(its[3])).powi(2))
                    .sum();
                colours + (own[3] - its[3]).powi(2)
            })
            .sum();
        AlikeSprite {
            whole,
            aside,
            gain,
            error: f64::from(error) / self.opaque.max(1.0),
        }
    }

    /// The piece, and beyond the border the other.
    fn completed(&self, other: &AlikeSprite) -> Texels {
        let pitch = self.sprite.pitch;
        let (height, width) = (self.size.0 as f64 - 0.5, self.size.1 as f64 - 0.5);
        let whole = other.whole;
        let moved = |place: Yx| {
            let (y, x) = whole.forward(place);
            (y + other.aside.0, x + other.aside.1)
        };
        let its = whole.sprite;
        let (top, left) = moved(its.corner);
        let (rows, columns) = (its.size.0 as f64 * its.pitch, its.size.1 as f64 * its.pitch);
        let (bottom, right) = moved((its.corner.0 + rows, its.corner.1 + columns));
        let (own_top, own_left) = self.sprite.corner;
        let texels = |length: f64| (length / pitch).ceil().max(0.0);
        // The corner stays on the sprite's own grid.
        let corner = (
            own_top - texels(own_top - top) * pitch,
            own_left - texels(own_left - left) * pitch,
        );
        let own_end = (
            own_top + self.sprite.size.0 as f64 * pitch,
            own_left + self.sprite.size.1 as f64 * pitch,
        );
        let size = (
            texels(own_end.0.max(bottom) - corner.0 - 1e-9) as usize,
            texels(own_end.1.max(right) - corner.1 - 1e-9) as usize,
        );
        let mut made = Texels::new(size, Vec::with_capacity(size.0 * size.1), pitch, corner);
        for row in 0..size.0 {
            for column in 0..size.1 {
                let (y, x) = made.centre(row, column);
                let outside = [-0.5 - y, y - height, -0.5 - x, x - width];
                let beyond = outside.into_iter().fold(0.0, f64::max);
                let own = nearest(self.sprite, (y, x));
                let share = (beyond / SEAM).min(1.0) as f32;
                let mut texel = own;
                if share > 0.0 {
                    let from = whole.backward((y - other.aside.0, x - other.aside.1));
                    let its = its.sample(from);
                    for (c, texel) in texel.iter_mut().enumerate() {
                        let gain = other.gain.get(c).copied().unwrap_or(1.0);
                        let its = (gain * its[c]).clamp(0.0, its[3].max(0.0));
                        *texel += share * (its - *texel);
                    }
                }
                made.values.push(texel);
            }
        }
        made
    }
}

/// The texel at a place; nothing outside.
fn nearest(sprite: &Texels, place: Yx) -> Texel {
    let (y, x) = sprite.index(place);
    let (row, column) = (y.round(), x.round());
    let inside =
        row >= 0.0 && column >= 0.0 && row < sprite.size.0 as f64 && column < sprite.size.1 as f64;
    match inside {
        true => sprite.values[row as usize * sprite.size.1 + column as usize],
        false => [0.0; 4],
    }
}

#[cfg(test)]
mod tests {
    use super::super::background::Background;
    use super::super::piece::pieces;
    use super::super::sprite::cut;
    use super::*;
    use crate::rng::Seed;

    const SIZE: (usize, usize) = (24, 40);

    /// A block of 6 × 16 whose left half is brighter, on grey, with its upper left corner there.
    fn frame(top: usize, left: isize, bright: f32) -> Vec<f32> {
        let pixel = |at: usize| {
            let (y, x) = (at / SIZE.1, (at % SIZE.1) as isize - left);
            match ((top..top + 6).contains(&y), x) {
                (true, 0..8) => bright,
                (true, 8..16) => 0.6 * bright,
                _ => 0.3,
            }
        };
        (0..SIZE.0 * SIZE.1).map(pixel).collect()
    }

    fn cut_of(frame: &[f32]) -> (Vec<Piece>, Cut) {
        let background = Background::of_frames(&[vec![77; 960]], [1, SIZE.0, SIZE.1]);
        let pieces = pieces(frame, &background, 5.0);
        let cut = cut(frame, &background, &pieces, SIZE.1);
        (pieces, cut)
    }

    #[test]
    fn a_piece_is_completed_by_another_of_the_film() {
        let (_, whole) = cut_of(&frame(3, 12, 0.8));
        // Its right half and a little more are seen, 0.9 times as bright.
        let (pieces, seen) = cut_of(&frame(14, -6, 0.72));
        let mut rng = Seed(0).stream("test", 0);
        let none = Completions::of(&seen, &pieces, SIZE, &[]);
        let mirrored = none.sample(&seen, &mut rng)[0].clone();
        assert_eq!(mirrored, seen.sprites[0]);
        let completed = Completions::of(&seen, &pieces, SIZE, &whole.sprites);
        let sprite = completed.sample(&seen, &mut rng)[0];
        let at = |x: f64| sprite.sample((17.0, x));
        for (x, bright) in [(-4.0, 0.72), (-2.0, 0.72), (0.0, 0.72), (5.0, 0.432)] {
            let texel = at(x);
            assert!(
                (texel[0] - bright).abs() < 0.08 && texel[3] > 0.9,
                "{x}: {texel:?}"
            );
        }
        assert!(at(-9.0)[3] < 0.1 && mirrored.sample((17.0, -9.0))[3] > 0.9);
        // So does one that is further away, where none is near.
        let small = |row: usize, column: usize| {
            let (y, x) = (2 * row, 2 * column);
            match ((6..12).contains(&y), x) {
                (true, 10..18) => 0.8,
                (true, 18..26) => 0.48,
                _ => 0.3,
            }
        };
        let far = (0..SIZE.0 * SIZE.1).map(|at| small(at / SIZE.1, at % SIZE.1));
        let (_, far) = cut_of(&far.collect::<Vec<f32>>());
        let all = super::completed(&seen.sprites[0], &pieces[0], SIZE, &far.sprites);
        let (_, larger) = all.first().expect("one that is alike");
        let texel = larger.sample((17.0, -3.0));
        assert!((texel[0] - 0.72).abs() < 0.1 && texel[3] > 0.9, "{texel:?}");
        assert!(larger.sample((17.0, -9.0))[3] < 0.1);
        // A shadow is nowhere opaque, so it neither completes nor is completed.
        let shadow = &whole.sprites[0];
        let pale = shadow
            .values
            .iter()
            .map(|texel| texel.map(|value| 0.3 * value));
        let shadow = Texels::new(shadow.size, pale.collect(), shadow.pitch, shadow.corner);
        assert!(
            super::completed(
                &seen.sprites[0],
                &pieces[0],
                SIZE,
                std::slice::from_ref(&shadow)
            )
            .is_empty()
        );
        assert!(
            super::completed(&shadow, &pieces[0], SIZE, std::slice::from_ref(&shadow)).is_empty()
        );
        // What is whole stays as it is.
        let (pieces, whole) = cut_of(&frame(3, 12, 0.8));
        let same = Completions::of(&whole, &pieces, SIZE, &whole.sprites);
        assert_eq!(same.sample(&whole, &mut rng)[0], &whole.sprites[0]);
    }
}
