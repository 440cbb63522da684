use super::*;
use crate::models::{Source, Weights};
use crate::rng::Seed;
use candle_core::Device;

#[test]
fn rounds_take_every_code_once_the_coarse_ones_first() {
    let order = order(4, 2);
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, (0..32).collect::<Vec<_>>());
    assert!(order[..16].iter().all(|code| code % 2 == 0));
    // The first four parts are one of each quarter.
    let quarters = |codes: &[usize]| {
        let quarter = |&code: &usize| (code / 2 / 4 / 2, code / 2 % 4 / 2);
        let mut quarters: Vec<_> = codes.iter().map(quarter).collect();
        quarters.sort_unstable();
        quarters
    };
    assert_eq!(quarters(&order[..4]), [(0, 0), (0, 1), (1, 0), (1, 1)]);

    for rounds in [1, 3, 8, 32, 99] {
        let made = rounds_of(order.clone(), rounds);
        assert_eq!(made.len(), rounds.min(32));
        assert_eq!(made.concat(), order, "{rounds}");
        assert!(made.iter().all(|round| !round.is_empty()), "{made:?}");
    }
    let sizes: Vec<usize> = rounds_of(order, 4).iter().map(Vec::len).collect();
    assert!(sizes.is_sorted() && sizes[0] < 4, "{sizes:?}");
}

/// All four parts of a frame have the same code, 0 or 1, as likely as 1:3: 0.562 nats.
fn frames(rng: &mut Rng, count: usize) -> (Tensor, Tensor) {
    let context = rng.normal_tensor((count, 4, 2), &Device::Cpu).unwrap();
    let latent = Codes::new(1, 3).unwrap();
    let z = (0..count).flat_map(|_| {
        let code = usize::from(rng.uniform() < 0.75);
        latent.vector(code).repeat(4)
    });
    let z: Vec<f32> = z.map(|v| v as f32).collect();
    let z = Tensor::from_vec(z, (count, 12), &Device::Cpu).unwrap();
    (context, z)
}

#[test]
fn parts_agree() {
    let latent = Codes::new(1, 3).unwrap();
    let cells = Cells::new((2, 2), 2).unwrap();
    let mut weights = Weights::new(Seed(1), &Device::Cpu);
    let prior = Tokens::new((2, 4), latent, cells, weights.root()).unwrap();
    let config = crate::ops::AdamWConfig::default();
    let mut adam = crate::ops::AdamW::new(weights.pairs().to_vec(), config).unwrap();
    let mut rng = Seed(3).stream("test", 0);
    for _ in 0..500 {
        let (context, z) = frames(&mut rng, 64);
        let loss = prior.loss(&context, &z, &mut rng).unwrap();
        assert_eq!(loss.dims(), [64]);
        let gradients = loss.mean_all().unwrap().backward().unwrap();
        for (name, var) in weights.pairs() {
            assert!(gradients.get(var).is_some(), "{name} has no gradient");
        }
        adam.step(&gradients, 0.002, None).unwrap();
    }
    let (context, z) = frames(&mut rng, 600);
    let surprise = prior.surprise(&context, &z).unwrap().unwrap();
    let surprise = surprise.mean_all().unwrap().to_scalar::<f32>().unwrap();
    assert!((surprise - 0.562).abs() < 0.1, "{surprise}");
    let mut noise = Noise::fresh(&mut rng);
    let drawn = prior.sample(&context, 1.0, &mut noise).unwrap();
    assert_eq!(drawn.dims(), [600, 12]);
    let rows = drawn.to_vec2::<f32>().unwrap();
    let codes: Vec<Vec<usize>> = rows.iter().map(|row| latent.read(row)).collect();
    let agree = codes.iter().filter(|own| own.iter().all(|c| *c == own[0]));
    let agree = agree.count();
    let ones = codes.iter().filter(|codes| codes[0] == 1).count();
    // Each by itself would in 195 of 600.
    assert!(agree > 560, "{agree}");
    assert!((400..500).contains(&ones), "{ones}");
}
