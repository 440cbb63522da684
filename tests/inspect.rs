//! `inspect` says what files hold.

mod common;

use common::picture;
#[cfg(feature = "ffmpeg")]
use common::shared;
use nextframe::cli::inspect::{InspectArgs, run};
use nextframe::data::{Inspection, inspect, prepare};
use nextframe::video::{ReadSettings, inputs};

fn look(input: &str) -> Inspection {
    let sources = inputs::expand(&[input.to_owned()]).unwrap();
    assert_eq!(sources.len(), 1);
    inspect(&sources[0]).unwrap()
}

/// Expected: `ffprobe -show_streams -show_format` and `-show_frames`.
#[cfg(feature = "ffmpeg")]
#[test]
fn videos() {
    let names = [
        "psd-delayed_start.mp4",
        "ax-internal_emulator_transformer_output_270_rotated.mp4",
    ];
    let Some(paths) = names
        .map(|name| shared(&format!("robust/{name}")))
        .into_iter()
        .collect::<Option<Vec<_>>>()
    else {
        return;
    };
    let late = look(&paths[0]);
    assert_eq!(
        (late.codec.as_str(), late.width, late.height),
        ("mpeg4", 480, 320)
    );
    assert_eq!(
        (late.frames, late.damaged_frames, late.rotation),
        (24, 0, 0)
    );
    assert_eq!(late.pixel_format, "yuv420p");
    assert!((late.first_timestamp - 1.075).abs() < 0.001, "{late:?}");
    assert!((late.last_timestamp - 1.995).abs() < 0.001, "{late:?}");
    assert!(
        (late.duration - 0.96).abs() < 0.001 && !late.variable_rate,
        "{late:?}"
    );
    assert!((late.frame_rate.unwrap() - 25.0).abs() < 0.01, "{late:?}");
    let turned = look(&paths[1]);
    assert_eq!((turned.rotation, turned.mirrored), (270, false));
    if let Some(joined) = shared("video/misc/bikes.mp4") {
        assert_eq!(look(&joined).scene_cuts, [1.2, 3.04, 5.48, 7.48, 9.68]);
    }
    run(&InspectArgs {
        files: paths,
        json: true,
        found: Default::default(),
    })
    .unwrap();
}

#[test]
fn pictures_and_prepared_frames() {
    let folder = tempfile::tempdir().unwrap();
    for index in 0..5 {
        picture(
            folder.path().join(format!("{index}.png")),
            30,
            20,
            [index * 40, 0, 0],
        );
    }
    let input = folder.path().display().to_string();
    let found = look(&input);
    assert_eq!(
        (
            found.codec.as_str(),
            found.width,
            found.height,
            found.frames
        ),
        ("png", 30, 20, 5)
    );
    assert!((found.duration - 0.2).abs() < 1e-9);

    let cache = tempfile::tempdir().unwrap();
    prepare(
        std::slice::from_ref(&input),
        &ReadSettings::default(),
        Some(cache.path()),
        &mut |_| {},
    )
    .unwrap();
    let prepared = look(&format!("{}/*.frames", cache.path().display()));
    assert_eq!(
        (prepared.codec.as_str(), prepared.width, prepared.frames),
        ("prepared frames", 64, 5)
    );
    assert_eq!(prepared.duration, found.duration);

    let args = |json, file: &str| InspectArgs {
        files: vec![input.clone(), file.to_owned()],
        json,
        found: Default::default(),
    };
    run(&args(false, &input)).unwrap();
    let error = run(&args(true, "no/such.mp4")).unwrap_err().to_string();
    assert!(error.contains("no/such.mp4"), "{error}");
}
