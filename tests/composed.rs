//! Keeps the composed path of `src/ops` to operations of candle that exist,
//! and have a right gradient, on the CPU, CUDA and Metal (candle 0.11.1).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Not on it, for what it does there: layer_norm, rms_norm and softmax_last_dim
/// (no gradient), upsample_* (gradient overwrites or fails), max_pool2d (wrong
/// gradient), conv* (Metal's weight gradients), gelu and powf (a negative number
/// to a power on Metal), index_select and scatter (need contiguous indices).
const ALLOWED: &[&str] = &[
    "abs",
    "add",
    "affine",
    "broadcast_add",
    "broadcast_as",
    "broadcast_div",
    "broadcast_mul",
    "broadcast_sub",
    "cat",
    "clamp",
    "contiguous",
    "detach",
    "div",
    "exp",
    "gather",
    // By erf, which every device has.
    "gelu_erf",
    "get",
    "log",
    "matmul",
    "max_keepdim",
    "maximum",
    "minimum",
    "mul",
    "narrow",
    "neg",
    "permute",
    "recip",
    "reshape",
    "silu",
    "sqr",
    "sqrt",
    "squeeze",
    "sub",
    "sum",
    "sum_keepdim",
    "t",
    "tanh",
    "to_dtype",
    "transpose",
    "unsqueeze",
    "zeros",
    // Of a variable.
    "as_detached_tensor",
    "set",
    // Asks about a tensor.
    "device",
    "dim",
    "dims",
    "dims2",
    "dims3",
    "dims4",
    "dtype",
    "elem_count",
    // Not of tensors.
    "clone",
    "collect",
    "div_ceil",
    "enumerate",
    "into_iter",
    "iter",
    "last_mut",
    "map",
    "moved",
    "pixels",
    "places",
    "product",
    "push",
    "resize",
    "to_vec",
    // This crate's own, composed themselves.
    "all",
    "copies",
    "frames",
    "into",
    "mask",
    "thin",
    "tokens",
];

/// The functions of the composed path.
const FUNCTIONS: &[&str] = &[
    "composed",
    "composed_add",
    "composed_form",
    "composed_overlap",
    "composed_patchify",
    "composed_product",
    "composed_shares",
    "composed_products",
    "composed_sharpen",
    "composed_sum",
    "composed_unpatchify",
    "composed_within",
    "copies",
    "extend",
    "pad",
    "repeat",
    "thin",
];

/// The body of `fn name(` in a source text, braces matched.
fn body<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let start = source.find(&format!("fn {name}("))?;
    let open = start + source[start..].find('{')?;
    let mut depth = 0;
    for (i, character) in source[open..].char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(&source[open..open + i]);
        }
    }
    None
}

/// Names called as `.name(` or `Tensor::name(`.
fn calls(body: &str) -> BTreeSet<&str> {
    let mut calls = BTreeSet::new();
    for (open, _) in body.match_indices('(') {
        let before = &body[..open];
        let name = before
            .rfind(|c: char| !c.is_alphanumeric() && c != '_')
            .map_or(before, |i| &before[i + 1..]);
        let prefix = &before[..before.len() - name.len()];
        if !name.is_empty() && (prefix.ends_with('.') || prefix.ends_with("Tensor::")) {
            calls.insert(name);
        }
    }
    calls
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let below = |path: PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    };
    paths.flat_map(below).collect()
}

#[test]
fn the_composed_path_uses_only_what_every_device_has() {
    let room = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/ops");
    let mut found = BTreeSet::new();
    for path in files(&room) {
        let source = std::fs::read_to_string(&path).unwrap();
        for name in FUNCTIONS {
            let Some(body) = body(&source, name) else {
                continue;
            };
            found.insert(path.file_stem().unwrap().to_str().unwrap().to_owned());
            for call in calls(body) {
                assert!(
                    ALLOWED.contains(&call),
                    "{}: {name} calls {call}, which is not known to be right on every device",
                    path.display()
                );
            }
        }
        // Every fused operation has a composed version. (`followed` wraps
        // operations; its two are composed where those are.)
        let wraps = path.ends_with("followed.rs");
        let own = source.contains("impl CustomOp") || source.contains("impl InplaceOp");
        let own = own && path.parent() == Some(&*room);
        let fused = own && !wraps;
        assert!(
            !fused || found.contains(path.file_stem().unwrap().to_str().unwrap()),
            "{} has no composed version",
            path.display()
        );
    }
    assert!(found.len() >= 10, "{found:?}");
}

#[test]
fn calls_are_found() {
    let body = body(
        "fn f(x: T) -> T { Tensor::cat(&[x.a()?.b(c(1))]) } fn g() {}",
        "f",
    )
    .unwrap();
    assert_eq!(
        calls(body).into_iter().collect::<Vec<_>>(),
        ["a", "b", "cat"]
    );
}
