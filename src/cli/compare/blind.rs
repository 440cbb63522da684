//! Film beside what is drawn, for people who do not know which is which.

use super::contenders::Contender;
use super::looks::Looking;
use crate::data::Window;
use crate::error::{Error, Result};
use crate::evaluation::comparison::Plan;
use crate::evaluation::moving::moving;
use crate::evaluation::side_by_side::{SideBySide, numbers};
use crate::files;
use crate::outputs::page::{Clip, Page};
use crate::outputs::picture::{Cell, Picture, Row};
use crate::rng::Seed;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

/// Pairs on the page.
const PAIRS: usize = 40;
/// Windows among which those that move are chosen.
pub(super) const LOOKED_AT: usize = 4 * PAIRS;
/// Frames that were seen, at the beginning of both clips, at most.
const SEEN: usize = 4;
/// How many times the last frame is shown.
const HELD: usize = 4;
/// Pairs to a picture, and frames of each clip in it.
const ROWS: usize = 10;
const MOMENTS: usize = 4;
/// About how wide a frame of a picture is, in pixels.
const WIDE: usize = 160;

/// Where the page, its pictures and the key are written.
#[derive(Debug)]
pub(super) struct BlindPlaces {
    page: PathBuf,
    key: PathBuf,
}

impl BlindPlaces {
    /// For --blind: a folder, or a page that ends in .html.
    ///
    /// # Errors
    /// Another ending, unless it is a folder that is there.
    pub fn new(path: &Path) -> Result<Self> {
        let ending = path.extension().filter(|_| !path.is_dir());
        match ending {
            None => Ok(Self {
                page: path.join("blind.html"),
                key: path.join("key.json"),
            }),
            Some(ending) if ending.eq_ignore_ascii_case("html") => {
                let stem = path.file_stem().unwrap_or_default().to_string_lossy();
                Ok(Self {
                    page: path.to_owned(),
                    key: path.with_file_name(format!("{stem}-key.json")),
                })
            }
            Some(_) => Err(Error::input(
                format!("--blind {}", path.display()),
                "the page can only be HTML",
                "end the name with .html, or name a folder",
            )),
        }
    }

    /// The picture of so many pairs from this one on, 1 being the first.
    fn picture(&self, first: usize, last: usize) -> PathBuf {
        let stem = self.page.file_stem().unwrap_or_default().to_string_lossy();
        self.page
            .with_file_name(format!("{stem}-{first:02}-{last:02}.png"))
    }

    /// Where they are.
    pub fn describe(&self) -> String {
        let (page, key) = (self.page.display(), self.key.display());
        format!("blind: {page} (its key, not to be looked at before: {key})")
    }
}

/// That clips are no longer than what is compared.
///
/// # Errors
/// Where they are.
pub(super) fn check(frames: NonZeroUsize, plan: &Plan) -> Result<()> {
    let longest = plan.length() - plan.context;
    if frames.get() <= longest {
        return Ok(());
    }
    Err(Error::input(
        format!("--blind-frames {frames}"),
        format!("futures of {longest} frames are compared"),
        format!("give at most {longest}, or --horizon {frames}"),
    ))
}

/// A clip of film, one that is drawn, and where they stand.
struct BlindPair {
    /// Whether the film is on the left.
    left: bool,
    film: Clip,
    drawn: Clip,
    told: PairKey,
}

/// What the key says of a pair.
#[derive(Serialize)]
struct PairKey {
    pair: usize,
    film: &'static str,
    file: String,
    /// Of the first frame of the clips.
    frame: usize,
}

/// What the key says.
#[derive(Serialize)]
struct BlindKey {
    model: String,
    frames: usize,
    /// L where the film is on the left, R where it is on the right.
    film: String,
    pairs: Vec<PairKey>,
}

/// All pairs.
pub(super) struct BlindPairs {
    /// Whose futures are drawn.
    model: String,
    /// Frames after the last that was seen.
    frames: usize,
    pairs: Vec<BlindPair>,
}

impl BlindPairs {
    /// Pairs of the last model whose futures differ (of the last contender where there is
    /// none), in windows in which something moves, spread evenly over `windows`.
    pub fn choose(
        all: &[Contender],
        looking: &Looking,
        windows: &[Window],
        frames: usize,
    ) -> Result<Self> {
        let model = |one: &&Contender| one.recipe.is_some() && !one.predictor.is_certain();
        let Some(one) = all.iter().rfind(model).or(all.last()) else {
            unreachable!("copying is always there")
        };
        let seed = Seed(looking.plan.seed.stream("blind", 0).bits());
        let times: Vec<usize> = (1..=frames).collect();
        let mut alive = Vec::new();
        let films = looking.screening(windows, times.clone(), seed);
        films.watch(None, &mut |index, both| {
            let [last, then] = [0, frames as isize].map(|time| numbers(both.film_at(time)));
            if moving(&last, &then, both.shape()).contains(&true) {
                alive.push(windows[index]);
            }
            Ok(())
        })?;
        let alive = match alive.is_empty() {
            true => windows.to_vec(),
            false => alive,
        };
        // Each window once, or as often as it takes with another future each time.
        let count = alive.len().min(PAIRS);
        let rounds = PAIRS.div_ceil(count);
        let chosen: Vec<Window> = (0..count).map(|i| alive[i * alive.len() / count]).collect();
        let mut rng = seed.stream("blind, sides", 0);
        let mut found: Vec<BlindPair> = Vec::new();
        let futures = looking.screening(&chosen, times, seed).of_futures(rounds);
        let context = looking.plan.context;
        futures.watch(Some(one.predictor), &mut |index, both| {
            let rounds = rounds.min(both.futures());
            for future in 0..rounds {
                let left = rng.below(2) == 0;
                let window = chosen[index];
                found.push(BlindPair {
                    left,
                    film: clip(&both, None, frames, context),
                    drawn: clip(&both, Some(future), frames, context),
                    told: PairKey {
                        pair: 0,
                        film: if left { "left" } else { "right" },
                        file: looking.footage[window.file].name().to_owned(),
                        frame: window.start + context - context.min(SEEN),
                    },
                });
            }
            Ok(())
        })?;
        // In random order, so that two of one window do not stand together.
        for last in (1..found.len()).rev() {
            found.swap(last, rng.below(last + 1));
        }
        found.truncate(PAIRS);
        (found.iter_mut().zip(1..)).for_each(|(pair, number)| pair.told.pair = number);
        Ok(Self {
            model: one.name.clone(),
            frames,
            pairs: found,
        })
    }

