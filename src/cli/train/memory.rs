//! Whether a recipe fits in memory: asked before anything is allocated, since
//! a process that runs out of memory is ended without a word.

use super::Only;
use crate::error::Result;
use crate::inference::{Beside, EnergyConfig, Family, Forecaster, LatentConfig, Learning};
use crate::memory;
use crate::models::{Decoder, FrameShape, Sizes};
use crate::outputs::model::MSE;
use crate::training::Settings;
use candle_core::Device;

/// Times that training holds each weight: itself, its gradient, two moments,
/// its average (as it grows and as it is judged), a state to go back to (four
/// of these), the best on the validation part.
const COPIES: f64 = 11.0;

/// A setting that takes memory.
type Size = (&'static str, fn(&mut Settings) -> &mut usize);

const SIZES: [Size; 21] = [
    ("data.width", |s| &mut s.data.width),
    ("data.height", |s| &mut s.data.height),
    ("training.batch", |s| &mut s.training.batch),
    ("training.members", |s| &mut s.training.members),
    ("training.rehearsal", |s| &mut s.training.rehearsal),
    ("model.context", |s| &mut s.model.context),
    ("model.hidden", |s| &mut s.model.hidden),
    ("model.basis", |s| &mut s.model.basis),
    ("model.reach", |s| &mut s.model.reach),
    ("model.backbone.width", |s| &mut s.model.backbone.width),
    ("model.backbone.depth", |s| &mut s.model.backbone.depth),
    ("latent.dimension", |s| &mut s.latent.dimension),
    ("latent.components", |s| &mut s.latent.components),
    ("latent.stages", |s| &mut s.latent.stages),
    ("latent.size", |s| &mut s.latent.size),
    ("energy.width", |s| &mut s.energy.width),
    ("energy.depth", |s| &mut s.energy.depth),
    ("energy.replay", |s| &mut s.energy.replay),
    ("model.objects", |s| &mut s.model.objects),
    ("evaluation.horizon", |s| &mut s.evaluation.horizon),
    ("evaluation.futures", |s| &mut s.evaluation.futures),
];

/// Refuses a recipe that takes more memory than the machine has. What a GPU
/// has is its driver's to say.
pub fn check(settings: &Settings, only: Option<Only>, device: &Device) -> Result<()> {
    let need = need(settings, only)?;
    if device.is_cuda() {
        return Ok(());
    }
    memory::check(need, "training by this recipe", || {
        format!("lower {}", culprits(settings, only, need).join(", "))
    })
}

/// About how many bytes training takes: its weights, and the largest tensors
/// of a step or of a validation.
fn need(settings: &Settings, only: Option<Only>) -> Result<f64> {
    let (mut weights, mut step) = (0.0, 0.0f64);
    let members = settings.training.members as f64;
    for (certain, count) in [(true, 1.0), (false, members)] {
        let beside = match (certain, only) {
            (true, Some(Only::Latent)) | (false, Some(Only::Mse)) => continue,
            (true, _) => Beside::Latent(LatentConfig::none()),
            (false, _) => settings.beside(),
        };
        step = step.max(numbers_of_a_step(settings, &beside));
        weights += count * numbers(settings, beside)?;
    }
    let frames = (settings.evaluation.futures + 1) * settings.longest();
    let validation = 4.0 * frames as f64 * settings.data.frame_bytes() as f64;
    Ok((COPIES * weights + step.max(validation)) * size_of::<f32>() as f64)
}

/// The number of weights of a model.
fn numbers(settings: &Settings, beside: impl Into<Beside>) -> Result<f64> {
    let (channels, height, width) = settings.data.shape();
    let shape = FrameShape {
        channels,
        height,
        width,
        change: 1.0,
    };
    let mut sizes = Sizes::default();
    Forecaster::new(&settings.model, beside, shape, MSE, &mut sizes)?;
    Ok(sizes.numbers())
}

/// The numbers of the frames, of the features of each patch, and of what the
/// decoder keeps for each sample: each dictionary where it paints; where it
/// moves, the shares of all copies (a few times over) too.
fn numbers_of_a_step(settings: &Settings, beside: &Beside) -> f64 {
    let (model, data) = (&settings.model, &settings.data);
    let frame = data.frame_bytes() as f64;
    let patch = (model.patch * model.patch) as f64;
    let places = (data.height * data.width) as f64 / patch;
    let (none, of_energy) = (LatentConfig::none(), |energy: &EnergyConfig| {
        // What goes into and comes out of each block, forward and back, and the chains.
        let blocks = places * energy.width as f64 * (8.0 + 2.0 * energy.depth as f64);
        6.0 * blocks + 4.0 * frame
    });
    let (latent, over_frames) = match beside {
        Beside::Latent(latent) => (latent, 0.0),
        Beside::Energy(energy) => (&none, of_energy(energy)),
    };
    let kept = match beside {
        Beside::Energy(energy) if energy.learning == Learning::Contrastive => {
            energy.replay as f64 * frame * (model.context + 1) as f64
        }
        _ => 0.0,
    };
    let dimension = match latent.family {
        Family::None => 0.0,
        Family::Codes => latent.stages as f64 * latent.size as f64,
        Family::Gaussian | Family::Sparse => latent.dimension as f64 * model.cells.pow(2) as f64,
    };
    // How the error bends in the numbers of each part's z.
    let parts = model.cells.pow(2) as f64;
    let bends = 4.0 * dimension * dimension / parts;
    let features = (model.hidden + model.basis + model.backbone.width) as f64;
    let rehearsed = settings.training.rehearsal as f64 * places * model.backbone.width as f64;
    let painted = patch * data.channels.count() as f64 * model.basis as f64;
    let decoder = match model.decoder {
        Decoder::Paint => dimension * painted,
        // The products of all shifts; shifted pictures only a sample at a time.
        Decoder::Objects => dimension * dimension + 4.0 * frame * model.objects as f64,
        Decoder::Move => places * 4.0 * model.copies() as f64 + dimension * painted,
    };
    let seen = settings.window() as f64 * frame + places * features + rehearsed;
    let sample = seen + decoder + bends + over_frames;
    settings.training.batch as f64 * sample + kept
}

/// The settings above their default that take most of the memory.
fn culprits(settings: &Settings, only: Option<Only>, all: f64) -> Vec<String> {
    let (mut settings, mut defaults) = (settings.clone(), Settings::default());
    let mut found: Vec<(f64, String)> = Vec::new();
    for (key, size) in SIZES {
        let (value, default) = (*size(&mut settings), *size(&mut defaults));
        if value <= default {
            continue;
        }
        *size(&mut settings) = default;
        // A default may not go with the other settings; then it tells nothing.
        let without = need(&settings, only).unwrap_or(f64::INFINITY);
        *size(&mut settings) = value;
        found.push((without, format!("{key} ({value})")));
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0));
    let many = found.iter().filter(|(without, _)| *without < 0.9 * all);
    let many = many.count().max(1).min(found.len());
    let names: Vec<String> = found.into_iter().take(many).map(|(_, name)| name).collect();
    match names.is_empty() {
        true => vec![format!("training.batch ({})", settings.training.batch)],
        false => names,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::Weights;
    use crate::rng::Seed;

    fn refusal(set: &[(&str, usize)]) -> String {
        let mut settings = Settings::default();
        for (key, value) in set {
            let (_, size) = SIZES.iter().find(|(name, _)| name == key).unwrap();
            *size(&mut settings) = *value;
        }
        settings.check().unwrap();
        let refused = check(&settings, None, &Device::Cpu).unwrap_err();
        refused.to_string()
    }

    #[test]
    fn weights_are_counted_without_making_them() {
        for (family, decoder) in [
            (Family::Gaussian, Decoder::Move),
            (Family::Sparse, Decoder::Paint),
            (Family::Codes, Decoder::Paint),
            (Family::None, Decoder::Move),
            (Family::Codes, Decoder::Objects),
        ] {
            let mut settings = Settings::default();
            (settings.data.width, settings.data.height) = (16, 16);
            settings.latent.family = family;
            settings.model.decoder = decoder;
            if decoder == Decoder::Objects {
                (settings.model.reach, settings.latent.size) = (1, 9);
            }
            let shape = FrameShape {
                channels: 3,
                height: 16,
                width: 16,
                change: 0.1,
            };
            let mut weights = Weights::new(Seed(1), &Device::Cpu);
            Forecaster::new(
                &settings.model,
                &settings.latent,
                shape,
                "model",
                &mut weights,
            )
            .unwrap();
            let counted = numbers(&settings, &settings.latent).unwrap();
            assert_eq!(counted, weights.count() as f64, "{family:?} {decoder:?}");
        }
    }

    #[test]
    fn what_cannot_fit_names_its_keys() {
        let said = refusal(&[
            ("model.hidden", 65_536),
            ("model.basis", 65_536),
            ("latent.dimension", 65_536),
        ]);
        for key in ["latent.dimension (65536)", "model.basis (65536)"] {
            assert!(said.contains(key), "{said}");
        }
        assert!(!said.contains("model.hidden"), "a small part: {said}");
        let said = refusal(&[("model.backbone.width", 65_536)]);
        assert!(
            said.contains("lower model.backbone.width (65536)"),
            "{said}"
        );
        // How the error bends in so many numbers of z.
        let said = refusal(&[("latent.dimension", 65_536)]);
        assert!(said.contains("lower latent.dimension"), "{said}");
        check(&Settings::default(), None, &Device::Cpu).unwrap();
    }
}
