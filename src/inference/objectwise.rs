//! A categorical p(z | x) of objects, each on its own: Π_k p(z_k | what is seen of k).

use super::choices;
use super::noise::Noise;
use super::prior::Prior;
use crate::error::{Error, Result};
use crate::latent::{Codes, Latent};
use crate::models::{Init, Linear, Scope};
use crate::ops::{self, Dropout};
use crate::rng::Rng;
use candle_core::Tensor;

/// Width of the network's two hidden layers.
const HIDDEN: usize = 256;
/// The share of a hidden layer that each training step leaves out. The same windows come
/// again and again, and what an object does after a bounce could be learned by heart.
const DROPPED: f64 = 0.3;
/// How much likelier before training, as a logit.
const AGAIN: f32 = 4.0;

/// One network for all objects: whatever is learned of one is known of the others. Of a
/// latent whose stages are the objects and whose codes are moves, (2·reach + 1) down by as
/// many right. Its logits are a sum of one for the move down, one for the move right and
/// one for both, so that what is open in one alone is learned for all of the other.
#[derive(Debug, Clone)]
pub struct Objectwise {
    latent: Codes,
    first: Linear,
    second: Linear,
    logits: Linear,
    down: Linear,
    right: Linear,
    /// How much likelier a move is that was made before, for each frame before, (T − 1, 1).
    again: Tensor,
}

impl Objectwise {
    /// Given `width` numbers of each object, of which the first say how likely each move is
    /// to have led from frame to frame of the past, `before` times, the latest first.
    ///
    /// # Errors
    /// Codes that are not as many down as right.
    pub fn new((width, before): (usize, usize), latent: Codes, mut scope: Scope) -> Result<Self> {
        let side = latent.size().isqrt();
        if side * side != latent.size() {
            return Err(Error::input(
                "latent.size",
                format!(
                    "{} codes are not as many moves down as right",
                    latent.size()
                ),
                "use (2·model.reach + 1)²",
            ));
        }
        Ok(Self {
            latent,
            first: Linear::new(width, HIDDEN, 1.0, scope.scope("first"))?,
            second: Linear::new(HIDDEN, HIDDEN, 1.0, scope.scope("second"))?,
            logits: Linear::new(HIDDEN, latent.size(), 0.1, scope.scope("logits"))?,
            down: Linear::new(HIDDEN, side, 0.1, scope.scope("down"))?,
            right: Linear::new(HIDDEN, side, 0.1, scope.scope("right"))?,
            again: scope.get("again", (before, 1), Init::Constant(AGAIN))?,
        })
    }

    /// Of (B, K, width): (B·K, D). In training `rng` draws what is left out.
    fn logits(&self, context: &Tensor, mut rng: Option<&mut Rng>) -> Result<Tensor> {
        let rows = context.flatten(0, 1)?;
        let mut left = |hidden: Tensor| match rng.as_deref_mut() {
            Some(rng) => ops::dropout(&hidden, Dropout::new(DROPPED, rng)?),
            None => Ok(hidden),
        };
        let hidden = left(self.first.forward_gelu(&rows)?)?;
        let hidden = left(self.second.forward_gelu(&hidden)?)?;
        let (before, size) = (self.again.dim(0)?, self.latent.size());
        let down = self.down.forward(&hidden)?.unsqueeze(2)?;
        let right = self.right.forward(&hidden)?.unsqueeze(1)?;
        let parts = down.broadcast_add(&right)?.reshape((rows.dim(0)?, size))?;
        let logits = (self.logits.forward(&hidden)? + parts)?;
        if before == 0 {
            return Ok(logits);
        }
        // Things go on as they did, until they are seen not to.
        let led = rows.narrow(1, 0, before * size)?;
        let led = led.contiguous()?.reshape((rows.dim(0)?, before, size))?;
        Ok((logits + led.broadcast_mul(&self.again)?.sum(1)?)?)
    }
}

impl Prior for Objectwise {
    fn loss(&self, context: &Tensor, z: &Tensor, rng: &mut Rng) -> Result<Tensor> {
        let logits = self.logits(context, Some(rng))?;
        Ok(choices::cost(self.latent, &logits, z)?.sum(1)?)
    }

    fn surprise(&self, context: &Tensor, z: &Tensor) -> Result<Option<Tensor>> {
        let logits = self.logits(context, None)?;
        Ok(Some(choices::cost(self.latent, &logits, z)?.sum(1)?))
    }

    fn sample(&self, context: &Tensor, temperature: f64, noise: &mut Noise) -> Result<Tensor> {
        let moves = choices::draw(&self.logits(context, None)?, temperature, noise)?;
        Ok(moves.reshape((context.dim(0)?, self.latent.dimension()))?)
    }

    fn persists(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Source, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    /// One move led here, and after it another comes, but for objects that have a 1
    /// among what is seen of them: these turn to 0 or 1, 1:3.
    fn draw(rng: &mut Rng, count: usize) -> (Tensor, Vec<usize>, Vec<usize>) {
        let (mut seen, mut before, mut after) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..count {
            let (led, turns) = (rng.below(4), rng.uniform() < 0.5);
            seen.extend((0..4).map(|index| f32::from(u8::from(index == led))));
            seen.push(f32::from(u8::from(turns)));
            before.push(if turns { 4 } else { led });
            after.push(match turns {
                true => usize::from(rng.uniform() < 0.75),
                false => led,
            });
        }
        let seen = Tensor::from_vec(seen, (count / 2, 2, 5), &Device::Cpu).unwrap();
        (seen, before, after)
    }

    #[test]
    fn objects_share_what_is_learned() {
        let latent = Codes::new(2, 4).unwrap();
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let prior = Objectwise::new((5, 1), latent, weights.root()).unwrap();
        let config = crate::ops::AdamWConfig::default();
        let mut adam = crate::ops::AdamW::new(weights.pairs().to_vec(), config).unwrap();
        let mut rng = Seed(3).stream("test", 0);
        for _ in 0..300 {
            let (seen, _, after) = draw(&mut rng, 128);
            let mut z = vec![0f32; 128 * 4];
            for (row, &choice) in z.chunks_exact_mut(4).zip(&after) {
                row[choice] = 1.0;
            }
            let z = Tensor::from_vec(z, (64, 8), &Device::Cpu).unwrap();
            let loss = prior.loss(&seen, &z, &mut rng).unwrap();
            assert_eq!(loss.dims(), [64]);
            let gradients = loss.mean_all().unwrap().backward().unwrap();
            for (name, var) in weights.pairs() {
                assert!(gradients.get(var).is_some(), "{name} has no gradient");
            }
            adam.step(&gradients, 0.003, None).unwrap();
        }
        let (seen, before, _) = draw(&mut rng, 4000);
        let z = (prior.sample(&seen, 1.0, &mut Noise::fresh(&mut rng))).unwrap();
        let rows = z.to_vec2::<f32>().unwrap();
        let drawn: Vec<usize> = rows.iter().flat_map(|row| latent.read(row)).collect();
        let (mut same, mut straight, mut ones, mut turned) = (0.0, 0.0, 0.0, 0.0);
        for (&before, &drawn) in before.iter().zip(&drawn) {
            match before {
                4 => {
                    turned += 1.0;
                    ones += f64::from(u8::from(drawn == 1));
                }
                led => {
                    straight += 1.0;
                    same += f64::from(u8::from(drawn == led));
                }
            }
        }
        assert!(same / straight > 0.97, "{}", same / straight);
        assert!((ones / turned - 0.75).abs() < 0.06, "{}", ones / turned);
    }
}
