//! `nextframe text fill`: the words that may stand where [MASK] stands.

use super::{load, print, print_json, temperature, warn_of_unknown};
use crate::device;
use crate::energy::{MaskedText, Table};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::memory;
use crate::outputs::table::table;
use crate::outputs::text_model::TextModel;
use crate::rng::Seed;
use crate::sampling::{Places, Tabled};
use candle_core::{Device, Tensor};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Tell the words at [MASK]: ranked, with probabilities and energies
///
/// With several [MASK], whole sentences are drawn too, by Gibbs sampling: one word after
/// the other, given all others.
#[derive(Debug, Clone, clap::Args)]
pub struct FillArgs {
    /// A run of `text train`, a folder with a BERT in Hugging Face's layout, or
    /// hf://owner/name@revision
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Text with at least one [MASK]: "The ball [MASK] off the wall."
    #[arg(value_name = "TEXT")]
    pub text: String,
    /// Words or sentences to show
    #[arg(long, value_name = "K", default_value_t = 10)]
    pub top: usize,
    /// Sentences to draw where there are several [MASK]
    #[arg(long, value_name = "N", default_value_t = 64)]
    pub samples: usize,
    /// How often each word of a sentence is drawn anew
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub sweeps: usize,
    /// 1/β; lower is surer [default: that of the run, else 1]
    #[arg(long, value_name = "T")]
    pub temperature: Option<f64>,
    /// The same seed draws the same sentences
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// More sweeps than this change nothing.
const MOST_SWEEPS: usize = 100_000;

/// A word for one place.
struct Candidate {
    token: u32,
    share: f64,
    energy: f64,
}

/// A whole sentence that was drawn.
struct Sentence {
    tokens: Vec<u32>,
    /// Σ over the places of −log p(word there | all others).
    energy: f64,
    times: usize,
}

pub(super) fn run(args: &FillArgs) -> Result<()> {
    let device = device::select(&args.device)?;
    let model = load(&args.model, &device)?;
    let beta = 1.0 / temperature(args.temperature, &model)?;
    let tokens = sequence(&args.text, &model)?;
    check_counts(args, &model, tokens.len())?;
    let unknown = model.tokenizer.unknown();
    let count = tokens.iter().filter(|&&id| id == unknown).count();
    let share = count as f64 / (tokens.len() - 2).max(1) as f64;
    warn_of_unknown("tokens", "the text", share);
    let places: Vec<usize> = (0..tokens.len())
        .filter(|&place| tokens[place] == model.tokenizer.mask())
        .collect();
    if places.is_empty() {
        return Err(Error::input(
            format!("the text '{}'", args.text),
            "there is no [MASK] in it",
            "write [MASK] in place of each word that is to be told",
        ));
    }
    let filling = Filling {
        model: &model,
        text: MaskedText::new(&model.bert, model.tokenizer.mask()),
        device: &device,
    };
    let rows: Vec<(usize, usize)> = places.iter().map(|&place| (0, place)).collect();
    let energies = filling.energies(std::slice::from_ref(&tokens), &rows)?;
    let candidates: Vec<Vec<Candidate>> = (0..places.len())
        .map(|row| filling.ranked(&energies, row, beta, args.top))
        .collect();
    let sentences = match places.len() {
        1 => Vec::new(),
        _ => filling.sentences(&tokens, &places, beta, args)?,
    };
    match args.json {
        true => filling.tell_json(args, &energies, beta, (&places, &candidates), &sentences),
        false => filling.tell(&energies, beta, &candidates, &sentences, args.top),
    }
}

/// Refuses sweeps without end, and more sentences than there is memory for.
fn check_counts(args: &FillArgs, model: &TextModel, length: usize) -> Result<()> {
    if args.sweeps > MOST_SWEEPS {
        return Err(Error::input(
            format!("--sweeps {}", args.sweeps),
            format!("expected at most {MOST_SWEEPS}"),
            "give less: a few tens are enough",
        ));
    }
    let config = model.bert.config();
    // Logits, energies and shares of each token; a layer's results at each place.
    let of_words = 20.0 * config.vocab_size as f64;
    let of_places = 4.0 * (12 * config.hidden_size + 3 * config.intermediate_size) as f64;
    let bytes = args.samples as f64 * (of_words + of_places * length as f64);
    let subject = format!("--samples {}", args.samples);
    memory::check(bytes, &subject, || "lower it".to_owned())
}

/// [CLS], the text's tokens, [SEP].
fn sequence(text: &str, model: &TextModel) -> Result<Vec<u32>> {
    let inner = model.tokenizer.encode(text)?;
    let ends = (model.tokenizer.start(), model.tokenizer.end());
    Ok([&[ends.0][..], &inner, &[ends.1]].concat())
}

struct Filling<'a> {
    model: &'a TextModel,
    text: MaskedText<'a>,
    device: &'a Device,
}

