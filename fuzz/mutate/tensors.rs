//! Changes to safetensors files: the header's JSON, whose length stays right, shapes, numbers.

use super::{bytes, tree};
use nextframe::rng::Rng;
use serde_json::{Map, Value, json};

/// Changes the header; nothing where there is none.
pub fn change(file: &mut Vec<u8>, rng: &mut Rng) -> bool {
    let Some((length, rest)) = file.split_first_chunk::<8>() else {
        return false;
    };
    let Ok(length) = usize::try_from(u64::from_le_bytes(*length)) else {
        return false;
    };
    let Some((header, data)) = rest.split_at_checked(length) else {
        return false;
    };
    let (mut header, mut data) = (header.to_vec(), data.to_vec());
    match rng.below(16) {
        0 => bytes::change(&mut header, &[], rng),
        1 => bytes::change(&mut data, &[], rng),
        2..=6 => bytes::overwrite(&mut data, rng),
        7..=11 if reshape(&mut header, &mut data, rng) => {}
        _ => {
            if !tree::change(&mut header, rng) {
                return false;
            }
        }
    }
    let length = header.len() as u64;
    *file = [&length.to_le_bytes()[..], &header, &data].concat();
    true
}

/// The most bytes of tensors whose shapes were changed.
const MOST: usize = 1 << 17;
/// Sides that shapes stumble over.
const SIDES: [u64; 12] = [0, 0, 0, 1, 2, 3, 4, 5, 16, 1 << 16, 1 << 32, u64::MAX];
const KINDS: [(&str, usize); 9] = [
    ("U8", 1),
    ("BOOL", 1),
    ("F16", 2),
    ("BF16", 2),
    ("F32", 4),
    ("U32", 4),
    ("F64", 8),
    ("I64", 8),
    ("U64", 8),
];

/// Gives a tensor another shape or type, and all the places that follow from it, so that the
/// file is whole; nothing where it would be too long.
fn reshape(header: &mut Vec<u8>, data: &mut Vec<u8>, rng: &mut Rng) -> bool {
    let Ok(mut keys) = serde_json::from_slice::<Map<String, Value>>(header) else {
        return false;
    };
    let names: Vec<String> = keys
        .keys()
        .filter(|name| *name != "__metadata__")
        .cloned()
        .collect();
    let Some(name) = names.get(rng.below(names.len().max(1))) else {
        return false;
    };
    let Some(shape) = keys[name].get_mut("shape").and_then(Value::as_array_mut) else {
        return false;
    };
    let side = json!(SIDES[rng.below(SIDES.len())]);
    let at = rng.below(shape.len().max(1));
    match rng.below(6) {
        0 => shape.insert(at.min(shape.len()), side),
        1 if !shape.is_empty() => drop(shape.remove(at)),
        2 => keys[name]["dtype"] = json!(KINDS[rng.below(KINDS.len())].0),
        _ if !shape.is_empty() => shape[at] = side,
        _ => shape.push(side),
    }
    let mut moved = Vec::new();
    for name in &names {
        let entry = &mut keys[name];
        let (Some(old), Some(size)) = (taken(entry, data), size(entry)) else {
            return false;
        };
        let mut bytes = old.to_vec();
        bytes.resize(size, 1);
        entry["data_offsets"] = json!([moved.len(), moved.len() + size]);
        moved.extend(bytes);
        if moved.len() > MOST {
            return false;
        }
    }
    *data = moved;
    *header = Value::Object(keys).to_string().into_bytes();
    true
}

/// The bytes of a tensor as its entry has them.
fn taken<'a>(entry: &Value, data: &'a [u8]) -> Option<&'a [u8]> {
    let offset = |index: usize| usize::try_from(entry["data_offsets"].get(index)?.as_u64()?).ok();
    data.get(offset(0)?..offset(1)?)
}

/// The bytes that a tensor of this shape and type takes; none where they are too many.
fn size(entry: &Value) -> Option<usize> {
    let (_, width) = KINDS
        .into_iter()
        .find(|(kind, _)| entry["dtype"] == *kind)?;
    let sides = entry["shape"].as_array()?.iter();
    let sides: Vec<usize> = sides
        .map(|side| usize::try_from(side.as_u64()?).ok())
        .collect::<Option<_>>()?;
    match sides.contains(&0) {
        true => Some(0),
        false => sides
            .into_iter()
            .try_fold(width, usize::checked_mul)
            .filter(|size| *size <= MOST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nextframe::rng::Seed;

    #[test]
    fn another_shape_leaves_the_file_whole() {
        let entry = |from: usize, to: usize, shape: &[usize]| json!({"dtype": "U8", "shape": shape, "data_offsets": [from, to]});
        let header = json!({"a": entry(0, 6, &[2, 3]), "b": entry(6, 8, &[2])});
        let mut changed = 0;
        for seed in 0..100 {
            let mut rng = Seed(seed).stream("test", 0);
            let (mut header, mut data) = (header.to_string().into_bytes(), vec![7; 8]);
            if !reshape(&mut header, &mut data, &mut rng) {
                continue;
            }
            let length = (header.len() as u64).to_le_bytes();
            let file = [&length[..], &header, &data].concat();
            let read = safetensors::SafeTensors::deserialize(&file);
            // Sides beyond all memory are refused even where another is 0.
            changed += usize::from(read.is_ok());
        }
        assert!(changed > 50, "{changed}");
    }
}
