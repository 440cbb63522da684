//! Films as arrays of NumPy: `.npy`, and `.npz` with several of them.

use super::films::watch;
use crate::case::Case;
use crate::mutate::{array, zipped};
use crate::target::FuzzTarget;
use nextframe::{Error, Result};
use std::path::Path;

pub const ARRAYS: FuzzTarget = FuzzTarget {
    name: "arrays",
    about: "films as arrays of NumPy, .npy and .npz",
    kept: &[],
    seeds,
    read,
};

/// An array whose frames differ.
fn film(kind: &str, shape: &[usize], fortran: &str) -> Vec<u8> {
    let width: usize = kind[2..].parse().unwrap_or(1);
    let count = width * shape.iter().product::<usize>();
    let sides: Vec<String> = shape.iter().map(usize::to_string).collect();
    let sides = sides.join(", ");
    let header =
        format!("{{'descr': '{kind}', 'fortran_order': {fortran}, 'shape': ({sides}), }}\n");
    let data: Vec<u8> = (0..count).map(|at| (at * 7 % 251) as u8).collect();
    array(header.as_bytes(), &data)
}

fn seeds() -> Result<Vec<Case>> {
    let grey = film("|u1", &[6, 5, 4], "False");
    let zip = zipped(&[
        ("frames.npy".to_owned(), grey.clone()),
        ("labels.npy".to_owned(), film("<i8", &[6], "False")),
    ]);
    Ok(vec![
        Case::one("film.npy", grey),
        Case::one("film.npy", film("|u1", &[6, 5, 4, 3], "False")),
        Case::one("film.npy", film("|u1", &[8, 3, 6, 5], "False")),
        Case::one("film.npy", film("<u2", &[6, 5, 4], "False")),
        Case::one("film.npz", zip.expect("writing to memory")),
    ])
}

fn read(folder: &Path) -> Result<String> {
    match nextframe::files::entries(folder)?.pop() {
        Some(path) => watch(&path, folder),
        None => Err(Error::input("the case", "no file", "give one")),
    }
}
