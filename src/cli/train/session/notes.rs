//! What does not look right, said once as long as it stays so.

/// What the last validation noted.
#[derive(Debug, Default)]
pub(in crate::cli) struct Notes(Vec<String>);

impl Notes {
    /// Of what is noted `now`, that which the validation before did not note.
    pub(in crate::cli) fn news(&mut self, now: Vec<String>) -> Vec<String> {
        let before = std::mem::replace(&mut self.0, now);
        let known = |note: &str| before.iter().any(|old| subject(old) == subject(note));
        let news = self.0.iter().filter(|note| !known(note));
        news.cloned().collect()
    }
}

/// Whom a note is about, where it names a member, and what it says before its first number,
/// which changes.
fn subject(note: &str) -> (&str, &str) {
    let named = note.strip_prefix("member ").and(note.split_once(": "));
    let (whom, what) = named.unwrap_or(("", note));
    let end = what.find(|c: char| c.is_ascii_digit());
    (whom, &what[..end.unwrap_or(what.len())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_news_until_it_was_said_and_again_after_it_was_gone() {
        let mut notes = Notes::default();
        let mut news = |now: &[&str]| notes.news(now.iter().map(|n| (*n).to_owned()).collect());
        assert_eq!(news(&["flat: only 82%"]), ["flat: only 82%"]);
        assert_eq!(news(&["flat: only 86%", "a gap"]), ["a gap"]);
        assert!(news(&[]).is_empty());
        assert_eq!(news(&["flat: only 90%"]), ["flat: only 90%"]);
        let second = "member 2: flat: only 90%";
        assert_eq!(news(&["flat: only 91%", second]), [second]);
        let third = "member 3: flat: only 92%";
        assert_eq!(news(&["member 2: flat: only 93%", third]), [third]);
    }
}
