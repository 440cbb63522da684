//! Changes to text of lines: recipes, vocabularies, metrics, plain text.

use super::tree::{STRINGS, letter_at};
use nextframe::rng::Rng;
use std::ops::Range;

/// Values as text has them.
const VALUES: [&str; 24] = [
    "0",
    "-1",
    "1",
    "3",
    "65536",
    "1000000000",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "1e308",
    "-0.0",
    "0.5",
    "nan",
    "inf",
    "true",
    "\"\"",
    "[]",
    "{}",
    "[1, 2, 3]",
    "1979-05-27",
];

/// Changes lines or values of a text; nothing where it is no UTF-8 or empty.
pub fn change(bytes: &mut Vec<u8>, other: &[u8], rng: &mut Rng) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return false;
    };
    if text.is_empty() {
        return false;
    }
    let text = match rng.below(8) {
        0..=2 => replace_number(text, rng),
        3 => replace_quoted(text, rng),
        4 => insert(text, rng),
        _ => change_lines(text, &String::from_utf8_lossy(other), rng),
    };
    *bytes = text.into_bytes();
    true
}

/// Where runs of letters that fit begin and end.
fn runs(text: &str, fits: fn(u8) -> bool) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    for (at, byte) in text.bytes().enumerate() {
        if !fits(byte) {
            continue;
        }
        match runs.last_mut() {
            Some(run) if run.end == at => run.end = at + 1,
            _ => runs.push(at..at + 1),
        }
    }
    runs
}

fn replaced(text: &str, place: Range<usize>, new: &str) -> String {
    [&text[..place.start], new, &text[place.end..]].concat()
}

fn replace_number(text: &str, rng: &mut Rng) -> String {
    let numbers = runs(text, |byte| byte.is_ascii_digit() || byte == b'.');
    if numbers.is_empty() {
        return insert(text, rng);
    }
    let place = numbers[rng.below(numbers.len())].clone();
    replaced(text, place, VALUES[rng.below(VALUES.len())])
}

fn replace_quoted(text: &str, rng: &mut Rng) -> String {
    let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
    if quotes.len() < 2 {
        return insert(text, rng);
    }
    let first = rng.below(quotes.len() - 1);
    let place = quotes[first] + 1..quotes[first + 1];
    replaced(text, place, STRINGS[rng.below(STRINGS.len())])
}

/// Something odd at any place, many times over at times.
fn insert(text: &str, rng: &mut Rng) -> String {
    let at = letter_at(text, rng.below(text.len() + 1));
    let odd = match rng.below(3) {
        0 => STRINGS[rng.below(STRINGS.len())],
        1 => VALUES[rng.below(VALUES.len())],
        _ => ["[", "{", "[[", "{\"a\":", "\"", "=", ".", "'''", "\r"][rng.below(9)],
    };
    let times = match rng.below(4) {
        0 => 1 << rng.below(17),
        _ => 1,
    };
    replaced(text, at..at, &odd.repeat(times))
}

fn change_lines(text: &str, other: &str, rng: &mut Rng) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let at = rng.below(lines.len());
    let others: Vec<&str> = other.split_inclusive('\n').collect();
    match rng.below(6) {
        0 => drop(lines.remove(at)),
        1 => {
            let copies = vec![lines[at]; 1 << rng.below(10)];
            lines.splice(at..at, copies);
        }
        2 => {
            let to = rng.below(lines.len());
            lines.swap(at, to);
        }
        3 if !others.is_empty() => lines.insert(at, others[rng.below(others.len())]),
        4 => lines.truncate(at),
        // The value after the sign, whatever it was.
        _ => {
            if let Some((key, _)) = lines[at].split_once(['=', ':']) {
                let sign = &lines[at][key.len()..key.len() + 1];
                let line = format!("{key}{sign} {}\n", VALUES[rng.below(VALUES.len())]);
                return [lines[..at].concat(), line, lines[at + 1..].concat()].concat();
            }
            lines.reverse();
        }
    }
    lines.concat()
}
