//! A next-frame predictor with all that belongs to it: network, inference of
//! z and prior p(z | x). Without a latent it is the least-squares baseline.

use super::config::{Density, Family, LatentConfig};
use super::summary::Summary;
use super::{
    Categorical, ClosedForm, Fista, Flow, GaussNewton, Inference, Inferred, Local, Mixture, Noise,
    Prior, Refine, Search, tensor,
};
use crate::energy::{Bowl, Quadratic};
use crate::error::{Error, Result};
use crate::latent::{Codes, Gaussian, Sparse};
use crate::models::{Cells, FrameShape, Init, NextFrame, NextFrameConfig, Observed, Scope, Source};
use crate::ops;
use crate::rng::Rng;
use candle_core::Tensor;

/// Width of what a prior sees of the past.
const SUMMARY: usize = 128;
/// Steps to a sparse z, at most.
const SPARSE_STEPS: usize = 100;

struct LatentPart {
    inference: Box<dyn Inference>,
    prior: Box<dyn Prior>,
    /// s², (1,).
    unexplained: Tensor,
    looks: usize,
    /// Where z is a code.
    codes: Option<Codes>,
    /// Parts of the frame, each with a z.
    parts: usize,
}

/// See the module's head.
pub struct Forecaster {
    network: NextFrame,
    latent: Option<LatentPart>,
    persistence: f64,
}

/// The name of s² among a forecaster's weights.
pub const UNEXPLAINED: &str = "unexplained";

impl Forecaster {
    /// Takes its weights from `source`, all names below `name`.
    pub fn new(
        model: &NextFrameConfig,
        latent: &LatentConfig,
        shape: FrameShape,
        name: &str,
        source: &mut impl Source,
    ) -> Result<Self> {
        let mut root = source.root();
        let mut scope = root.scope(name);
        // Of one part of the frame.
        let dimension = latent.width()?;
        let all = dimension * model.cells.pow(2);
        let network = NextFrame::new(model, shape, all, scope.scope("network"))?;
        let cells = Cells::new(network.grid(), model.cells)?;
        let continuous = matches!(latent.family, Family::Gaussian | Family::Sparse);
        let parts = cells.count() > 1 && latent.family != Family::None;
        if parts && (!continuous || network.moving() > 0) {
            return Err(Error::input(
                "model.cells",
                format!(
                    "{} parts a side need a continuous z that only paints and is found exactly",
                    model.cells
                ),
                "set model.moving = 0 and latent.family = \"gaussian\" or \"sparse\"",
            ));
        }
        let refuse =
            |problem: String, hint: &str| Err(Error::input("latent.family", problem, hint));
        match latent.family {
            Family::Refined | Family::Sparse if network.moving() > 0 => {
                return refuse(
                    format!("{:?} needs a network that is linear in z", latent.family),
                    "set model.moving = 0, or latent.family = \"gaussian\"",
                );
            }
            Family::Codes if ![0, latent.size].contains(&network.moving()) => {
                return refuse(
                    format!(
                        "the first of its stages moves pixels or none does, and model.moving is {}",
                        network.moving()
                    ),
                    "set model.moving = 0, or the same as latent.size",
                );
            }
            _ => {}
        }
        let gaussian = Gaussian { dimension };
        let summary =
            |scope: Scope| Summary::new(model.backbone.width, cells.part(), SUMMARY, scope);
        let density = |mut scope: Scope| -> Result<Box<dyn Prior>> {
            let summary = summary(scope.scope("summary"))?;
            let components = latent.components;
            let prior: Box<dyn Prior> = match latent.prior {
                Density::Mixture => Box::new(Mixture::new(
                    summary, SUMMARY, dimension, components, scope,
                )?),
                Density::Flow => Box::new(Flow::new(summary, SUMMARY, dimension, scope)?),
            };
            Ok(match cells.count() {
                1 => prior,
                _ => Box::new(Local::new(cells, prior)),
            })
        };
        let parts: Option<(Box<dyn Inference>, Box<dyn Prior>)> = match latent.family {
            Family::None => None,
            Family::Gaussian => Some((
                Box::new(ClosedForm { latent: gaussian }),
                density(scope.scope("prior"))?,
            )),
            Family::Sparse if !(latent.sparsity > 0.0 && latent.sparsity.is_finite()) => {
                return Err(Error::input(
                    "latent.sparsity",
                    format!("it is {}; expected a number above 0", latent.sparsity),
                    "1.41 is the default",
                ));
            }
            Family::Sparse => Some((
                Box::new(Fista {
                    latent: Sparse {
                        dimension,
                        weight: latent.sparsity,
                    },
                    steps: SPARSE_STEPS,
                }),
                density(scope.scope("prior"))?,
            )),
            Family::Refined => Some((
                Box::new(Refine::new(
                    gaussian,
                    latent.refinement,
                    scope.scope("encoder"),
                )?),
                density(scope.scope("prior"))?,
            )),
            Family::Codes => {
                let codes = Codes::new(latent.stages, latent.size)?;
                let mut prior = scope.scope("prior");
                let summary = summary(prior.scope("summary"))?;
                Some((
                    Box::new(Search { latent: codes }),
                    Box::new(Categorical::new(summary, SUMMARY, codes, prior)?),
                ))
            }
        };
        let codes = match latent.family {
            Family::Codes => Some(Codes::new(latent.stages, latent.size)?),
            _ => None,
        };
        let looks = latent.looks;
        let latent = parts
            .map(|(inference, prior)| {
                Ok::<_, Error>(LatentPart {
                    inference,
                    prior,
                    unexplained: scope.get(UNEXPLAINED, 1, Init::Ones)?,
                    looks,
                    codes,
                    parts: cells.count(),
                })
            })
            .transpose()?;
        Ok(Self {
            network,
            latent,
            persistence: 0.0,
        })
    }

