//! The classifier: a small convolutional network.

use super::form::PatchForm;
use super::patches::PatchPairs;
use crate::error::Result;
use crate::interrupt;
use crate::models::{Activation, Convolve, Linear, Scope, Source as _, Weights};
use crate::ops::{AdamW, AdamWConfig, Convolution, cross_entropy};
use crate::rng::{Rng, Seed};
use candle_core::{Device, Tensor};

/// Channels after the first convolution and after the second.
const WIDTHS: [usize; 2] = [24, 32];
/// Numbers before the last layer.
const HIDDEN: usize = 32;
/// Pairs of a step.
const PAIRS: usize = 64;
/// Steps at most.
const STEPS: usize = 700;
/// Steps from one look at the held-out pairs to the next.
const LOOK: usize = 50;
/// Looks without a gain after which training ends.
const PATIENCE: usize = 4;
/// Held-out pairs that are looked at, at most.
const HELD_OUT: usize = 512;
/// Pairs of which means and variances are taken, at most.
const MEASURED: usize = 512;
/// A held-out loss that is good enough, in nats.
const ENOUGH: f64 = 0.02;
/// Of AdamW at the start; it falls to 0 as a half cosine.
const LEARNING_RATE: f64 = 4e-3;
/// Of AdamW.
const WEIGHT_DECAY: f64 = 0.02;

/// A network that tells film from what is drawn.
pub(super) struct Classifier {
    convolutions: [Convolve; 2],
    hidden: Linear,
    verdict: Linear,
    /// Of each plane of what is shown.
    normal: Normal,
    /// Of the patches it can be asked about.
    horizons: Vec<usize>,
    form: PatchForm,
}

/// What the network sees of some patches, and what they are.
struct Exhibit {
    /// (B, rows, columns, planes).
    pixels: Tensor,
    /// (B, horizons): 1 at that of the patch.
    horizons: Tensor,
    /// (B): 1 is drawn.
    classes: Tensor,
}

/// Numbers as the network takes them: each plane with mean 0 and variance 1.
struct Normal {
    means: Vec<f32>,
    deviations: Vec<f32>,
}

impl Classifier {
    /// An untrained one, for patches of `size` at these horizons.
    fn new(
        form: PatchForm,
        horizons: &[usize],
        size: [usize; 2],
        normal: Normal,
        mut scope: Scope,
    ) -> Result<Self> {
        let [rows, columns] = form.size(size).map(|side| side.div_ceil(4));
        let [first, second] = WIDTHS;
        let halve = Convolution {
            stride: 2,
            upsample: 1,
        };
        let planes = normal.means.len();
        // Gaussian units halve the variance, about.
        let gain = std::f64::consts::SQRT_2;
        Ok(Self {
            convolutions: [
                Convolve::new(planes, first, gain, halve, scope.scope("first"))?,
                Convolve::new(first, second, gain, halve, scope.scope("second"))?,
            ],
            hidden: Linear::new(
                rows * columns * second + horizons.len(),
                HIDDEN,
                gain,
                scope.scope("hidden"),
            )?,
            verdict: Linear::new(HIDDEN, 2, 1.0, scope.scope("verdict"))?,
            normal,
            horizons: horizons.to_vec(),
            form,
        })
    }

    /// What is shown → (B, 2): scores of film and of drawn, whose softmax is their chance.
    fn forward(&self, shown: &Exhibit) -> Result<Tensor> {
        let mut x = shown.pixels.clone();
        for convolution in &self.convolutions {
            x = convolution.forward_active(&x, Activation::Gelu)?;
        }
        let x = Tensor::cat(&[&x.flatten_from(1)?, &shown.horizons], 1)?;
        let x = self.hidden.forward_gelu(&x)?;
        self.verdict.forward(&x)
    }

    /// Patches as they are shown to the network. `mirror`: each at random upside down or left
    /// for right.
    fn shown(
        &self,
        patches: &PatchPairs,
        chosen: &[usize],
        mirror: bool,
        rng: &mut Rng,
    ) -> Result<Exhibit> {
        let size = patches.size();
        let planes = patches.planes();
        let [rows, columns] = self.form.size(size);
        let mut values = Vec::with_capacity(chosen.len() * rows * columns * planes);
        let mut classes = Vec::with_capacity(chosen.len());
        let mut horizons = Vec::with_capacity(chosen.len() * self.horizons.len());
        for &index in chosen {
            let (patch, drawn) = patches.patch(index);
            let mirrored = match mirror {
                true => [rng.below(2) == 1, rng.below(2) == 1],
                false => [false; 2],
            };
            self.form.show(patch, size, mirrored, rng, &mut values);
            classes.push(u32::from(drawn));
            let horizon = patches.origin(index / 2).horizon;
            let here = |&of: &usize| if of == horizon { 1f32 } else { 0.0 };
            horizons.extend(self.horizons.iter().map(here));
        }
        self.normal.apply(&mut values);
        let shape = (chosen.len(), rows, columns, planes);
        let each = (chosen.len(), self.horizons.len());
        Ok(Exhibit {
            pixels: Tensor::from_vec(values, shape, &Device::Cpu)?,
            horizons: Tensor::from_vec(horizons, each, &Device::Cpu)?,
            classes: Tensor::from_vec(classes, chosen.len(), &Device::Cpu)?,
        })
    }

