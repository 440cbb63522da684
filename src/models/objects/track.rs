//! Where objects came from: a search over the ways that they can have gone.

use crate::ops::{Bits, Canvas};
use std::ops::Range;

/// Ways that are followed further back, of all of them and of one object given the others.
const KEPT: usize = 16;
const KEPT_BESIDE: usize = 8;
/// What a change of speed costs, in lit pixels, of all ways and of one given the others.
const CHANGE: i64 = 10;
const CHANGE_BESIDE: i64 = 5;
/// Ways of the first object from which the others are looked for.
const STARTS: usize = 4;
/// Starts differ by more pixels than this, over all frames.
const ALIKE: i32 = 2;
/// Of one lit pixel of so many that none explains, no further start is looked at.
const ENOUGH: u64 = 200;
/// Turns over the objects, at most.
const TURNS: usize = 4;

/// Pixels down and right.
pub(super) type Shift = (i32, i32);

/// The way of an object, from the last frame back.
#[derive(Debug, Clone)]
pub(super) struct Track {
    /// By how much each frame is moved to lie on the last one, that first: (0, 0).
    pub(super) places: Vec<Shift>,
    /// Lit at its place in every frame: the object may be all of it, and no more.
    seen: Bits,
    changes: i64,
}

impl Track {
    /// From frame to frame, the latest move first.
    pub(super) fn moves(&self) -> impl Iterator<Item = Shift> + '_ {
        let pairs = self.places.windows(2);
        pairs.map(|pair| (pair[1].0 - pair[0].0, pair[1].1 - pair[0].1))
    }

    fn last_move(&self) -> Option<Shift> {
        let &[.., a, b] = &self.places[..] else {
            return None;
        };
        Some((b.0 - a.0, b.1 - a.1))
    }

    fn apart(&self, other: &Self) -> i32 {
        let pairs = self.moves().zip(other.moves());
        pairs
            .map(|(a, b)| (a.0 - b.0).abs() + (a.1 - b.1).abs())
            .sum()
    }
}

/// A way that may be followed one frame further back.
struct Step {
    score: i64,
    /// Of the move; of equal scores the least goes first.
    length: i32,
    /// Which way it goes on.
    parent: usize,
    place: Shift,
    changes: i64,
}

/// The lit pixels of some frames, the last one first, in which objects are looked for that
/// go by at most `reach` pixels each way from one to the next.
pub(super) struct Search {
    canvas: Canvas,
    frames: Vec<Bits>,
    reach: i32,
}

impl Search {
    /// `lit` says of a frame (the last one is 0) and a pixel whether there is something.
    pub(super) fn new(
        size: (usize, usize),
        frames: usize,
        reach: usize,
        lit: impl Fn(usize, usize) -> bool,
    ) -> Self {
        let canvas = Canvas::new(size, reach * frames.saturating_sub(1));
        let frames = (0..frames).map(|frame| canvas.picture(|pixel| lit(frame, pixel)));
        Self {
            canvas,
            frames: frames.collect(),
            reach: reach as i32,
        }
    }

    /// The ways of `count` objects that together explain most of what is lit in all
    /// frames, each lit pixel that none explains costing 1 and each change of speed
    /// [`CHANGE_BESIDE`]: the least cost over some starts, one object found after the other
    /// and then each again, given all others, while that helps.
    pub(super) fn tracks(&self, count: usize) -> Vec<Track> {
        let first = self.ways(None, KEPT, CHANGE);
        let mut starts: Vec<&Track> = Vec::new();
        for way in &first {
            if starts.len() < STARTS && starts.iter().all(|start| start.apart(way) > ALIKE) {
                starts.push(way);
            }
        }
        let lit: u64 = self.frames.iter().map(Bits::count).sum();
        let mut best: Option<(i64, Vec<Track>)> = None;
        for start in starts {
            let (cost, tracks) = self.beside(start, count);
            let left = self.left_lit(&tracks);
            if best.as_ref().is_none_or(|(least, _)| cost < *least) {
                best = Some((cost, tracks));
            }
            if left * ENOUGH <= lit {
                break;
            }
        }
        best.map(|(_, tracks)| tracks).unwrap_or_default()
    }

    /// The others beside a first one, with the cost of all.
    fn beside(&self, start: &Track, count: usize) -> (i64, Vec<Track>) {
        let mut tracks = vec![start.clone()];
        while tracks.len() < count {
            tracks.extend(self.best_beside(&tracks, tracks.len()));
        }
        let mut cost = self.cost(&tracks);
        for turn in 0..TURNS * count {
            let index = turn % count;
            let Some(again) = self.best_beside(&tracks, index) else {
                break;
            };
            let before = std::mem::replace(&mut tracks[index], again);
            let now = self.cost(&tracks);
            if now > cost {
                tracks[index] = before;
            } else if now == cost && turn >= count {
                break;
            }
            cost = cost.min(now);
        }
        (cost, tracks)
    }

    /// The way that explains most of what all but `index` leave.
    fn best_beside(&self, tracks: &[Track], index: usize) -> Option<Track> {
        let others = tracks
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        let left = self.left(others.map(|(_, track)| track));
        let ways = self.ways(Some(&left), KEPT_BESIDE, CHANGE_BESIDE);
        ways.into_iter().next()
    }

    fn cost(&self, tracks: &[Track]) -> i64 {
        let changes: i64 = tracks.iter().map(|track| track.changes).sum();
        self.left_lit(tracks) as i64 + CHANGE_BESIDE * changes
    }

