//! What a new BERT begins with, beside noise.

use super::BertConfig;
use crate::error::{Error, Result};
use candle_core::{Tensor, Var};
use std::f64::consts::PI;

/// How much more a head of the first layer looks at its neighbour than at what is far from
/// it, as a logit.
const SHARP: f64 = 12.0;

/// Sets what a new BERT would take an hour of one core to find out:
///
/// - Each token's bias is log of its share in the corpus, all `shares` above 0. Else the
///   bias, which a step moves by no more than the learning rate, takes thousands of steps to
///   get there, and the vectors of words say how frequent they are meanwhile.
/// - The heads of the first layer look at the tokens beside, one, two and more places before
///   and after, and hand on what they are. A hidden token sees its neighbours through heads
///   alone, and as long as these look anywhere, little tells them where to. (Mimetic
///   initialisation: Trockman & Kolter 2023 start attention as it is in trained models.)
///
/// For this, places are waves (Vaswani et al. 2017), from one over four tokens to one over
/// twice the longest sequence, in a quarter of the numbers, where words have nothing: a head
/// that is to look n places on turns its query's waves by n. All of it are weights like
/// others, and are trained.
///
/// `weights` are those of a [`Bert`](super::Bert) of this `config` by their names, as drawn.
///
/// # Errors
/// Shares of another vocabulary, and weights of another model.
pub fn begin(config: &BertConfig, weights: &[(String, Var)], shares: &[f64]) -> Result<()> {
    let start = Start::new(config, weights);
    let logs = shares.iter().map(|share| share.ln() as f32).collect();
    start.set("cls.predictions.bias", logs)?;
    if start.planes == 0 {
        return Ok(());
    }
    let reserved = 4 * start.planes;
    for table in ["word", "token_type"] {
        start.change(
            &format!("bert.embeddings.{table}_embeddings.weight"),
            |row| {
                row[..reserved].fill(0.0);
            },
        )?;
    }
    start.places()?;
    start.heads()
}

/// The first layer's attention.
const ATTENTION: &str = "bert.encoder.layer.0.attention";

struct Start<'a> {
    config: &'a BertConfig,
    weights: &'a [(String, Var)],
    /// Waves that say where a token is, each four numbers: sine, cosine and their negatives,
    /// so that their mean is 0 and the layer norm leaves them as they are.
    planes: usize,
}

impl<'a> Start<'a> {
    fn new(config: &'a BertConfig, weights: &'a [(String, Var)]) -> Self {
        let head = config.hidden_size / config.num_attention_heads.max(1);
        Self {
            config,
            weights,
            planes: (config.hidden_size / 16).min(head / 2),
        }
    }

    fn var(&self, name: &str) -> Result<&Var> {
        let found = self.weights.iter().find(|(other, _)| other == name);
        found.map(|(_, var)| var).ok_or_else(|| {
            let problem = "this model has none";
            Error::input(format!("weight '{name}'"), problem, "begin a new BERT")
        })
    }

    fn set(&self, name: &str, values: Vec<f32>) -> Result<()> {
        let var = self.var(name)?;
        if values.len() != var.elem_count() {
            return Err(Error::input(
                format!("weight '{name}'"),
                format!("{} values for {}", values.len(), var.elem_count()),
                "give the shares of the model's own vocabulary",
            ));
        }
        Ok(var.set(&Tensor::from_vec(values, var.shape(), var.device())?)?)
    }

    /// Hands each row of a matrix to `f`.
    fn change(&self, name: &str, mut f: impl FnMut(&mut [f32])) -> Result<()> {
        let mut rows = self.var(name)?.to_vec2::<f32>()?;
        rows.iter_mut().for_each(|row| f(row));
        self.set(name, rows.concat())
    }

    /// Radians from a token to the next: a quarter turn, and down to a whole turn over
    /// twice the longest sequence.
    fn turn(&self, plane: usize) -> f64 {
        let slowest = (2.0 / self.config.max_position_embeddings as f64).min(1.0);
        let share = plane as f64 / (self.planes.max(2) - 1) as f64;
        0.5 * PI * slowest.powf(share)
    }

    fn places(&self) -> Result<()> {
        // As large as words are in numbers of theirs.
        let size = 2f64.sqrt() * self.config.initializer_range;
        let mut place = 0.0;
        self.change("bert.embeddings.position_embeddings.weight", |row| {
            row.fill(0.0);
            for (plane, four) in row.chunks_exact_mut(4).take(self.planes).enumerate() {
                let (sine, cosine) = (place * self.turn(plane)).sin_cos();
                let wave = [sine, cosine, -sine, -cosine];
                four.iter_mut()
                    .zip(wave)
                    .for_each(|(number, wave)| *number = (size * wave) as f32);
            }
            place += 1.0;
        })
    }

    fn heads(&self) -> Result<()> {
        let head = self.config.hidden_size / self.config.num_attention_heads;
        // Σ over planes of (2 √2 gain)² cos / √head is SHARP where all agree.
        let gain = (SHARP * (head as f64).sqrt() / (8.0 * self.planes as f64)).sqrt();
        for (part, is_query) in [("query", true), ("key", false)] {
            let mut index = 0;
            self.change(&format!("{ATTENTION}.self.{part}.weight"), |row| {
                let (plane, is_cosine) = (index % head / 2, index % 2 == 1);
                if plane < self.planes {
                    let on = match is_query {
                        true => beside(index / head) * self.turn(plane),
                        false => 0.0,
                    };
                    let (sine, cosine) = on.sin_cos();
                    // sin(a + on) and cos(a + on) of sin a and cos a.
                    let (of_sine, of_cosine) = match is_cosine {
                        false => (cosine, sine),
                        true => (-sine, cosine),
                    };
                    let turned = [of_sine, of_cosine, -of_sine, -of_cosine];
                    row.fill(0.0);
                    let four = row[4 * plane..].iter_mut().zip(turned);
                    four.for_each(|(weight, turned)| *weight = (gain * turned) as f32);
                }
                index += 1;
            })?;
        }
        // What a head reads of a word it adds to the place that looks: Vᵀ V, near to a projection.
        let reserved = 4 * self.planes;
        self.change(&format!("{ATTENTION}.self.value.weight"), |row| {
            row[..reserved].fill(0.0);
            let length = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            row.iter_mut()
                .for_each(|v| *v /= length.max(f32::MIN_POSITIVE));
        })?;
        let value = self.var(&format!("{ATTENTION}.self.value.weight"))?;
        let back = value.t()?.contiguous()?;
        Ok(self
            .var(&format!("{ATTENTION}.output.dense.weight"))?
            .set(&back)?)
    }
}

