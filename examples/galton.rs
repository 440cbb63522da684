//! Where a ball meets a peg of a fresh Galton board: how many of 100 futures
//! go left, how many right, how many show one whole ball, and how many show it
//! where it can be? Last, the fewest on a side at any one peg.
//!
//! `cargo run --release --example galton -- runs/demo`

use anyhow::{Context, Result};
use candle_core::{Device, Tensor};
use nextframe::evaluation::rollout::rollout;
use nextframe::inference::Forecaster;
use nextframe::outputs::{model::Model, table::table};
use nextframe::rng::Seed;
use nextframe::video::worlds::galton::{BALL_FRAMES, Galton, Place, draw};
use nextframe::video::worlds::galton_balls::BallFinder;
use nextframe::video::worlds::{SIZE, World as _};

fn main() -> Result<()> {
    let run = std::env::args().nth(1).context("name a run's folder")?;
    let model = Model::load(run.as_ref(), &Device::Cpu)?;
    let world = Galton::new(Seed(0x5EED));
    let pegs = (BALL_FRAMES..60 * BALL_FRAMES).filter(|&time| world.state(time).meets_peg);
    // Seven apart, so that each row of pegs has its turn.
    let pegs: Vec<usize> = pegs.step_by(7).take(20).collect();

    let mut rows = Vec::new();
    for (name, model, _) in model.each() {
        // Three frames after the peg, the two sides are further apart.
        for ahead in [1, 3] {
            let (mut sum, mut rarer) = ([0; 4], usize::MAX);
            for &peg in &pegs {
                let counts = count(model, &world, peg, ahead)?;
                sum = std::array::from_fn(|i| sum[i] + counts[i]);
                rarer = rarer.min(counts[0]).min(counts[1]);
            }
            let mut row = vec![format!("{name} +{ahead}")];
            let all = (sum[0] + sum[1]) as f64;
            row.extend(sum.map(|n| format!("{:.1}%", 100.0 * n as f64 / all)));
            row.push(rarer.to_string());
            rows.push(row);
        }
    }
    let header = ["", "left", "right", "whole", "in place", "rarer side"];
    println!("{} pegs\n{}", pegs.len(), table(&header, &rows));
    Ok(())
}

/// Left, right, whole and in place, of the frames `ahead` after `peg`.
fn count(model: &[Forecaster], world: &Galton, peg: usize, ahead: usize) -> Result<[usize; 4]> {
    let context = model[0].network().config().context;
    let past = ((peg + 1).saturating_sub(context)..=peg).flat_map(|time| world.frame(time));
    let past: Vec<f32> = past.map(|byte| f32::from(byte) / 255.0).collect();
    let x = Tensor::from_vec(past, (1, context, 3, SIZE, SIZE), &Device::Cpu)?;
    // Least squares has one future only.
    let futures = if model.iter().any(Forecaster::has_latent) {
        100
    } else {
        1
    };
    let mut rng = Seed(1).stream("galton", peg as u64);
    let frames = rollout(model, &x, futures, ahead, 1.0, &mut rng)?.squeeze(0)?;
    let frames = frames.narrow(1, ahead - 1, 1)?.flatten_from(1)?;
    let ball = |time: usize| world.state(time).ball.context("no ball at a peg");
    // A ball meets a peg from straight above: the other side is the mirror image.
    let (middle, Place { x, y }) = (ball(peg)?.x, ball(peg + ahead)?);
    let far = (x - middle).abs();
    let places = [middle - far, middle + far].map(|x| Place { x, y });
    let sides = places.map(|place| draw(Some(place)));
    let (finder, mut counts) = (BallFinder::new(), [0; 4]);
    for frame in frames.to_vec2::<f32>()? {
        let [left, right] = [0, 1].map(|side| -> f32 {
            let pairs = frame.iter().zip(&sides[side]);
            let apart = pairs.map(|(a, &b)| a - f32::from(b) / 255.0);
            apart.map(|apart| apart * apart).sum()
        });
        counts[usize::from(right < left)] += 1;
        let balls = finder.find(&frame);
        let placed = |ball: &Place| places.iter().any(|place| ball.distance(*place) < 2.0);
        counts[2] += usize::from(balls.is_one());
        counts[3] += usize::from(balls.is_one() && placed(&balls.whole[0]));
    }
    Ok(counts)
}
