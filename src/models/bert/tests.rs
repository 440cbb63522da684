use super::*;
use crate::models::{Source as _, Weights};
use crate::rng::Seed;
use candle_core::{Device, Var, safetensors};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What `tests/bert/make.py` made with `transformers`.
fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/bert")
        .join(name)
}

fn tensors(name: &str) -> HashMap<String, Tensor> {
    safetensors::load(reference(name), &Device::Cpu).unwrap()
}

fn config() -> BertConfig {
    let text = std::fs::read_to_string(reference("config.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The model of these weights, whose names must be exactly its own.
fn loaded(config: &BertConfig, file: &HashMap<String, Tensor>) -> (Bert, Weights) {
    let mut weights = Weights::new(Seed(1), &Device::Cpu);
    let bert = Bert::new(config, weights.root()).unwrap();
    let found = canonical(file, config).unwrap();
    let own: Vec<_> = weights.pairs().iter().map(|(name, _)| name).collect();
    let mut names: Vec<_> = found.keys().collect();
    names.sort();
    let mut sorted = own.clone();
    sorted.sort();
    assert_eq!(names, sorted);
    for (name, var) in weights.pairs() {
        var.set(&found[name]).unwrap();
    }
    (bert, weights)
}

fn list(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().unwrap().to_vec1().unwrap()
}

/// The largest difference, as a share of the largest value.
fn apart(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    let most = list(b).iter().fold(1e-6f32, |most, b| most.max(b.abs()));
    let pairs = list(a).into_iter().zip(list(b));
    pairs.fold(0.0, |worst: f32, (a, b)| worst.max((a - b).abs())) / most
}

/// All spellings: name, what is done to the weights' names, whether the head is untied.
type Spelling = fn(HashMap<String, Tensor>) -> HashMap<String, Tensor>;
const WORDS: &str = "bert.embeddings.word_embeddings.weight";
const DECODER: &str = "cls.predictions.decoder.weight";

fn rename(file: HashMap<String, Tensor>, to: impl Fn(&str) -> String) -> HashMap<String, Tensor> {
    file.into_iter().map(|(name, t)| (to(&name), t)).collect()
}

fn spellings() -> Vec<(&'static str, Spelling, bool)> {
    vec![
        ("as it is", |file| file, false),
        (
            "gamma and beta",
            |file| {
                rename(file, |name| {
                    name.replace("LayerNorm.weight", "LayerNorm.gamma")
                        .replace("LayerNorm.bias", "LayerNorm.beta")
                })
            },
            false,
        ),
        (
            "a tied decoder written out, with the parts of pretraining",
            |mut file| {
                let (words, bias) = (file[WORDS].clone(), file["cls.predictions.bias"].clone());
                let square = file["cls.predictions.transform.dense.weight"].clone();
                let ids = Tensor::arange(0i64, 16, &Device::Cpu).unwrap();
                file.insert(DECODER.to_owned(), words);
                file.insert("cls.predictions.decoder.bias".to_owned(), bias.clone());
                file.insert("cls.seq_relationship.bias".to_owned(), bias);
                file.insert("bert.pooler.dense.weight".to_owned(), square);
                file.insert("bert.embeddings.position_ids".to_owned(), ids);
                file
            },
            false,
        ),
        (
            "without bert., and a bias of the decoder alone",
            |file| {
                rename(file, |name| match name {
                    "cls.predictions.bias" => "cls.predictions.decoder.bias".to_owned(),
                    name => name.trim_start_matches("bert.").to_owned(),
                })
            },
            false,
        ),
        (
            "untied",
            |mut file| {
                file.insert(DECODER.to_owned(), file[WORDS].clone());
                file
            },
            true,
        ),
    ]
}

#[test]
fn logits_loss_and_gradients_are_those_of_transformers() {
    let answer = tensors("answer.safetensors");
    let ids = |name: &str| answer[name].to_dtype(DType::U32).unwrap();
    let (tokens, places, targets) = (ids("tokens"), ids("places"), ids("targets"));
    for (name, spelling, untied) in spellings() {
        let config = BertConfig {
            tie_word_embeddings: !untied,
            ..config()
        };
        let (bert, weights) = loaded(&config, &spelling(tensors("model.safetensors")));
        let hidden = bert.hidden(&tokens, None).unwrap();
        let all = Tensor::arange(0u32, 24, &Device::Cpu).unwrap();
        let logits = bert.logits(&hidden, &all).unwrap();
        let theirs = answer["logits"].reshape((24, 96)).unwrap();
        let most = list(&(logits - theirs).unwrap().abs().unwrap());
        let most = most.into_iter().fold(0.0, f32::max);
        assert!(most < 1e-4, "{name}: logits {most:e}");

        let logits = bert.logits(&hidden, &places).unwrap();
        let loss = ops::cross_entropy(&logits, &targets).unwrap();
        let loss = loss.mean_all().unwrap();
        let theirs = list(&answer["loss"])[0];
        assert!((loss.to_scalar::<f32>().unwrap() / theirs - 1.0).abs() < 1e-5);
        let gradients = loss.backward().unwrap();
        for (key, var) in weights.pairs() {
            let mut gradient = gradients.get(var).expect(key).clone();
            if untied && key == WORDS {
                // What transformers' tied matrix gets from its two uses.
                let decoder = weights.pairs().iter().find(|(key, _)| key == DECODER);
                let other: &Var = &decoder.unwrap().1;
                gradient = (gradient + gradients.get(other).unwrap()).unwrap();
            }
            let Some(theirs) = answer.get(&format!("gradient.{key}")) else {
                assert_eq!(key, DECODER);
                continue;
            };
            let apart = apart(&gradient, theirs);
            assert!(apart < 1e-3, "{name}: gradient of {key} {apart:e}");
        }
    }
}

#[test]
fn every_weight_learns_and_dropout_drops() {
    for tied in [true, false] {
        let config = BertConfig {
            tie_word_embeddings: tied,
            ..config()
        };
        let mut weights = Weights::new(Seed(2), &Device::Cpu);
        let bert = Bert::new(&config, weights.root()).unwrap();
        let tokens = Tensor::new(&[[1u32, 2, 3, 4], [5, 6, 7, 8]], &Device::Cpu).unwrap();
        let places = Tensor::new(&[1u32, 6], &Device::Cpu).unwrap();
        let logits = |rng: Option<&mut Rng>| {
            let hidden = bert.hidden(&tokens, rng).unwrap();
            bert.logits(&hidden, &places).unwrap()
        };
        let stream = |step| Seed(3).stream("test", step);
        let (one, again) = (logits(Some(&mut stream(0))), logits(Some(&mut stream(0))));
        assert_eq!(list(&one), list(&again));
        assert_ne!(list(&one), list(&logits(Some(&mut stream(1)))));
        assert_ne!(list(&one), list(&logits(None)));
        let targets = Tensor::new(&[2u32, 9], &Device::Cpu).unwrap();
        let loss = ops::cross_entropy(&one, &targets).unwrap();
        let gradients = loss.mean_all().unwrap().backward().unwrap();
        for (name, var) in weights.pairs() {
            let gradient = gradients.get(var).expect(name);
            let sum = gradient.abs().unwrap().sum_all().unwrap();
            // A key's bias moves all of a row's weights alike: only rounding is left.
            assert!(sum.to_scalar::<f32>().unwrap() > 0.0, "{name}");
        }
    }
}

#[test]
fn dropout_is_right_on_average() {
    let (bert, _) = loaded(&config(), &tensors("model.safetensors"));
    let tokens = Tensor::new(&[[1u32, 2, 3, 4]], &Device::Cpu).unwrap();
    let plain = bert.hidden(&tokens, None).unwrap();
    let mut rng = Seed(4).stream("test", 0);
    let mut sum = plain.zeros_like().unwrap();
    for _ in 0..400 {
        sum = (sum + bert.hidden(&tokens, Some(&mut rng)).unwrap()).unwrap();
    }
    // Norms are not linear, so this is near and not equal.
    let off = apart(&(sum / 400.0).unwrap(), &plain);
    assert!(off < 0.2, "{off}");
}

#[test]
fn what_does_not_fit_is_refused() {
    let (bert, _) = loaded(&config(), &tensors("model.safetensors"));
    let said = |tokens: Tensor| bert.hidden(&tokens, None).unwrap_err().to_string();
    let long = Tensor::zeros((1, 17), DType::U32, &Device::Cpu).unwrap();
    assert!(said(long).contains("17 tokens, the model has places for 16"));
    let unknown = Tensor::new(&[[96u32]], &Device::Cpu).unwrap();
    assert!(said(unknown).contains("tokens below 96"));

    let mut file = tensors("model.safetensors");
    let other = (&file[WORDS] * 2.0).unwrap();
    file.insert(DECODER.to_owned(), other);
    let message = canonical(&file, &config()).unwrap_err().to_string();
    assert!(message.contains("tie_word_embeddings"), "{message}");
    file.retain(|name, _| !name.starts_with("cls."));
    let message = canonical(&file, &config()).unwrap_err().to_string();
    assert!(message.contains("no head"), "{message}");

    let wrong = |change: fn(&mut BertConfig)| {
        let mut config = config();
        change(&mut config);
        config.check().unwrap_err().to_string()
    };
    assert!(wrong(|c| c.hidden_act = "relu6".to_owned()).contains("'relu6'"));
    assert!(wrong(|c| c.num_attention_heads = 5).contains("5 heads"));
    assert!(wrong(|c| c.hidden_dropout_prob = 1.0).contains("hidden_dropout_prob"));
    assert!(wrong(|c| c.max_position_embeddings = 2).contains("at least 3"));
    assert!(wrong(|c| c.num_hidden_layers = 1001).contains("at most 1000"));
    assert!(wrong(|c| c.layer_norm_eps = -1.0).contains("layer_norm_eps"));
    assert!(wrong(|c| c.initializer_range = f64::NAN).contains("initializer_range"));
    for change in [
        |c: &mut BertConfig| c.vocab_size = usize::MAX,
        |c: &mut BertConfig| c.hidden_size = 1 << 40,
        |c: &mut BertConfig| c.intermediate_size = usize::MAX / 2,
        |c: &mut BertConfig| c.type_vocab_size = 1 << 31,
    ] {
        let mut config = config();
        change(&mut config);
        let said = config.check().unwrap_err().to_string();
        assert!(said.contains("at most 2147483647"), "{said}");
    }
}

#[test]
fn weights_are_counted_without_making_them() {
    for tied in [true, false] {
        let config = BertConfig {
            vocab_size: 13,
            hidden_size: 12,
            num_hidden_layers: 3,
            intermediate_size: 7,
            max_position_embeddings: 5,
            type_vocab_size: 2,
            tie_word_embeddings: tied,
            ..BertConfig::default()
        };
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        Bert::new(&config, weights.root()).unwrap();
        assert_eq!(config.parameters(), weights.count() as f64);
    }
}
