//! The appearance of a film at one size: all that a future takes from it beside the last frame.

use super::background::Background;
use super::entering::{Entered, EnteringBank};
use super::grain::{Grain, NoiseFrames};
use super::texels::Texels;
use super::whole_horizon::WholeHorizon;
use crate::data::Window;
use crate::error::Result;

/// Windows from which it can be told how often something enters, at least.
const ENOUGH: usize = 10;

/// How a film looks at one size. Motion has no size, so the same z moves it at any.
#[derive(Debug, Clone, PartialEq)]
pub struct Appearance {
    /// Behind what moves.
    pub background: Background,
    /// What enters.
    pub entering: EnteringBank,
    /// Pieces that no side of the frame cuts off, some of the film's.
    pub whole: Vec<Texels>,
    /// What still pixels do.
    pub grain: Grain,
}

/// A film at another size than the model's: the frame (C, H·n, W·n) in [0, 1] so many frames after a
/// window's first.
pub type LargeFilm<'a> = dyn Fn(&Window, usize) -> Result<Vec<f32>> + Sync + 'a;

impl Appearance {
    /// A background alone.
    pub fn of_background(background: Background) -> Self {
        Self {
            background,
            entering: EnteringBank::default(),
            whole: Vec::new(),
            grain: Grain::default(),
        }
    }

    /// That of a film at another size: what entered in some of its windows is cut again from the large
    /// frames, and `noisy` windows give the grain. Where what entered was sought in fewer than 10 windows, the
    /// model's own sprites enter.
    ///
    /// # Errors
    /// Frames that cannot be read.
    pub fn large(
        model: &WholeHorizon,
        background: Background,
        (entered, noisy): (&[Entered], &[Window]),
        film: &LargeFilm,
    ) -> Result<Self> {
        let mut appearance = Self::of_background(background);
        if !model.moves_pieces() {
            return Ok(appearance);
        }
        let length = model.context + model.frames;
        let columns = model.appearance.background.shape[2];
        let (mut windows, mut whole) = (Vec::new(), Vec::new());
        for one in entered {
            if one.is_empty() {
                windows.push(Vec::new());
                continue;
            }
            let last = film(&one.window, length - 1)?;
            windows.push(one.cut_again(&last, &appearance.background, columns));
            whole.extend(one.cut_whole_again(&last, &appearance.background, columns));
        }
        if entered.len() < ENOUGH {
            let Self {
                entering, whole, ..
            } = &model.appearance;
            (appearance.entering, appearance.whole) = (entering.clone(), whole.clone());
        } else {
            let [_, height, _] = model.appearance.background.shape;
            appearance.whole = some_of(whole);
            for (one, large) in entered.iter().zip(&mut windows) {
                let pieces = one.pieces.iter().map(|(piece, _)| piece);
                let each = std::mem::take(large).into_iter().zip(pieces);
                let whole = &appearance.whole;
                let each =
                    each.map(|(large, piece)| large.completed(piece, (height, columns), whole));
                *large = each.collect();
            }
            appearance.entering = EnteringBank::thinned(windows);
        }
        let noise = |window: &Window| -> Result<Vec<Vec<f32>>> {
            (model.context - 1..length)
                .map(|at| film(window, at))
                .collect()
        };
        let noise: NoiseFrames = &noise;
        appearance.grain = Grain::of(noisy, &appearance.background, model.frames, noise)?;
        Ok(appearance)
    }
}

/// Whole pieces that are kept, at most, and their texels, 16 MB.
const WHOLE: usize = 80;
const MOST_TEXELS: usize = 1 << 20;

/// Evenly chosen ones, so many that futures can look at all of them.
pub(super) fn some_of(whole: Vec<Texels>) -> Vec<Texels> {
    let texels: usize = whole.iter().map(|sprite| sprite.values.len()).sum();
    let step = (whole.len().div_ceil(WHOLE)).max(texels.div_ceil(MOST_TEXELS));
    whole.into_iter().step_by(step.max(1)).collect()
}
