//! What to do about footage that is too short.

use super::footage::Footage;
use super::split::{FILES_TO_SPLIT, Part, SHARES, Split, bounds, held};
use crate::error::Error;

/// Of so many frames by which a context may be shortened, the least is advised.
const SHORTER: usize = 64;

/// The refusal of footage of which a part, by its name, has no window so long, with advice
/// that helps.
pub(super) fn refuse(
    footage: &[Footage],
    (name, part, length): (&str, &Part, usize),
    (window, longest): (usize, usize),
) -> Error {
    let clips = footage.len();
    let (frames, most) = (part.frames(), part.longest());
    let scene = |film: &Footage| film.scenes().iter().map(|scene| scene.len()).max();
    let best = footage.iter().max_by_key(|film| scene(film));
    let best = best.map_or(String::new(), |film| {
        format!(
            "the longest, {}, has {} frames without a cut",
            film.name(),
            scene(film).unwrap_or(0)
        )
    });
    let problem = match clips {
        0 | 1 => format!(
            "too short: of its {} frames the {name} part gets {frames}, {most} of them without \
             a cut; a window needs {length}",
            footage.first().map_or(0, Footage::len)
        ),
        2..FILES_TO_SPLIT => format!(
            "too short, each of the {clips} clips by itself: each is cut into parts, of which the \
             {name} part gets at most {most} frames without a cut; a window needs {length}; {best}"
        ),
        _ => format!(
            "too short: of {clips} clips {} are held back for the {name} part, which gets at \
             most {most} frames without a cut; a window needs {length}; {best}",
            match name {
                "test" => held(clips, SHARES.1),
                "validation" => held(clips, SHARES.0),
                _ => clips - held(clips, SHARES.1) - held(clips, SHARES.0),
            }
        ),
    };
    let whole = longest.max(window);
    let mut advice = match clips {
        0..FILES_TO_SPLIT => format!(
            "give a clip of at least {} frames without a cut, or {FILES_TO_SPLIT} clips or more \
             of at least {whole}",
            enough(window, longest)
        ),
        _ => format!("give clips of at least {whole} frames without a cut"),
    };
    if let Some(lower) = lower(footage, window, longest) {
        advice += &format!(", or lower {lower}");
    }
    let mut names: Vec<&str> = footage.iter().map(Footage::name).take(3).collect();
    if clips > names.len() {
        names.push("…");
    }
    Error::input(names.join(", "), problem, advice)
}

/// The fewest frames without a cut of which each part has a window.
fn enough(window: usize, longest: usize) -> usize {
    let fits = |frames: &usize| {
        let (validation, test) = bounds(*frames);
        validation >= window
            && test >= validation + 2 * window
            && *frames >= test + window + longest
    };
    let about = (20 * window).max(5 * (window + longest));
    (about.saturating_sub(30)..)
        .find(fits)
        .unwrap_or(usize::MAX)
}

/// The key that can be lowered so that each part has a window, and by how much.
fn lower(footage: &[Footage], window: usize, longest: usize) -> Option<String> {
    let lacks = |window: usize, longest: usize| {
        Split::plain(footage, window)
            .lacking(window, longest)
            .is_some()
    };
    // At least one frame follows a context, which is two frames shorter than a window.
    let test = Split::plain(footage, window).test.longest();
    if test + 1 >= window && test < longest && !lacks(window, test) {
        return Some(format!("evaluation.horizon by {}", longest - test));
    }
    let shorter = 1..=window.saturating_sub(3).min(SHORTER);
    let fits = |by: &usize| longest > *by && !lacks(window - by, longest - by);
    let by = shorter.into_iter().find(fits)?;
    Some(format!("model.context by {by}"))
}
