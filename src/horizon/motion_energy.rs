//! E(x, y, z) where z is motion: its value, its gradient and its curvature.

use super::motion_scene::{Motion, MotionScene, dots};
use super::motion_sums::MotionSums;
use super::partly_seen::{PartlySeen, pyramid};
use super::pose::{WAYS, Yx};
use super::sheet::Sheet;
use super::texels::Texels;
use super::time_basis::TimeBasis;

/// The squared error of ŷ(x, z) for the frames that came.
#[derive(Debug, Clone)]
pub struct MotionEnergy<'a> {
    scene: &'a MotionScene,
    basis: &'a TimeBasis,
    /// The frames that came, at each level; how opaque a texel is says how much of it is seen.
    targets: Vec<Vec<Texels>>,
    channels: usize,
}

/// The error about one z.
#[derive(Debug, Clone, PartialEq)]
pub struct MotionError {
    /// ‖y − ŷ(x, z)‖², over pixels and channels.
    pub value: f64,
    /// Of each piece, half its gradient in the piece's z.
    pub slopes: Vec<Vec<f64>>,
    /// Of each piece, half its Gauss–Newton curvature in the piece's z, row after row.
    pub curvatures: Vec<Vec<f64>>,
}

impl<'a> MotionEnergy<'a> {
    /// Of `frames`, each (C, H, W) in [0, 1], one for each frame of `basis` or the first of these.
    pub fn new(scene: &'a MotionScene, basis: &'a TimeBasis, frames: &[Vec<f32>]) -> Self {
        let frames = frames.iter().map(|frame| PartlySeen {
            frame,
            hidden: None,
        });
        Self::of_seen(scene, basis, &frames.collect::<Vec<_>>())
    }

    /// The same of what is seen of frames: what is hidden has no error.
    pub fn of_seen(scene: &'a MotionScene, basis: &'a TimeBasis, frames: &[PartlySeen]) -> Self {
        let size = scene.levels[0].rest.size;
        let plane = (size.0 * size.1).max(1);
        Self {
            scene,
            basis,
            targets: pyramid(frames, size, scene.levels.len()),
            channels: frames.first().map_or(0, |one| one.frame.len() / plane),
        }
    }

    /// What z moves.
    pub fn scene(&self) -> &MotionScene {
        self.scene
    }

    /// K, numbers of a way.
    pub fn functions(&self) -> usize {
        self.basis.functions()
    }

    /// How many frames came.
    pub fn frames(&self) -> usize {
        self.targets[0].len()
    }

    /// ‖y − ŷ(x, z)‖² over the first `frames`, where each pixel of a coarser `level` counts as those of
    /// which it is the mean.
    pub fn value(&self, motion: &Motion, level: usize, frames: usize) -> f64 {
        (0..frames)
            .map(|t| {
                let placed = self.scene.placed(motion, self.basis.at(t));
                let made = super::motion_scene::draw(&self.scene.levels[level], &placed);
                self.error(&made, level, t)
            })
            .sum()
    }

    fn error(&self, made: &Texels, level: usize, t: usize) -> f64 {
        let pairs = made.values.iter().zip(&self.targets[level][t].values);
        let square = |(made, target): (&[f32; 4], &[f32; 4])| -> f32 {
            let channels = made.iter().zip(target).take(self.channels);
            target[3] * channels.map(|(a, b)| (a - b) * (a - b)).sum::<f32>()
        };
        pairs.map(|pair| f64::from(square(pair))).sum::<f64>() * made.pitch * made.pitch
    }

    /// [`Self::value`] with slopes and curvatures, of a motion of `ways` ways. Each piece's curvature is its own: what two pieces
    /// have in common is left out.
    pub fn look(
        &self,
        motion: &Motion,
        (level, frames, ways): (usize, usize, usize),
    ) -> MotionError {
        let size = ways * self.functions();
        let mut found = MotionError {
            value: 0.0,
            slopes: vec![vec![0.0; size]; motion.len()],
            curvatures: vec![vec![0.0; size * size]; motion.len()],
        };
        match &self.scene.sheet {
            Some(sheet) => self.look_at_sheet(sheet, &motion[0], (level, frames), &mut found),
            None => self.look_at_pieces(motion, (level, frames, ways), &mut found),
        }
        found
    }

