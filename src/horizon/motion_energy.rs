//! E(x, y, z) where z is motion: its value, its gradient and its curvature.

use super::motion_scene::{Motion, MotionScene, dots};
use super::pose::{WAYS, Yx};
use super::texels::Texels;
use super::time_basis::TimeBasis;

/// The squared error of ŷ(x, z) for the frames that came.
#[derive(Debug, Clone)]
pub struct MotionEnergy<'a> {
    scene: &'a MotionScene,
    basis: &'a TimeBasis,
    /// The frames that came, at each level.
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
        let size = scene.levels[0].rest.size;
        let mut targets: Vec<Vec<Texels>> = vec![
            (frames.iter())
                .map(|frame| Texels::of_frame(frame, size, 1.0))
                .collect(),
        ];
        for level in 1..scene.levels.len() {
            let coarser = targets[level - 1].iter().map(|frame| frame.halved(true));
            targets.push(coarser.collect());
        }
        let plane = (size.0 * size.1).max(1);
        Self {
            scene,
            basis,
            targets,
            channels: frames.first().map_or(0, |frame| frame.len() / plane),
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
                let poses = self.scene.poses(motion, self.basis.at(t));
                let made = super::motion_scene::draw(&self.scene.levels[level], &poses);
                self.error(&made, level, t)
            })
            .sum()
    }

    fn error(&self, made: &Texels, level: usize, t: usize) -> f64 {
        let pairs = made.values.iter().zip(&self.targets[level][t].values);
        let square = |(made, target): (&[f32; 4], &[f32; 4])| -> f32 {
            let channels = made.iter().zip(target).take(self.channels);
            channels.map(|(a, b)| (a - b) * (a - b)).sum()
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
        let functions = self.functions();
        let size = ways * functions;
        let mut found = MotionError {
            value: 0.0,
            slopes: vec![vec![0.0; size]; motion.len()],
            curvatures: vec![vec![0.0; size * size]; motion.len()],
        };
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
                let mut at_time = AtTime::new(ways);
                for dot in layer {
                    let clear = &mut clear[dot.at];
                    // How the pixel changes with the place that is shown, each channel.
                    let (mut across, mut pull) = ([0f32; 3], (0f32, 0f32));
                    let (down, right) = (dot.sampled.down, dot.sampled.right);
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
                    *clear *= (1.0 - dot.sampled.value[3]).clamp(0.0, 1.0);
                    let mut slopes = [(0.0, 0.0); WAYS];
                    poses[piece].slopes(dot.place, ways, &mut slopes);
                    at_time.add(&slopes[..ways], across, pull);
                }
                let into = (
                    found.slopes[piece].as_mut_slice(),
                    found.curvatures[piece].as_mut_slice(),
                );
                at_time.spread(self.basis.at(t), weight, into);
            }
        }
        found
    }
}

/// Sums over the pixels of one piece at one time.
struct AtTime {
    ways: usize,
    slope: [f64; WAYS],
    /// Row after row, the upper half.
    curvature: [f64; WAYS * WAYS],
}

impl AtTime {
    fn new(ways: usize) -> Self {
        Self {
            ways,
            slope: [0.0; WAYS],
            curvature: [0.0; WAYS * WAYS],
        }
    }

    fn add(&mut self, slopes: &[Yx], across: [f32; 3], pull: (f32, f32)) {
        let [yy, yx, xx] = across.map(f64::from);
        for (a, one) in slopes.iter().enumerate() {
            self.slope[a] += one.0 * f64::from(pull.0) + one.1 * f64::from(pull.1);
            let pushed = (yy * one.0 + yx * one.1, yx * one.0 + xx * one.1);
            for (b, other) in slopes.iter().enumerate().skip(a) {
                self.curvature[a * WAYS + b] += pushed.0 * other.0 + pushed.1 * other.1;
            }
        }
    }

    /// From numbers of this time to those of each function of time.
    fn spread(&self, functions: &[f64], weight: f64, (slope, curvature): (&mut [f64], &mut [f64])) {
        let (count, ways) = (functions.len(), self.ways);
        let size = ways * count;
        for a in 0..ways {
            for (k, one) in functions.iter().enumerate() {
                slope[a * count + k] += weight * one * self.slope[a];
                let row = &mut curvature[(a * count + k) * size..][..size];
                for b in 0..ways {
                    let entry = self.curvature[a.min(b) * WAYS + a.max(b)];
                    for (l, other) in functions.iter().enumerate() {
                        row[b * count + l] += weight * one * other * entry;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::background::Background;
    use super::super::config::MovingParts;
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
        let scene = MotionScene::new(
            &frame((15.0, 14.0), 0.0),
            &background(),
            MovingParts::Pieces,
            5.0,
        );
        let basis = TimeBasis::ahead(FRAMES, 2);
        let energy = MotionEnergy::new(&scene, &basis, &came());
        for ways in [2, 4, 6, 12] {
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
    }

    #[test]
    fn a_whole_frame_that_moves_is_found() {
        let wave = |t: f64| -> Vec<f32> {
            let value =
                |y: f64, x: f64| 0.5 + 0.2 * (0.4 * y).sin() * (0.3 * x + 0.01 * y * x).cos();
            let at = |index: usize| ((index / SIZE) as f64, (index % SIZE) as f64);
            (0..SIZE * SIZE)
                .map(at)
                .map(|(y, x)| value(y - 0.7 * t, x + 0.5 * t) as f32)
                .collect()
        };
        let scene = MotionScene::new(&wave(0.0), &background(), MovingParts::Frame, 5.0);
        let basis = TimeBasis::ahead(FRAMES, 2);
        let came: Vec<Vec<f32>> = (1..=FRAMES).map(|t| wave(t as f64)).collect();
        let energy = MotionEnergy::new(&scene, &basis, &came);
        let rest: Motion = vec![vec![0.0; 8]];
        let found = search(4).find(&energy, &rest).unwrap();
        let copied = energy.value(&rest, 0, FRAMES);
        assert!(found.error < 0.1 * copied, "{} of {copied}", found.error);
    }

    #[test]
    fn what_moved_is_found() {
        let scene = MotionScene::new(
            &frame((15.0, 14.0), 0.0),
            &background(),
            MovingParts::Pieces,
            5.0,
        );
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