    /// The network.
    pub fn network(&self) -> &NextFrame {
        &self.network
    }

    /// What one frame of a future has in common with the next one, see [`Noise`]; 0
    /// unless [set](Self::set_persistence).
    pub fn persistence(&self) -> f64 {
        self.persistence
    }

    /// How futures are drawn from now on, in [0, 1).
    ///
    /// # Errors
    /// A number out of that range.
    pub fn set_persistence(&mut self, persistence: f64) -> Result<()> {
        if !(0.0..1.0).contains(&persistence) {
            return Err(Error::input(
                "persistence",
                format!("it is {persistence}; expected a number from 0 to below 1"),
                "0 draws each frame's z on its own",
            ));
        }
        self.persistence = persistence;
        Ok(())
    }

    /// Whether there is a z.
    pub fn has_latent(&self) -> bool {
        self.latent.is_some()
    }

    /// p(z | x), where there is a z.
    pub fn prior(&self) -> Option<&dyn Prior> {
        self.latent.as_ref().map(|part| &*part.prior)
    }

    /// How z is inferred, where there is one.
    pub fn inference(&self) -> Option<&dyn Inference> {
        self.latent.as_ref().map(|part| &*part.inference)
    }

    /// What the prior sees of the past, (B, N, width); no gradient goes back
    /// into the network, so a prior that learns slowly cannot spoil h(x).
    pub fn context(&self, observed: &Observed) -> Tensor {
        observed.features.detach()
    }

    /// E(x, y, ·) without R(z), y in tokens; where the frame has parts with a z each, of
    /// each part: E is their sum. Solvers need no gradient of the
    /// weights, so none is kept.
    pub fn energy(&self, observed: &Observed, y: &Tensor) -> Result<Quadratic> {
        let part = self.latent.as_ref().ok_or_else(no_latent)?;
        let precision = 1.0 / f64::from(part.unexplained.to_vec1::<f32>()?[0]);
        let quadratic = |(c, q, g)| Quadratic::new(precision, &c, &q, &g);
        let (samples, moving) = (y.dim(0)?, self.network.moving());
        if moving == 0 {
            return quadratic(self.network.error_of_paint(observed, None, y)?);
        }
        let (at, moved) = match part.codes {
            Some(codes) => self.search_moves(observed, y, codes.size(), precision)?,
            None => {
                let solver = GaussNewton {
                    latent: Gaussian { dimension: moving },
                    looks: part.looks,
                };
                let error = self.network.error_of_moves(observed, y)?;
                solver.touch(samples, |z| quadratic(error(&tensor(z, y.device())?)?))?
            }
        };
        if self.network.latent_dimension() == moving {
            return Ok(moved);
        }
        // What moves first leaves less to paint.
        let moves = tensor(&at, y.device())?;
        let error = self.network.error_of_paint(observed, Some(&moves), y)?;
        Ok(moved.beside(&at, &quadratic(error)?))
    }

