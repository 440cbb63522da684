//! The project's half of `network.py`: whole networks on the default recipe,
//! batch 32 at 64×64. `FOLDER check` writes one batch with its losses and
//! gradients to FOLDER/case.safetensors; `FOLDER mse|latent|generate` answers
//! each line on standard input with the milliseconds of one step (or of 100
//! futures of 16 frames), and `memory` with the peak in MiB.

#[path = "turns.rs"]
mod turns;

use candle_core::{Device, Tensor};
use nextframe::evaluation::rollout::rollout;
use nextframe::inference::{Forecaster, LatentConfig, Noise};
use nextframe::models::{FrameShape, Weights};
use nextframe::ops;
use nextframe::rng::Seed;
use nextframe::training::recipe;
use nextframe::training::{Learner, Settings};
use std::collections::HashMap;
use std::error::Error;
use std::path::Path;
use std::slice::from_ref;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SHAPE: FrameShape = FrameShape {
    channels: 3,
    height: 64,
    width: 64,
    change: 0.05,
};
const BATCH: usize = 32;

fn main() -> Result<(), Box<dyn Error>> {
    ops::use_one_pool();
    ops::keep_memory();
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let [folder, task] = words.as_slice() else {
        println!("run by benches/peers/network.py");
        return Ok(());
    };
    let mut settings: Settings = recipe::resolve(None, &[])?;
    settings.training.own_frames = 0.0;
    settings.training.context_noise = 0.0;
    if task == "check" {
        return check(&settings, Path::new(folder));
    }
    serve(&settings, task)
}

fn windows(settings: &Settings) -> candle_core::Result<Tensor> {
    let mut rng = Seed(0).stream("peer", 0);
    let shape = (BATCH, settings.window(), 3, 64, 64);
    rng.uniform_tensor(0.0, 1.0, shape, &Device::Cpu)
}

/// Weights, a batch, z of each sample, and each model's loss and gradients.
fn check(settings: &Settings, folder: &Path) -> Result<(), Box<dyn Error>> {
    let context = settings.model.context;
    let windows = windows(settings)?;
    let x = windows.narrow(1, 0, context)?;
    let y = windows.narrow(1, context, 1)?.squeeze(1)?;
    let mut case = HashMap::from([("windows".to_owned(), windows.clone())]);
    for (name, latent) in [
        ("mse", LatentConfig::none()),
        ("latent", settings.latent.clone()),
    ] {
        let mut weights = Weights::new(Seed(1), &Device::Cpu);
        let forecaster = Forecaster::new(&settings.model, &latent, SHAPE, name, &mut weights)?;
        // Weights that start at 0 would hide what lies before them.
        for (index, (_, var)) in weights.pairs().iter().enumerate() {
            let mut rng = Seed(2).stream("shake", index as u64);
            let noise = rng.normal_tensor(var.shape(), &Device::Cpu)?;
            var.set(&(var.as_tensor() + (noise * 0.02)?)?.contiguous()?)?;
        }
        let network = forecaster.network();
        let observed = network.observe(&x)?;
        let tokens = network.tokens(&y)?;
        let mut loss = (ops::squared_error(&observed.mean, &tokens)?.mean_all()?
            + ops::squared_error(observed.expected(), &tokens)?.mean_all()?)?;
        if let Some(prior) = forecaster.prior() {
            let field = forecaster.energy(&observed, &tokens)?;
            let mut rng = Seed(3).stream("peer", 0);
            let inferred = forecaster.infer(&field, 1.0, &mut rng)?;
            let z = inferred.sample_tensor(&Device::Cpu)?;
            let error = ops::squared_error(&network.decode(&observed, Some(&z))?, &tokens)?;
            let context = forecaster.context(&observed);
            let surprise = prior.surprise(&context, &z)?.ok_or("no density")?;
            let share = settings.training.prior_weight / z.dim(1)? as f64;
            loss = ((loss + error.mean_all()?)? + (surprise.mean_all()? * share)?)?;
            // The likeliest z, and none: what is drawn at random has no peer.
            let some = BATCH.div_ceil(4);
            let seen = observed.first(some)?;
            let mut noise = Noise::fresh(&mut rng);
            let drawn = forecaster.draw(&forecaster.context(&seen), 0.0, &mut noise)?;
            let mut frozen = weights.frozen();
            let frozen = Forecaster::new(&settings.model, &latent, SHAPE, name, &mut frozen)?;
            let drawn = frozen.network().decode(&seen, drawn.as_ref())?;
            let score = ops::crps(&drawn, seen.expected(), &tokens.narrow(0, 0, some)?)?;
            loss = (loss + score.mean_all()?)?;
            case.insert("z".to_owned(), z);
            case.insert("best".to_owned(), inferred.best_tensor(&Device::Cpu)?);
        }
        let gradients = loss.backward()?;
        case.insert(format!("loss.{name}"), loss.reshape(1)?);
        for (key, var) in weights.pairs() {
            case.insert(format!("weight.{key}"), var.as_tensor().clone());
            if let Some(gradient) = gradients.get(var) {
                case.insert(format!("gradient.{key}"), gradient.clone());
            }
        }
    }
    candle_core::safetensors::save(&case, folder.join("case.safetensors"))?;
    Ok(())
}

/// One line in, one number out.
fn serve(settings: &Settings, task: &str) -> Result<(), Box<dyn Error>> {
    let windows = windows(settings)?;
    let latent = match task {
        "mse" => LatentConfig::none(),
        _ => settings.latent.clone(),
    };
    let mut learner = Learner::new("peer", settings, &latent, SHAPE, Seed(0), &Device::Cpu)?;
    // As `generate` loads it: nothing is tracked.
    let mut frozen = learner.weights().frozen();
    let forecaster = Forecaster::new(&settings.model, &latent, SHAPE, "peer", &mut frozen)?;
    let past = windows
        .narrow(0, 0, 1)?
        .narrow(1, 0, settings.model.context)?;
    let mut rng = Seed(4).stream("peer", 0);
    // As the program does all its work.
    turns::serve(|| {
        ops::in_pool(|| match task {
            "generate" => rollout(from_ref(&forecaster), &past, 100, 16, 1.0, &mut rng).map(drop),
            _ => learner.step(&windows, 0.5, &mut rng).map(drop),
        })
    })
}