    fn look_at_sheet(
        &self,
        sheet: &Sheet,
        motion: &[f64],
        (level, frames): (usize, usize),
        found: &mut MotionError,
    ) {
        let cut = &self.scene.levels[level];
        let (sprite, rest) = (&cut.sprites[0], &cut.rest);
        let ways = motion.len() / self.functions();
        let weight = rest.pitch * rest.pitch;
        for t in 0..frames {
            let functions = self.basis.at(t);
            let field_ways = super::motion_scene::ways(motion, functions);
            let target = &self.targets[level][t].values;
            let mut sums_at = MotionSums::new(ways);
            let mut error = 0f32;
            let look = |at: usize, from: Yx| {
                let sampled = sprite.sample_with_slopes(from);
                let (mut products, mut pull, mut here) = ([0f32; 3], (0f32, 0f32), 0f32);
                let clear = 1.0 - sampled.value[3];
                let seen = target[at][3];
                for (c, target) in target[at].iter().enumerate().take(self.channels) {
                    let off = sampled.value[c] + clear * rest.values[at][c] - target;
                    let y = sampled.down[c] - sampled.down[3] * rest.values[at][c];
                    let x = sampled.right[c] - sampled.right[3] * rest.values[at][c];
                    products[0] += y * y;
                    products[1] += y * x;
                    products[2] += x * x;
                    pull.0 += y * off;
                    pull.1 += x * off;
                    here += off * off;
                }
                error += seen * here;
                (
                    products.map(|one| seen * one),
                    (seen * pull.0, seen * pull.1),
                )
            };
            let sums = (&mut sums_at.slope[..], &mut sums_at.curvature[..]);
            sheet.field(&field_ways).sums(rest, sums, look);
            found.value += f64::from(error) * weight;
            let (slope, curvature) = (&mut found.slopes[0], &mut found.curvatures[0]);
            sums_at.spread(functions, weight, (slope, curvature));
        }
    }