    /// Trains one on the pairs of `patches` (at least one). A quarter of the windows, the
    /// last, is held out: the weights of the step that does best on it are kept.
    ///
    /// # Errors
    /// A tensor operation that fails, and [`crate::Error::Interrupted`].
    pub fn train(
        patches: &PatchPairs,
        horizons: &[usize],
        form: PatchForm,
        seed: Seed,
    ) -> Result<Self> {
        let mut weights = Weights::new(seed, &Device::Cpu);
        let normal = Normal::of(patches, form, seed);
        let network = Self::new(form, horizons, patches.size(), normal, weights.root())?;
        let config = AdamWConfig {
            weight_decay: WEIGHT_DECAY,
            ..AdamWConfig::default()
        };
        let mut optimiser = AdamW::new(weights.pairs().to_vec(), config)?;
        let (learned, held_out) = parted(patches);
        let mut best: Option<(f64, Vec<Tensor>)> = None;
        let mut since = 0;
        for step in 0..STEPS {
            interrupt::check()?;
            let mut rng = seed.stream("real or drawn", step as u64);
            let pairs = (0..PAIRS).map(|_| learned[rng.below(learned.len())]);
            let chosen = both(&pairs.collect::<Vec<_>>());
            let shown = network.shown(patches, &chosen, true, &mut rng)?;
            let loss = cross_entropy(&network.forward(&shown)?, &shown.classes)?.mean_all()?;
            let fall = 1.0 + (std::f64::consts::PI * step as f64 / STEPS as f64).cos();
            optimiser.step(&loss.backward()?, LEARNING_RATE * fall / 2.0, Some(1.0))?;
            if (step + 1) % LOOK > 0 {
                continue;
            }
            let loss = network.loss(patches, &held_out, seed)?;
            since += 1;
            if best.as_ref().is_none_or(|(least, _)| loss < *least) {
                let now = weights.tensors().into_iter().map(|(_, now)| now.copy());
                best = Some((loss, now.collect::<candle_core::Result<_>>()?));
                since = 0;
            }
            if since == PATIENCE || loss < ENOUGH {
                break;
            }
        }
        let best = best.into_iter().flat_map(|(_, weights)| weights);
        for ((_, var), value) in weights.pairs().iter().zip(best) {
            var.set(&value)?;
        }
        Ok(network)
    }

    /// The mean of −log p of these pairs' classes, in nats.
    fn loss(&self, patches: &PatchPairs, pairs: &[usize], seed: Seed) -> Result<f64> {
        let mut rng = seed.stream("real or drawn, held out", 0);
        let shown = self.shown(patches, &both(pairs), false, &mut rng)?;
        let costs = cross_entropy(&self.forward(&shown)?.detach(), &shown.classes)?;
        Ok(f64::from(costs.mean_all()?.to_scalar::<f32>()?))
    }

    /// How likely each patch is drawn, as log odds, in the order of the patches.
    ///
    /// # Errors
    /// A tensor operation that fails, and [`crate::Error::Interrupted`].
    pub fn scores(&self, patches: &PatchPairs, seed: Seed) -> Result<Vec<f32>> {
        let pairs: Vec<usize> = (0..patches.pairs()).collect();
        let mut scores = Vec::with_capacity(2 * pairs.len());
        for (part, pairs) in pairs.chunks(4 * PAIRS).enumerate() {
            interrupt::check()?;
            let mut rng = seed.stream("real or drawn, asked", part as u64);
            let shown = self.shown(patches, &both(pairs), false, &mut rng)?;
            let verdicts: Vec<Vec<f32>> = self.forward(&shown)?.to_vec2()?;
            scores.extend(verdicts.iter().map(|of| of[1] - of[0]));
        }
        Ok(scores)
    }
}

impl Normal {
    /// Of both patches of at most [`MEASURED`] pairs, evenly spread.
    fn of(patches: &PatchPairs, form: PatchForm, seed: Seed) -> Self {
        let all = patches.pairs();
        let count = all.min(MEASURED);
        let pairs: Vec<usize> = (0..count).map(|index| index * all / count).collect();
        let mut rng = seed.stream("real or drawn, normal", 0);
        let mut values = Vec::new();
        for index in both(&pairs) {
            let (patch, _) = patches.patch(index);
            form.show(patch, patches.size(), [false; 2], &mut rng, &mut values);
        }
        let planes = patches.planes();
        let mut normal = Self {
            means: vec![0.0; planes],
            deviations: vec![1.0; planes],
        };
        normal.apply(&mut values);
        for plane in 0..planes {
            let here = || values.iter().skip(plane).step_by(planes);
            let of = || here().map(|&value| f64::from(value));
            let number = of().count().max(1) as f64;
            let mean = of().sum::<f64>() / number;
            let variance = of().map(|value| (value - mean).powi(2)).sum::<f64>() / number;
            normal.means[plane] = mean as f32;
            // A plane that is the same everywhere tells nothing, however it is scaled.
            normal.deviations[plane] = variance.max(1e-5).sqrt() as f32;
        }
        normal
    }