impl Filling<'_> {
    /// E of every token at some places, each (sequence, place).
    fn energies(&self, sequences: &[Vec<u32>], places: &[(usize, usize)]) -> Result<Table> {
        let length = sequences.first().map_or(0, Vec::len);
        let flat = sequences.concat();
        let x = Tensor::from_vec(flat, (sequences.len(), length), self.device)?;
        let rows = places
            .iter()
            .map(|&(row, place)| (row * length + place) as u32);
        let rows: Vec<u32> = rows.collect();
        let count = rows.len();
        self.text
            .table(&x, &Tensor::from_vec(rows, count, self.device)?)
    }

    fn ranked(&self, energies: &Table, row: usize, beta: f64, top: usize) -> Vec<Candidate> {
        let row_of = &energies.rows()[row];
        let free = energies.free_energy(beta)[row];
        let mut order = self.model.tokenizer.ordinary().to_vec();
        order.retain(|&token| (token as usize) < row_of.len());
        order.sort_by(|&a, &b| row_of[a as usize].total_cmp(&row_of[b as usize]));
        let candidate = |&token: &u32| Candidate {
            token,
            share: (-beta * (row_of[token as usize] - free)).exp(),
            energy: row_of[token as usize],
        };
        order.iter().take(top).map(candidate).collect()
    }

    /// Draws sentences, counts them and ranks them by their energy.
    fn sentences(
        &self,
        tokens: &[u32],
        places: &[usize],
        beta: f64,
        args: &FillArgs,
    ) -> Result<Vec<Sentence>> {
        let mut chains = vec![tokens.to_vec(); args.samples.max(1)];
        let mut rng = Seed(args.seed).stream("fill", 0);
        let gibbs = Places {
            beta,
            sweeps: args.sweeps.max(1),
        };
        gibbs.walk(self, &mut chains, places, &mut rng)?;
        let mut counts: BTreeMap<Vec<u32>, usize> = BTreeMap::new();
        for chain in chains {
            *counts.entry(chain).or_default() += 1;
        }
        let drawn: Vec<Vec<u32>> = counts.keys().cloned().collect();
        let mut energies = vec![0.0; drawn.len()];
        for &place in places {
            let table = self.table(&drawn, place)?;
            let free = table.free_energy(beta);
            let rows = table.rows().iter().zip(free).zip(&drawn);
            for (energy, ((row, free), sentence)) in energies.iter_mut().zip(rows) {
                *energy += beta * (row[sentence[place] as usize] - free);
            }
        }
        let all = counts.into_iter().zip(energies);
        let mut all: Vec<Sentence> = all
            .map(|((tokens, times), energy)| Sentence {
                tokens,
                energy,
                times,
            })
            .collect();
        all.sort_by(|a, b| a.energy.total_cmp(&b.energy));
        Ok(all)
    }

    fn written(&self, tokens: &[u32]) -> Result<String> {
        self.model.tokenizer.decode(&tokens[1..tokens.len() - 1])
    }

    fn tell(
        &self,
        energies: &Table,
        beta: f64,
        candidates: &[Vec<Candidate>],
        sentences: &[Sentence],
        top: usize,
    ) -> Result<()> {
        let free = energies.free_energy(beta);
        for (index, (candidates, free)) in candidates.iter().zip(free).enumerate() {
            let rows: Vec<_> = candidates
                .iter()
                .map(|candidate| {
                    vec![
                        self.model.tokenizer.token(candidate.token),
                        format!("{:.4}", candidate.share),
                        format!("{:.3}", candidate.energy),
                        format!("{:.3}", -candidate.share.ln()),
                    ]
                })
                .collect();
            let name = format!("[MASK] {}", index + 1);
            print(&table(&[&name, "p", "E", "-log p"], &rows))?;
            print(&format!("F {free:.3}\n"))?;
        }
        if !sentences.is_empty() {
            let rows: Vec<_> = (sentences.iter().take(top))
                .map(|sentence| {
                    Ok(vec![
                        self.written(&sentence.tokens)?,
                        sentence.times.to_string(),
                        format!("{:.3}", sentence.energy),
                    ])
                })
                .collect::<Result<_>>()?;
            print(&table(&["sentence", "drawn", "energy"], &rows))?;
        }
        Ok(())
    }

    fn tell_json(
        &self,
        args: &FillArgs,
        energies: &Table,
        beta: f64,
        (places, candidates): (&[usize], &[Vec<Candidate>]),
        sentences: &[Sentence],
    ) -> Result<()> {
        let free = energies.free_energy(beta);
        let masks = places.iter().zip(candidates).zip(free);
        let masks: Vec<_> = masks
            .map(|((place, candidates), free)| {
                let words = candidates.iter().map(|candidate| {
                    json!({
                        "token": self.model.tokenizer.token(candidate.token),
                        "p": candidate.share,
                        "energy": candidate.energy,
                    })
                });
                json!({
                    "place": place,
                    "free_energy": free,
                    "words": words.collect::<Vec<_>>(),
                })
            })
            .collect();
        let sentences = (sentences.iter().take(args.top))
            .map(|sentence| {
                Ok(json!({
                    "text": self.written(&sentence.tokens)?,
                    "drawn": sentence.times,
                    "energy": sentence.energy,
                }))
            })
            .collect::<Result<Vec<_>>>()?;
        print_json(&json!({
            "text": args.text,
            "temperature": 1.0 / beta,
            "masks": masks,
            "sentences": sentences,
        }))
    }
}

/// What the rest of a sentence says of one place; special tokens are never drawn.
impl Tabled for Filling<'_> {
    fn table(&self, chains: &[Vec<u32>], place: usize) -> Result<Table> {
        interrupt::check()?;
        let mut hidden = chains.to_vec();
        for chain in &mut hidden {
            chain[place] = self.model.tokenizer.mask();
        }
        let rows: Vec<(usize, usize)> = (0..chains.len()).map(|row| (row, place)).collect();
        let table = self.energies(&hidden, &rows)?;
        let size = self.model.bert.config().vocab_size;
        let mut allowed = vec![false; size];
        for &token in self.model.tokenizer.ordinary() {
            allowed[token as usize] = true;
        }
        let only = |row: &Vec<f64>| {
            let pairs = row.iter().zip(&allowed);
            pairs
                .map(|(&energy, &allowed)| if allowed { energy } else { f64::INFINITY })
                .collect()
        };
        Table::new(table.rows().iter().map(only).collect())
    }
}
