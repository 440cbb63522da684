use super::*;

fn settings() -> TextSettings {
    TextSettings {
        data: TextData {
            length: 8,
            ..TextData::default()
        },
        model: BertConfig {
            vocab_size: 13,
            hidden_size: 32,
            num_hidden_layers: 1,
            num_attention_heads: 2,
            intermediate_size: 64,
            initializer_range: 0.15,
            hidden_dropout_prob: 0.05,
            attention_probs_dropout_prob: 0.05,
            ..BertConfig::default()
        },
        training: TextTraining {
            batch: 48,
            learning_rate: 5e-3,
            rise: 10,
            ..TextTraining::default()
        },
        ..TextSettings::default()
    }
}

/// Counting modulo 7 from anywhere, tokens 5 to 11, one place hidden by 4.
fn batch(rng: &mut Rng) -> Vec<Masked> {
    (0..48)
        .map(|_| {
            let start = rng.below(7) as u32;
            let inner = (0..6).map(|i| 5 + (start + i) % 7);
            let mut tokens: Vec<u32> = [2].into_iter().chain(inner).chain([3]).collect();
            let place = 1 + rng.below(6);
            let target = std::mem::replace(&mut tokens[place], 4);
            Masked {
                tokens,
                places: vec![place],
                targets: vec![target],
            }
        })
        .collect()
}

fn trained(steps: u64) -> (TextLearner, Vec<StepReport>) {
    let settings = settings();
    let mut learner = TextLearner::new(&settings, 4, Seed(1), &Device::Cpu).unwrap();
    let reports = train(&mut learner, 0..steps);
    (learner, reports)
}

fn train(learner: &mut TextLearner, steps: std::ops::Range<u64>) -> Vec<StepReport> {
    steps
        .map(|step| {
            let batch = batch(&mut Seed(2).stream("batch", step));
            let mut rng = Seed(2).stream("step", step);
            let report = learner.step(&batch, step as f64 / 300.0, &mut rng).unwrap();
            assert_eq!(learner.look_after(&report).unwrap(), None);
            report
        })
        .collect()
}

#[test]
fn hidden_tokens_are_learned() {
    let (learner, reports) = trained(300);
    assert!((reports[0].energy - 13f64.ln()).abs() < 0.7);
    assert!((reports[0].error - 1.0).abs() < 0.3);
    let last = reports[299];
    assert!(last.energy < 0.5, "{last:?}");
    let told = batch(&mut Seed(9).stream("batch", 0));
    let TextBatch {
        tokens,
        places,
        targets,
    } = TextBatch::new(&told, &Device::Cpu).unwrap();
    let text = MaskedText::new(learner.frozen(), 4);
    let best = text.table(&tokens, &places).unwrap().best();
    let right = best.iter().zip(targets.to_vec1::<u32>().unwrap());
    let right = right
        .filter(|&(&best, target)| best as u32 == target)
        .count();
    assert!(right >= 45, "{right} of 48");
}

#[test]
fn what_is_known_without_x_is_known_from_the_start() {
    let mut learner = TextLearner::new(&settings(), 4, Seed(1), &Device::Cpu).unwrap();
    // Of 5 to 11, which are told, the share that chance gives; hardly any of others.
    let shares: Vec<f64> = (0..13)
        .map(|token| {
            if (5..12).contains(&token) {
                0.14
            } else {
                0.02 / 6.0
            }
        })
        .collect();
    learner.begin_at(&shares).unwrap();
    let even = train(&mut learner, 0..1)[0].energy;
    assert!((even - 7f64.ln()).abs() < 0.5, "{even}");
    assert!(learner.begin_at(&shares[1..]).is_err());
}

#[test]
fn a_resumed_learner_goes_on_as_if_it_had_not_stopped() {
    let (whole, _) = trained(20);
    let (first, _) = trained(12);
    let mut second = TextLearner::new(&settings(), 4, Seed(8), &Device::Cpu).unwrap();
    let pairs = second
        .weights()
        .pairs()
        .iter()
        .zip(first.weights().tensors());
    for ((_, var), (_, tensor)) in pairs {
        var.set(&tensor).unwrap();
    }
    let moments = first.moments().unwrap().into_iter().collect();
    second.resume(&moments, first.state()).unwrap();
    train(&mut second, 12..20);
    for ((name, a), (_, b)) in whole
        .weights()
        .tensors()
        .iter()
        .zip(second.weights().tensors())
    {
        let list = |t: &Tensor| t.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(list(a), list(&b), "{name}");
    }
}

#[test]
fn a_step_that_is_no_number_changes_nothing() {
    let (mut learner, _) = trained(3);
    let before = learner.state();
    let (name, var) = &learner.weights().pairs()[0];
    let old = var.as_tensor().copy().unwrap();
    var.set(&(&old * f64::NAN).unwrap()).unwrap();
    assert!(name.contains("word_embeddings"));
    let mut rng = Seed(2).stream("step", 3);
    let report = learner.step(&batch(&mut rng), 0.1, &mut rng).unwrap();
    assert!(!report.energy.is_finite() && learner.state().steps == before.steps);
    assert_eq!(learner.look_after(&report).unwrap(), Some(Alarm::NotFinite));
    let report = learner.step(&batch(&mut rng), 0.1, &mut rng).unwrap();
    assert!(report.energy.is_finite());
}

#[test]
fn settings_out_of_range_are_named() {
    let said = |change: fn(&mut TextSettings)| {
        let mut settings = settings();
        change(&mut settings);
        settings.check().unwrap_err().to_string()
    };
    assert!(said(|s| s.data.length = 1000).contains("data.length"));
    assert!(said(|s| s.training.batch = 0).contains("training.batch"));
    assert!(said(|s| s.masking.share = 0.0).contains("masking"));
    assert!(said(|s| s.training.learning_rate = f64::NAN).contains("it is NaN"));
    assert!(said(|s| s.training.clip = 0.0).contains("training.clip"));
    assert!(said(|s| s.training.weight_decay = -1.0).contains("at least 0"));
}

#[test]
fn weights_that_are_not_finite_are_seen_and_taken_back() {
    let (mut learner, _) = trained(3);
    assert!(learner.is_finite().unwrap());
    let (_, var) = &learner.weights().pairs()[0];
    let numbers = var.elem_count();
    let mut values = vec![0f32; numbers];
    values[numbers - 1] = f32::NAN;
    let bad = Tensor::from_vec(values, var.shape(), &Device::Cpu).unwrap();
    var.set(&bad).unwrap();
    assert!(!learner.is_finite().unwrap());
    learner.go_back().unwrap();
    assert!(learner.is_finite().unwrap());
}
