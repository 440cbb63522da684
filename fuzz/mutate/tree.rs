//! Changes to JSON that leave it JSON.

use super::bytes::{NUMBERS, few};
use nextframe::rng::Rng;
use serde_json::{Map, Value, json};

/// The deepest nesting that is made here; text can hold more.
const DEEPEST: usize = 200;
/// More nodes are not looked at.
const MOST_NODES: usize = 4000;

/// Strings that names, paths and texts stumble over.
pub const STRINGS: [&str; 20] = [
    "", " ", "\0", "\n", "\u{feff}", "\u{301}", "🦀", "ß", "##", "[UNK]", "[MASK]", "..",
    "../../x", "/", ".", "NaN", "-1", "1e400", "%s%d", "a=b",
];

/// Changes a value somewhere in JSON text; nothing where it is none.
pub fn change(bytes: &mut Vec<u8>, rng: &mut Rng) -> bool {
    let Ok(mut value) = serde_json::from_slice::<Value>(bytes) else {
        return false;
    };
    change_value(&mut value, rng);
    let text = match rng.below(2) {
        0 => serde_json::to_vec(&value),
        _ => serde_json::to_vec_pretty(&value),
    };
    let Ok(text) = text else { return false };
    *bytes = text;
    true
}

/// Changes one value of a tree.
pub fn change_value(value: &mut Value, rng: &mut Rng) {
    let mut places = Vec::new();
    collect(value, String::new(), &mut places);
    let place = &places[rng.below(places.len())];
    let Some(node) = value.pointer_mut(place) else {
        return;
    };
    if rng.below(8) == 0 {
        *node = stranger(node, rng);
        return;
    }
    match node {
        Value::Null => *node = stranger(&Value::Null, rng),
        Value::Bool(value) => *value = !*value,
        Value::Number(_) => *node = number(node, rng),
        Value::String(text) => change_string(text, rng),
        Value::Array(list) => change_list(list, rng),
        Value::Object(keys) => change_keys(keys, rng),
    }
}

/// Where the letter begins that stands at a byte, or the end.
pub fn letter_at(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at)
        .rev()
        .find(|&at| text.is_char_boundary(at))
        .unwrap_or(0)
}

/// Where all values are (RFC 6901).
fn collect(value: &Value, place: String, places: &mut Vec<String>) {
    if places.len() >= MOST_NODES {
        return;
    }
    match value {
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                collect(inner, format!("{place}/{index}"), places);
            }
        }
        Value::Object(keys) => {
            for (key, inner) in keys {
                let key = key.replace('~', "~0").replace('/', "~1");
                collect(inner, format!("{place}/{key}"), places);
            }
        }
        _ => {}
    }
    places.push(place);
}

/// A value of another kind.
fn stranger(inner: &Value, rng: &mut Rng) -> Value {
    match rng.below(8) {
        0 => Value::Null,
        1 => json!(rng.below(2) == 0),
        2 => json!(NUMBERS[rng.below(NUMBERS.len())]),
        3 => json!(STRINGS[rng.below(STRINGS.len())]),
        4 => json!([]),
        5 => json!({}),
        6 => (0..rng.below(DEEPEST)).fold(inner.clone(), |inner, _| json!([inner])),
        _ => json!({ "x": inner }),
    }
}

/// Another number: at an edge, or near the one that was.
fn number(old: &Value, rng: &mut Rng) -> Value {
    let near = old.as_i64().unwrap_or(1);
    match rng.below(8) {
        0 => json!(near.wrapping_add(1)),
        1 => json!(near.wrapping_sub(1)),
        2 => json!(near.wrapping_mul(1 << rng.below(20))),
        3 => json!(-near),
        4 => json!([1e300, -1e300, 1e-300, 0.5, -0.0, 1e10][rng.below(6)]),
        5 => json!([1_000_000_000_u64, 1 << 40, 100_000][rng.below(3)]),
        _ => json!(NUMBERS[rng.below(NUMBERS.len())]),
    }
}

fn change_string(text: &mut String, rng: &mut Rng) {
    // Settings are kept as text inside of headers.
    if let Ok(mut inner @ Value::Object(_)) = serde_json::from_str::<Value>(text)
        && rng.below(4) > 0
    {
        change_value(&mut inner, rng);
        *text = inner.to_string();
        return;
    }
    match rng.below(5) {
        0 => text.push_str(STRINGS[rng.below(STRINGS.len())]),
        1 => *text = text.repeat(few(2048, rng)),
        2 => *text = text.chars().rev().collect(),
        3 => *text = text.chars().take(rng.below(4)).collect(),
        _ => *text = STRINGS[rng.below(STRINGS.len())].to_owned(),
    }
    text.truncate(letter_at(text, 1 << 16));
}

fn change_list(list: &mut Vec<Value>, rng: &mut Rng) {
    if list.is_empty() {
        list.push(stranger(&Value::Null, rng));
        return;
    }
    let at = rng.below(list.len());
    match rng.below(5) {
        0 => drop(list.remove(at)),
        1 => {
            let copies = vec![list[at].clone(); few(200, rng)];
            list.splice(at..at, copies);
        }
        2 => list.swap(at, 0),
        3 => list.truncate(at),
        _ => list.reverse(),
    }
}

fn change_keys(keys: &mut Map<String, Value>, rng: &mut Rng) {
    let Some(key) = keys.keys().nth(rng.below(keys.len().max(1))).cloned() else {
        keys.insert("x".to_owned(), stranger(&Value::Null, rng));
        return;
    };
    match rng.below(4) {
        0 => drop(keys.shift_remove(&key)),
        1 => {
            let value = keys.shift_remove(&key).unwrap_or_default();
            keys.insert(format!("{key}x"), value);
        }
        2 => {
            let value = keys[&key].clone();
            let other = STRINGS[rng.below(STRINGS.len())];
            keys.insert(other.to_owned(), value);
        }
        _ => {
            let values: Vec<Value> = keys.values().cloned().collect();
            keys.insert(key, values[rng.below(values.len())].clone());
        }
    }
}