    /// How many lit pixels no track explains.
    fn left_lit(&self, tracks: &[Track]) -> u64 {
        let left = self.left(tracks.iter());
        left.iter().map(Bits::count).sum()
    }

    /// What is lit in each frame and in no track.
    fn left<'a>(&self, tracks: impl Iterator<Item = &'a Track>) -> Vec<Bits> {
        let mut left = self.frames.clone();
        for track in tracks {
            for (left, &(down, right)) in left.iter_mut().zip(&track.places) {
                *left = self.canvas.less(left, &track.seen, (-down, -right));
            }
        }
        left
    }

    fn shifts(&self) -> impl Iterator<Item = Shift> + use<> {
        let each = || -> Range<i32> { -self.reach..self.reach + 1 };
        let right = each();
        each().flat_map(move |down| right.clone().map(move |right| (down, right)))
    }

    /// The `kept` best ways, frame by frame backwards: those along which most is lit in
    /// every frame, or which explain most of what is `left`; the best first.
    fn ways(&self, left: Option<&[Bits]>, kept: usize, change: i64) -> Vec<Track> {
        let canvas = self.canvas;
        let Some(last) = self.frames.first() else {
            return Vec::new();
        };
        let mut ways = vec![Track {
            places: vec![(0, 0)],
            seen: last.clone(),
            changes: 0,
        }];
        let mut seen = canvas.dark();
        for (back, before) in self.frames.iter().enumerate().skip(1) {
            let mut next = Vec::with_capacity(ways.len() * (2 * self.reach as usize + 1).pow(2));
            for (parent, way) in ways.iter().enumerate() {
                let (down, right) = way.places[back - 1];
                let speed = way.last_move();
                for shift in self.shifts() {
                    let place = (down + shift.0, right + shift.1);
                    canvas.both(&way.seen, before, place, &mut seen);
                    let changed = speed.is_some_and(|speed| speed != shift);
                    let changes = way.changes + i64::from(changed);
                    let found = match left {
                        None => seen.count() * back as u64,
                        Some(left) => {
                            let places = way.places.iter().chain([&place]);
                            let each = places.zip(left);
                            each.map(|(at, left)| canvas.common(left, &seen, (-at.0, -at.1)))
                                .sum()
                        }
                    };
                    next.push(Step {
                        score: found as i64 - change * changes,
                        length: shift.0.abs() + shift.1.abs(),
                        parent,
                        place,
                        changes,
                    });
                }
            }
            next.sort_by_key(|step| (std::cmp::Reverse(step.score), step.length));
            next.truncate(kept);
            let follow = |step: Step| {
                let way: &Track = &ways[step.parent];
                canvas.both(&way.seen, before, step.place, &mut seen);
                let places = way.places.iter().copied().chain([step.place]);
                Track {
                    places: places.collect(),
                    seen: seen.clone(),
                    changes: step.changes,
                }
            };
            ways = next.into_iter().map(follow).collect();
        }
        ways
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two frames' worth of strokes: an L and a cross.
    const SHAPES: [[&str; 5]; 2] = [
        ["#....", "#....", "#....", "#....", "#####"],
        ["..#..", "..#..", "#####", "..#..", "..#.."],
    ];

    /// Whether a pixel of a 16 × 20 frame is lit with the shapes' corners there.
    fn lit(corners: [Shift; 2], pixel: usize) -> bool {
        let at = ((pixel / 20) as i32, (pixel % 20) as i32);
        SHAPES.iter().zip(corners).any(|(shape, corner)| {
            let (row, column) = (at.0 - corner.0, at.1 - corner.1);
            let inside = (0..5).contains(&row) && (0..5).contains(&column);
            inside && shape[row as usize].as_bytes()[column as usize] == b'#'
        })
    }

    fn found(ways: [[Shift; 5]; 2]) -> Vec<Vec<Shift>> {
        // The last frame first.
        let corners = |frame: usize| ways.map(|way| way[4 - frame]);
        let search = Search::new((16, 20), 5, 3, |frame, pixel| lit(corners(frame), pixel));
        let tracks = search.tracks(2);
        let mut moves: Vec<Vec<Shift>> = tracks.iter().map(|t| t.moves().collect()).collect();
        moves.sort();
        moves
    }

    #[test]
    fn two_that_lie_on_each_other_are_told_apart() {
        let a = [(2, 2), (3, 4), (4, 6), (5, 8), (6, 10)];
        let b = [(4, 10), (4, 9), (4, 8), (4, 7), (4, 6)];
        assert_eq!(found([a, b]), [vec![(0, -1); 4], vec![(1, 2); 4]]);
    }

    #[test]
    fn one_may_change_its_speed() {
        let a = [(2, 2), (3, 4), (4, 6), (5, 8), (5, 9)];
        let b = [(4, 10), (4, 9), (4, 8), (4, 7), (4, 6)];
        let turned = vec![(0, 1), (1, 2), (1, 2), (1, 2)];
        assert_eq!(found([a, b]), [vec![(0, -1); 4], turned]);
    }

    #[test]
    fn nothing_is_nowhere() {
        let search = Search::new((8, 8), 3, 2, |_, _| false);
        let tracks = search.tracks(2);
        assert_eq!(tracks.len(), 2);
        assert!(tracks.iter().all(|t| t.moves().all(|m| m == (0, 0))));
        assert!(Search::new((8, 8), 0, 2, |_, _| false).tracks(2).is_empty());
        assert_eq!(Search::new((8, 8), 1, 2, |_, _| true).tracks(3).len(), 3);
    }
}