    /// The best of `size` codes that move pixels, for each sample, found by looking at
    /// all, and functions that have the energy's values at each: at a one-hot a plane
    /// can have any.
    fn search_moves(
        &self,
        observed: &Observed,
        y: &Tensor,
        size: usize,
        precision: f64,
    ) -> Result<(Vec<Vec<f64>>, Quadratic)> {
        let samples = y.dim(0)?;
        let code = |index: usize| -> Vec<f64> {
            (0..size)
                .map(|other| f64::from(u8::from(other == index)))
                .collect()
        };
        let mut errors = vec![Vec::with_capacity(size); samples];
        for index in 0..size {
            let z = tensor(&vec![code(index); samples], y.device())?;
            let found = self
                .network
                .error_of_move(observed, &z, y)?
                .to_vec1::<f32>()?;
            for (errors, error) in errors.iter_mut().zip(found) {
                errors.push(f64::from(error));
            }
        }
        let best = |errors: &Vec<f64>| {
            let least = errors.iter().enumerate().min_by(|a, b| a.1.total_cmp(b.1));
            code(least.map_or(0, |(index, _)| index))
        };
        let plane = |errors: &Vec<f64>| Bowl {
            precision,
            constant: 0.0,
            slope: errors.iter().map(|error| -0.5 * error).collect(),
            curvature: vec![0.0; size * size],
        };
        let at = errors.iter().map(best).collect();
        Ok((
            at,
            Quadratic::from_bowls(errors.iter().map(plane).collect()),
        ))
    }

    /// z for each sample; see [`Inference::infer`].
    pub fn infer(&self, energy: &Quadratic, beta: f64, rng: &mut Rng) -> Result<Inferred> {
        let part = self.latent.as_ref().ok_or_else(no_latent)?;
        let found = part.inference.infer(energy, beta, rng)?;
        Ok(match part.parts {
            1 => found,
            count => found.of_parts(count),
        })
    }

    /// ŷ(x, z) as frames (B, C, H, W) in [0, 1]; without z, ŷ(x, 0).
    pub fn frames(&self, observed: &Observed, z: Option<&Tensor>) -> Result<Tensor> {
        let tokens = self.network.decode(observed, z)?;
        self.network.frames(&self.shown(&tokens)?)
    }

    /// Tokens of frames whose values lie within [0, 1].
    fn shown(&self, tokens: &Tensor) -> Result<Tensor> {
        // White in units of σ, and not a bit more when taken back.
        let change = self.network.shape().change as f32;
        let white = (1.0 / change).next_down();
        ops::clamp(tokens, 0.0, white)
    }

    /// One next frame (B, C, H, W) for each sample, z drawn from p(z | x);
    /// least squares has only one.
    pub fn sample(
        &self,
        observed: &Observed,
        temperature: f64,
        noise: &mut Noise,
    ) -> Result<Tensor> {
        let z = self.draw(&self.context(observed), temperature, noise)?;
        (self.network).frames(&self.frame_tokens(observed, z.as_ref())?)
    }

    /// A draw from p(z | x), (B, d), given [`Self::context`]; none where there
    /// is no z.
    pub fn draw(
        &self,
        context: &Tensor,
        temperature: f64,
        noise: &mut Noise,
    ) -> Result<Option<Tensor>> {
        let draw = |part: &LatentPart| part.prior.sample(context, temperature, noise);
        self.latent.as_ref().map(draw).transpose()
    }

    /// The frame of a drawn z (B, d) as tokens, for a rollout that goes on from them.
    pub fn frame_tokens(&self, observed: &Observed, z: Option<&Tensor>) -> Result<Tensor> {
        let tokens = self.network.decode(observed, z)?;
        self.shown(&self.network.within(observed, &tokens)?)
    }
}

