//! `nextframe fill`, with a model that was not trained.

#[path = "common/untrained.rs"]
mod untrained;

use clap::Parser;
use nextframe::cli::fill::{self, FillArgs};
use nextframe::data::prepare;
use nextframe::outputs::model::{LATENT, MSE};
use nextframe::video::{Channels, ReadSettings};
use std::fs;
use untrained::Bench;

#[derive(Parser)]
struct Filling {
    #[command(flatten)]
    args: FillArgs,
}

impl Bench {
    /// Runs with `words`; paths in them are below this folder.
    fn fill(&self, output: &str, words: &[&str]) -> Result<(), String> {
        let words = self.words(["fill", "film.safetensors", output], words);
        let command = Filling::try_parse_from(words).map_err(|error| error.to_string())?;
        fill::run(&command.args).map_err(|error| error.to_string())
    }
}

#[test]
fn what_is_hidden_is_filled_in() {
    let bench = Bench::new(&[MSE, LATENT]);
    bench.film("film.safetensors", 20);
    let words = [
        "--mask",
        "2,3,8,8@0.5-0.8",
        "--fillings",
        "3",
        "--tries",
        "4",
    ];
    bench.fill("fillings", &words).unwrap();
    let names = bench.names("fillings");
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(
        names[0].starts_with("filling-01.") && names[3] == "grid.png",
        "{names:?}"
    );
    // Another time, and several masks.
    let words = ["--mask", "all@0.9-1.0", "--mask", "0,0,4,4@0.7-1.1"];
    bench
        .fill("fillings", &[&words[..], &["--fillings", "1"]].concat())
        .unwrap();
    assert_eq!(bench.names("fillings").len(), 2);

    let refused = |words: &[&str], expected: &str| {
        let error = bench.fill("fillings", words).unwrap_err();
        assert!(error.contains(expected), "{words:?}: {error}");
    };
    refused(&[], "--mask");
    refused(&["--mask", "1,2,3"], "expected x,y,w,h");
    refused(
        &["--mask", "9,9,9,9"],
        "outside of the model's frames, which are 16×16",
    );
    refused(&["--mask", "all@0.1-0.2"], "the model looks at 4");
    fs::write(bench.path("fillings/mine"), "").unwrap();
    refused(&["--mask", "all@0.9-1"], "something else (mine)");
}

#[test]
fn the_past_is_filled_in_where_time_runs_backwards() {
    let bench = Bench::new(&[MSE, LATENT]);
    bench.film("film.safetensors", 20);
    let path = bench.path("config.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
    let data = &mut config["config"]["settings"]["data"];
    assert!(data["width"] == 16 && data.get("backwards").is_none());
    data["backwards"] = true.into();
    fs::write(&path, config.to_string()).unwrap();
    let fewest = ["--fillings", "2", "--tries", "2"];
    let fill = |mask: &str| bench.fill("fillings", &[&["--mask", mask], &fewest[..]].concat());
    fill("all@0-0.3").unwrap();
    let names = bench.names("fillings");
    assert_eq!(names.len(), 3);
    // As filmed: what is seen comes last, and brightens by 8 a frame.
    let filling = bench.path("fillings").join(&names[0]).display().to_string();
    let grey = ReadSettings {
        width: 16,
        height: 16,
        channels: Channels::Grey,
        ..ReadSettings::default()
    };
    let cache = bench.path("cache");
    let film = &prepare(&[filling], &grey, Some(&cache), &mut |_| {}).unwrap()[0];
    assert_eq!(film.len(), 8);
    for time in 4..8 {
        let sum: f64 = film
            .frame(time)
            .unwrap()
            .iter()
            .map(|&byte| f64::from(byte))
            .sum();
        let expected = 8.0 * time as f64 + 3.0;
        assert!((sum / 256.0 - expected).abs() < 4.0, "{time}: {sum}");
    }
    let error = fill("all@1.7-1.9").unwrap_err();
    let words = "0 whole frames after 1.900 s, and the model looks at 4; end at 1.500 s or earlier";
    assert!(error.contains(words), "{error}");
}
