//! Hidden parts of a film, filled in by a whole-horizon model.
//!
//! z is the motion of up to T frames at once, so what is seen beside a hidden part, and after hidden frames, tells it
//! directly: no frame is drawn that leads nowhere.

use super::{How, Mask};
use crate::error::Result;
use crate::horizon::{LATELY, PartlySeen, WholeHorizon};
use crate::interrupt;
use crate::rng::Rng;
use candle_core::Tensor;
use rayon::prelude::*;

/// Films (N, T, C, H, W) in [0, 1] that are `film` (T, C, H, W) where it is seen. Values of
/// `film` that `mask` hides are not looked at.
///
/// # Errors
/// A film that is hidden before it has shown as many frames as the model looks at; a mask
/// of another film; energies that are not finite, an interrupt.
pub fn fill_whole(
    model: &WholeHorizon,
    film: &Tensor,
    mask: &Mask,
    how: How,
    rng: &mut Rng,
) -> Result<Tensor> {
    let (first, last) = mask.check(film, model.context)?;
    let frames: Vec<Vec<f32>> = film.flatten_from(1)?.to_vec2()?;
    let rngs: Vec<Rng> = (0..how.fillings).map(|_| rng.branch()).collect();
    let films = rngs.into_par_iter().map(|mut rng| {
        let mut filled = frames.clone();
        let mut start = first;
        while start <= last.min(frames.len() - 1) {
            interrupt::check()?;
            let end = frames.len().min(start + model.frames);
            let came = (start..end).map(|at| PartlySeen {
                frame: &frames[at],
                hidden: mask.of(at),
            });
            let came: Vec<PartlySeen> = came.collect();
            let past = model.context.max(LATELY).min(start);
            let seen = model.see(&filled[start - past..start])?;
            let drawn = (how.tries, how.temperature);
            let motion = model.agree((&seen, &came), drawn, &mut rng)?;
            for (t, (came, filled)) in came.iter().zip(&mut filled[start..end]).enumerate() {
                if came.hidden.is_some() {
                    let made = model.draw(&seen, &motion, t).frame(mask.shape.0);
                    (came.hidden_values()).for_each(|index| filled[index] = made[index]);
                }
            }
            start = end;
        }
        Ok(filled.concat())
    });
    let films: Vec<Vec<f32>> = films.collect::<Result<_>>()?;
    let (frames, channels, height, width) = film.dims4()?;
    let shape = (how.fillings, frames, channels, height, width);
    Ok(Tensor::from_vec(films.concat(), shape, film.device())?)
}

#[cfg(test)]
mod tests {
    use super::super::Block;
    use super::*;
    use crate::data::{Footage, Split};
    use crate::horizon::{HorizonConfig, MovingParts};
    use crate::rng::Seed;
    use candle_core::Device;

    const SIDE: usize = 32;
    const FRAMES: usize = 6;

    /// A square of 6 × 6 that goes to and fro, at one of two speeds each way.
    fn film(count: usize) -> Vec<u8> {
        let mut rng = Seed(0).stream("film", 0);
        let (mut place, mut speed) = (3i32, 1);
        let mut frames = Vec::new();
        for _ in 0..count {
            let pixel = |at: usize| {
                let (y, x) = (at / SIDE, (at % SIDE) as i32);
                match (12..18).contains(&y) && (place..place + 6).contains(&x) {
                    true => 220,
                    false => 60 + x as u8,
                }
            };
            frames.extend((0..SIDE * SIDE).map(pixel));
            if !(3..21).contains(&(place + speed)) {
                speed = -speed.signum() * (1 + rng.below(2) as i32);
            }
            place += speed;
        }
        frames
    }

    #[test]
    fn what_is_seen_tells_what_is_hidden() {
        let bytes = film(300);
        let shape = (300, 1, SIDE, SIDE);
        let footage = Footage::from_frames("film", bytes.clone(), shape, 10.0, vec![]).unwrap();
        let footage = [footage];
        let split = Split::new(&footage, 5, 3 + FRAMES).unwrap();
        let config = HorizonConfig {
            windows: 60,
            functions: 2,
            ways: 2,
            parts: MovingParts::Pieces,
        };
        let model = WholeHorizon::learn((&footage, &split.train), (3, FRAMES), &config).unwrap();
        let values: Vec<f32> = bytes.iter().map(|&byte| f32::from(byte) / 255.0).collect();
        let size = SIDE * SIDE;
        let start = 280;
        let part = values[start * size..(start + 9) * size].to_vec();
        let film = Tensor::from_vec(part.clone(), (9, 1, SIDE, SIDE), &Device::Cpu).unwrap();
        // All of four frames; what comes after them is seen.
        let mut mask = Mask::none(9, (1, SIDE, SIDE));
        mask.hide(&Block {
            rows: 0..SIDE,
            columns: 0..SIDE,
            frames: 3..7,
        });
        let how = How {
            fillings: 3,
            tries: 8,
            temperature: 1.0,
        };
        let mut rng = Seed(1).stream("test", 0);
        let made = fill_whole(&model, &film, &mask, how, &mut rng).unwrap();
        let made: Vec<Vec<f32>> = made.flatten_from(1).unwrap().to_vec2().unwrap();
        assert_eq!(made[0].len(), 9 * size);
        for one in made {
            let off = |at: usize| -> f32 {
                let range = at * size..(at + 1) * size;
                let each = one[range.clone()].iter().zip(&part[range]);
                each.map(|(a, b)| (a - b).powi(2)).sum()
            };
            assert_eq!(off(2) + off(7) + off(8), 0.0, "what is seen stays");
            let last = &part[2 * size..3 * size];
            let copied = |at: usize| -> f32 {
                let real = &part[at * size..(at + 1) * size];
                last.iter().zip(real).map(|(a, b)| (a - b).powi(2)).sum()
            };
            let (own, copy) = (off(5) + off(6), copied(5) + copied(6));
            assert!(own < 0.2 * copy, "{own} of {copy}");
        }
    }
}
