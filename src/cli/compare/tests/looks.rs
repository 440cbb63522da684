use super::*;

#[test]
fn a_classifier_tells_futures_from_film_and_its_power_stands_beside() {
    let folder = saved();
    let more = ["--futures", "2", "--windows", "4"];
    let tables = produce(&all_args(folder.path(), &more)).unwrap();
    let said = [
        "+4  film, blurred",
        "near the end of the training part, tells",
    ];
    assert!(said.iter().all(|part| tables.contains(part)), "{tables}");
    let text = fs::read_to_string(folder.path().join("compare.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    let trial = &json["trial"];
    assert_eq!(trial["futures"], serde_json::json!([2, 2]));
    let count = |key: &str| trial[key].as_u64().unwrap();
    assert!(count("validation_windows") > 0 && count("training_windows") > 0);
    assert_eq!(keys(&trial["power"]), ["film", "blurred", "tiled"]);
    let value = |told: &Value, form: &str| told["4"][form]["value"].as_f64().unwrap();
    let tiled = value(&trial["power"]["tiled"], "as_they_are");
    assert!(tiled > 0.9, "{tiled}");
    for model in json["models"].as_array().unwrap() {
        for form in ["as_they_are", "low_passed"] {
            let area = value(&model["real_or_drawn"], form);
            assert!((0.0..=1.0).contains(&area), "{area}");
        }
    }
    let csv = fs::read_to_string(folder.path().join("compare.csv")).unwrap();
    assert!(csv.contains("\nlatent,4,moving,real_or_drawn_low_passed,0."));
    assert!(csv.contains("\ncopy,1,whole,shape_area,"));
    let page = fs::read_to_string(folder.path().join("compare.html")).unwrap();
    assert!(page.contains("Real or drawn, shape and motion"));
}

#[test]
fn a_blind_page_has_forty_pairs_and_a_key_of_its_own() {
    let folder = saved();
    let place = folder.path().join("blind");
    let place = place.to_str().unwrap();
    let more = ["--futures", "1", "--windows", "1", "--blind", place];
    let blind = [&more[..], &["--blind-frames", "3"]].concat();
    let said = produce(&args(folder.path(), &blind)).unwrap();
    assert!(said.contains("blind.html") && said.contains("key.json"));
    let file = |name: &str| fs::read_to_string(folder.path().join("blind").join(name)).unwrap();
    let page = file("blind.html");
    assert_eq!(page.matches("class=\"clip\"").count(), 80);
    let key: Value = serde_json::from_str(&file("key.json")).unwrap();
    assert_eq!(
        (&key["model"], &key["frames"]),
        (&"latent".into(), &3.into())
    );
    let film = key["film"].as_str().unwrap();
    assert_eq!(
        (film.len(), key["pairs"].as_array().unwrap().len()),
        (40, 40)
    );
    assert!(film.contains('L') && film.contains('R'), "{film}");
    // Neither side is named on the page, nor is the model.
    assert!(!page.contains(film) && !page.contains("latent"));
    for name in ["blind-01-10.png", "blind-31-40.png"] {
        let bytes = fs::read(folder.path().join("blind").join(name)).unwrap();
        assert!(bytes.starts_with(b"\x89PNG"));
    }
    // The same seed, the same page.
    produce(&args(folder.path(), &blind)).unwrap();
    assert_eq!(file("blind.html"), page);
    // Models of 4 frames.
    let said = produce(&args(folder.path(), &more))
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("--blind-frames 8") && said.contains("4 frames"),
        "{said}"
    );
}
