use super::*;
use serde::Deserialize;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Settings {
    width: usize,
    clip: Option<f64>,
    training: Training,
    latent: Latent,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Training {
    batch: usize,
    learning_rate: f32,
    horizons: Vec<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Latent {
    None,
    Code {
        #[serde(default)]
        codes: usize,
    },
    Continuous {
        #[serde(default)]
        size: usize,
    },
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            width: 64,
            clip: None,
            training: Training::default(),
            latent: Latent::Code { codes: 16 },
        }
    }
}

impl Default for Training {
    fn default() -> Self {
        Self {
            batch: 32,
            learning_rate: 3e-4,
            horizons: vec![1, 4],
        }
    }
}

fn resolved(text: &str, overrides: &[&str]) -> Result<Settings> {
    let recipe = Recipe {
        name: "models/some.toml".to_owned(),
        text: text.to_owned(),
    };
    let overrides: Vec<_> = overrides.iter().map(|&text| text.to_owned()).collect();
    resolve(Some(&recipe), &overrides)
}

fn message(text: &str, overrides: &[&str]) -> String {
    resolved(text, overrides).unwrap_err().to_string()
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "no {part:?} in: {message}");
    }
}

#[test]
fn defaults_then_file_then_overrides() {
    assert_eq!(resolve::<Settings>(None, &[]).unwrap(), Settings::default());
    let settings = resolved(
        "width = 32\n[training]\nbatch = 8\nlearning_rate = 1",
        &[
            "training.batch=4",
            "clip=0.5",
            "training.horizons=[2]",
            "latent.kind=none",
        ],
    )
    .unwrap();
    assert_eq!(settings.width, 32);
    assert_eq!(settings.clip, Some(0.5));
    assert_eq!(settings.training.batch, 4);
    assert_eq!(settings.training.learning_rate, 1.0);
    assert_eq!(settings.training.horizons, [2]);
    assert_eq!(settings.latent, Latent::None);
}

#[test]
fn an_enum_brings_the_keys_of_its_own_variant() {
    let settings = resolved("latent = { kind = \"continuous\", size = 3 }", &[]).unwrap();
    assert_eq!(settings.latent, Latent::Continuous { size: 3 });
    let message = message("latent = { kind = \"continuous\", codes = 3 }", &[]);
    assert_says(&message, &["unknown key 'latent.codes'", "latent."]);
}

#[test]
fn unknown_keys_name_the_nearest() {
    assert_says(
        &message("widht = 3", &[]),
        &["models/some.toml", "unknown key 'widht'", "'width'"],
    );
    assert_says(
        &message("[trainnig]\nbatch = 3", &[]),
        &["unknown key 'trainnig'", "'training'"],
    );
    assert_says(
        &message("", &["learning_rat=1"]),
        &[
            "--set learning_rat=1",
            "unknown key 'learning_rat'",
            "'training.learning_rate'",
        ],
    );
    assert_says(&message("", &["training.bach=1"]), &["'training.batch'"]);
    assert_says(&message("", &["clipp=1"]), &["'clip'"]);
    // A mistyped key beside a wrong value is named too.
    assert_says(&message("widht = 3\nwidth = 'x'", &[]), &["'widht'"]);
}

#[test]
fn wrong_values_say_what_was_expected_and_found() {
    assert_says(
        &message("[training]\nbatch = \"many\"", &[]),
        &["models/some.toml", "training.batch", "\"many\"", "usize"],
    );
    assert_says(
        &message("[training]\nbatch = 4", &["training.batch=-1"]),
        &["--set training.batch=-1", "`-1`", "usize"],
    );
    assert_says(&message("training = 3", &[]), &["'training'", "`3`"]);
    assert_says(&message("", &["width.x=3"]), &["width", "map", "usize"]);
    assert_says(
        &message("", &["latent.kind=onehot"]),
        &["onehot", "`none`, `code`, `continuous`"],
    );
}

#[test]
fn what_is_no_toml_is_refused() {
    assert_says(&message("width = ", &[]), &["models/some.toml", "line 1"]);
    for text in ["width", "=3", "width=", ".=1", "width=[1", "a..b=1"] {
        assert_says(&message("", &[text]), &["--set ", "key=value"]);
    }
}

#[test]
fn keys_without_end_are_refused() {
    let deep = vec!["a"; 20_000].join(".");
    let said = message("", &[&format!("{deep} = 1")]);
    assert_says(
        &said,
        &["the key has 20000 parts", "no key has more than 16"],
    );
    let file = message(&format!("clip = 0.1\n{deep} = 1"), &[]);
    assert_says(&file, &["not valid TOML", "recursion limit"]);
    // It took seconds to say which key is nearest.
    let long = message("", &[&format!("{}=1", "a".repeat(300_000))]);
    assert_says(&long, &["unknown key 'aaa", "longer than 200 bytes"]);
}

#[test]
fn the_resolved_settings_read_back_the_same() {
    let settings = resolved("clip = 0.1\n[training]\nlearning_rate = 0.1", &[]).unwrap();
    let text = to_toml(&settings).unwrap();
    assert!(text.contains("learning_rate = 0.1\n"), "{text}");
    assert_eq!(resolved(&text, &[]).unwrap(), settings);
}

#[test]
fn a_file_goes_before_a_bundled_recipe() {
    let bundled = [("small", "width = 1"), ("large", "width = 2")];
    for name in ["large", "large.toml", "models/large.toml"] {
        assert_eq!(
            Recipe::find_among(name, &bundled).unwrap().text,
            "width = 2"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.toml");
    std::fs::write(&path, "width = 3").unwrap();
    let path = path.to_str().unwrap();
    let recipe = Recipe::find_among(path, &bundled).unwrap();
    assert_eq!(
        (recipe.name.as_str(), recipe.text.as_str()),
        (path, "width = 3")
    );
    let message = Recipe::find_among("medium", &bundled)
        .unwrap_err()
        .to_string();
    assert_says(&message, &["medium", "small, large"]);
}

#[test]
fn bundled_recipes_parse() {
    for name in Recipe::bundled() {
        let recipe = Recipe::find(name).unwrap();
        assert!(recipe.text.parse::<Table>().is_ok(), "{name}");
    }
}