    /// Makes numbers, pixel after pixel and in each plane after plane, such.
    fn apply(&self, values: &mut [f32]) {
        let planes = self.means.len();
        for pixel in values.chunks_exact_mut(planes) {
            let normal = self.means.iter().zip(&self.deviations);
            for (value, (mean, deviation)) in pixel.iter_mut().zip(normal) {
                *value = (*value - mean) / deviation;
            }
        }
    }
}

/// The patches of pairs.
fn both(pairs: &[usize]) -> Vec<usize> {
    pairs
        .iter()
        .flat_map(|pair| [2 * pair, 2 * pair + 1])
        .collect()
}

/// The pairs to learn from, and at most [`HELD_OUT`] of those to be held out: those of the
/// last quarter of the windows. Of a single window all are both.
fn parted(patches: &PatchPairs) -> (Vec<usize>, Vec<usize>) {
    let window = |pair: usize| patches.origin(pair).film;
    let all = || 0..patches.pairs();
    let mut windows: Vec<usize> = all().map(window).collect();
    windows.sort_unstable();
    windows.dedup();
    let first = windows.get(windows.len() - windows.len() / 4);
    let held = |pair: &usize| first.is_some_and(|&first| window(*pair) >= first);
    let (held_out, learned): (Vec<_>, Vec<_>) = all().partition(held);
    let held_out = match held_out.is_empty() {
        true => learned.clone(),
        false => held_out,
    };
    let stride = held_out.len().div_ceil(HELD_OUT).max(1);
    (learned, held_out.into_iter().step_by(stride).collect())
}

#[cfg(test)]
mod tests {
    use super::super::patches::{Excerpt, Origin};
    use super::*;

    /// Film is a slope, what is drawn is one that is turned round.
    fn slopes(windows: usize) -> PatchPairs {
        let mut rng = Seed(3).stream("test", 0);
        let mut patches = PatchPairs::new([1, 16, 16]);
        for window in 0..windows {
            let slope = |by: usize| -> Vec<u8> {
                let noise = window % 7;
                (0..256)
                    .map(|i| (noise + 60 + 5 * (i / by % 16)) as u8)
                    .collect()
            };
            let (film, drawn) = (slope(1), slope(16));
            let excerpt = |frame| Excerpt {
                frames: [frame; 3],
                centres: &[100],
            };
            let origin = Origin {
                horizon: 1,
                film: window,
                drawn: window,
            };
            patches.add(&excerpt(&film), &excerpt(&drawn), origin, &mut rng);
        }
        patches
    }

    #[test]
    fn every_variable_has_a_gradient() {
        let patches = slopes(3);
        for form in [PatchForm::AsTheyAre, PatchForm::LowPassed] {
            let mut weights = Weights::new(Seed(0), &Device::Cpu);
            let normal = Normal::of(&patches, form, Seed(0));
            let size = patches.size();
            let network = Classifier::new(form, &[1], size, normal, weights.root()).unwrap();
            let mut rng = Seed(0).stream("test", 0);
            let shown = network
                .shown(&patches, &[0, 1, 2, 3], true, &mut rng)
                .unwrap();
            let logits = network.forward(&shown).unwrap();
            assert_eq!(logits.dims(), [4, 2]);
            let loss = cross_entropy(&logits, &shown.classes).unwrap();
            let gradients = loss.mean_all().unwrap().backward().unwrap();
            assert_eq!(weights.pairs().len(), 8);
            for (name, var) in weights.pairs() {
                let gradient = gradients.get(var.as_tensor()).expect(name);
                let size = gradient.sqr().unwrap().sum_all().unwrap();
                assert!(size.to_scalar::<f32>().unwrap() > 0.0, "{name}");
            }
        }
    }

    #[test]
    fn what_differs_is_told_and_the_same_seed_tells_the_same() {
        let patches = slopes(24);
        let (learned, held_out) = parted(&patches);
        assert_eq!(
            (learned.len(), &held_out[..]),
            (18, &[18, 19, 20, 21, 22, 23][..])
        );
        let scores = |seed| {
            let network = Classifier::train(&patches, &[1], PatchForm::AsTheyAre, seed).unwrap();
            network.scores(&patches, seed).unwrap()
        };
        let told = scores(Seed(1));
        assert!(
            told.iter()
                .enumerate()
                .all(|(i, score)| (*score > 0.0) == (i % 2 == 1))
        );
        assert_eq!(told, scores(Seed(1)));
        assert_ne!(told, scores(Seed(2)));
    }
}