fn no_latent() -> Error {
    Error::input(
        "the least-squares model",
        "it has no latent z",
        "use the latent model of the run",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::{BackboneConfig, Decoder, Weights};
    use crate::rng::Seed;
    use candle_core::Device;

    /// A small forecaster, h(x) and y in tokens.
    fn forecaster(decoder: Decoder, moving: usize) -> (Forecaster, Observed, Tensor) {
        let shape = FrameShape {
            channels: 3,
            height: 20,
            width: 12,
            change: 0.1,
        };
        let model = NextFrameConfig {
            decoder,
            context: 3,
            hidden: 8,
            moving,
            // z must do something before training.
            latent_start: 0.5,
            backbone: BackboneConfig {
                width: 8,
                ..BackboneConfig::default()
            },
            ..NextFrameConfig::default()
        };
        let latent = LatentConfig {
            dimension: 5,
            looks: 12,
            ..LatentConfig::default()
        };
        let mut weights = Weights::new(Seed(2), &Device::Cpu);
        let forecaster = Forecaster::new(&model, &latent, shape, "latent", &mut weights).unwrap();
        let network = forecaster.network();
        let mut rng = Seed(1).stream("test", 0);
        let mut draw = |dims: &[usize]| rng.uniform_tensor(0.0, 1.0, dims, &Device::Cpu).unwrap();
        let (x, y) = (draw(&[2, 3, 3, 20, 12]), draw(&[2, 3, 20, 12]));
        let (observed, y) = (network.observe(&x).unwrap(), network.tokens(&y).unwrap());
        (forecaster, observed, y)
    }

    /// h(x) of the x of [`forecaster`].
    fn observed_by(forecaster: &Forecaster) -> Observed {
        let mut rng = Seed(1).stream("test", 0);
        let x = rng.uniform_tensor(0.0, 1.0, &[2, 3, 3, 20, 12][..], &Device::Cpu);
        forecaster.network().observe(&x.unwrap()).unwrap()
    }

    /// ‖y − ŷ(x, z)‖² of each sample, of the decoder itself.
    fn direct(
        forecaster: &Forecaster,
        (observed, y): (&Observed, &Tensor),
        z: &Tensor,
    ) -> Vec<f32> {
        let decoded = forecaster.network().decode(observed, Some(z)).unwrap();
        let square = (decoded - y).unwrap().sqr().unwrap();
        square.sum((1, 2)).unwrap().to_vec1().unwrap()
    }

    fn near(found: f64, truth: f32) {
        let ratio = found / f64::from(truth);
        assert!((ratio - 1.0).abs() < 1e-4, "{found} {truth}");
    }

    #[test]
    fn the_quadratic_is_the_squared_error_of_the_decoder() {
        // What is painted on is m(x), or moved.
        for decoder in [Decoder::Paint, Decoder::Move] {
            let (forecaster, observed, y) = forecaster(decoder, 0);
            let bowls = forecaster.energy(&observed, &y).unwrap();
            let mut rng = Seed(3).stream("test", 0);
            let z = rng.normal_tensor((2, 5), &Device::Cpu).unwrap();
            let truth = direct(&forecaster, (&observed, &y), &z);
            for (row, (bowl, truth)) in bowls.bowls().iter().zip(truth).enumerate() {
                let z = z.to_vec2::<f32>().unwrap();
                let z: Vec<f64> = z[row].iter().map(|&v| f64::from(v)).collect();
                near(bowl.squared_error(&z), truth);
            }
        }
    }

    #[test]
    fn moved_and_painted_it_is_the_error_at_the_best_moves_for_all_paint() {
        let (forecaster, observed, y) = forecaster(Decoder::Move, 2);
        let field = forecaster.energy(&observed, &y).unwrap();
        let mut rng = Seed(3).stream("test", 0);
        let inferred = forecaster.infer(&field, 1.0, &mut rng).unwrap();
        let best = tensor(&inferred.best, &Device::Cpu).unwrap();
        let (moves, paint) = (
            best.narrow(1, 0, 2).unwrap(),
            rng.normal_tensor((2, 3), &Device::Cpu),
        );
        let other = Tensor::cat(&[&moves, &paint.unwrap()], 1).unwrap();
        for z in [&best, &other] {
            let truth = direct(&forecaster, (&observed, &y), z);
            let z = z.to_vec2::<f32>().unwrap();
            for ((bowl, truth), z) in field.bowls().iter().zip(truth).zip(z) {
                let z: Vec<f64> = z.into_iter().map(f64::from).collect();
                near(bowl.squared_error(&z), truth);
            }
        }
        // E(z*) is below E where nothing moves, where nothing is painted, and
        // where neither is.
        let energy = |z: &Tensor| -> Vec<f64> {
            let truth = direct(&forecaster, (&observed, &y), z);
            let rest = z.sqr().unwrap().sum(1).unwrap().to_vec1::<f32>().unwrap();
            let kappa = field.bowls()[0].precision;
            let pairs = truth.into_iter().zip(rest);
            pairs
                .map(|(c, r)| 0.5 * (kappa * f64::from(c) + f64::from(r)))
                .collect()
        };
        let none =
            |width| Tensor::zeros((2, width), candle_core::DType::F32, &Device::Cpu).unwrap();
        let painted = Tensor::cat(&[none(2), best.narrow(1, 2, 3).unwrap()], 1).unwrap();
        let moved = Tensor::cat(&[moves, none(3)], 1).unwrap();
        for worse in [painted, moved, none(5)] {
            for (least, more) in energy(&best).into_iter().zip(energy(&worse)) {
                assert!(least < more, "{least} {more}");
            }
        }
    }

    #[test]
    fn of_codes_that_move_each_has_the_decoder_s_error() {
        let (network, _, y) = forecaster(Decoder::Move, 3);
        let codes = Codes::new(2, 3).unwrap();
        let latent = LatentConfig {
            family: Family::Codes,
            stages: 2,
            size: 3,
            ..LatentConfig::default()
        };
        let model = NextFrameConfig {
            moving: 3,
            latent_start: 3.0,
            ..network.network().config().clone()
        };
        let shape = network.network().shape();
        let mut weights = Weights::new(Seed(2), &Device::Cpu);
        let forecaster = Forecaster::new(&model, &latent, shape, "latent", &mut weights).unwrap();
        let observed = observed_by(&forecaster);
        let field = forecaster.energy(&observed, &y).unwrap();
        let mut rng = Seed(3).stream("test", 0);
        let inferred = forecaster.infer(&field, 1.0, &mut rng).unwrap();
        let error = |index: usize| {
            let z = tensor(&vec![codes.vector(index); 2], &Device::Cpu).unwrap();
            direct(&forecaster, (&observed, &y), &z)
        };
        let all: Vec<Vec<f32>> = (0..codes.count()).map(error).collect();
        for (sample, bowl) in field.bowls().iter().enumerate() {
            // Whatever paints: the move that is best alone, and what paints best on it.
            let best = codes.read(
                &inferred.best[sample]
                    .iter()
                    .map(|&z| z as f32)
                    .collect::<Vec<_>>(),
            );
            let of_move = |index: &usize| codes.choices(*index).next() == Some(best[0]);
            for index in (0..codes.count()).filter(of_move) {
                near(bowl.squared_error(&codes.vector(index)), all[index][sample]);
            }
            let moves: Vec<f32> = (0..3)
                .map(|code| {
                    let mut z = vec![0.0; 6];
                    z[code] = 1.0;
                    let z = tensor(&vec![z; 2], &Device::Cpu).unwrap();
                    direct(&forecaster, (&observed, &y), &z)[sample]
                })
                .collect();
            assert!(
                moves.iter().all(|error| *error >= moves[best[0]]),
                "{moves:?}"
            );
            assert!(
                moves.iter().any(|error| *error > moves[best[0]]),
                "{moves:?}"
            );
        }
    }

    #[test]
    fn parts_with_a_z_each_add_up_to_the_error_of_the_frame() {
        let (whole, _, y) = forecaster(Decoder::Paint, 0);
        let shape = FrameShape {
            height: 16,
            width: 24,
            ..whole.network().shape()
        };
        let model = NextFrameConfig {
            cells: 2,
            ..whole.network().config().clone()
        };
        let latent = LatentConfig {
            dimension: 3,
            ..LatentConfig::default()
        };
        let mut weights = Weights::new(Seed(2), &Device::Cpu);
        let forecaster = Forecaster::new(&model, &latent, shape, "latent", &mut weights).unwrap();
        drop(y);
        let mut rng = Seed(1).stream("test", 0);
        let mut draw = |dims: &[usize]| rng.uniform_tensor(0.0, 1.0, dims, &Device::Cpu).unwrap();
        let (x, y) = (draw(&[2, 3, 3, 16, 24]), draw(&[2, 3, 16, 24]));
        let network = forecaster.network();
        let (observed, y) = (network.observe(&x).unwrap(), network.tokens(&y).unwrap());
        assert_eq!(network.latent_dimension(), 12);
        let field = forecaster.energy(&observed, &y).unwrap();
        assert_eq!(field.bowls().len(), 8);
        let z = rng.normal_tensor((2, 12), &Device::Cpu).unwrap();
        let truth = direct(&forecaster, (&observed, &y), &z);
        let rows = z.to_vec2::<f32>().unwrap();
        for sample in 0..2 {
            let part = |part: usize| -> f64 {
                let z: Vec<f64> = rows[sample][part * 3..][..3]
                    .iter()
                    .map(|&z| f64::from(z))
                    .collect();
                field.bowls()[sample * 4 + part].squared_error(&z)
            };
            near((0..4).map(part).sum(), truth[sample]);
        }
        let inferred = forecaster.infer(&field, 1.0, &mut rng).unwrap();
        assert_eq!((inferred.best.len(), inferred.best[0].len()), (2, 12));
        // F is the energy of the whole frame at z*.
        let best = inferred.best_tensor(&Device::Cpu).unwrap();
        let error = direct(&forecaster, (&observed, &y), &best);
        let kappa = field.bowls()[0].precision;
        for ((best, energy), error) in inferred.best.iter().zip(&inferred.energy).zip(error) {
            let rest: f64 = best.iter().map(|z| z * z).sum();
            near(*energy, 0.5 * (kappa * f64::from(error) + rest) as f32);
        }
        // The prior draws and judges all parts' z.
        let context = forecaster.context(&observed);
        let drawn = forecaster
            .draw(&context, 1.0, &mut Noise::fresh(&mut rng))
            .unwrap()
            .unwrap();
        assert_eq!(drawn.dims(), [2, 12]);
        let surprise = forecaster
            .prior()
            .unwrap()
            .surprise(&context, &drawn)
            .unwrap()
            .unwrap();
        assert_eq!(surprise.dims(), [2]);
        // Not with codes, nor for parts that do not fit.
        let codes = LatentConfig {
            family: Family::Codes,
            ..LatentConfig::default()
        };
        for (model, latent) in [
            (model.clone(), codes),
            (NextFrameConfig { cells: 5, ..model }, latent),
        ] {
            let mut weights = Weights::new(Seed(2), &Device::Cpu);
            let made = Forecaster::new(&model, &latent, shape, "latent", &mut weights);
            let said = made
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(said.contains("model.cells"), "{said}");
        }
    }

    #[test]
    fn families_that_need_it_linear_refuse_moves_by_z() {
        for (moving, refused) in [(0, false), (2, true)] {
            let shape = forecaster(Decoder::Paint, 0).0.network().shape();
            let model = NextFrameConfig {
                moving,
                ..NextFrameConfig::default()
            };
            let latent = LatentConfig {
                family: Family::Codes,
                ..LatentConfig::default()
            };
            let mut weights = Weights::new(Seed(2), &Device::Cpu);
            let made = Forecaster::new(&model, &latent, shape, "latent", &mut weights);
            let said = made.err().map(|error| error.to_string());
            assert_eq!(said.is_some(), refused, "{said:?}");
            assert!(said.is_none_or(|said| said.contains("model.moving = 0")));
        }
    }

    #[test]
    fn a_drawn_frame_stays_near_what_moves() {
        // All copies of a flat frame are flat, m(x) too before training: what a z
        // far from likely paints shows by 2σ, here 0.2. Where it only paints it
        // shows by more.
        for (decoder, moving) in [(Decoder::Move, 2), (Decoder::Move, 0), (Decoder::Paint, 0)] {
            let (forecaster, _, _) = forecaster(decoder, moving);
            let x = Tensor::full(0.5f32, (2, 3, 3, 20, 12), &Device::Cpu).unwrap();
            let observed = forecaster.network().observe(&x).unwrap();
            let mut rng = Seed(4).stream("test", 0);
            let drawn = forecaster
                .sample(&observed, 1e6, &mut Noise::fresh(&mut rng))
                .unwrap();
            let off = (drawn - 0.5).unwrap().abs().unwrap().max_all().unwrap();
            let off = off.to_scalar::<f32>().unwrap();
            match decoder {
                Decoder::Move => assert!((off - 0.2).abs() < 1e-5, "{off}"),
                Decoder::Paint => assert!(off > 0.3, "{off}"),
            }
        }
    }
}
