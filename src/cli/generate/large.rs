//! Futures at the film's own size: z is found at the model's size, and moves the film's pixels.

use super::moment::Moment;
use crate::cli::drawn_size::DrawnSize;
use crate::cli::input::Input;
use crate::data::{Footage, Part, Window};
use crate::error::{Error, Result};
use crate::horizon::{Appearance, Background, Entered, Grain, LargeFrame, WholeHorizon};
use crate::interrupt;
use crate::memory;
use std::collections::BTreeMap;

/// Frames from which the background is taken, at most.
const LOOKS: usize = 101;
/// Windows before the moment in which it is seen what enters, at most.
const LOOKED_AT: usize = 60;
/// Those of them whose pieces are cut out of a large frame, at most.
const CUT: usize = 20;

/// The input at the size at which futures are drawn, from the context on.
pub(super) struct Large {
    pub input: Input,
    pub moment: Moment,
    last: Vec<f32>,
    appearance: Appearance,
}

/// What of the input before the moment is needed at the large size.
struct BeforeMoment {
    entered: Vec<Entered>,
    noisy: Vec<Window>,
    /// Frames from the context's end to the horizon's.
    ahead: usize,
    /// Frames of a window.
    length: usize,
}

impl Large {
    /// Reads the input once more, where there is room for it and for so many frames that are `drawn`.
    ///
    /// # Errors
    /// Frames that were prepared at one size, a size of another aspect ratio, an input that cannot
    /// be read.
    pub fn read(
        input: &Input,
        moment: Moment,
        (size, model): (DrawnSize, &WholeHorizon),
        drawn: f64,
    ) -> Result<Self> {
        let source = &input.source;
        if input.footage.is_backwards() {
            return Err(Error::input(
                &source.name,
                "it is read backwards, at the model's size only",
                "leave out --size",
            ));
        }
        let settings = size.settings(source, &input.settings)?;
        let count = input.footage.len();
        let step = count.div_ceil(LOOKS).max(1);
        let window = moment.start..moment.start + moment.context + moment.real;
        let (channels, height, width) = settings.shape();
        let frame = channels * height * width;
        let before = BeforeMoment::of(input, moment, (model, frame))?;
        let mut wanted: BTreeMap<usize, Vec<u8>> =
            before.frames().map(|index| (index, Vec::new())).collect();
        let held = (LOOKS + wanted.len() + window.len()) as f64 + drawn;
        memory::check(
            held * frame as f64,
            &format!("--size {width}x{height}"),
            || "give a smaller one, or fewer futures".to_owned(),
        )?;
        let (mut looks, mut kept) = (Vec::new(), Vec::new());
        let mut frames = source.open(&settings)?;
        for index in 0..count {
            interrupt::check()?;
            let Some(frame) = frames.next_frame()? else {
                break;
            };
            if window.contains(&index) {
                kept.extend_from_slice(&frame.pixels);
            }
            if let Some(wanted) = wanted.get_mut(&index) {
                wanted.clone_from(&frame.pixels);
            }
            if index % step == 0 {
                looks.push(frame.pixels);
            }
        }
        let all = wanted.values().all(|pixels| pixels.len() == frame);
        if !all || kept.len() != window.len() * frame {
            return Err(Error::input(
                &source.name,
                "it has fewer frames now than before",
                "wait until it is written, and try again",
            ));
        }
        let last = &kept[(moment.context - 1) * frame..][..frame];
        let numbers = |bytes: &[u8]| bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let last = numbers(last);
        let background = Background::of_frames(&looks, [channels, height, width]);
        let film = |window: &Window, at: usize| Ok(numbers(&wanted[&(window.start + at)]));
        let about = (&before.entered[..], &before.noisy[..]);
        let appearance = Appearance::large(model, background, about, &film)?;
        let footage = Footage::from_frames(
            source.name.as_str(),
            kept,
            (window.len(), channels, height, width),
            input.footage.frame_rate(),
            Vec::new(),
        )?;
        Ok(Self {
            input: Input {
                sequences: footage.scenes(),
                scenes: footage.scenes(),
                footage,
                source: source.clone(),
                settings,
            },
            moment: Moment { start: 0, ..moment },
            last,
            appearance,
        })
    }

    /// The last frame seen.
    pub fn frame(&self) -> LargeFrame<'_> {
        LargeFrame {
            pixels: &self.last,
            appearance: &self.appearance,
        }
    }
}

impl BeforeMoment {
    /// Of frames of so many `numbers`. Nothing after the context is looked at.
    fn of(input: &Input, moment: Moment, (model, numbers): (&WholeHorizon, usize)) -> Result<Self> {
        let length = model.context + model.frames;
        let (mut entered, mut noisy) = (Vec::new(), Vec::new());
        if model.moves_pieces() {
            let part = Part::of_film(&input.footage, 0..moment.start + moment.context);
            let windows = part.spread(length, LOOKED_AT);
            entered = model.entered(std::slice::from_ref(&input.footage), &windows)?;
            let some = entered.iter().filter(|one| !one.is_empty()).count();
            let step = some.div_ceil(CUT).max(1);
            entered = entered.into_iter().step_by(step).collect();
            noisy = Grain::of_which(&windows, numbers, model.frames);
        }
        Ok(Self {
            entered,
            noisy,
            ahead: model.frames,
            length,
        })
    }

    /// Which frames, by their numbers in the input.
    fn frames(&self) -> impl Iterator<Item = usize> {
        let last = self.length - 1;
        let entered = self.entered.iter().filter(|one| !one.is_empty());
        let entered = entered.map(move |one| one.window.start + last);
        let noisy = self.noisy.iter();
        entered.chain(noisy.flat_map(move |window| {
            let end = window.start + last;
            end - self.ahead..=end
        }))
    }
}
