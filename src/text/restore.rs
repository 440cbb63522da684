//! Text as it was written, from the forms in which corpora keep it.

/// What a corpus did to its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing.
    Plain,
    /// `The/at jury/nn said/vbd ./.`: each word with its part of speech, as the Brown
    /// corpus has it.
    Tagged,
    /// Rare words as `<unk>`, `@-@` for a hyphen inside a word, as WikiText has it.
    Wiki,
}

/// Words that are looked at to tell.
const LOOKED_AT: usize = 400;

impl Form {
    /// The form of a text.
    pub(super) fn of(text: &str) -> Self {
        let words: Vec<&str> = text.split_whitespace().take(LOOKED_AT).collect();
        let tagged = words.iter().filter(|word| tag(word).is_some()).count();
        if words.len() >= 8 && tagged * 10 >= words.len() * 9 {
            return Self::Tagged;
        }
        let wiki = ["<unk>", " @-@ ", " @,@ ", " @.@ "];
        match wiki.iter().filter(|mark| text.contains(*mark)).count() {
            0 | 1 => Self::Plain,
            _ => Self::Wiki,
        }
    }

    /// The text as it was written, as far as can be told; `unknown` stands for words that
    /// the corpus has left out.
    pub(super) fn undo(self, text: String, unknown: &str) -> String {
        match self {
            Self::Plain => text,
            Self::Tagged => text.lines().map(untagged).collect::<Vec<_>>().join("\n"),
            Self::Wiki => text
                .replace(" @-@ ", "-")
                .replace(" @,@ ", ",")
                .replace(" @.@ ", ".")
                .replace("<unk>", unknown),
        }
    }
}

/// Word and tag, where it looks like one with its tag.
fn tag(word: &str) -> Option<(&str, &str)> {
    let (word, tag) = word.rsplit_once('/')?;
    let fits = |c: char| c.is_ascii_lowercase() || "$*+-.,:()'`".contains(c);
    let good = !word.is_empty() && !tag.is_empty() && tag.chars().all(fits);
    good.then_some((word, tag))
}

fn untagged(line: &str) -> String {
    let mut text = String::with_capacity(line.len() / 2);
    let mut glued = true;
    for token in line.split_whitespace() {
        let word = tag(token).map_or(token, |(word, _)| word);
        let (word, opens, closes) = match word {
            "``" => ("\"", true, false),
            "''" => ("\"", false, true),
            "(" | "[" | "{" => (word, true, false),
            "." | "," | ";" | ":" | "?" | "!" | ")" | "]" | "}" => (word, false, true),
            word => (word, false, false),
        };
        if !(glued || closes) {
            text.push(' ');
        }
        text.push_str(word);
        glued = opens;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tagged_text_is_restored() {
        let line = "\tThe/at Jury/nn-tl said/vbd ``/`` no/at evidence/nn (/( of/in it/ppo )/) ''/'' ,/, 1/2/cd ./.\n\n";
        assert_eq!(Form::of(line), Form::Tagged);
        let text = Form::Tagged.undo(line.to_owned(), "[UNK]");
        assert_eq!(text.trim(), "The Jury said \"no evidence (of it)\", 1/2.");
    }

    #[test]
    fn wiki_text_is_restored() {
        let text = " up to 0 @.@ 7 kg , a well @-@ known <unk> \n";
        assert_eq!(Form::of(text), Form::Wiki);
        let restored = Form::Wiki.undo(text.to_owned(), "[UNK]");
        assert_eq!(restored, " up to 0.7 kg , a well-known [UNK] \n");
    }

    #[test]
    fn other_text_stays() {
        for text in [
            "and/or is written thus, he/she too; see a/b and c/d, e.g. x/y z.",
            "",
        ] {
            assert_eq!(Form::of(text), Form::Plain);
        }
    }
}
