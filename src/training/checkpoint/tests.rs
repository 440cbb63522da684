use super::*;
use candle_core::DType;

fn tensors() -> Vec<(String, Tensor)> {
    let cpu = &Device::Cpu;
    vec![
        (
            "b.weight".to_owned(),
            Tensor::new(&[[1f32, -2.5], [f32::MIN_POSITIVE, 4.0]], cpu).unwrap(),
        ),
        ("a.bias".to_owned(), Tensor::new(&[7f32, 8.0], cpu).unwrap()),
    ]
}

fn vars() -> Vec<(String, Var)> {
    let zero = |shape: &[usize]| Var::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    vec![
        ("b.weight".to_owned(), zero(&[2, 2])),
        ("a.bias".to_owned(), zero(&[2])),
    ]
}

fn saved(tensors: &[(String, Tensor)]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let notes = ["step", "energy", "seed"].map(|key| (key.to_owned(), "12".to_owned()));
    save(&path, tensors, &notes).unwrap();
    (folder, path)
}

fn assert_refused(result: Result<()>, path: &Path, parts: &[&str]) {
    let message = result.unwrap_err().to_string();
    assert!(message.contains(path.to_str().unwrap()), "{message}");
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}

#[test]
fn what_is_saved_is_loaded() {
    let (_folder, path) = saved(&tensors());
    let checkpoint = load(&path).unwrap();
    assert_eq!(checkpoint.metadata["step"], "12");
    assert_eq!(checkpoint.metadata.len(), 3);
    let vars = vars();
    checkpoint.fill(&vars).unwrap();
    let weight = vars[0].1.to_vec2::<f32>().unwrap();
    assert_eq!(weight, [[1.0, -2.5], [f32::MIN_POSITIVE, 4.0]]);
    assert_eq!(vars[1].1.to_vec1::<f32>().unwrap(), [7.0, 8.0]);
}

#[test]
fn a_number_that_is_not_finite_is_refused_by_its_tensors_name() {
    for number in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut tensors = tensors();
        tensors[1].1 = Tensor::new(&[7f32, number], &Device::Cpu).unwrap();
        let (_folder, path) = saved(&tensors);
        assert_refused(load(&path).map(drop), &path, &["'a.bias'", "not finite"]);
    }
}

#[test]
fn a_weight_that_no_network_learns_is_refused() {
    let mut tensors = tensors();
    tensors[1].1 = Tensor::new(&[7f32, -1e10], &Device::Cpu).unwrap();
    let (_folder, path) = saved(&tensors);
    let parts = ["'a.bias'", "larger than a billion (the first is -1e10)"];
    assert_refused(load(&path).map(drop), &path, &parts);
}

#[test]
fn the_same_content_gives_the_same_bytes() {
    let (_one, one) = saved(&tensors());
    let (_two, two) = saved(&tensors());
    assert_eq!(std::fs::read(one).unwrap(), std::fs::read(two).unwrap());
}

#[test]
fn a_file_that_does_not_fit_changes_nothing() {
    let cpu = &Device::Cpu;
    let mut missing = tensors();
    missing.pop();
    let mut surplus = tensors();
    surplus.extend((0..5).map(|n| (format!("z{n}"), Tensor::new(0f32, cpu).unwrap())));
    let mut shape = tensors();
    shape[1].1 = Tensor::new(&[1f32, 2.0, 3.0], cpu).unwrap();
    let mut dtype = tensors();
    dtype[1].1 = Tensor::new(&[1f64, 2.0], cpu).unwrap();
    let cases: [(&[_], &[&str]); 4] = [
        (&missing, &["1 tensor is missing: a.bias"]),
        (&surplus, &["5 tensors are too many: z0, z1, z2, …"]),
        (&shape, &["'a.bias' is [3] of f32", "[2] of f32"]),
        (&dtype, &["'a.bias' is [2] of f64", "[2] of f32"]),
    ];
    for (tensors, parts) in cases {
        let (_folder, path) = saved(tensors);
        let vars = vars();
        assert_refused(load(&path).unwrap().fill(&vars), &path, parts);
        for (_, var) in &vars {
            let sum = var.abs().unwrap().sum_all().unwrap();
            assert_eq!(sum.to_scalar::<f32>().unwrap(), 0.0);
        }
    }
}

#[test]
fn a_file_cut_off_anywhere_says_so() {
    let (_folder, path) = saved(&tensors());
    let whole = std::fs::read(&path).unwrap();
    for length in [0, 7, 8, 20, whole.len() - 25, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let says = format!("cut off: {length} bytes");
        assert_refused(load(&path).map(drop), &path, &[&says, "copy it again"]);
    }
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    let says = format!("the header says {}", whole.len());
    assert_refused(load(&path).map(drop), &path, &[&says]);
}

#[test]
fn other_files_are_refused() {
    let (_folder, path) = saved(&tensors());
    for text in ["some text, long enough", "\x02\0\0\0\0\0\0\0[]"] {
        std::fs::write(&path, text).unwrap();
        assert_refused(load(&path).map(drop), &path, &["cannot be used"]);
    }
    let header = |notes: &str| HashMap::from([(METADATA.to_owned(), notes.to_owned())]);
    let old = safetensors::serialize(
        tensors().iter().map(|(k, v)| (k, v)),
        Some(header("{\"version\":\"0\"}")),
    );
    std::fs::write(&path, old.unwrap()).unwrap();
    let parts = ["format version 0", "reads version 1"];
    assert_refused(load(&path).map(drop), &path, &parts);
    std::fs::remove_file(&path).unwrap();
    assert_refused(load(&path).map(drop), &path, &[]);
}

#[test]
fn a_config_reads_back_and_other_versions_are_refused() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Settings {
        width: usize,
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    save_config(&path, &Settings { width: 3 }, &[("frames", "0 to 1")]).unwrap();
    assert_eq!(load_config::<Settings>(&path).unwrap().width, 3);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains("\"frames\": \"0 to 1\""), "{text}");
    let cases: [(String, &[&str]); 4] = [
        (
            text.replace("\"version\": 1", "\"version\": 2"),
            &["format version 2"],
        ),
        (
            text.replace("\"width\": 3", "\"width\": \"wide\""),
            &["config.width", "\"wide\"", "usize"],
        ),
        ("{}".to_owned(), &["'version'"]),
        (text[..20].to_owned(), &["cannot be used"]),
    ];
    for (text, parts) in cases {
        std::fs::write(&path, text).unwrap();
        assert_refused(load_config::<Settings>(&path).map(drop), &path, parts);
    }
}
