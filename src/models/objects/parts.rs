//! What objects look like whose ways are known.

use super::track::{Shift, Track};

/// Steps down the energy of the past.
const STEPS: usize = 80;
/// What the squared differences of neighbouring pixels cost in the first step, beside an
/// error; in the last they cost nothing.
const ROUGH: f32 = 0.015;

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

/// Adds to `slope` that of ½ Σ (a − b)² over neighbouring pixels a, b of `object`, times
/// `share`.
fn add_roughness(slope: &mut [f32], object: &[f32], share: f32, (_, width): Size) {
    let mut pair = |a: usize, b: usize| {
        let difference = share * (object[b] - object[a]);
        slope[b] += difference;
        slope[a] -= difference;
    };
    for pixel in 0..object.len() {
        if pixel % width > 0 {
            pair(pixel - 1, pixel);
        }
        if pixel >= width {
            pair(pixel - width, pixel);
        }
    }
}

/// Objects o_k that go along their `tracks`, such that the past's `frames` (the last one
/// first, each H·W) are their sum, cut at `white`: the least of
///
/// E(x, o) = Σ_t ‖x_t − min(white, Σ_k S(−p_kt) o_k)‖²
///
/// that is reached by accelerated steps down its slope (Beck & Teboulle 2009, FISTA) from
/// the least light along each track, which is the most that o_k can be. Each is H·W, as it
/// lies in the last frame.
///
/// Where objects lie on each other in every frame, or hardly move against each other, light
/// may be the one's or the other's, and E does not tell. Of such objects smooth ones are
/// taken, as strokes are within: differences between neighbours cost [`ROUGH`], which
/// fades out.
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
    // Where slopes are taken: as far on as the last step went, and ever more of it.
    let mut ahead = most.clone();
    let mut pace = 1f32;
    let mut slopes = objects.clone();
    let mut made = vec![0.0; size.0 * size.1];
    // A frame's error bends by 1 for each object in it.
    let step = 0.7 / (frames.len() * tracks.len()) as f32;
    for index in 0..STEPS {
        slopes.iter_mut().for_each(|slope| slope.fill(0.0));
        for (time, frame) in frames.iter().enumerate() {
            made.fill(0.0);
            for (object, track) in ahead.iter().zip(tracks) {
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
        let rough = step * ROUGH * (1.0 - index as f32 / STEPS as f32);
        for (slope, object) in slopes.iter_mut().zip(&ahead) {
            add_roughness(slope, object, rough, size);
        }
        let next = (1.0 + (1.0 + 4.0 * pace * pace).sqrt()) / 2.0;
        let on = (pace - 1.0) / next;
        pace = next;
        let each = objects.iter_mut().zip(&mut ahead).zip(&slopes).zip(&most);
        for (((object, ahead), slope), most) in each {
            let pixels = object.iter_mut().zip(ahead).zip(slope).zip(most);
            pixels.for_each(|(((light, ahead), slope), most)| {
                let before = *light;
                *light = (*ahead - slope).max(0.0).min(*most);
                *ahead = *light + on * (*light - before);
            });
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::objects::track::Search;

    #[test]
    fn roughness_is_a_slope() {
        let size = (3, 4);
        let object: Vec<f32> = (0..12).map(|i| ((i * 7 + 3) % 5) as f32 * 0.3).collect();
        let cost = |object: &[f32]| -> f32 {
            let pair = |a: usize, b: usize| 0.5 * (object[a] - object[b]).powi(2);
            let right = (0..12).filter(|i| i % 4 > 0).map(|i| pair(i - 1, i));
            right.chain((4..12).map(|i| pair(i - 4, i))).sum()
        };
        let mut slope = vec![0.0; 12];
        add_roughness(&mut slope, &object, 1.0, size);
        for (pixel, slope) in slope.iter().enumerate() {
            let at = |by: f32| {
                let mut moved = object.clone();
                moved[pixel] += by;
                cost(&moved)
            };
            let expected = (at(0.01) - at(-0.01)) / 0.02;
            assert!((slope - expected).abs() < 1e-3, "{slope} {expected}");
        }
    }

    /// Two grey squares, one of which goes right by one pixel a frame: light that both have in
    /// all three frames may be either's.
    #[test]
    fn what_is_whose_is_told_where_little_moves() {
        let size = (12, 20);
        let square = |(top, left): Shift, side: i32, pixel: usize| {
            let (row, column) = ((pixel / 20) as i32 - top, (pixel % 20) as i32 - left);
            let inside = (0..side).contains(&row) && (0..side).contains(&column);
            f32::from(u8::from(inside)) * 0.5
        };
        let picture = |of: &dyn Fn(usize) -> f32| (0..240).map(of).collect::<Vec<f32>>();
        let (still, moving) = ((2, 4), (3, 8));
        let frames: Vec<Vec<f32>> = (0..3)
            .map(|back| {
                picture(&|pixel| {
                    square(still, 8, pixel) + square((moving.0, moving.1 - back), 6, pixel)
                })
            })
            .collect();
        let lit = |frame: usize, pixel: usize| frames[frame][pixel] > 0.3;
        let mut tracks = Search::new(size, 3, 2, lit).tracks(2);
        tracks[0].places = vec![(0, 0); 3];
        tracks[1].places = vec![(0, 0), (0, 1), (0, 2)];
        let planes: Vec<&[f32]> = frames.iter().map(Vec::as_slice).collect();
        let found = parted(&planes, &tracks, 1.0, size);
        let truth = [
            picture(&|pixel| square(still, 8, pixel)),
            picture(&|pixel| square(moving, 6, pixel)),
        ];
        for (found, truth) in found.iter().zip(&truth) {
            let off = found.iter().zip(truth).map(|(a, b)| (a - b).powi(2));
            let off: f32 = off.sum();
            // Without a cost of roughness 6.
            assert!(off < 2.0, "{off}");
        }
    }
}
