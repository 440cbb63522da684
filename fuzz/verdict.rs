//! What became of a case.

use serde::{Deserialize, Serialize};

/// How a target ended that should have read or refused its case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// A panic, on whichever thread.
    Panic,
    /// The process died: a signal, no memory left, no stack left.
    Death,
    /// No end within the limit.
    Hang,
    /// Memory that stays taken.
    Growth,
    /// A refusal that is no line: with line feeds or other letters that steer a terminal.
    Lines,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It was read; what it holds.
    Read(String),
    /// It was refused, in these words.
    Refused(String),
    /// Neither; where in the project, and what was said last.
    Failed(Fault, String, String),
}

impl Verdict {
    /// The verdict without what differs from case to case, so that verdicts of one shape are
    /// likely to come from the same place of the program.
    pub fn shape(&self) -> String {
        match self {
            Self::Read(says) => format!("read: {}", plain(says)),
            Self::Refused(says) => format!("refused: {}", plain(says)),
            Self::Failed(Fault::Lines, _, says) => {
                // What follows is what the file holds.
                let shape = plain(says);
                let first: Vec<&str> = shape.split_whitespace().take(4).collect();
                format!("lines: {}", first.join(" "))
            }
            Self::Failed(fault, place, says) => {
                let first = says.lines().next().unwrap_or_default();
                format!("{fault:?} {place}: {}", plain(first)).to_lowercase()
            }
        }
    }

    /// Whether both failed in the same way at the same place; what they say may differ.
    pub fn fails_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Failed(one, here, _), Self::Failed(two, there, _)) => {
                one == two && here == there
            }
            _ => false,
        }
    }
}

/// The most of a message that counts.
const LONGEST: usize = 160;

/// A message without numbers, quoted words and paths.
fn plain(says: &str) -> String {
    let mut shape = String::new();
    let mut letters = says.chars().take(4 * LONGEST).peekable();
    while let Some(letter) = letters.next() {
        let inside = shape.ends_with(char::is_alphanumeric);
        match letter {
            '0'..='9' => {
                while letters
                    .next_if(|c| c.is_ascii_alphanumeric() || *c == '.')
                    .is_some()
                {}
                shape.push('#');
            }
            '"' | '`' | '\'' if !inside => {
                while letters.next_if(|c| *c != letter).is_some() {}
                letters.next();
                shape.push('…');
            }
            '/' => {
                while letters
                    .next_if(|c| !c.is_whitespace() && *c != ':')
                    .is_some()
                {}
                shape.push('/');
            }
            _ => shape.push(letter),
        }
    }
    shape.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_leaves_out_what_differs() {
        let refused = |says: &str| Verdict::Refused(says.to_owned()).shape();
        assert_eq!(
            refused("/a/b.frames: has 17 frames of 'x y', not 0x1f"),
            refused("/c: has 3 frames of '', not 2")
        );
        assert_ne!(refused("too short"), refused("too long"));
        assert_ne!(refused("1"), Verdict::Read("1".to_owned()).shape());
    }
}
