//! Whether a `tokenizer.json` can be handed to the crate `tokenizers`, which trusts it.

use super::MOST_TOKENS;
use base64::Engine as _;
use serde_json::Value;

/// The most letters of a word that WordPiece may look at: its time grows with their cube.
const LONGEST_WORD: u64 = 1000;

/// How many times longer normalisation may make a text.
const GROWTH: f64 = 64.0;

/// The longest text that a `Precompiled` normaliser may put in place of a letter.
const LONGEST_LETTER: usize = 256;

/// What is wrong with the numbers and parts of a `tokenizer.json`, if anything.
pub(super) fn check(json: &Value) -> Result<(), String> {
    vocabulary(json)?;
    let longest = json.pointer("/model/max_input_chars_per_word");
    if let Some(longest) = longest.and_then(Value::as_u64)
        && longest > LONGEST_WORD
    {
        return Err(format!(
            "key 'model.max_input_chars_per_word' is {longest}, expected at most {LONGEST_WORD}"
        ));
    }
    let mut growth = 1.0;
    for part in ["normalizer", "pre_tokenizer", "post_processor", "decoder"] {
        let mut found = Ok(());
        each(&json[part], &mut |object| {
            if found.is_ok() {
                found = piece(part, object, &mut growth);
            }
        });
        found?;
    }
    if growth > GROWTH {
        return Err(format!(
            "its normalizer can make a text {growth:.0} times longer, expected at most \
             {GROWTH:.0} times"
        ));
    }
    let single = json.pointer("/post_processor/single");
    let whole = |piece: &&Value| piece.get("Sequence").is_some();
    let repeats = single.and_then(Value::as_array);
    let repeats = repeats.map_or(0, |pieces| pieces.iter().filter(whole).count());
    match repeats > 1 {
        true => Err(format!("its post_processor repeats a text {repeats} times")),
        false => Ok(()),
    }
}

/// That all tokens have numbers of a size that a vocabulary has.
fn vocabulary(json: &Value) -> Result<(), String> {
    let large = |token: &str, id: &Value| {
        let number = id.as_u64().filter(|&id| id < MOST_TOKENS as u64);
        match number {
            Some(_) => Ok(()),
            None => Err(format!(
                "token '{token}' has the number {id}, expected a whole number below {MOST_TOKENS}"
            )),
        }
    };
    if let Some(tokens) = json.pointer("/model/vocab").and_then(Value::as_object) {
        tokens.iter().try_for_each(|(token, id)| large(token, id))?;
    }
    let added = json.get("added_tokens").and_then(Value::as_array);
    for token in added.into_iter().flatten() {
        let content = token["content"].as_str().unwrap_or_default();
        large(content, token.get("id").unwrap_or(&Value::Null))?;
    }
    Ok(())
}

/// Every object in `value`, at any depth.
fn each(value: &Value, take: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(object) => {
            take(object);
            object.values().for_each(|value| each(value, take));
        }
        Value::Array(values) => values.iter().for_each(|value| each(value, take)),
        _ => {}
    }
}

/// One normaliser or the like; `growth` is multiplied by how much it lengthens a text.
fn piece(
    part: &str,
    object: &serde_json::Map<String, Value>,
    growth: &mut f64,
) -> Result<(), String> {
    match object.get("type").and_then(Value::as_str) {
        Some("FixedLength") if object.get("length").and_then(Value::as_u64) == Some(0) => Err(
            format!("a FixedLength in '{part}' has a length of 0, expected at least 1"),
        ),
        Some("Replace") if part == "normalizer" => {
            let length = |value: &Value| value.as_str().map_or(0, str::len) as f64;
            let new = object.get("content").map_or(0.0, length);
            *growth *= match object.get("pattern").and_then(|p| p.get("String")) {
                Some(old) if length(old) > 0.0 => (new / length(old)).max(1.0),
                // A pattern that may match any letter, or none.
                _ => 1.0 + new,
            };
            Ok(())
        }
        Some("Precompiled") => {
            let text = object.get("precompiled_charsmap").and_then(Value::as_str);
            let bytes = base64::engine::general_purpose::STANDARD.decode(text.unwrap_or_default());
            let fault = match &bytes {
                Ok(bytes) => charsmap(bytes),
                Err(_) => Some("it is not Base64"),
            };
            match fault {
                None => Ok(()),
                Some(fault) => Err(format!(
                    "the precompiled_charsmap in '{part}' is damaged: {fault}"
                )),
            }
        }
        _ => Ok(()),
    }
}

