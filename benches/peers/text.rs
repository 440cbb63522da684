//! The project's half of `text.py`: BERT mini on text. `FOLDER check` writes weights, a
//! batch, its loss and gradients to FOLDER/text.safetensors; `FOLDER bert` answers each
//! line on standard input with the milliseconds of a training step, and `memory` with the
//! peak in MiB. `FOLDER train STEPS CORPUS TEXT SEED` trains on CORPUS, writes all
//! batches, the first weights and what is hidden in TEXT, prints what it found and leaves
//! the model in FOLDER.

#[path = "turns.rs"]
mod turns;

use candle_core::{DType, Device, Tensor};
use nextframe::energy::MaskedText;
use nextframe::evaluation::{masked_text, pseudo};
use nextframe::models::{Bert, Source as _, Weights};
use nextframe::ops;
use nextframe::outputs::text_model::{TextRun, config_json};
use nextframe::rng::Seed;
use nextframe::text::{Masked, Stream, Tokenizer, read_all};
use nextframe::training::recipe::{self, Recipe};
use nextframe::training::text::{TextBatch, TextLearner, TextSettings};
use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Texts of a step whose time is taken, the tokens of each, and how many of these are
/// hidden, 15%.
const TEXTS: usize = 32;
const LENGTH: usize = 128;
const HIDDEN: usize = 19;
/// The token that hides another.
const MASK: u32 = 4;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    ops::use_one_pool();
    ops::keep_memory();
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [folder, "check"] => check(Path::new(folder)),
        [_, "bert"] => {
            let settings = settings_of_a_step()?;
            let mut learner = TextLearner::new(&settings, MASK, Seed(1), &Device::Cpu)?;
            let batch = batch(&settings);
            let mut rng = Seed(3).stream("step", 0);
            // As the program does all its work.
            turns::serve(|| {
                ops::in_pool(|| learner.step(&batch, 0.5, &mut rng))
                    .map(drop)
                    .map_err(|error| error.to_string())
            })
        }
        [folder, "train", steps, corpus, text, seed] => {
            let (steps, seed) = (steps.parse()?, Seed(seed.parse()?));
            let run = || {
                train(Path::new(folder), steps, corpus, text, seed)
                    .map_err(|error| error.to_string())
            };
            Ok(ops::in_pool(run)?)
        }
        _ => {
            println!("run by benches/peers/text.py");
            Ok(())
        }
    }
}

fn settings() -> Result<TextSettings> {
    Ok(recipe::resolve(Some(&Recipe::find("bert-mini")?), &[])?)
}

/// The same as BERT's first training was, with dropout, for the time of a step.
fn settings_of_a_step() -> Result<TextSettings> {
    let mut settings = settings()?;
    settings.model.max_position_embeddings = LENGTH;
    settings.model.vocab_size = 8192;
    settings.model.hidden_dropout_prob = 0.1;
    settings.model.attention_probs_dropout_prob = 0.1;
    Ok(settings)
}

/// Random tokens, some hidden.
fn batch(settings: &TextSettings) -> Vec<Masked> {
    let mut rng = Seed(2).stream("batch", 0);
    let mut token = || rng.below(settings.model.vocab_size) as u32;
    (0..TEXTS)
        .map(|_| {
            let mut tokens: Vec<u32> = (0..LENGTH).map(|_| token()).collect();
            let places: Vec<usize> = (0..HIDDEN).map(|i| i * 6).collect();
            let targets = places.iter().map(|&place| tokens[place]).collect();
            places.iter().for_each(|&place| tokens[place] = MASK);
            Masked {
                tokens,
                places,
                targets,
            }
        })
        .collect()
}

fn check(folder: &Path) -> Result<()> {
    let settings = settings_of_a_step()?;
    let mut weights = Weights::new(Seed(1), &Device::Cpu);
    let bert = Bert::new(&settings.model, weights.root())?;
    let TextBatch {
        tokens,
        places,
        targets,
    } = TextBatch::new(&batch(&settings), &Device::Cpu)?;
    let costs = MaskedText::new(&bert, MASK).costs(&tokens, &places, &targets, None)?;
    let loss = costs.mean_all()?;
    let gradients = loss.backward()?;
    let mut all = HashMap::from([
        ("loss".to_owned(), loss.reshape(1)?),
        ("tokens".to_owned(), tokens.to_dtype(DType::I64)?),
        ("places".to_owned(), places.to_dtype(DType::I64)?),
        ("targets".to_owned(), targets.to_dtype(DType::I64)?),
    ]);
    for (key, var) in weights.pairs() {
        all.insert(format!("weight.{key}"), var.as_tensor().clone());
        let gradient = gradients.get(var).ok_or(format!("{key} has no gradient"))?;
        all.insert(format!("gradient.{key}"), gradient.clone());
    }
    candle_core::safetensors::save(&all, folder.join("text.safetensors"))?;
    write_config(folder, &settings)
}

