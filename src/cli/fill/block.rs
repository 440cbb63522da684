//! What to hide, as it is said.

use crate::cli::input::Input;
use crate::data::Footage;
use crate::error::{Error, Result};
use crate::evaluation::filling::{Block, Mask};
use std::ops::Range;
use std::str::FromStr;

/// Timestamps are rounded to as little as a millisecond.
const ROUNDING: f64 = 1e-3;

/// `x,y,w,h[@t0-t1]` or `all[@t0-t1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Hole {
    text: String,
    /// x, y, width, height in pixels; none for whole frames.
    region: Option<[usize; 4]>,
    /// From when to when, in seconds.
    times: Option<[f64; 2]>,
}

impl FromStr for Hole {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let wrong = || "expected x,y,w,h or all, and @t0-t1 in seconds".to_owned();
        let (region, times) = match text.split_once('@') {
            Some((region, times)) => (region, Some(times)),
            None => (text, None),
        };
        let region = match region {
            "all" => None,
            region => {
                let numbers: Vec<usize> = region
                    .split(',')
                    .map(|number| number.trim().parse().map_err(|_| wrong()))
                    .collect::<std::result::Result<_, _>>()?;
                let region: [usize; 4] = numbers.try_into().map_err(|_| wrong())?;
                if region[2] == 0 || region[3] == 0 {
                    return Err("it is 0 pixels wide or high; give at least 1".to_owned());
                }
                Some(region)
            }
        };
        let times = match times {
            None => None,
            Some(times) => {
                let (from, to) = times.split_once('-').ok_or_else(wrong)?;
                let time = |text: &str| text.trim().parse::<f64>().map_err(|_| wrong());
                let (from, to) = (time(from)?, time(to)?);
                if !(from.is_finite() && to.is_finite() && from <= to) {
                    return Err(format!("it ends at {to} s, before {from} s"));
                }
                Some([from, to])
            }
        };
        Ok(Self {
            text: text.to_owned(),
            region,
            times,
        })
    }
}

/// The mask of all `holes`, and the frames of the input it is for: from where the model's
/// `context` frames before the first hidden one start to as many after the last.
///
/// # Errors
/// A hole outside of the input, or too near its start or a scene cut.
pub(super) fn mask(holes: &[Hole], input: &Input, context: usize) -> Result<(Mask, Range<usize>)> {
    let blocks: Vec<Block> = holes
        .iter()
        .map(|hole| hole.block(input, context))
        .collect::<Result<_>>()?;
    let first = blocks.iter().map(|block| block.frames.start).min();
    let last = blocks.iter().map(|block| block.frames.end).max();
    let (first, end) = (first.unwrap_or(0), last.unwrap_or(0));
    let clock = |frame: usize| input.footage.clock(input.footage.times()[frame]);
    let scene = (input.scenes.iter().find(|scene| scene.contains(&first)))
        .map_or(0..input.footage.len(), Clone::clone);
    if first < scene.start + context {
        let found = scene.start + context;
        let [side, verb, way] = match input.footage.is_backwards() {
            true => ["after", "end", "earlier"],
            false => ["before", "begin", "later"],
        };
        return Err(Error::input(
            "--mask",
            format!(
                "{} whole frames {side} {:.3} s, and the model looks at {context}",
                first - scene.start,
                clock(first)
            ),
            match found < scene.end {
                true => format!("{verb} at {:.3} s or {way}", clock(found)),
                false => "hide a part of a longer scene".to_owned(),
            },
        ));
    }
    if end > scene.end {
        return Err(Error::input(
            "--mask",
            format!("it goes on over a scene cut at {:.3} s", clock(scene.end)),
            "stop there, and fill the other scene by itself",
        ));
    }
    let frames = first - context..scene.end.min(end + context);
    let mut mask = Mask::none(frames.len(), input.footage.shape());
    for block in blocks {
        let shifted = block.frames.start - frames.start..block.frames.end - frames.start;
        mask.hide(&Block {
            frames: shifted,
            ..block
        });
    }
    Ok((mask, frames))
}

