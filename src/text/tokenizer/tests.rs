mod settings;

use super::super::letters::PIECE;
use super::*;

fn document(text: &str) -> Document {
    Document {
        name: "a".to_owned(),
        text: text.to_owned(),
    }
}

fn small() -> Tokenizer {
    let text = "The ball bounces off the wall. The walls bounce the balls. Ball, wall!\n";
    Tokenizer::train(&[document(&text.repeat(9))], 60, true).unwrap()
}

#[test]
fn a_trained_one_is_saved_and_read_back() {
    let tokenizer = small();
    let folder = tempfile::tempdir().unwrap();
    tokenizer
        .save(&folder.path().join("tokenizer.json"))
        .unwrap();
    let again = Tokenizer::read(folder.path()).unwrap();
    let text = "The BALL [MASK] off the wallpaper.";
    let ids = tokenizer.encode(text).unwrap();
    assert_eq!(again.encode(text).unwrap(), ids);
    assert_eq!(ids.iter().filter(|&&id| id == again.mask()).count(), 1);
    assert_eq!(
        [again.unknown(), again.start(), again.end(), again.mask()],
        [1, 2, 3, 4]
    );
    assert!(again.size() <= 60 && again.ordinary().len() + 5 == again.size());
    let ball = tokenizer.encode("ball").unwrap();
    assert_eq!(tokenizer.decode(&ball).unwrap(), "ball");
}

#[test]
fn the_same_text_gives_the_same_vocabulary() {
    let text = "unbelievably, the wallflowers were bouncing; élan, naïve ideas. ".repeat(3);
    let text = text + "A dog runs. Dogs ran and run! The sea, the trees, the tree house.";
    let json = || {
        let tokenizer = Tokenizer::train(&[document(&text)], 90, true).unwrap();
        tokenizer.inner.to_string(false).unwrap()
    };
    let first = json();
    assert!((0..5).all(|_| json() == first));
}

#[test]
fn the_pieces_of_a_word_stay_together() {
    let tokenizer = small();
    let text = "ball boffs";
    let words = tokenizer.words(text).unwrap();
    let texts: Vec<&str> = words.iter().map(|word| &text[word.place.clone()]).collect();
    assert_eq!(texts, ["ball", "boffs"]);
    assert!(words[1].ids.len() > 1);
    let all: Vec<u32> = words.into_iter().flat_map(|word| word.ids).collect();
    assert_eq!(all, tokenizer.encode(text).unwrap());
}

#[test]
fn a_line_of_megabytes_is_cut_between_words() {
    let tokenizer = small();
    let line = "the ball é ".repeat(300_000);
    assert!(pieces(&line).all(|piece| piece.len() <= PIECE && piece.ends_with(' ')));
    assert_eq!(pieces(&line).collect::<String>(), line);
    let one = tokenizer.encode("the ball é ").unwrap();
    assert_eq!(tokenizer.encode(&line).unwrap().len(), 300_000 * one.len());
    assert!(pieces(&"é".repeat(PIECE)).count() > 1);
}

#[test]
fn what_is_no_tokenizer_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let said = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let error = Tokenizer::read(&path).err().expect("an error");
        error.to_string()
    };
    for (name, text, word) in [
        ("vocab.txt", "[UNK]\n[CLS]\n[SEP]\nball\n", "no [MASK]"),
        ("tokenizer.json", "{}", "is no tokenizer"),
    ] {
        let said = said(name, text);
        assert!(said.contains(name) && said.contains(word), "{said}");
    }
    let none = tempfile::tempdir().unwrap();
    let said = Tokenizer::read(none.path()).err().unwrap().to_string();
    assert!(
        said.contains("neither tokenizer.json nor vocab.txt"),
        "{said}"
    );
}

#[test]
fn words_of_bytes_stand_for_whole_letters() {
    let special = ["[UNK]", "[CLS]", "[SEP]", "[MASK]"];
    let vocab: serde_json::Map<_, _> = (0..)
        .zip(special.iter().chain(&["a", "l", "Ġ"]))
        .map(|(id, token)| ((*token).to_owned(), json!(id)))
        .collect();
    let json = json!({"version": "1.0", "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true,
            "use_regex": true},
        "model": {"type": "BPE", "unk_token": "[UNK]", "vocab": vocab, "merges": []}});
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    std::fs::write(&path, json.to_string()).unwrap();
    let tokenizer = Tokenizer::read(&path).unwrap();
    let text = "공이 떨어진다. Ça al?";
    let words = tokenizer.words(text).unwrap();
    assert!(words.len() > 4);
    assert!(
        words
            .iter()
            .all(|word| text.get(word.place.clone()).is_some())
    );
}
