use super::super::super::persistence::{CANDIDATES, Chosen, Tried, choose};
use super::*;
use std::slice::from_mut;

#[test]
fn persistence_is_chosen_by_the_energy_score() {
    let some = LatentConfig {
        dimension: 4,
        ..LatentConfig::default()
    };
    let (mut latent, mut mse) = (forecaster(&some), forecaster(&LatentConfig::none()));
    let footage = footage();
    let split = Split::new(&footage, CONTEXT + 2, CONTEXT + 5).unwrap();
    let part = (&footage[..], &split.test);
    let found = choose(from_mut(&mut latent), part, 5, Seed(1), &Device::Cpu)
        .unwrap()
        .unwrap();
    let tried: Vec<f64> = found.tried.iter().map(|tried| tried.persistence).collect();
    assert_eq!(tried, CANDIDATES);
    assert_eq!(found.tried[0].score, 1.0);
    // Of those that score as well as any, the one whose spread is most like its skill.
    let least = found
        .tried
        .iter()
        .map(|tried| tried.score)
        .fold(1.0, f64::min);
    let good = || {
        found
            .tried
            .iter()
            .filter(|tried| tried.score <= least + 0.01)
    };
    let chosen = good()
        .find(|tried| tried.persistence == found.persistence)
        .unwrap();
    let off = |tried: &Tried| tried.spread_skill.ln().abs();
    assert!(good().all(|tried| off(tried) >= off(chosen)), "{found:?}");
    assert_eq!(latent.persistence(), found.persistence);
    assert!(latent.set_persistence(1.0).is_err());
    // Nothing to choose without z, or one frame ahead.
    assert_eq!(
        choose(from_mut(&mut mse), part, 5, Seed(1), &Device::Cpu).unwrap(),
        None
    );
    assert_eq!(
        choose(from_mut(&mut latent), part, 1, Seed(1), &Device::Cpu).unwrap(),
        None
    );
}

#[test]
fn noise_that_persists_drives_futures_apart_and_not_the_next_frame() {
    let some = LatentConfig {
        dimension: 4,
        ..LatentConfig::default()
    };
    let mut latent = forecaster(&some);
    let x = batch(
        &footage(),
        &windows(&footage(), &plan(1))[..1],
        CONTEXT,
        &Device::Cpu,
    )
    .unwrap();
    let mut spread = |persistence: f64, time: usize| {
        latent.set_persistence(persistence).unwrap();
        let mut rng = Seed(2).stream("test", 0);
        let made = rollout(from_ref(&latent), &x, 200, 6, 1.0, &mut rng).unwrap();
        let at = made.narrow(2, time, 1).unwrap().flatten_from(2).unwrap();
        let spread = at.squeeze(0).unwrap().var(0).unwrap().mean_all().unwrap();
        f64::from(spread.to_scalar::<f32>().unwrap())
    };
    let first = spread(0.9, 0) / spread(0.0, 0);
    assert!((first - 1.0).abs() < 0.05, "{first}");
    let later = spread(0.9, 5) / spread(0.0, 5);
    assert!(later > 1.2, "{later}");
}

#[test]
fn what_futures_leave_unexplained_counts_as_spread() {
    let some = |remainder| LatentConfig {
        dimension: 4,
        remainder,
        ..LatentConfig::default()
    };
    let footage = footage();
    let split = Split::new(&footage, CONTEXT + 2, CONTEXT + 5).unwrap();
    let part = (&footage[..], &split.test);
    let chosen = |mut latent: Forecaster| -> Chosen {
        let found = choose(from_mut(&mut latent), part, 5, Seed(1), &Device::Cpu);
        found.unwrap().unwrap()
    };
    let (with, without) = (
        chosen(forecaster(&some(true))),
        chosen(forecaster(&some(false))),
    );
    for (with, without) in with.tried.iter().zip(&without.tried) {
        assert_eq!(with.score, without.score);
        let (with, without) = (with.spread_skill, without.spread_skill);
        assert!(with > 1.01 * without, "{with} {without}");
    }
}
