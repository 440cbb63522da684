//! Where the context lies.

use crate::cli::input::Input;
use crate::error::{Error, Result};

/// Timestamps are rounded to as little as a millisecond.
const ROUNDING: f64 = 1e-3;

/// Where the context ends and the future starts, in frames of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// The context's first frame.
    pub start: usize,
    /// Its frames, all of one scene.
    pub context: usize,
    /// How many frames of the real future follow in that scene; at most as
    /// many as are predicted.
    pub real: usize,
}

impl Moment {
    /// The context of `context` frames whose last one is on show `at` seconds;
    /// without a time, the latest that `frames` real frames follow, else the
    /// latest.
    ///
    /// # Errors
    /// A time outside the input, too few frames before it or after a cut.
    pub fn find(input: &Input, at: Option<f64>, context: usize, frames: usize) -> Result<Self> {
        let end = match at {
            Some(at) => end_at(input, at, context)?,
            None => latest_end(input, context, frames)?,
        };
        let scene = input.scenes.iter().find(|scene| scene.end >= end);
        let left = scene.map_or(0, |scene| scene.end - end);
        Ok(Self {
            start: end - context,
            context,
            real: left.min(frames),
        })
    }

    /// What the log says of it.
    pub fn describe(&self, input: &Input) -> String {
        let footage = &input.footage;
        let time = |frame: usize| footage.clock(footage.times()[frame]);
        let after = match footage.is_backwards() {
            true => "before",
            false => "after",
        };
        let batch = match input.sequences.len() {
            1 => String::new(),
            count => format!("{count} sequences, "),
        };
        format!(
            "{batch}context from {:.3} s to {:.3} s ({} frames), {} real frames {after} it",
            time(self.start),
            time(self.start + self.context - 1),
            self.context,
            if self.real == 0 {
                "no".to_owned()
            } else {
                self.real.to_string()
            },
        )
    }
}

/// The frame after the context's last one.
fn end_at(input: &Input, said: f64, context: usize) -> Result<usize> {
    let clock = |time: f64| input.footage.clock(time);
    let at = clock(said);
    let length = input.sequences[0].len();
    let times = &input.footage.times()[..length];
    let (first, last) = (times[0], times[length - 1]);
    let over = last + 1.0 / input.footage.frame_rate();
    if !(at >= first - ROUNDING && at <= over + ROUNDING) {
        return Err(Error::input(
            format!("--at {said}"),
            format!(
                "outside of {}, which goes from {first:.3} s to {over:.3} s",
                input.footage.name()
            ),
            "give a time inside, in seconds from the start of the file",
        ));
    }
    let end = times.partition_point(|&time| time <= at + ROUNDING).max(1);
    let scene = (input.scenes.iter().find(|scene| scene.contains(&(end - 1))))
        .map_or(0..length, Clone::clone);
    let before = end - scene.start;
    if before >= context {
        return Ok(end);
    }
    let problem = if scene.start == 0 {
        format!("{before} frames up to there, the context takes {context}")
    } else {
        format!(
            "{before} frames from the scene cut at {:.3} s up to there; the context takes {context}, \
             and it cannot span a cut",
            clock(times[scene.start])
        )
    };
    let ends = input.scenes.iter().filter(|scene| scene.len() >= context);
    let mut ends = ends.map(|scene| scene.start + context);
    let hint = match ends.find(|&later| later > end) {
        Some(later) => format!(
            "the next time that has as many is --at {:.3}",
            clock(times[later - 1])
        ),
        None => "give another time, or none for the last that fits".to_owned(),
    };
    Err(Error::input(format!("--at {said}"), problem, hint))
}

fn latest_end(input: &Input, context: usize, frames: usize) -> Result<usize> {
    let last = |length: usize| input.scenes.iter().rfind(|scene| scene.len() >= length);
    if let Some(scene) = last(context.saturating_add(frames)) {
        return Ok(scene.end - frames);
    }
    if let Some(scene) = last(context) {
        return Ok(scene.end);
    }
    let longest = input.scenes.iter().map(ExactSizeIterator::len).max();
    Err(Error::input(
        input.footage.name(),
        format!(
            "{} frames without a cut; the context takes {context}",
            longest.unwrap_or(0)
        ),
        "give a longer video, or a lower --context where it is above the model's own",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Footage;

    fn input(frames: usize, cuts: Vec<usize>) -> Input {
        let shape = (frames, 1, 1, 1);
        let footage = Footage::from_frames("film", vec![0; frames], shape, 10.0, cuts).unwrap();
        Input::of(footage)
    }

    fn found(input: &Input, at: Option<f64>) -> (usize, usize) {
        let moment = Moment::find(input, at, 4, 6).unwrap();
        (moment.start, moment.real)
    }

    #[test]
    fn the_latest_moment_with_a_real_future() {
        assert_eq!(found(&input(30, vec![]), None), (20, 6));
        assert_eq!(found(&input(30, vec![22]), None), (12, 6));
        assert_eq!(found(&input(9, vec![]), None), (5, 0));
        assert_eq!(found(&input(9, vec![7]), None), (3, 0));
        let error = Moment::find(&input(9, vec![3, 6]), None, 4, 6).unwrap_err();
        assert!(
            error.to_string().contains("3 frames without a cut"),
            "{error}"
        );
    }

    #[test]
    fn a_time_ends_the_context() {
        let film = input(30, vec![20]);
        assert_eq!(found(&film, Some(0.3)), (0, 6));
        assert_eq!(found(&film, Some(0.39)), (0, 6));
        assert_eq!(found(&film, Some(1.6)), (13, 3));
        assert_eq!(found(&film, Some(1.9)), (16, 0));
        assert_eq!(found(&film, Some(3.0)), (26, 0));
        for (at, words) in [
            (-1.0, "from 0.000 s to 3.000 s"),
            (3.1, "outside of film"),
            (f64::NAN, "outside of film"),
            (
                0.2,
                "3 frames up to there, the context takes 4; the next time that has as many is --at 0.300",
            ),
            (
                2.15,
                "2 frames from the scene cut at 2.000 s up to there; the context takes 4, and it cannot span a cut; the next time that has as many is --at 2.300",
            ),
        ] {
            let error = Moment::find(&film, Some(at), 4, 6).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        let film = input(22, vec![20]);
        let error = Moment::find(&film, Some(2.1), 4, 6).unwrap_err();
        assert!(error.to_string().contains("give another time"), "{error}");
    }
}