    fn look_at_pieces(
        &self,
        motion: &Motion,
        (level, frames, ways): (usize, usize, usize),
        found: &mut MotionError,
    ) {
        let cut = &self.scene.levels[level];
        for t in 0..frames {
            let poses = self.scene.poses(motion, self.basis.at(t));
            let mut canvas = cut.rest.clone();
            let layers: Vec<_> = (cut.sprites.iter().zip(&poses))
                .map(|(sprite, pose)| dots(sprite, pose, &mut canvas))
                .collect();
            found.value += self.error(&canvas, level, t);
            let target = &self.targets[level][t].values;
            let mut clear = vec![1f32; canvas.values.len()];
            let weight = canvas.pitch * canvas.pitch;
            for (piece, layer) in layers.iter().enumerate().rev() {
                let mut sums_at = MotionSums::new(ways);
                for dot in layer {
                    let clear = &mut clear[dot.at];
                    // How the pixel changes with the place that is shown, each channel.
                    let (mut across, mut pull) = ([0f32; 3], (0f32, 0f32));
                    let (down, right) = (dot.sampled.down, dot.sampled.right);
                    let seen = target[dot.at][3];
                    for c in 0..self.channels {
                        let y = *clear * (down[c] - down[3] * dot.below[c]);
                        let x = *clear * (right[c] - right[3] * dot.below[c]);
                        let off = canvas.values[dot.at][c] - target[dot.at][c];
                        across[0] += y * y;
                        across[1] += y * x;
                        across[2] += x * x;
                        pull.0 += y * off;
                        pull.1 += x * off;
                    }
                    let across = across.map(|one| seen * one);
                    let pull = (seen * pull.0, seen * pull.1);
                    *clear *= (1.0 - dot.sampled.value[3]).clamp(0.0, 1.0);
                    let mut slopes = [(0.0, 0.0); WAYS];
                    poses[piece].slopes(dot.place, ways, &mut slopes);
                    sums_at.add(&slopes[..ways], across, pull);
                }
                let (slope, curvature) = (&mut found.slopes[piece], &mut found.curvatures[piece]);
                sums_at.spread(self.basis.at(t), weight, (slope, curvature));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::background::Background;
    use super::super::motion_scene::Motion;
    use super::super::motion_search::MotionSearch;
    use super::*;

    const SIZE: usize = 40;
    const FRAMES: usize = 6;

    /// A striped plate of 9 × 7 pixels that lies so, over a slope.
    fn frame(centre: (f64, f64), turned: f64) -> Vec<f32> {
        let pixel = |index: usize| {
            let (y, x) = (
                (index / SIZE) as f64 - centre.0,
                (index % SIZE) as f64 - centre.1,
            );
            let (sin, cos) = turned.sin_cos();
            let (v, u) = (y * cos - x * sin, y * sin + x * cos);
            let inside =
                1.0 / (1.0 + (3.0 * (v.abs() / 4.5).max(u.abs() / 3.5) * 4.0 - 12.0).exp());
            let behind = 0.2 + 0.002 * (index % SIZE) as f64;
            (behind + inside * (0.75 + 0.1 * (v * 0.9).sin() - behind)) as f32
        };
        (0..SIZE * SIZE).map(pixel).collect()
    }

    fn background() -> Background {
        let behind = frame((-100.0, -100.0), 0.0);
        let bytes = behind.iter().map(|value| (value * 255.0).round() as u8);
        Background::of_frames(&[bytes.collect()], [1, SIZE, SIZE])
    }

    fn came() -> Vec<Vec<f32>> {
        let at = |t: usize| (15.0 + 1.1 * t as f64, 14.0 + 1.6 * t as f64);
        (1..=FRAMES)
            .map(|t| frame(at(t), 0.07 * t as f64))
            .collect()
    }

    fn search(ways: usize) -> MotionSearch {
        MotionSearch {
            ways,
            spread: vec![0.5; ways * 2],
            unexplained: 0.05,
        }
    }

    #[test]
    fn slopes_are_finite_differences() {
        let scene = MotionScene::new(&frame((15.0, 14.0), 0.0), &background(), 5.0);
        let basis = TimeBasis::ahead(FRAMES, 2);
        let energy = MotionEnergy::new(&scene, &basis, &came());
        for ways in [2, 4, 6, 12] {
            check_slopes(&energy, ways);
        }
        check_slopes(&partly(&scene, &basis), 4);
    }

    /// What came, without its left third and two frames.
    fn partly<'a>(scene: &'a MotionScene, basis: &'a TimeBasis) -> MotionEnergy<'a> {
        let hidden = [14, SIZE].map(|columns| -> Vec<bool> {
            let hides = |index: usize| index % SIZE < columns;
            (0..SIZE * SIZE).map(hides).collect()
        });
        let came = came();
        let seen = came.iter().enumerate().map(|(t, frame)| PartlySeen {
            frame,
            hidden: Some(&hidden[usize::from(t == 1 || t == 2)]),
        });
        MotionEnergy::of_seen(scene, basis, &seen.collect::<Vec<_>>())
    }

    #[test]
    fn what_is_hidden_has_no_error() {
        let scene = MotionScene::new(&frame((15.0, 14.0), 0.0), &background(), 5.0);
        let basis = TimeBasis::ahead(FRAMES, 2);
        let rest: Motion = vec![vec![0.0; 8]];
        let energy = partly(&scene, &basis);
        let [one, three] = [1, 3].map(|frames| energy.value(&rest, 1, frames));
        assert_eq!(one, three, "two frames are hidden");
        // What comes out of what is hidden tells the way.
        let found = search(4).find(&energy, &rest).unwrap();
        let (y, x) = scene.poses(&found.motion, basis.at(FRAMES - 1))[0].forward((15.0, 14.0));
        assert!((y - 21.6).hypot(x - 23.6) < 1.0, "{y} {x}");
    }

    #[test]
    fn slopes_of_a_sheet_are_finite_differences() {
        let sheet = Sheet::new((SIZE, SIZE), 3, 5.0);
        let scene = MotionScene::of_sheet(&wave(0.0), sheet);
        let basis = TimeBasis::ahead(FRAMES, 2);
        check_slopes(&MotionEnergy::new(&scene, &basis, &came()), 18);
        check_slopes(&partly(&scene, &basis), 18);
    }

    #[test]
    fn the_curvature_of_a_sheet_is_that_of_its_slopes() {
        // Where the error is 0, half the curvature in z is the slope's own slope.
        let scene = MotionScene::of_sheet(&wave(0.0), Sheet::new((SIZE, SIZE), 2, 5.0));
        let basis = TimeBasis::ahead(FRAMES, 2);
        let z: Motion = vec![(0..16).map(|at| 0.03 * (at as f64).cos()).collect()];
        let shown = |t: usize| scene.draw(&z, &basis, t).frame(1);
        let came: Vec<Vec<f32>> = (0..FRAMES).map(shown).collect();
        let energy = MotionEnergy::new(&scene, &basis, &came);
        let found = energy.look(&z, (0, FRAMES, 8));
        for (a, b) in [(0, 0), (0, 3), (2, 9), (7, 12), (15, 15)] {
            let slope = |step: f64| {
                let mut z = z.clone();
                z[0][b] += step;
                energy.look(&z, (0, FRAMES, 8)).slopes[0][a]
            };
            let wanted = (slope(1e-3) - slope(-1e-3)) / 2e-3;
            let own = found.curvatures[0][a * 16 + b];
            assert!(
                (wanted - own).abs() < 0.03 * own.abs() + 0.3,
                "{a} {b}: {wanted} {own}"
            );
        }
    }

    fn check_slopes(energy: &MotionEnergy, ways: usize) {
        let start: Motion = vec![(0..ways * 2).map(|at| 0.03 * (at as f64).cos()).collect()];
        for level in 0..3 {
            let found = energy.look(&start, (level, FRAMES, ways));
            let value = energy.value(&start, level, FRAMES);
            assert!((found.value - value).abs() < 1e-6 * value);
            for at in 0..ways * 2 {
                let moved = |step: f64| {
                    let mut motion = start.clone();
                    motion[0][at] += step;
                    energy.value(&motion, level, FRAMES)
                };
                let slope = (moved(1e-3) - moved(-1e-3)) / 4e-3;
                let own = found.slopes[0][at];
                let off = (slope - own).abs();
                assert!(
                    off < 0.02 * own.abs() + 0.02,
                    "{ways} {level} {at}: {slope} {own}"
                );
            }
        }
    }

    /// A picture that moves aside.
    fn wave(t: f64) -> Vec<f32> {
        let value = |y: f64, x: f64| 0.5 + 0.2 * (0.4 * y).sin() * (0.3 * x + 0.01 * y * x).cos();
        let at = |index: usize| ((index / SIZE) as f64, (index % SIZE) as f64);
        (0..SIZE * SIZE)
            .map(at)
            .map(|(y, x)| value(y - 0.7 * t, x + 0.5 * t) as f32)
            .collect()
    }

    #[test]
    fn a_whole_frame_that_moves_is_found() {
        let scene = MotionScene::of_sheet(&wave(0.0), Sheet::new((SIZE, SIZE), 2, 5.0));
        let basis = TimeBasis::ahead(FRAMES, 2);
        let came: Vec<Vec<f32>> = (1..=FRAMES).map(|t| wave(t as f64)).collect();
        let energy = MotionEnergy::new(&scene, &basis, &came);
        let rest: Motion = vec![vec![0.0; 16]];
        let found = search(8).find(&energy, &rest).unwrap();
        let copied = energy.value(&rest, 0, FRAMES);
        // What comes in at the border is not known.
        assert!(found.error < 0.15 * copied, "{} of {copied}", found.error);
    }

    #[test]
    fn what_moved_is_found() {
        let scene = MotionScene::new(&frame((15.0, 14.0), 0.0), &background(), 5.0);
        assert_eq!(scene.pieces.len(), 1);
        let basis = TimeBasis::ahead(FRAMES, 2);
        let energy = MotionEnergy::new(&scene, &basis, &came());
        let rest: Motion = vec![vec![0.0; 8]];
        let found = search(4).find(&energy, &rest).unwrap();
        let copied = energy.value(&rest, 0, FRAMES);
        assert!(found.error < 0.02 * copied, "{} of {copied}", found.error);
        let pose = &scene.poses(&found.motion, basis.at(FRAMES - 1))[0];
        let (y, x) = pose.forward((15.0, 14.0));
        assert!((y - 21.6).hypot(x - 23.6) < 0.2, "{y} {x}");
        // A long way down from there leads hardly lower.
        let best = search(4)
            .descend(&energy, &rest, found.motion, (0, FRAMES, 60))
            .unwrap();
        let lowest = energy.value(&best, 0, FRAMES);
        assert!(
            found.error < 1.01 * lowest + 1e-6,
            "{} {lowest}",
            found.error
        );
    }
}
