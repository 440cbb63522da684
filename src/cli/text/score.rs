//! `nextframe text score`: how surprising each word of a text is.

use super::{corpus, length, load, print, print_json, temperature, warn_of_unknown};
use crate::device;
use crate::energy::MaskedText;
use crate::error::{Error, Result};
use crate::evaluation::pseudo::{Hide, surprises};
use crate::outputs::page::Page;
use crate::outputs::table::table;
use crate::outputs::text_model::TextModel;
use crate::text::{Document, Word};
use candle_core::Device;
use serde_json::json;
use std::path::PathBuf;

/// The surprise at which a word is coloured in full, in nats.
const FULL: f64 = 12.0;
/// The most surprising words to show.
const SHOWN: usize = 10;

/// Say how surprising each word of a text is, given all others
#[derive(Debug, Clone, clap::Args)]
pub struct ScoreArgs {
    /// A run of `text train`, a folder with a BERT in Hugging Face's layout, or
    /// hf://owner/name@revision
    #[arg(value_name = "MODEL")]
    pub model: PathBuf,
    /// Text: plain, gzip, zip, a folder of these, or - for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Write a page with each word on the colour of its surprise
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// Divide logits by this [default: that of the run, else 1]
    #[arg(long, value_name = "T")]
    pub temperature: Option<f64>,
    /// auto, cpu, cuda, cuda:N or metal
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Print JSON, with every word
    #[arg(long)]
    pub json: bool,
}

/// A document's words, and the surprise of each in nats; none of words that the tokenizer
/// does not know, and of special tokens.
struct Scored {
    document: Document,
    words: Vec<(Word, Option<f64>)>,
}

pub(super) fn run(args: &ScoreArgs) -> Result<()> {
    let device = device::select(&args.device)?;
    let model = load(&args.model, &device)?;
    let temperature = temperature(args.temperature, &model)?;
    let documents = corpus(std::slice::from_ref(&args.file))?;
    let scored = documents
        .into_iter()
        .map(|document| score(&model, document, temperature, &device))
        .collect::<Result<Vec<_>>>()?;
    if let Some(path) = &args.html {
        page(&scored).save(path)?;
        tracing::info!("written: {}", path.display());
    }
    let all = || scored.iter().flat_map(|scored| &scored.words);
    let known = || all().filter_map(|(word, surprise)| Some((word, (*surprise)?)));
    let is_unknown = |word: &&Word| word.ids.contains(&model.tokenizer.unknown());
    let unknown = all().map(|(word, _)| word).filter(is_unknown).count();
    let (words, sum) = (known().count(), known().map(|(_, s)| s).sum::<f64>());
    let tokens: usize = known().map(|(word, _)| word.ids.len()).sum();
    let name = args.file.display().to_string();
    if tokens == 0 {
        return Err(Error::input(
            name,
            match unknown {
                0 => "the tokenizer finds no word in it".to_owned(),
                _ => format!("the tokenizer knows none of its {unknown} words: all are [UNK]"),
            },
            "give a text of the language that the model was trained on",
        ));
    }
    let unknown_share = unknown as f64 / (words + unknown) as f64;
    warn_of_unknown("words", &name, unknown_share);
    let perplexity = (sum / tokens as f64).exp();
    if args.json {
        let documents: Vec<_> = scored.iter().map(as_json).collect();
        return print_json(&json!({
            "model": args.model.display().to_string(),
            "temperature": temperature,
            "words": words,
            "tokens": tokens,
            "unknown_words": unknown,
            "unknown": unknown_share,
            "surprise": sum,
            "pseudo_perplexity": perplexity,
            "documents": documents,
        }));
    }
    let mut order: Vec<(&str, f64)> = scored
        .iter()
        .flat_map(|scored| {
            let text = &scored.document.text;
            let pairs = scored.words.iter();
            pairs.filter_map(|(word, surprise)| Some((&text[word.place.clone()], (*surprise)?)))
        })
        .collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1));
    let rows: Vec<_> = (order.iter().take(SHOWN))
        .map(|(word, surprise)| vec![(*word).to_owned(), format!("{surprise:.2}")])
        .collect();
    print(&table(&["most surprising", "nats"], &rows))?;
    print(&format!(
        "\n{words} words of {tokens} tokens: {:.3} nats a word, pseudo-perplexity of a token \
         {perplexity:.2}{}",
        sum / words as f64,
        match unknown {
            0 => String::new(),
            unknown => format!("; {unknown} words are unknown, and not among them"),
        }
    ))
}

/// Words in sequences as in training, one after the other.
fn score(
    model: &TextModel,
    document: Document,
    temperature: f64,
    device: &Device,
) -> Result<Scored> {
    let (tokenizer, most) = (&model.tokenizer, length(model) - 2);
    let text = MaskedText::new(&model.bert, tokenizer.mask());
    let words = tokenizer.words(&document.text)?;
    let mut found = Vec::with_capacity(words.len());
    let mut rest = words.as_slice();
    while !rest.is_empty() {
        let mut sequence = vec![tokenizer.start()];
        let mut count = 0;
        for word in rest {
            if count > 0 && sequence.len() - 1 + word.ids.len() > most {
                break;
            }
            // A word too long for any sequence is judged by its beginning.
            let fits = word.ids.len().min(most);
            sequence.extend_from_slice(&word.ids[..fits]);
            count += 1;
        }
        sequence.push(tokenizer.end());
        let each = surprises(
            &text,
            tokenizer,
            &sequence,
            Hide::RestOfWord,
            temperature,
            device,
        )?;
        let mut place = 1;
        for word in &rest[..count] {
            let fits = word.ids.len().min(most);
            let sum = each[place..place + fits].iter().copied().sum();
            found.push((word.clone(), sum));
            place += fits;
        }
        rest = &rest[count..];
    }
    Ok(Scored {
        document,
        words: found,
    })
}

fn as_json(scored: &Scored) -> serde_json::Value {
    let text = &scored.document.text;
    let words = scored.words.iter().map(|(word, surprise)| {
        json!({
            "word": &text[word.place.clone()],
            "start": word.place.start,
            "surprise": surprise,
        })
    });
    json!({
        "name": scored.document.name,
        "words": words.collect::<Vec<_>>(),
    })
}

fn page(scored: &[Scored]) -> Page {
    let mut page = Page::new("How surprising each word is");
    page.text(
        "The redder, the more surprising: −log p of the word given all others, in nats, where \
         the pointer rests.",
    );
    for Scored { document, words } in scored {
        page.heading(&document.name);
        let mut parts = Vec::new();
        let mut at = 0;
        for (word, surprise) in words {
            let says = match surprise {
                Some(surprise) => format!("{surprise:.2} nats"),
                None => "unknown to the tokenizer".to_owned(),
            };
            let between = document.text.get(at..word.place.start).unwrap_or_default();
            parts.push((between, None));
            let shown = &document.text[word.place.clone()];
            parts.push((shown, Some((surprise.unwrap_or(0.0) / FULL, says))));
            at = word.place.end;
        }
        parts.push((document.text.get(at..).unwrap_or_default(), None));
        page.coloured(&parts);
    }
    page
}
