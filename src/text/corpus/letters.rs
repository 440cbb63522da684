//! Bytes as text: UTF-8, or UTF-16 with its byte-order mark.

use crate::error::{Error, Result};

/// Bytes that are looked at to tell what a file is.
const LOOKED_AT: usize = 1 << 16;

/// What gzip and zip begin with.
pub(super) const GZIP: &[u8] = &[0x1f, 0x8b];
pub(super) const ZIP: &[u8] = b"PK\x03\x04";

/// The text that `bytes` are.
///
/// # Errors
/// Bytes of another encoding, or of no text.
pub(super) fn read(name: &str, bytes: Vec<u8>) -> Result<String> {
    check_start(name, &bytes)?;
    match bytes.as_slice() {
        [0xff, 0xfe, rest @ ..] => return utf16(name, rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(name, rest, u16::from_be_bytes),
        _ => {}
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        not_utf8(name, &error.as_bytes()[..at])
    })
}

/// Whether what begins so may be text or an archive: told before the rest is read.
///
/// # Errors
/// The start of another encoding, and of no text.
pub(super) fn check_start(name: &str, bytes: &[u8]) -> Result<()> {
    match bytes {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => {
            return Err(other(name, "UTF-32", "UTF-32"));
        }
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => return Ok(()),
        _ if bytes.starts_with(ZIP) || bytes.starts_with(GZIP) => return Ok(()),
        _ => {}
    }
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    let zeros = |from: usize| start.iter().skip(from).step_by(2).filter(|&&b| b == 0);
    let (even, odd) = (zeros(0).count(), zeros(1).count());
    if (even + odd) * 10 > start.len() {
        return Err(match (even * 10 < odd, odd * 10 < even) {
            (true, _) => other(name, "UTF-16 without a byte-order mark", "UTF-16LE"),
            (_, true) => other(name, "UTF-16 without a byte-order mark", "UTF-16BE"),
            _ => Error::input(
                name,
                "is no text: many of its bytes are 0",
                "give a text in UTF-8, or leave it out",
            ),
        });
    }
    // A letter may be cut where `start` ends.
    match std::str::from_utf8(start) {
        Err(error) if error.error_len().is_some() => {
            Err(not_utf8(name, &start[..error.valid_up_to()]))
        }
        _ => Ok(()),
    }
}

/// The error for bytes that are UTF-8 only `before` one that is not.
fn not_utf8(name: &str, before: &[u8]) -> Error {
    let at = before.len();
    let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
    Error::input(
        name,
        format!("is not UTF-8: byte {at} (line {line}) belongs to no letter"),
        "convert it, for example with iconv -f latin1 -t utf8, or leave it out",
    )
}

fn utf16(name: &str, bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let broken = |at: usize| {
        Error::input(
            name,
            format!("is broken UTF-16: byte {} belongs to no letter", 2 + 2 * at),
            "convert it, for example with iconv -c -f UTF-16 -t UTF-8, or leave it out",
        )
    };
    if !rest.is_empty() {
        return Err(broken(pairs.len()));
    }
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    for letter in char::decode_utf16(pairs.iter().map(|&pair| unit(pair))) {
        let letter = letter.map_err(|_| broken(at))?;
        at += letter.len_utf16();
        text.push(letter);
    }
    Ok(text)
}

/// The error for another encoding, by its name for people and for `iconv`.
fn other(name: &str, encoding: &str, code: &str) -> Error {
    Error::input(
        name,
        format!("is {encoding}, expected UTF-8"),
        format!("convert it: iconv -f {code} -t UTF-8 FILE > NEW"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn a_byte_order_mark_tells_utf16() {
        let text = "Öl: 공 and 🐶\n";
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let marked = encoded(&format!("\u{feff}{text}"), bytes);
            assert_eq!(read("a", marked).unwrap(), text);
        }
        assert_eq!(read("a", text.as_bytes().to_vec()).unwrap(), text);
        assert_eq!(read("a", vec![0xff, 0xfe]).unwrap(), "");
    }

    #[test]
    fn what_is_no_text_is_told_with_what_helps() {
        let half = encoded("\u{feff}ab", u16::to_le_bytes);
        let lone = [0xff, 0xfe, b'a', 0, 0, 0xd8, b'b', 0].to_vec();
        for (bytes, words) in [
            (encoded("a ball", u16::to_le_bytes), "iconv -f UTF-16LE"),
            (encoded("a ball", u16::to_be_bytes), "iconv -f UTF-16BE"),
            (
                [0xff, 0xfe, 0, 0, b'a', 0, 0, 0].to_vec(),
                "iconv -f UTF-32",
            ),
            (half[..5].to_vec(), "byte 4"),
            (lone, "byte 4"),
            (vec![0; 9000], "many of its bytes are 0"),
            (b"ab\ncd\xff".to_vec(), "byte 5 (line 2)"),
        ] {
            let said = read("a.txt", bytes).unwrap_err().to_string();
            assert!(said.contains("a.txt") && said.contains(words), "{said}");
        }
        // Noise is told by how it begins; a letter that is cut there is no noise.
        let begin = [b"a\xe2\x82\xac".repeat(LOOKED_AT), b"a".to_vec()].concat();
        assert!(check_start("a.txt", &begin[..LOOKED_AT + 9]).is_ok());
        assert!(check_start("a.txt", b"ab\xff\xfe").is_err());
        // A single 0 makes no difference.
        let some = format!("{}\0", "the ball ".repeat(9));
        assert_eq!(read("a", some.clone().into_bytes()).unwrap(), some);
    }
}
