//! What objects look like whose ways are known.

use super::track::{Shift, Track};

/// Steps down the energy of the past.
const STEPS: usize = 40;

/// The size of a frame of one channel.
pub(super) type Size = (usize, usize);

/// `out` += `frame` moved by (down, right) times `share`; what leaves the frame is lost.
fn add_moved(out: &mut [f32], frame: &[f32], (down, right): Shift, share: f32, size: Size) {
    over(size, (down, right), |to, from, length| {
        let pairs = out[to..to + length]
            .iter_mut()
            .zip(&frame[from..from + length]);
        pairs.for_each(|(out, value)| *out += share * value);
    });
}

/// Calls `f` with where a row's part begins that stays inside, after the move and before
/// it, and its length.
fn over((height, width): Size, (down, right): Shift, mut f: impl FnMut(usize, usize, usize)) {
    let (h, w) = (height as i32, width as i32);
    let length = w - right.abs();
    if length <= 0 {
        return;
    }
    for row in down.max(0)..(h + down).min(h) {
        let to = row * w + right.max(0);
        let from = (row - down) * w + (-right).max(0);
        f(to as usize, from as usize, length as usize);
    }
}

/// Objects o_k that go along their `tracks`, such that the past's `frames` (the last one
/// first, each H·W) are their sum, cut at `white`: the least of
///
/// E(x, o) = Σ_t ‖x_t − min(white, Σ_k S(−p_kt) o_k)‖²
///
/// that is reached by steps down its slope from the least light along each track, which is
/// the most that o_k can be. Each is H·W, as it lies in the last frame.
pub(super) fn parted(frames: &[&[f32]], tracks: &[Track], white: f32, size: Size) -> Vec<Vec<f32>> {
    let least = |track: &Track| {
        let mut least = frames[0].to_vec();
        for (frame, &place) in frames.iter().zip(&track.places).skip(1) {
            let mut moved = vec![0.0; least.len()];
            add_moved(&mut moved, frame, place, 1.0, size);
            let pairs = least.iter_mut().zip(moved);
            pairs.for_each(|(least, moved)| *least = least.min(moved));
        }
        least
    };
    let most: Vec<Vec<f32>> = tracks.iter().map(least).collect();
    let mut objects = most.clone();
    let mut slopes = objects.clone();
    let mut made = vec![0.0; size.0 * size.1];
    // A frame's error bends by 1 for each object in it.
    let step = 0.7 / (frames.len() * tracks.len()) as f32;
    for _ in 0..STEPS {
        slopes.iter_mut().for_each(|slope| slope.fill(0.0));
        for (time, frame) in frames.iter().enumerate() {
            made.fill(0.0);
            for (object, track) in objects.iter().zip(tracks) {
                let (down, right) = track.places[time];
                add_moved(&mut made, object, (-down, -right), 1.0, size);
            }
            for (made, seen) in made.iter_mut().zip(*frame) {
                let hidden = *made > white && *seen >= white;
                *made = if hidden { 0.0 } else { *made - seen };
            }
            for (slope, track) in slopes.iter_mut().zip(tracks) {
                add_moved(slope, &made, track.places[time], step, size);
            }
        }
        for ((object, slope), most) in objects.iter_mut().zip(&slopes).zip(&most) {
            let each = object.iter_mut().zip(slope).zip(most);
            each.for_each(|((light, slope), most)| *light = (*light - slope).max(0.0).min(*most));
        }
    }
    objects
}