/// What is wrong with SentencePiece's map of letters: the length of a double-array trie in
/// bytes, its units, and the texts that its leaves point at, each ended by a 0.
fn charsmap(bytes: &[u8]) -> Option<&'static str> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Some("it has no length");
    };
    let length = u32::from_le_bytes(*length) as usize / 4 * 4;
    if length > rest.len() {
        return Some("it is shorter than it says");
    }
    let (trie, texts) = rest.split_at(length);
    let Ok(texts) = std::str::from_utf8(texts) else {
        return Some("its texts are not UTF-8");
    };
    let units: Vec<usize> = (trie.as_chunks::<4>().0.iter())
        .map(|unit| u32::from_le_bytes(*unit) as usize)
        .collect();
    if units.is_empty() {
        return Some("it is empty");
    }
    // As the crate walks it: a unit's children lie at its place, moved by its offset and
    // the letter.
    let offset = |unit: usize| (unit >> 10) << ((unit & (1 << 9)) >> 6);
    let mut seen = vec![false; units.len()];
    let mut open = vec![offset(units[0])];
    while let Some(base) = open.pop() {
        for letter in 1..=255 {
            let place = base ^ letter;
            let Some(&unit) = units.get(place) else {
                return Some("its trie leads out of it");
            };
            if unit & (1 << 31 | 0xff) != letter || std::mem::replace(&mut seen[place], true) {
                continue;
            }
            let next = place ^ offset(unit);
            if unit >> 8 & 1 == 1 {
                let Some(&leaf) = units.get(next) else {
                    return Some("its trie leads out of it");
                };
                let Some(text) = texts.get(leaf & ((1 << 31) - 1)..) else {
                    return Some("a leaf of its trie points at no text");
                };
                if text.bytes().take_while(|&byte| byte != 0).count() > LONGEST_LETTER {
                    return Some("it puts a long text in place of a letter");
                }
            }
            open.push(next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// A map that has no letters, then one of "a" to "b".
    fn map(units: &[u32], texts: &str) -> String {
        let bytes: Vec<u8> = std::iter::once(4 * units.len() as u32)
            .chain(units.iter().copied())
            .flat_map(u32::to_le_bytes)
            .chain(texts.bytes())
            .collect();
        base64::engine::general_purpose::STANDARD.encode(bytes)
    }

    fn said(json: &Value) -> String {
        check(json).unwrap_err()
    }

    #[test]
    fn damaged_maps_of_letters_are_told() {
        let normalizer = |map: String| {
            json!({"normalizer": {"type": "Sequence", "normalizers": [
                {"type": "Precompiled", "precompiled_charsmap": map}
            ]}})
        };
        let mut units = [0u32; 1024];
        // The root's children are at 256 ^ letter; that of 'a' has its leaf at 512.
        units[0] = 256 << 10;
        units[256 ^ 0x61] = (256 ^ 0x61 ^ 512) << 10 | 1 << 8 | 0x61;
        check(&normalizer(map(&units, "b\0"))).unwrap();
        let mut far = units;
        far[512] = 7;
        let mut half = units;
        half[512] = 1;
        let mut out = units;
        out[256 ^ 0x61] = 0x1f_ffff << 10 | 0x61;
        for (map, words) in [
            ("BAAAAP////8=".to_owned(), "leads out of it"),
            ("AAAAAA==".to_owned(), "it is empty"),
            ("8P///2FiY2Q=".to_owned(), "shorter than it says"),
            ("AAA".to_owned(), "not Base64"),
            (String::new(), "no length"),
            (map(&far, "b\0"), "points at no text"),
            (map(&half, "é\0"), "points at no text"),
            (map(&out, "b\0"), "leads out of it"),
            (map(&units, &"b".repeat(300)), "a long text"),
        ] {
            let said = said(&normalizer(map));
            assert!(
                said.contains("'normalizer'") && said.contains(words),
                "{said}"
            );
        }
    }

    #[test]
    fn numbers_beyond_all_sense_are_told() {
        for (json, words) in [
            (
                json!({"model": {"vocab": {"a": 0, "##l": 4_294_967_295u32}}}),
                "'##l'",
            ),
            (json!({"model": {"vocab": {"a": -1}}}), "number -1"),
            (json!({"model": {"vocab": {"a": 1.5}}}), "number 1.5"),
            (
                json!({"added_tokens": [{"content": "x", "id": 1u64 << 40}]}),
                "'x'",
            ),
            (json!({"added_tokens": [{"content": "x"}]}), "number null"),
            (
                json!({"model": {"max_input_chars_per_word": 1u64 << 60}}),
                "at most 1000",
            ),
            (
                json!({"pre_tokenizer": {"type": "FixedLength", "length": 0}}),
                "length of 0",
            ),
        ] {
            let said = said(&json);
            assert!(said.contains(words), "{said}");
        }
        check(&json!({"model": {"vocab": {"a": 0}, "max_input_chars_per_word": 100}})).unwrap();
    }

    #[test]
    fn texts_do_not_grow_without_bound() {
        let replace =
            |old: Value, new: &str| json!({"type": "Replace", "pattern": old, "content": new});
        let ten = replace(json!({"String": "a"}), "aaaaaaaaaa");
        let sequence =
            |parts: Vec<Value>| json!({"normalizer": {"type": "Sequence", "normalizers": parts}});
        check(&sequence(vec![ten.clone()])).unwrap();
        let said = |json: Value| check(&json).unwrap_err();
        assert!(said(sequence(vec![ten.clone(), ten])).contains("100 times longer"));
        let any = replace(json!({"Regex": ".?"}), &"x".repeat(99));
        assert!(said(sequence(vec![any])).contains("100 times longer"));
        let twice = json!({"post_processor": {"single": [{"Sequence": {}}, {"Sequence": {}}]}});
        assert!(said(twice).contains("repeats a text 2 times"));
    }
}
