use super::*;

/// Frames of one pixel each, that all differ by one from the next.
fn film(frames: usize, cuts: Vec<usize>) -> Footage {
    let pixels = (0..frames).map(|t| (t % 256) as u8).collect();
    Footage::from_frames("film", pixels, (frames, 1, 1, 1), 25.0, cuts).unwrap()
}

fn frames_of(part: &Part, length: usize) -> Vec<(usize, usize)> {
    (0..part.count(length))
        .flat_map(|index| {
            let window = part.window(index, length);
            (0..length).map(move |offset| (window.file, window.start + offset))
        })
        .collect()
}

fn files(part: &Part) -> Vec<usize> {
    let mut files: Vec<_> = part.stretches.iter().map(|s| s.0).collect();
    files.dedup();
    files
}

#[test]
fn parts_share_no_frame_and_keep_a_window_apart() {
    for (frames, places) in [
        (300, ValidationPlaces::End),
        (300, ValidationPlaces::Spread),
        (280, ValidationPlaces::Spread),
        (3000, ValidationPlaces::Spread),
    ] {
        let footage = [film(frames, vec![40, 250])];
        let split = Split::at(places, &footage, 6, 20).unwrap();
        let parts = [&split.train, &split.validation, &split.test];
        for part in parts {
            for index in 0..part.count(6) {
                let start = part.window(index, 6).start;
                for cut in [40, 250] {
                    assert!(start >= cut || start + 6 <= cut, "a window spans a cut");
                }
            }
        }
        let [train, validation, test] = parts.map(|part| frames_of(part, 6));
        for (one, other) in [(&train, &validation), (&train, &test), (&validation, &test)] {
            for &(_, frame) in one {
                let near = other.iter().find(|(_, other)| other.abs_diff(frame) < 6);
                assert!(near.is_none(), "{places:?}: {frame} and {near:?}");
            }
        }
    }
}

#[test]
fn the_test_part_is_the_last_fifth_whatever_validates() {
    for frames in [130, 280, 3000] {
        let footage = [film(frames, vec![90])];
        let [old, new] = [ValidationPlaces::End, ValidationPlaces::Spread]
            .map(|places| Split::at(places, &footage, 6, 20).unwrap());
        assert_eq!(old.test, new.test);
        let first = (frames as f64 * 0.8).round() as usize + 6;
        assert_eq!(new.test.window(0, 6).start, first);
        let last = (frames as f64 * 0.7).round() as usize;
        assert_eq!(old.train.stretches.last().unwrap().1.end, last);
        assert_eq!(old.validation.stretches[0].1.start, last + 6);
    }
}

/// A film that moves in waves and is still in the end, before its test part.
fn waves(frames: usize) -> Footage {
    let pixels = (0..frames).map(|t| {
        let wave = 40.0 + 30.0 * (t as f64 / 37.0).sin();
        let still = (frames * 7 / 10..frames * 8 / 10).contains(&t);
        if still || t % 2 == 0 { 100 } else { wave as u8 }
    });
    let pixels = pixels.collect();
    Footage::from_frames("waves", pixels, (frames, 1, 1, 1), 25.0, vec![]).unwrap()
}

#[test]
fn validation_moves_as_training_does() {
    let validation = |split: &Split, footage: &[Footage]| split.motion(footage).unwrap()[0];
    for frames in [280, 480, 1000, 3000] {
        let footage = [waves(frames)];
        let old = Split::at(ValidationPlaces::End, &footage, 6, 20).unwrap();
        assert!(validation(&old, &footage).hardly());
        let split = Split::new(&footage, 6, 20).unwrap();
        let found = validation(&split, &footage).share;
        assert!((0.8..1.25).contains(&found), "{frames}: {found}");
        assert!(split.validation.stretches.len() > 1, "{frames}");
        let motion = split.motion(&footage).unwrap();
        assert!(motion.iter().all(|part| !part.hardly()));
        let kept = split.train.count(6) as f64 / old.train.count(6) as f64;
        assert!(kept >= 0.8, "{frames}: {kept}");
        assert_eq!(split, Split::new(&footage, 6, 20).unwrap());
    }
}