/// Where a head looks, in tokens after its own: −1, 1, −2, 2, …
fn beside(head: usize) -> f64 {
    let far = (head / 2 + 1) as f64;
    if head.is_multiple_of(2) { -far } else { far }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{Bert, Source as _, Weights};
    use crate::ops;
    use crate::rng::Seed;
    use candle_core::Device;

    fn begun(config: &BertConfig) -> Weights {
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        Bert::new(config, weights.root()).unwrap();
        let shares = vec![1.0 / config.vocab_size as f64; config.vocab_size];
        begin(config, weights.pairs(), &shares).unwrap();
        weights
    }

    fn weight(weights: &Weights, name: &str) -> Tensor {
        let found = weights.pairs().iter().find(|(other, _)| other == name);
        found.unwrap().1.as_detached_tensor()
    }

    #[test]
    fn heads_look_beside_whatever_the_words() {
        let config = BertConfig {
            vocab_size: 100,
            max_position_embeddings: 64,
            ..BertConfig::default()
        };
        let weights = begun(&config);
        let at = |name: &str| weight(&weights, &format!("bert.{name}"));
        // Row i of the words stands at place i.
        let words = at("embeddings.word_embeddings.weight")
            .narrow(0, 10, 64)
            .unwrap();
        let kind = at("embeddings.token_type_embeddings.weight")
            .narrow(0, 0, 1)
            .unwrap();
        let sum = (words + at("embeddings.position_embeddings.weight")).unwrap();
        let sum = sum.broadcast_add(&kind).unwrap();
        let (one, zero) = (
            at("embeddings.LayerNorm.weight"),
            at("embeddings.LayerNorm.bias"),
        );
        let x = ops::layer_norm(&sum, &one, &zero, 1e-12).unwrap();
        let of = |part: &str| {
            let weight = at(&format!("encoder.layer.0.attention.self.{part}.weight"));
            x.matmul(&weight.t().unwrap()).unwrap()
        };
        let (query, key) = (of("query"), of("key"));
        // What heads read is handed on: most of a word, and nothing of a place.
        let back = at("encoder.layer.0.attention.output.dense.weight");
        let handed = of("value").matmul(&back.t().unwrap()).unwrap();
        let part = |t: &Tensor, from: usize, count: usize| {
            t.narrow(1, from, count).unwrap().contiguous().unwrap()
        };
        let norm = |t: &Tensor| {
            t.sqr()
                .unwrap()
                .sum_all()
                .unwrap()
                .to_scalar::<f32>()
                .unwrap()
        };
        let (word, told) = (part(&x, 64, 192), part(&handed, 64, 192));
        let common = (&word * &told).unwrap().sum_all().unwrap();
        let alike = common.to_scalar::<f32>().unwrap() / (norm(&word) * norm(&told)).sqrt();
        assert!(alike > 0.6, "{alike}");
        assert!(norm(&part(&handed, 0, 64)) < 1e-3 * norm(&told));
        for (head, beside) in [-1i64, 1, -2, 2].into_iter().enumerate() {
            let part = |t: &Tensor| t.narrow(1, 64 * head, 64).unwrap().contiguous().unwrap();
            let scores = part(&query).matmul(&part(&key).t().unwrap()).unwrap();
            let seen = candle_nn::ops::softmax(&(scores / 8.0).unwrap(), 1).unwrap();
            for (place, row) in seen
                .to_vec2::<f32>()
                .unwrap()
                .iter()
                .enumerate()
                .take(60)
                .skip(4)
            {
                let looked = (place as i64 + beside) as usize;
                let most = row.iter().copied().fold(0.0, f32::max);
                assert!(
                    row[looked] == most && most > 0.3,
                    "head {head} at {place}: {row:?}"
                );
            }
        }
    }

    #[test]
    fn every_size_can_begin() {
        for (width, heads) in [(8, 2), (16, 4), (48, 3), (64, 64)] {
            let config = BertConfig {
                vocab_size: 12,
                hidden_size: width,
                num_attention_heads: heads,
                intermediate_size: 16,
                max_position_embeddings: 3,
                ..BertConfig::default()
            };
            for (name, var) in begun(&config).pairs() {
                let sum = var
                    .abs()
                    .unwrap()
                    .sum_all()
                    .unwrap()
                    .to_scalar::<f32>()
                    .unwrap();
                assert!(sum.is_finite(), "{name} of {config:?}");
            }
        }
    }

    #[test]
    fn another_vocabulary_is_refused() {
        let config = BertConfig {
            vocab_size: 12,
            ..BertConfig::default()
        };
        let weights = begun(&config);
        let said = begin(&config, weights.pairs(), &[0.5, 0.5])
            .unwrap_err()
            .to_string();
        assert!(said.contains("2 values for 12"), "{said}");
    }
}
