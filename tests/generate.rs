//! `nextframe generate`, with a model that was not trained.

#[path = "common/untrained.rs"]
mod untrained;

use clap::Parser;
use nextframe::cli::generate::{GenerateArgs, run};
use nextframe::outputs::model::{LATENT, MSE};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::fs;
use std::path::Path;
use untrained::{Bench, CHANGE, SIDE};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: GenerateArgs,
}

impl Bench {
    /// Runs with `words`; paths in them are below this folder.
    fn run(&self, input: &str, output: &str, words: &[&str]) -> Result<(), String> {
        let words = self.words(["generate", input, output], words);
        let command = Command::try_parse_from(words).map_err(|error| error.to_string())?;
        run(&command.args).map_err(|error| error.to_string())
    }
}

/// Shape and bytes of a u8 tensor.
fn tensor(path: &Path, name: &str) -> (Vec<usize>, Vec<u8>) {
    let bytes = fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), Dtype::U8);
    (tensor.shape().to_vec(), tensor.data().to_vec())
}

#[test]
fn tensors_hold_context_and_futures() {
    let bench = Bench::new(&[MSE, LATENT]);
    let film = bench.film("film.safetensors", 20);
    let words = ["--frames", "3", "--futures", "2", "--context", "6"];
    let words = [&words[..], &["--at", "0.9"]].concat();
    bench
        .run("film.safetensors", "a.safetensors", &words)
        .unwrap();
    let path = bench.path("a.safetensors");
    let (shape, context) = tensor(&path, "context");
    assert_eq!(shape, [1, 6, 3, SIDE, SIDE]);
    // Ten frames a second, as the model's: 0.9 s is the tenth frame.
    let size = 3 * SIDE * SIDE;
    assert_eq!(context, film[4 * size..10 * size]);
    let (shape, futures) = tensor(&path, "futures");
    assert_eq!(shape, [1, 2, 3, 3, SIDE, SIDE]);
    assert_ne!(
        futures[..3 * size],
        futures[3 * size..],
        "two equal futures"
    );

    let again = |name: &str, seed: &str| {
        let words = [&words[..], &["--seed", seed]].concat();
        bench.run("film.safetensors", name, &words).unwrap();
        fs::read(bench.path(name)).unwrap()
    };
    let first = fs::read(&path).unwrap();
    assert!(
        again("b.safetensors", "0") == first,
        "the same seed differs"
    );
    assert!(
        again("c.safetensors", "1") != first,
        "the seed changes nothing"
    );

    let message = bench.run("film.safetensors", "a.safetensors", &words);
    let message = message.unwrap_err();
    assert!(message.contains("it exists; add --overwrite"), "{message}");
    let words = [&words[..], &["-y"]].concat();
    bench
        .run("film.safetensors", "a.safetensors", &words)
        .unwrap();
}

