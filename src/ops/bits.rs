//! Pictures of one bit a pixel, shifted and compared 64 pixels at a time.

use super::kernel::simd;

/// The size of pictures, and how far they can be shifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Canvas {
    height: usize,
    width: usize,
    /// The most that a picture is shifted each way, in pixels.
    room: usize,
}

/// Rows one after the other, each followed by `room` dark columns, so that no shift brings
/// a pixel into a neighbouring row; dark words before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits(Vec<u64>);

const WORD: usize = u64::BITS as usize;

impl Canvas {
    /// For shifts by up to `room` pixels each way.
    pub fn new((height, width): (usize, usize), room: usize) -> Self {
        Self {
            height,
            width,
            room,
        }
    }

    fn stride(&self) -> usize {
        self.width + self.room
    }

    /// Words of the picture itself.
    fn words(&self) -> usize {
        (self.height * self.stride()).div_ceil(WORD)
    }

    /// Dark words on each side: a shift stays within them.
    fn margin(&self) -> usize {
        (self.room * self.stride() + self.room) / WORD + 2
    }

    /// Nothing lit.
    pub fn dark(&self) -> Bits {
        Bits(vec![0; self.words() + 2 * self.margin()])
    }

    /// Lit where `lit` says so of a pixel's index, row by row.
    pub fn picture(&self, lit: impl Fn(usize) -> bool) -> Bits {
        let mut bits = self.dark();
        for index in (0..self.height * self.width).filter(|&index| lit(index)) {
            let place = index / self.width * self.stride() + index % self.width;
            bits.0[self.margin() + place / WORD] |= 1 << (place % WORD);
        }
        bits
    }

    fn own<'a>(&self, bits: &'a Bits) -> &'a [u64] {
        &bits.0[self.margin()..self.margin() + self.words()]
    }

    /// `bits` moved by (down, right), where its words are to be found.
    fn moved<'a>(&self, bits: &'a Bits, (down, right): (i32, i32)) -> Moved<'a> {
        let places = down as isize * self.stride() as isize + right as isize;
        let words = places.div_euclid(WORD as isize);
        let first = (self.margin() as isize - words) as usize;
        Moved {
            high: &bits.0[first..first + self.words()],
            low: &bits.0[first - 1..first - 1 + self.words()],
            shift: places.rem_euclid(WORD as isize) as u32,
        }
    }

    /// Writes what is lit in `kept` and in `other` moved by (down, right).
    pub fn both(&self, kept: &Bits, other: &Bits, by: (i32, i32), into: &mut Bits) {
        let out = &mut into.0[self.margin()..self.margin() + self.words()];
        both(self.own(kept), self.moved(other, by), out);
    }

    /// How many pixels are lit in `kept` and in `other` moved by (down, right).
    pub fn common(&self, kept: &Bits, other: &Bits, by: (i32, i32)) -> u64 {
        common(self.own(kept), self.moved(other, by))
    }

    /// What is lit in `kept` and not in `other` moved by (down, right).
    pub fn less(&self, kept: &Bits, other: &Bits, by: (i32, i32)) -> Bits {
        let mut left = self.dark();
        let out = &mut left.0[self.margin()..self.margin() + self.words()];
        less(self.own(kept), self.moved(other, by), out);
        left
    }
}

/// Each word is `high` and what `low` carries into it.
#[derive(Clone, Copy)]
struct Moved<'a> {
    high: &'a [u64],
    low: &'a [u64],
    /// Below [`WORD`].
    shift: u32,
}

impl Moved<'_> {
    #[inline(always)]
    fn words(self) -> impl Iterator<Item = u64> {
        let pairs = self.high.iter().zip(self.low);
        // In two steps, since a shift by all of a word is none.
        let carry = WORD as u32 - 1 - self.shift;
        pairs.map(move |(high, low)| high << self.shift | (low >> carry >> 1))
    }
}

simd! {
    fn both(kept: &[u64], moved: Moved<'_>, out: &mut [u64]) {
        let pairs = kept.iter().zip(moved.words());
        out.iter_mut().zip(pairs).for_each(|(out, (kept, moved))| *out = kept & moved);
    }
}

simd! {
    fn less(kept: &[u64], moved: Moved<'_>, out: &mut [u64]) {
        let pairs = kept.iter().zip(moved.words());
        out.iter_mut().zip(pairs).for_each(|(out, (kept, moved))| *out = kept & !moved);
    }
}

simd! {
    fn common(kept: &[u64], moved: Moved<'_>) -> u64 {
        let mut sum = 0;
        for (kept, moved) in kept.iter().zip(moved.words()) {
            sum += u64::from((kept & moved).count_ones());
        }
        sum
    }
}

simd! {
    fn lit(words: &[u64]) -> u64 {
        let mut sum = 0;
        for word in words {
            sum += u64::from(word.count_ones());
        }
        sum
    }
}

impl Bits {
    /// How many pixels are lit.
    pub fn count(&self) -> u64 {
        lit(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn shifts_are_those_of_pixels() {
        let (height, width) = (7, 70);
        let canvas = Canvas::new((height, width), 5);
        let mut rng = Seed(1).stream("test", 0);
        let mut drawn = || -> Vec<bool> {
            let all = 0..height * width;
            all.map(|_| rng.uniform() < 0.4).collect()
        };
        let (a, b) = (drawn(), drawn());
        let (kept, other) = (canvas.picture(|i| a[i]), canvas.picture(|i| b[i]));
        for by in [(0, 0), (1, 2), (-3, 5), (5, -5), (-5, -5), (0, -1)] {
            let moved = |index: usize| {
                let (row, column) = ((index / width) as i32 - by.0, (index % width) as i32 - by.1);
                let inside =
                    (0..height as i32).contains(&row) && (0..width as i32).contains(&column);
                inside && b[row as usize * width + column as usize]
            };
            let both = canvas.picture(|i| a[i] && moved(i));
            let mut found = canvas.dark();
            canvas.both(&kept, &other, by, &mut found);
            assert_eq!(found, both, "{by:?}");
            assert_eq!(canvas.common(&kept, &other, by), both.count());
            assert_eq!(
                canvas.less(&kept, &other, by),
                canvas.picture(|i| a[i] && !moved(i))
            );
        }
    }
}