impl Hole {
    fn block(&self, input: &Input, context: usize) -> Result<Block> {
        let (_, height, width) = input.footage.shape();
        let times = input.footage.times();
        let refuse = |problem: String, hint: String| {
            Err(Error::input(format!("--mask {}", self.text), problem, hint))
        };
        let [x, y, w, h] = self.region.unwrap_or([0, 0, width, height]);
        if x.saturating_add(w) > width || y.saturating_add(h) > height {
            return refuse(
                format!("outside of the model's frames, which are {width}×{height} pixels"),
                "give a part of these".to_owned(),
            );
        }
        let frames = match self.times {
            None => {
                // The longest scene's, but for what the model needs.
                let longest = input.scenes.iter().max_by_key(|scene| scene.len());
                let scene = longest.map_or(0..times.len(), Clone::clone);
                (scene.start + context).min(scene.end)..scene.end
            }
            Some(span) => {
                let [from, to] = within(&input.footage, span);
                let first = times.partition_point(|&time| time < from - ROUNDING);
                first..times.partition_point(|&time| time <= to + ROUNDING)
            }
        };
        if frames.is_empty() {
            let last = times.last().copied().unwrap_or(0.0);
            return refuse(
                format!("no frame is on show then; the input goes from 0 to {last:.3} s"),
                "give times inside".to_owned(),
            );
        }
        Ok(Block {
            rows: y..y + h,
            columns: x..x + w,
            frames,
        })
    }
}

/// A span of the film, from early to late, as the footage counts time.
fn within(footage: &Footage, span: [f64; 2]) -> [f64; 2] {
    let [from, to] = span.map(|time| footage.clock(time));
    [from.min(to), from.max(to)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holes_are_read() {
        let hole: Hole = "8,4,24,16@0.5-1.25".parse().unwrap();
        assert_eq!(hole.region, Some([8, 4, 24, 16]));
        assert_eq!(hole.times, Some([0.5, 1.25]));
        let whole: Hole = "all@1-2".parse().unwrap();
        assert_eq!(whole.region, None);
        assert_eq!("1,2,3,4".parse::<Hole>().unwrap().times, None);
        for (text, words) in [
            ("1,2,3", "x,y,w,h"),
            ("1,2,3,-4", "x,y,w,h"),
            ("1,2,0,4", "0 pixels"),
            ("all@2-1", "before 2 s"),
            ("all@nan-1", "before NaN s"),
            ("all@5", "x,y,w,h"),
        ] {
            let error = text.parse::<Hole>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    fn input() -> Input {
        let shape = (30, 1, 8, 8);
        let bytes = vec![0; 30 * 64];
        let footage = Footage::from_frames("film", bytes, shape, 10.0, vec![20]).unwrap();
        Input::of(footage)
    }

    #[test]
    fn masks_lie_in_a_scene() {
        let input = input();
        let of = |text: &str| mask(&[text.parse().unwrap()], &input, 4);
        let (found, frames) = of("2,3,4,5@1.0-1.25").unwrap();
        assert_eq!(frames, 6..17);
        assert_eq!(found.span(), Some((4, 6)));
        let hidden = found.of(4).unwrap().iter().filter(|&&hidden| hidden);
        assert_eq!(hidden.count(), 20);
        assert_eq!(of("all").unwrap().1, 0..20);
        // Backwards, the film's times stay, and what comes after is what is looked at.
        let back = Input::of(input.footage.backwards());
        let past = |text: &str| mask(&[text.parse().unwrap()], &back, 4);
        let (found, frames) = past("all@2.0-2.2").unwrap();
        assert_eq!((found.span(), frames), (Some((4, 6)), 3..10));
        let error = past("all@2.5-2.7").unwrap_err().to_string();
        let words =
            "2 whole frames after 2.700 s, and the model looks at 4; end at 2.500 s or earlier";
        assert!(error.contains(words), "{error}");
        for (text, words) in [
            ("5,0,4,4", "outside of the model's frames, which are 8×8"),
            (
                "all@0.2-1",
                "2 whole frames before 0.200 s, and the model looks at 4; begin at 0.400 s",
            ),
            ("all@2.1-2.5", "1 whole frames before 2.100 s"),
            ("all@1.5-2.2", "over a scene cut at 2.000 s"),
            (
                "all@7-9",
                "no frame is on show then; the input goes from 0 to 2.900 s",
            ),
        ] {
            let error = of(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