#[test]
fn a_batch_gives_a_batch() {
    let bench = Bench::new(&[LATENT]);
    let size = 3 * SIDE * SIDE;
    let bytes: Vec<u8> = (0..3 * 7 * size).map(|i| (i / size) as u8).collect();
    let view = TensorView::new(Dtype::U8, vec![3, 7, 3, SIDE, SIDE], &bytes).unwrap();
    let file = safetensors::serialize([("frames", view)], None).unwrap();
    fs::write(bench.path("batch.safetensors"), file).unwrap();
    let words = ["--frames", "3", "--futures", "2"];
    bench.run("batch.safetensors", "out", &words).unwrap();
    let files = if cfg!(feature = "ffmpeg") {
        ["futures.safetensors", "grid.mp4", "grid.png"]
    } else {
        ["futures.safetensors", "grid.gif", "grid.png"]
    };
    assert_eq!(bench.names("out"), files);
    let path = bench.path("out/futures.safetensors");
    let (shape, context) = tensor(&path, "context");
    assert_eq!(shape, [3, 4, 3, SIDE, SIDE]);
    let firsts: Vec<u8> = context.chunks(size).map(|frame| frame[0]).collect();
    assert_eq!(firsts, [0, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 17]);
    let (shape, futures) = tensor(&path, "futures");
    assert_eq!(shape, [3, 2, 3, 3, SIDE, SIDE]);
    let bytes = fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let remainder = file.tensor("remainder").unwrap();
    assert_eq!(remainder.shape(), [3, 3, 3, SIDE, SIDE]);
    // Before training it is the typical change from frame to frame, everywhere.
    let values = remainder.data().chunks_exact(4);
    let values = values.map(|value| f32::from_le_bytes(value.try_into().unwrap()));
    let values: Vec<f32> = values.collect();
    assert!(
        values
            .iter()
            .all(|value| (value - CHANGE as f32).abs() < 1e-4)
    );
    let row = shape[1..].iter().product::<usize>();
    assert_ne!(futures[..row], futures[row..2 * row], "two equal rows");

    let message = bench.run("batch.safetensors", "gifs", &["--format", "gif"]);
    assert!(message.unwrap_err().contains("a batch of 3 sequences"));
    assert!(!bench.path("gifs").exists());
}

#[test]
fn members_draw_their_shares_and_come_in_turn() {
    let bench = Bench::new(&[MSE, LATENT, "latent-2"]);
    bench.film("film.safetensors", 12);
    let words = ["--frames", "3", "--futures", "5"];
    bench
        .run("film.safetensors", "all.safetensors", &words)
        .unwrap();
    let path = bench.path("all.safetensors");
    assert_eq!(tensor(&path, "member"), (vec![1, 5], vec![1, 2, 1, 2, 2]));
    let (shape, futures) = tensor(&path, "futures");
    assert_eq!(shape[..2], [1, 5]);
    // The first member alone draws others: not all are its own.
    bench.build(&[MSE, LATENT], SIDE);
    bench
        .run("film.safetensors", "one.safetensors", &words)
        .unwrap();
    let path = bench.path("one.safetensors");
    assert_eq!(tensor(&path, "member").1, [1; 5]);
    assert_ne!(tensor(&path, "futures").1, futures);
}

#[test]
fn a_folder_holds_a_film_each_and_a_grid() {
    let bench = Bench::new(&[MSE, LATENT]);
    bench.film("film.gif", 12);
    let words = ["--format", "gif", "--futures", "3"];
    bench.run("film.gif", "out", &words).unwrap();
    let films = ["future-01.gif", "future-02.gif", "future-03.gif"];
    let expected = [&films[..], &["grid.gif", "grid.png", "real.gif"]].concat();
    assert_eq!(bench.names("out"), expected);
    // Eight pixels to one; five columns; rows: context, real, MSE, three
    // futures, mean, spread.
    let grid = image::open(bench.path("out/grid.png")).unwrap();
    assert!(grid.width() > 5 * 8 * SIDE as u32 && grid.height() > 8 * 8 * SIDE as u32);

    // At the end there is no real future; the folder is replaced.
    let words = ["--format", "png", "--at", "1.19", "--futures", "1"];
    bench.run("film.gif", "out", &words).unwrap();
    assert_eq!(
        bench.names("out"),
        ["future-01.png", "grid.gif", "grid.png"]
    );
    assert_eq!(
        bench.names("."),
        [
            "cache",
            "config.json",
            "film.gif",
            "model.safetensors",
            "out"
        ]
    );

    fs::write(bench.path("out/thesis.txt"), "dear").unwrap();
    let message = bench.run("film.gif", "out", &words).unwrap_err();
    assert!(message.contains("something else (thesis.txt)"), "{message}");
    assert_eq!(bench.names("out").len(), 4);
}