fn write_config(folder: &Path, settings: &TextSettings) -> Result<()> {
    let run = TextRun {
        settings: settings.clone(),
        inputs: Vec::new(),
        temperature: 1.0,
        trained: None,
    };
    let config = config_json(&settings.model, &run)?;
    Ok(std::fs::write(
        folder.join("config.json"),
        format!("{config:#}"),
    )?)
}

/// Sequences one after the other: tokens (N, T), and places and targets of all with the
/// number of them in each.
fn put(name: &str, all: &[Masked], into: &mut HashMap<String, Tensor>) -> Result<()> {
    let numbers = |values: Vec<i64>| {
        let count = values.len();
        Tensor::from_vec(values, count, &Device::Cpu)
    };
    let flat = |of: &dyn Fn(&Masked) -> Vec<i64>| numbers(all.iter().flat_map(of).collect());
    let wide = |values: &[u32]| values.iter().map(|&v| i64::from(v)).collect::<Vec<_>>();
    let tokens = flat(&|m| wide(&m.tokens))?.reshape((all.len(), ()))?;
    into.insert(format!("{name}.tokens"), tokens);
    let places = flat(&|m| m.places.iter().map(|&p| p as i64).collect())?;
    into.insert(format!("{name}.places"), places);
    into.insert(format!("{name}.targets"), flat(&|m| wide(&m.targets))?);
    let counts = flat(&|m| vec![m.places.len() as i64])?;
    into.insert(format!("{name}.counts"), counts);
    Ok(())
}

fn train(folder: &Path, steps: u64, corpus: &str, text: &str, seed: Seed) -> Result<()> {
    let mut settings = settings()?;
    let documents = read_all(&[corpus.to_owned()])?;
    let data = &settings.data;
    let tokenizer = Tokenizer::train(&documents, data.vocabulary, data.lower_case)?;
    settings.model.vocab_size = tokenizer.size();
    let (stream, validation) = Stream::split(&documents, &tokenizer)?;
    let length = settings.data.length;
    let batches: Vec<Vec<Masked>> = (0..steps)
        .map(|step| {
            let mut rng = seed.stream("batch", step);
            let one = |_| {
                let sequence = stream.draw(length, &mut rng);
                settings.masking.corrupt(&sequence, &tokenizer, &mut rng)
            };
            (0..settings.training.batch).map(one).collect()
        })
        .collect();
    let test = Stream::new(&read_all(&[text.to_owned()])?, &tokenizer)?;
    let hidden = |stream: &Stream, most: usize| {
        let some = stream.sequences(length).take(most);
        masked_text::hidden(some, &tokenizer, &settings.masking, seed)
    };
    let (test_hidden, kept) = (hidden(&test, 2048), hidden(&validation, 128));
    let few: Vec<Vec<u32>> = test.sequences(length).step_by(100).take(24).collect();

    let mut learner = TextLearner::new(&settings, tokenizer.mask(), seed, &Device::Cpu)?;
    learner.begin_at(&stream.shares(settings.model.vocab_size))?;
    let mut all: HashMap<String, Tensor> = HashMap::new();
    put("batches", &batches.concat(), &mut all)?;
    put("test", &test_hidden, &mut all)?;
    put("validation", &kept, &mut all)?;
    for (index, sequence) in few.iter().enumerate() {
        let ids: Vec<i64> = sequence.iter().map(|&id| i64::from(id)).collect();
        all.insert(format!("few.{index}"), Tensor::new(ids, &Device::Cpu)?);
    }
    for (key, var) in learner.weights().pairs() {
        all.insert(format!("weight.{key}"), var.as_tensor().copy()?);
    }
    candle_core::safetensors::save(&all, folder.join("train.safetensors"))?;
    write_config(folder, &settings)?;

    let start = Instant::now();
    for (step, batch) in (0..).zip(&batches) {
        let mut rng = seed.stream("step", step);
        let report = learner.step(batch, step as f64 / steps as f64, &mut rng)?;
        if step % 50 == 0 {
            eprintln!("step {step}: {:.3}", report.energy);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let trained: HashMap<String, Tensor> = learner.weights().tensors().into_iter().collect();
    candle_core::safetensors::save(&trained, folder.join("model.safetensors"))?;
    tokenizer.save(&folder.join("tokenizer.json"))?;
    let device = Device::Cpu;
    let masked = MaskedText::new(learner.frozen(), tokenizer.mask());
    let temperature = masked_text::fit_temperature(&masked, &kept, &device)?;
    let found = masked_text::judge(&masked, &test_hidden, 1.0, &device)?;
    let scaled = masked_text::judge(&masked, &test_hidden, temperature, &device)?;
    let pseudo = pseudo::pseudo_perplexity(&masked, &tokenizer, &few, 1.0, &device)?;
    let line = serde_json::json!({
        "seconds": seconds,
        "accuracy": found.accuracy,
        "cross_entropy": found.cross_entropy,
        "pseudo_perplexity": pseudo,
        "temperature": temperature,
        "calibration_error": [found.calibration_error, scaled.calibration_error],
    });
    println!("{line}");
    Ok(())
}
