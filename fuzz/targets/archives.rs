//! Corpora: plain text, gzip, zip, and these inside of each other.

use crate::case::Case;
use crate::mutate::{gzipped, zipped};
use crate::target::FuzzTarget;
use nextframe::Result;
use nextframe::text::{Tokenizer, read_all};
use std::path::Path;

pub const CORPORA: FuzzTarget = FuzzTarget {
    name: "corpora",
    about: "text to learn from: plain, gzip, zip, and nested",
    kept: &[],
    seeds,
    read,
};

const PLAIN: &str = "The ball falls, and hits a peg. It goes left or right?\nIch weiß nicht.\n";
const TAGGED: &str = "The/at jury/nn said/vbd it/pps did/dod ``/`` not/* know/vb ./.\n";
const WIKI: &str = " = Balls = \n The <unk> fell 1 @,@ 000 metres , or 1 @.@ 5 miles @-@ wise .\n";

fn seeds() -> Result<Vec<Case>> {
    let packed = |bytes: &[u8]| gzipped(bytes).expect("writing to memory");
    let texts = [PLAIN, TAGGED, WIKI].map(|text| text.repeat(4).into_bytes());
    let zip = zipped(&[
        ("d/one.txt".to_owned(), texts[0].clone()),
        ("d/README".to_owned(), b"about".to_vec()),
        ("d/two".to_owned(), texts[1].clone()),
        ("three.gz".to_owned(), packed(&texts[2])),
    ])
    .expect("writing to memory");
    let [plain, tagged, wiki] = texts;
    Ok(vec![
        Case::one("corpus.gz", packed(&plain)),
        Case::one("corpus.gz", packed(&packed(&zip))),
        Case::one("corpus.zip", zip),
        Case::one("corpus.txt", plain),
        Case::one("corpus.txt", tagged),
        Case::one("corpus.txt", wiki),
    ])
}

fn read(folder: &Path) -> Result<String> {
    let documents = read_all(&[folder.display().to_string()])?;
    let tokenizer = Tokenizer::train(&documents, 200, true)?;
    for document in &documents {
        tokenizer.words(&document.text)?;
    }
    Ok(format!("{} documents", documents.len().min(3)))
}