#[cfg(feature = "ffmpeg")]
#[test]
fn films_are_mp4_by_default() {
    let bench = Bench::new(&[MSE]);
    bench.film("film.gif", 12);
    bench.run("film.gif", "out", &["--futures", "2"]).unwrap();
    let expected = [
        "future-01.mp4",
        "future-02.mp4",
        "grid.mp4",
        "grid.png",
        "real.mp4",
    ];
    assert_eq!(bench.names("out"), expected);
}

#[test]
fn what_cannot_be_is_said() {
    let bench = Bench::new(&[LATENT]);
    bench.film("film.gif", 12);
    bench.film("short.gif", 3);
    for (input, output, words, said) in [
        ("film.gif", "out", &["--at", "5"][..], "--at 5: outside of"),
        (
            "film.gif",
            "out",
            &["--at", "-1"],
            "goes from 0.000 s to 1.2",
        ),
        (
            "film.gif",
            "out",
            &["--at", "0.1"],
            "2 frames up to there, the context takes 4",
        ),
        ("film.gif", "out", &["--at", "soon"], "invalid value 'soon'"),
        (
            "film.gif",
            "out",
            &["--context", "3"],
            "the model looks at 4 frames; give 4 or more",
        ),
        (
            "film.gif",
            "out",
            &["--context", "13"],
            "12 frames without a cut; the context takes 13",
        ),
        (
            "film.gif",
            "out",
            &["--frames", "0"],
            "--frames 0: there would be nothing",
        ),
        (
            "film.gif",
            "out",
            &["--futures", "0"],
            "--futures 0: there would be nothing",
        ),
        (
            "film.gif",
            "out",
            &["--futures", "99999999999999"],
            "GiB of memory",
        ),
        (
            "film.gif",
            "out",
            &["--temperature", "-1"],
            "expected a number of 0 or more",
        ),
        (
            "film.gif",
            "out",
            &["--format", "webp"],
            "invalid value 'webp'",
        ),
        ("film.gif", "out", &["--device", "abacus"], "no such device"),
        ("film.gif", "out.mp4", &[], "name a folder"),
        (
            "film.gif",
            "out.safetensors",
            &["--format", "gif"],
            "different formats",
        ),
        ("film.gif", "film.gif/out", &[], "film.gif"),
        ("short.gif", "out", &[], "3 frames without a cut"),
        ("none.gif", "out", &[], "no such file"),
        (".", "out", &[], "videos; the futures of one"),
    ] {
        let message = bench.run(input, output, words).unwrap_err();
        assert!(message.contains(said), "{words:?}: {message}");
        assert!(!bench.path("out").exists());
    }
    // A prepared file of another size is not the model's.
    bench.run("film.gif", "a.safetensors", &[]).unwrap();
    let prepared = fs::read_dir(bench.path("cache")).unwrap();
    let prepared = prepared.map(|entry| entry.unwrap().path());
    let prepared = prepared.filter(|path| path.extension().is_some_and(|e| e == "frames"));
    let prepared = prepared
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    fs::copy(prepared, bench.path("film.frames")).unwrap();
    bench.run("film.frames", "b.safetensors", &[]).unwrap();
    bench.build(&[LATENT], 2 * SIDE);
    let message = bench.run("film.frames", "c.safetensors", &[]).unwrap_err();
    assert!(message.contains("asked for"), "{message}");
}

#[test]
fn a_hundred_futures_of_the_board() {
    let bench = Bench::new(&[MSE, LATENT]);
    bench.build(&[MSE, LATENT], 64);
    let board = concat!(env!("CARGO_MANIFEST_DIR"), "/datasets/galton.gif");
    fs::copy(board, bench.path("galton.gif")).unwrap();
    let words = ["--futures", "100", "--format", "safetensors"];
    bench.run("galton.gif", "out", &words).unwrap();
    let (shape, _) = tensor(&bench.path("out/futures.safetensors"), "futures");
    assert_eq!(shape, [1, 100, 5, 3, 64, 64]);
}