    /// Writes the page, pictures of some frames of each clip, and the key.
    ///
    /// # Errors
    /// Places that cannot be written.
    pub fn write(self, places: &BlindPlaces) -> Result<()> {
        let mut page = Page::new("Film or drawn?");
        page.text(&format!(
            "In each pair one clip is film, the other is drawn from the same beginning on: the \
             first {} frames are the same in both, the {} after them are not. Say for each which \
             is film, L or R. The key is in a file of its own.",
            self.pairs
                .first()
                .map_or(0, |pair| seen(&pair.film, self.frames)),
            self.frames
        ));
        page.begin_row();
        for pair in &self.pairs {
            let [left, right] = pair.sides();
            let title = format!("Pair {}", pair.told.pair);
            page.clips(&title, &[("left", left.clone()), ("right", right.clone())])?;
        }
        page.end_row();
        page.save(&places.page)?;
        for pairs in self.pairs.chunks(ROWS) {
            let [first, last] = [&pairs[0], &pairs[pairs.len() - 1]].map(|pair| pair.told.pair);
            let rows = pairs.iter().map(|pair| pair.row(self.frames));
            let rows: Vec<Row> = rows.collect::<Result<_>>()?;
            let width = pairs[0].film.shape[2];
            let scale = (WIDE / width.max(1)).clamp(1, 8);
            Picture::rows(&rows, scale).save(&places.picture(first, last))?;
        }
        let key = BlindKey {
            model: self.model,
            frames: self.frames,
            film: (self.pairs.iter())
                .map(|pair| if pair.left { 'L' } else { 'R' })
                .collect(),
            pairs: self.pairs.into_iter().map(|pair| pair.told).collect(),
        };
        let text = serde_json::to_string_pretty(&key)
            .map_err(|error| Error::io(&places.key, std::io::Error::other(error)))?;
        files::replace_bytes(&places.key, format!("{text}\n").as_bytes())
    }
}

/// Of film, or of a future: at most [`SEEN`] frames that were seen, then `frames`, the last
/// of them for a while.
fn clip(both: &SideBySide, future: Option<usize>, frames: usize, context: usize) -> Clip {
    let seen = context.min(SEEN) as isize;
    let frame = |time| match future {
        Some(future) => both.future_at(future, time),
        None => both.film_at(time),
    };
    let times = (1 - seen..=frames as isize).chain(std::iter::repeat_n(frames as isize, HELD - 1));
    Clip {
        frames: times.map(|time| frame(time).to_vec()).collect(),
        shape: both.shape(),
    }
}

/// How many frames of a clip were seen.
fn seen(clip: &Clip, frames: usize) -> usize {
    clip.frames.len() + 1 - HELD - frames
}

impl BlindPair {
    /// What stands on the left and on the right.
    fn sides(&self) -> [&Clip; 2] {
        match self.left {
            true => [&self.film, &self.drawn],
            false => [&self.drawn, &self.film],
        }
    }

    /// A few frames of both.
    fn row(&self, frames: usize) -> Result<Row> {
        let mut cells = Vec::new();
        let moments = MOMENTS.min(frames);
        for (side, clip) in ["L", "R"].into_iter().zip(self.sides()) {
            for moment in 1..=moments {
                let time = moment * frames / moments;
                let frame = &clip.frames[seen(clip, frames) + time - 1];
                let cell = Cell::frame(frame, clip.shape)?;
                cells.push(cell.caption(format!("{side} +{time}")));
            }
        }
        Ok(Row::new(self.told.pair.to_string(), cells))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_or_a_folder() {
        let of = |path: &str| BlindPlaces::new(Path::new(path));
        let places = of("a/b.html").unwrap();
        assert_eq!(places.key, Path::new("a/b-key.json"));
        assert_eq!(places.picture(1, 10), Path::new("a/b-01-10.png"));
        let places = of("a/b").unwrap();
        assert_eq!(places.page, Path::new("a/b/blind.html"));
        assert_eq!(places.key, Path::new("a/b/key.json"));
        let said = of("a/b.gif").unwrap_err().to_string();
        assert!(said.contains("b.gif") && said.contains(".html"), "{said}");
    }
}
