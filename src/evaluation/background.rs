//! What a film shows where nothing moves.

use crate::data::{Footage, Part};
use crate::error::Result;
use crate::interrupt;

/// Frames of which the median is taken, at most.
const FRAMES: usize = 101;

/// A pixel is apart from the background if any channel differs from it by more, of 255.
const APART: u8 = 25;

/// The mask (H, W) of the pixels of a frame that are apart from a background, both of
/// `shape` = [C, H, W]: any channel differs by more than a tenth of the range.
pub fn apart(frame: &[u8], background: &[u8], [_, height, width]: [usize; 3]) -> Vec<bool> {
    let mut mask = vec![false; height * width];
    let values = frame.iter().zip(background).enumerate();
    for (index, _) in values.filter(|(_, (a, b))| a.abs_diff(**b) > APART) {
        mask[index % (height * width)] = true;
    }
    mask
}

/// The median of each pixel over frames of a part of each film.
#[derive(Debug, Clone)]
pub struct FilmBackgrounds {
    /// (C, H, W) of each film; none of which the part has no frame.
    films: Vec<Option<Vec<u8>>>,
}

impl FilmBackgrounds {
    /// Of at most 101 frames of each film, evenly spread over its frames in `part`.
    ///
    /// # Errors
    /// Footage that cannot be read, and [`crate::Error::Interrupted`].
    pub fn of(footage: &[Footage], part: &Part) -> Result<Self> {
        let films = (footage.iter().enumerate()).map(|(index, film)| {
            let all: Vec<usize> = part.frames_of(index).collect();
            let count = all.len().min(FRAMES);
            let mut frames = Vec::with_capacity(count);
            for at in 0..count {
                interrupt::check()?;
                frames.push(film.frame(all[at * all.len() / count])?);
            }
            Ok(median(&frames))
        });
        Ok(Self {
            films: films.collect::<Result<_>>()?,
        })
    }

    /// That of film `file`; where there is none, that of the `seen` frames.
    pub fn film<S: AsRef<[u8]>>(&self, file: usize, seen: &[S]) -> Vec<u8> {
        let known = self.films.get(file).and_then(Clone::clone);
        known.or_else(|| median(seen)).unwrap_or_default()
    }
}

/// The median of each value over frames of one size, the lower of the middle two; none of
/// no frame.
pub(super) fn median<S: AsRef<[u8]>>(frames: &[S]) -> Option<Vec<u8>> {
    let size = frames.first()?.as_ref().len();
    let middle = (frames.len() - 1) / 2;
    let mut values = vec![0; frames.len()];
    let each = (0..size).map(|pixel| {
        for (value, frame) in values.iter_mut().zip(frames) {
            *value = frame.as_ref()[pixel];
        }
        *values.select_nth_unstable(middle).1
    });
    Some(each.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Split;

    #[test]
    fn what_passes_is_not_in_the_background() {
        // One pixel of four is bright at a time, in the training part; one is always grey.
        let frames: Vec<u8> = (0..120usize)
            .flat_map(|time| {
                (0..5).map(move |x| {
                    [20, 220, 90][usize::from(x == time % 4) + 2 * usize::from(x == 4)]
                })
            })
            .collect();
        let films = [Footage::from_frames("film", frames, (120, 1, 1, 5), 25.0, vec![]).unwrap()];
        let split = Split::new(&films, 4, 8).unwrap();
        let background = FilmBackgrounds::of(&films, &split.train).unwrap();
        let seen = [[7u8; 5]];
        assert_eq!(background.film(0, &seen), [20, 20, 20, 20, 90]);
        // Of a film without training frames, that of the context.
        let none = FilmBackgrounds { films: vec![None] };
        assert_eq!(none.film(0, &[[1u8, 9], [3, 8], [2, 7]]), [2, 8]);
        assert_eq!(none.film(0, &[[0u8; 0]; 0]), [0; 0]);
        // In any channel.
        let mask = apart(&[9, 99, 9, 9], &[34, 73, 9, 35], [2, 1, 2]);
        assert_eq!(mask, [false, true]);
    }
}
