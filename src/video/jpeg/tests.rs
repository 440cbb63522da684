use super::is_whole;
use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};

/// A progressive picture of 28 × 20 pixels, chroma at half size, in
/// hexadecimal digits.
const PROGRESSIVE: &str = "\
    ffd8ffdb004300140e0f120f0d14121012171514181e32211e1c1c1e3d2c2e243249404c4b47404645505a73\
    6250556d5645466488656d777b8182814e608d978c7d96737e817cffdb0043011517171e1a1e3b21213b7c53\
    46537c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c7c\
    7c7c7c7c7c7c7c7cffc20011080014001c03012200021101031101ffc4001800010101010100000000000000\
    000000000300020405ffc4001801000301010000000000000000000000000203040105ffda000c0301000210\
    0310000001f359d34413a363661697c84dd2adffc40018100101010101000000000000000000000000010212\
    10ffda0008010100010502994c265ca6532e5ca2279fffc40016110101010000000000000000000000000000\
    0203ffda0008010301013f018d11a210ffc4001811000301010000000000000000000000000001021141ffda\
    0008010201013f015983a470a3ffc40014100100000000000000000000000000000030ffda0008010100063f\
    024fffc400191001010003010000000000000000000000010010115141ffda0008010100013f21c20f20f317\
    a31080d4205a2fffda000c03010002000300000010127821ffc4001711010101010000000000000000000000\
    0000012131ffda0008010301013f1038756ac7ffc4001c110100010403000000000000000000000001001121\
    31a171c1f0ffda0008010201013f10602978071a3db82d1c74cc293fffc4001c100100030101010101000000\
    0000000000010011214131915181ffda0008010100013f10bb9002dc9c09943c7d86169e4e25bc27ee7f3930\
    c3e12b73d606b5a6135158110ac1cecfffd9";

fn progressive() -> Vec<u8> {
    let digits: Vec<u8> = PROGRESSIVE
        .bytes()
        .map(|digit| (digit as char).to_digit(16).unwrap() as u8)
        .collect();
    digits.chunks(2).map(|two| two[0] << 4 | two[1]).collect()
}

/// A picture that comes in one pass.
fn baseline() -> Vec<u8> {
    let pixels: Vec<u8> = (0..3 * 40 * 30u32)
        .map(|at| (at * at / 97 % 251) as u8)
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 80);
    encoder
        .encode(&pixels, 40, 30, ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

#[test]
fn a_whole_picture_is_whole() {
    for whole in [baseline(), progressive()] {
        assert!(is_whole(&whole));
        assert!(image::load_from_memory(&whole).is_ok());
        assert!(is_whole(&[&whole[..], &[0; 40]].concat()));
    }
    // Every pixel is there.
    let whole = baseline();
    assert!(is_whole(&whole[..whole.len() - 2]));
    assert!(is_whole(b"GIF89a"));
}

#[test]
fn what_is_cut_is_not() {
    for whole in [baseline(), progressive()] {
        for part in 5..97 {
            let cut = &whole[..whole.len() * part / 100];
            assert!(!is_whole(cut), "{part}");
            // Ended by its writer, or with room that was kept for the rest.
            assert!(!is_whole(&[cut, &[0; 2000]].concat()), "{part}");
        }
    }
    let whole = baseline();
    for part in 50..97 {
        let cut = &whole[..whole.len() * part / 100];
        assert!(!is_whole(&[cut, &[0xff, 0xd9]].concat()), "{part}");
    }
}

#[test]
fn what_is_damaged_is_not() {
    let whole = baseline();
    let scan = 12
        + whole
            .windows(2)
            .position(|two| two == [0xff, 0xda])
            .unwrap();
    let (mut tried, mut missed) = (0, 0);
    for at in (scan..whole.len() - 60).step_by(20) {
        let mut hole = whole.clone();
        hole.drain(at..at + 50);
        let mut bad = whole.clone();
        bad[at..at + 30].fill(0x5a);
        tried += 2;
        missed += usize::from(is_whole(&hole)) + usize::from(is_whole(&bad));
    }
    // Some bits stand for as many blocks as those that they replace.
    assert!(missed * 4 < tried, "{missed} of {tried}");
}

/// As in films, whose pictures all have the usual codes.
#[test]
fn the_usual_codes_may_be_left_out() {
    let mut bytes = baseline();
    while let Some(at) = bytes.windows(2).position(|two| two == [0xff, 0xc4]) {
        let length = usize::from(u16::from_be_bytes([bytes[at + 2], bytes[at + 3]]));
        bytes.drain(at..at + 2 + length);
    }
    assert!(is_whole(&bytes));
    assert!(!is_whole(&bytes[..bytes.len() * 3 / 4]));
}
