//! What training keeps of the z's it found.

use super::*;

fn learner(change: impl Fn(&mut Settings)) -> Learner {
    let mut settings = settings(Decoder::Paint);
    settings.training.score_weight = 0.0;
    change(&mut settings);
    let latent = settings.latent.clone();
    Learner::new("latent", &settings, &latent, SHAPE, Seed(1), &Device::Cpu).unwrap()
}

/// The learner after a checkpoint.
fn resumed(old: &Learner, change: impl Fn(&mut Settings)) -> Learner {
    let mut new = learner(change);
    for ((_, var), (_, tensor)) in new.weights.pairs().iter().zip(old.weights().tensors()) {
        var.set(&tensor).unwrap();
    }
    let moments = old.moments().unwrap().into_iter().collect();
    let averages = old.averages().unwrap().into_iter().collect();
    new.resume(&moments, &averages, old.state()).unwrap();
    new
}

#[test]
fn a_bank_holds_what_was_found_and_is_no_average() {
    let bank = |s: &mut Settings| s.latent.prior = Density::Neighbours;
    let mut learner = learner(bank);
    let mut rng = Seed(5).stream("test", 0);
    for _ in 0..3 {
        let windows = windows(far(Decoder::Paint), &mut rng);
        learner.step(&windows, 0.9, &mut rng).unwrap();
    }
    learner.settle().unwrap();
    let of = |weights: &Weights, ending: &str| -> Vec<f32> {
        let mut pairs = weights.pairs().iter();
        let (_, var) = pairs.find(|(name, _)| name.ends_with(ending)).unwrap();
        var.as_tensor().flatten_all().unwrap().to_vec1().unwrap()
    };
    assert_eq!(of(learner.weights(), ".bank.count"), [48.0]);
    let z = of(learner.weights(), ".bank.z");
    assert!(z[..96].iter().any(|z| *z != 0.0) && z[96..].iter().all(|z| *z == 0.0));
    for ending in [".bank.z", ".bank.seen", ".bank.count"] {
        assert_eq!(
            of(learner.weights(), ending),
            of(learner.judged_weights(), ending)
        );
    }
    let mut again = resumed(&learner, bank);
    let windows = windows(far(Decoder::Paint), &mut rng);
    again.step(&windows, 0.9, &mut rng).unwrap();
    assert_eq!(of(again.weights(), ".bank.count"), [64.0]);
    assert_eq!(of(again.weights(), ".bank.z")[..96], z[..96]);
}

#[test]
fn a_prior_learns_again_from_windows_of_before() {
    let trained = |rehearsal: usize, steps: usize| {
        let mut learner = learner(|s| s.training.rehearsal = rehearsal);
        let (mut rng, mut surprise) = (Seed(5).stream("test", 0), 0.0);
        for _ in 0..steps {
            let windows = windows(far(Decoder::Paint), &mut rng);
            surprise = learner.step(&windows, 0.9, &mut rng).unwrap().surprise;
        }
        (learner, surprise)
    };
    let (plain, once) = trained(0, 40);
    assert!(plain.kept.tensors("z").unwrap().is_empty());
    let (learner, often) = trained(7, 40);
    assert!(often < once, "{often} nats with, {once} without");
    let tensors = |learner: &Learner| -> Vec<Vec<f32>> {
        let tensors = learner.kept.tensors("z").unwrap();
        let flat = tensors.iter().map(|(_, t)| t.flatten_all().unwrap());
        flat.map(|t| t.to_vec1().unwrap()).collect()
    };
    let kept = learner.kept.tensors("z").unwrap();
    let counts: Vec<usize> = kept.iter().map(|(_, t)| t.dim(0).unwrap()).collect();
    assert_eq!(counts, [640, 640]);
    // What goes on after a checkpoint is what would have gone on.
    let mut again = resumed(&learner, |s| s.training.rehearsal = 7);
    assert_eq!(tensors(&again), tensors(&learner));
    let mut first = learner;
    let mut rng = Seed(6).stream("test", 0);
    let windows = windows(far(Decoder::Paint), &mut rng);
    let reports = [&mut first, &mut again].map(|one| {
        let report = one.step(&windows, 0.9, &mut rng.clone()).unwrap();
        (report.surprise, report.gradient)
    });
    assert_eq!(reports[0], reports[1]);
}
