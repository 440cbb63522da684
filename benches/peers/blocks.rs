//! The project's half of `blocks.py`: single blocks and a small BERT.
//! `FOLDER check` writes weights, inputs, losses and gradients to
//! FOLDER/blocks.safetensors; `FOLDER transformer|convolution|bert` answers
//! each line on standard input with the milliseconds of one run, and `memory`
//! with the peak in MiB.

#[path = "turns.rs"]
mod turns;

use candle_core::{DType, Device, Tensor, Var};
use nextframe::models::{
    BackboneConfig, Convolutional, Init, Linear, Source, Transformer, Weights,
};
use nextframe::ops::{self, AdamW, AdamWConfig};
use nextframe::rng::Seed;
use std::collections::HashMap;
use std::error::Error;
use std::path::Path;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const TASKS: [&str; 3] = ["transformer", "convolution", "bert"];
/// Of the text model.
const WORDS: usize = 8192;
/// Places of 128 that are masked, in each of 32 texts: 15%.
const MASKED: usize = 19;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() -> Result<()> {
    ops::use_one_pool();
    ops::keep_memory();
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let [folder, task] = words.as_slice() else {
        println!("run by benches/peers/blocks.py");
        return Ok(());
    };
    if task == "check" {
        return check(Path::new(folder));
    }
    let mut case = Case::new(task)?;
    // As the program does all its work.
    turns::serve(|| ops::in_pool(|| case.run().map_err(|error| error.to_string())))
}

/// What is timed, (B, h, w, width) in and out.
enum Network {
    Convolutional(Convolutional),
    Transformer(Transformer),
}

impl Network {
    fn forward(&self, x: &Tensor) -> nextframe::Result<Tensor> {
        match self {
            Self::Convolutional(network) => network.forward(x),
            Self::Transformer(network) => network.forward(x),
        }
    }
}

/// A network with its input and the loss it is timed on.
struct Case {
    weights: Weights,
    network: Network,
    /// (words' vectors, their logits), of the text model.
    text: Option<(Tensor, Linear)>,
    /// (B, h, w, width), or word numbers (32·128).
    input: Tensor,
    /// What features are multiplied with, or (places, words there).
    probe: (Tensor, Tensor),
    optimiser: Option<AdamW>,
}

impl Case {
    fn new(task: &str) -> Result<Self> {
        let device = &Device::Cpu;
        let mut rng = Seed(0).stream(task, 0);
        let (width, depth, grid, batch) = match task {
            "transformer" => (256, 1, (1, 128), 32),
            "convolution" => (64, 1, (32, 32), 8),
            _ => (256, 4, (1, 128), 32),
        };
        let mut weights = Weights::new(Seed(1), device);
        let mut root = weights.root();
        let scope = root.scope("backbone");
        let network = match task {
            "convolution" => {
                let config = BackboneConfig {
                    width,
                    depth,
                    ..BackboneConfig::default()
                };
                Network::Convolutional(Convolutional::new(&config, scope)?)
            }
            _ => Network::Transformer(Transformer::new((width, 4, depth), grid, scope)?),
        };
        let text = if task == "bert" {
            let init = Init::Normal { std: 0.02 };
            let vectors = weights.root().get("vectors", (WORDS, width), init)?;
            let mut root = weights.root();
            Some((
                vectors,
                Linear::new(width, WORDS, 1.0, root.scope("logits"))?,
            ))
        } else {
            None
        };
        // Weights that start at 0 would hide what lies before them.
        for (_, var) in weights.pairs() {
            let noise = (rng.normal_tensor(var.shape(), device)? * 0.02)?;
            var.set(&(var.as_tensor() + noise)?)?;
        }
        let shape = (batch, grid.0, grid.1, width);
        let mut numbers = |count: usize, below: usize| {
            let numbers = (0..count).map(|_| rng.below(below) as u32).collect();
            Tensor::from_vec(numbers, count, device)
        };
        let (input, probe) = if text.is_some() {
            let input = numbers(batch * 128, WORDS)?;
            let places: Vec<u32> = (0..batch * MASKED)
                .map(|i| (i / MASKED * 128 + i % MASKED * 6) as u32)
                .collect();
            let places = Tensor::from_vec(places, batch * MASKED, device)?;
            (input, (places, numbers(batch * MASKED, WORDS)?))
        } else {
            let probe = rng.normal_tensor(shape, device)?;
            (rng.normal_tensor(shape, device)?, (probe.clone(), probe))
        };
        let optimiser = match &text {
            Some(_) => Some(AdamW::new(
                weights.pairs().to_vec(),
                AdamWConfig::default(),
            )?),
            None => None,
        };
        Ok(Self {
            weights,
            network,
            text,
            input,
            probe,
            optimiser,
        })
    }

    fn loss(&self) -> Result<Tensor> {
        let Some((vectors, logits)) = &self.text else {
            let features = self.network.forward(&self.input)?;
            return Ok((features * &self.probe.0)?.mean_all()?);
        };
        let x = vectors.index_select(&self.input, 0)?;
        let x = x.reshape((32, 1, 128, x.dim(1)?))?;
        let features = self.network.forward(&x)?.flatten(0, 2)?;
        let masked = features.index_select(&self.probe.0, 0)?;
        let surprise = ops::cross_entropy(&logits.forward(&masked)?, &self.probe.1)?;
        Ok(surprise.mean_all()?)
    }

    fn run(&mut self) -> Result<()> {
        let gradients = self.loss()?.backward()?;
        if let Some(optimiser) = &mut self.optimiser {
            optimiser.step(&gradients, 2e-3, Some(1.0))?;
        }
        Ok(())
    }
}

fn check(folder: &Path) -> Result<()> {
    let mut all = HashMap::new();
    for task in TASKS {
        let case = Case::new(task)?;
        let loss = case.loss()?;
        let gradients = loss.backward()?;
        let mut put = |key: String, tensor: &Tensor| -> Result<()> {
            let kind = match tensor.dtype() {
                DType::U32 => DType::I64,
                other => other,
            };
            all.insert(format!("{task}.{key}"), tensor.to_dtype(kind)?);
            Ok(())
        };
        put("loss".to_owned(), &loss.reshape(1)?)?;
        put("input".to_owned(), &case.input)?;
        put("probe0".to_owned(), &case.probe.0)?;
        put("probe1".to_owned(), &case.probe.1)?;
        for (key, var) in case.weights.pairs() {
            put(format!("weight.{key}"), Var::as_tensor(var))?;
            let gradient = gradients.get(var).ok_or(format!("{key} has no gradient"))?;
            put(format!("gradient.{key}"), gradient)?;
        }
    }
    candle_core::safetensors::save(&all, folder.join("blocks.safetensors"))?;
    Ok(())
}
