//! What is shown to the classifier: small pieces of film, each with what it is.

use crate::rng::Rng;

/// Rows and columns of a patch, or those of a frame that has fewer.
pub(super) const SIDE: usize = 16;
/// Frames of a patch: those at h − 2, h − 1 and h.
pub(super) const FRAMES: usize = 3;

/// Three frames of a film, and where patches of them may be centred.
pub(super) struct Excerpt<'a> {
    /// (C, H, W) each.
    pub frames: [&'a [u8]; FRAMES],
    /// Pixels of a frame, row after row.
    pub centres: &'a [usize],
}

/// Patches in pairs: one of film, then one that is drawn.
#[derive(Debug, Clone)]
pub(super) struct PatchPairs {
    /// [C, H, W] of the frames they are cut from.
    shape: [usize; 3],
    /// Patch after patch, (FRAMES, C, rows, columns).
    bytes: Vec<u8>,
    /// Where each pair comes from.
    origins: Vec<Origin>,
}

/// Where a pair comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// How many frames ahead.
    pub horizon: usize,
    /// The window of the patch of film.
    pub film: usize,
    /// The window of the drawn patch.
    pub drawn: usize,
}

impl PatchPairs {
    /// None yet, of frames of `shape` = [C, H, W].
    pub fn new(shape: [usize; 3]) -> Self {
        Self {
            shape,
            bytes: Vec::new(),
            origins: Vec::new(),
        }
    }

    /// How many pairs there are.
    pub fn pairs(&self) -> usize {
        self.origins.len()
    }

    /// Where pair `index` comes from.
    pub fn origin(&self, index: usize) -> Origin {
        self.origins[index]
    }

    /// Rows and columns of a patch.
    pub fn size(&self) -> [usize; 2] {
        let [_, height, width] = self.shape;
        [height, width].map(|side| side.min(SIDE))
    }

    /// Planes of a patch: frames times channels.
    pub fn planes(&self) -> usize {
        FRAMES * self.shape[0]
    }

    /// A patch, (planes, rows, columns), and whether it is drawn: pair i has patches 2i, of
    /// film, and 2i + 1.
    pub fn patch(&self, index: usize) -> (&[u8], bool) {
        let size = self.planes() * self.size().iter().product::<usize>();
        (
            &self.bytes[index * size..(index + 1) * size],
            index % 2 == 1,
        )
    }

    /// Adds a pair, each centred on a pixel drawn from its own centres. Panics where there
    /// are none.
    pub fn add(&mut self, film: &Excerpt, drawn: &Excerpt, origin: Origin, rng: &mut Rng) {
        for excerpt in [film, drawn] {
            let centre = excerpt.centres[rng.below(excerpt.centres.len())];
            self.cut(excerpt, centre);
        }
        self.origins.push(origin);
    }

    /// A patch around pixel `centre`, moved inside the frame.
    fn cut(&mut self, excerpt: &Excerpt, centre: usize) {
        let [_, height, width] = self.shape;
        let [rows, columns] = self.size();
        let first = |middle: usize, side: usize, length: usize| {
            middle.saturating_sub(side / 2).min(length - side)
        };
        let top = first(centre / width, rows, height);
        let left = first(centre % width, columns, width);
        for frame in excerpt.frames {
            for plane in frame.chunks_exact(height * width) {
                for row in top..top + rows {
                    let start = row * width + left;
                    self.bytes.extend(&plane[start..start + columns]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;

    #[test]
    fn a_patch_lies_around_its_centre_and_inside_the_frame() {
        let shape = [1, 20, 40];
        let frames: Vec<Vec<u8>> = (0..3u8)
            .map(|time| {
                (0..800)
                    .map(|pixel| (pixel % 40) as u8 + 50 * time)
                    .collect()
            })
            .collect();
        let frames = [&frames[0][..], &frames[1], &frames[2]];
        let (middle, corner) = ([10 * 40 + 20], [19 * 40 + 39]);
        let excerpt = |centres| Excerpt { frames, centres };
        let mut patches = PatchPairs::new(shape);
        let origin = Origin {
            horizon: 4,
            film: 0,
            drawn: 1,
        };
        let mut rng = Seed(0).stream("test", 0);
        patches.add(&excerpt(&middle), &excerpt(&corner), origin, &mut rng);
        assert_eq!((patches.pairs(), patches.size()), (1, [16, 16]));
        let (film, drawn) = (patches.patch(0), patches.patch(1));
        assert_eq!((film.1, drawn.1), (false, true));
        assert_eq!((film.0.len(), film.0[0], film.0[15]), (3 * 256, 12, 27));
        assert_eq!((drawn.0[0], drawn.0[255], drawn.0[767]), (24, 39, 139));
        assert_eq!(patches.origin(0), origin);
        // A frame that is smaller is one patch.
        assert_eq!(PatchPairs::new([3, 8, 40]).size(), [8, 16]);
    }
}