#[test]
fn many_files_are_split_by_file() {
    let mut footage: Vec<_> = (0..10).map(|_| film(60, vec![])).collect();
    let split = Split::new(&footage, 6, 20).unwrap();
    assert_eq!(files(&split.train), [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(files(&split.validation), [7]);
    assert_eq!(files(&split.test), [8, 9]);
    // A film that stands still does not validate.
    let still = Footage::from_frames("still", vec![7; 60], (60, 1, 1, 1), 25.0, vec![]).unwrap();
    footage[7] = still;
    let split = Split::new(&footage, 6, 20).unwrap();
    assert_eq!(files(&split.validation).len(), 1);
    assert_ne!(files(&split.validation), [7]);
    assert_eq!(files(&split.test), [8, 9]);
    // Those that validate lie apart.
    let footage: Vec<_> = (0..40).map(|_| film(30, vec![])).collect();
    let split = Split::new(&footage, 6, 20).unwrap();
    assert_eq!(files(&split.validation), [7, 15, 23, 31]);
}

/// The number after `words` in the refusal of some footage.
fn advised(said: &str, words: &str) -> usize {
    let rest = &said[said.find(words).expect(said) + words.len()..];
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect(said)
}

fn refused(footage: &[Footage], window: usize, longest: usize) -> String {
    let error = Split::new(footage, window, longest).unwrap_err();
    error.to_string()
}

#[test]
fn advice_to_short_footage_helps() {
    let short = |footage: &[Footage]| refused(footage, 6, 20);
    let said = short(&[film(30, vec![])]);
    assert!(said.contains("too short: of its 30 frames"), "{said}");
    let enough = advised(&said, "a clip of at least ");
    Split::new(&[film(enough, vec![])], 6, 20).unwrap();
    short(&[film(enough - 1, vec![])]);
    let clips = advised(&said, "8 clips or more of at least ");
    let many: Vec<_> = (0..8).map(|_| film(clips, vec![])).collect();
    Split::new(&many, 6, 20).unwrap();

    let several: Vec<_> = [50, 60, 40].map(|frames| film(frames, vec![])).into();
    let said = short(&several);
    assert!(said.contains("each of the 3 clips by itself"), "{said}");
    assert!(said.contains("film, has 60 frames without a cut"), "{said}");
    let with = [several, vec![film(advised(&said, "at least "), vec![])]].concat();
    Split::new(&with, 6, 20).unwrap();

    let said = short(&[film(122, vec![])]);
    let lower = advised(&said, "evaluation.horizon by ");
    Split::new(&[film(122, vec![])], 6, 20 - lower).unwrap();
    refused(&[film(122, vec![])], 6, 21 - lower);

    let said = refused(&[film(100, vec![])], 12, 26);
    let lower = advised(&said, "model.context by ");
    Split::new(&[film(100, vec![])], 12 - lower, 26 - lower).unwrap();

    let many: Vec<_> = (0..9).map(|_| film(15, vec![])).collect();
    let said = short(&many);
    assert!(
        said.contains("of 9 clips 2 are held back for the test part"),
        "{said}"
    );
    let each = advised(&said, "give clips of at least ");
    let many: Vec<_> = (0..9).map(|_| film(each, vec![])).collect();
    Split::new(&many, 6, 20).unwrap();
}

#[test]
fn the_latest_windows_are_half_a_window_apart_and_end_where_the_part_ends() {
    let mut part = Part::default();
    part.add(0, &film(40, vec![20]), 0..40);
    let starts = |windows: Vec<Window>| windows.iter().map(|w| w.start).collect::<Vec<_>>();
    assert_eq!(starts(part.latest(6, 3)), [28, 31, 34]);
    // 15 windows in each scene, of which the first scene's begin at 0 to 14.
    let all = starts(part.latest(6, 99));
    assert_eq!(
        (all.len(), all[0], &all[..5]),
        (10, 2, &[2, 5, 8, 11, 14][..])
    );
    assert_eq!(starts(part.latest(6, 0)), [0; 0]);
    assert_eq!(starts(part.latest(21, 5)), [0; 0]);
    assert_eq!(
        part.frames_of(0).collect::<Vec<_>>(),
        (0..40).collect::<Vec<_>>()
    );
    assert_eq!(part.frames_of(1).count(), 0);
}
