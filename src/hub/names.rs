//! What may come from the hub as a name. All that reaches a path on this machine passes
//! here first: a name that is a path would read or write outside of the cache.

/// The longest name of a file or a revision, in bytes: few file systems have longer ones.
const LONGEST: usize = 200;
/// The longest owner or repository, as on the hub.
const LONGEST_NAME: usize = 96;
/// The longest path in a list of files.
#[cfg(feature = "hub")]
const LONGEST_PATH: usize = 1024;
/// How much of a wrong name a message shows.
#[cfg(feature = "hub")]
const SHOWN: usize = 60;

/// Whether it is an owner or a repository. Two dashes part the two in the cache.
pub(super) fn is_name(text: &str) -> bool {
    is_plain(text) && text.len() <= LONGEST_NAME && !text.contains("--")
}

/// Whether it is a file's name of the usual letters, and nothing more.
pub(super) fn is_plain(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !text.is_empty()
        && text.len() <= LONGEST
        && text.chars().all(fits)
        && !text.starts_with('.')
        && !text.contains("..")
}

/// Whether it is a branch, a tag or a commit: plain names with slashes between.
pub(super) fn is_revision(text: &str) -> bool {
    text.len() <= LONGEST
        && text.split('/').all(is_plain)
        && !text.ends_with(".lock")
        && !text.ends_with('.')
}

/// Whether a path of a list stays within its repository.
#[cfg(feature = "hub")]
pub(super) fn stays_inside(path: &str) -> bool {
    let fits = |part: &str| !part.is_empty() && part != "." && part != "..";
    path.len() <= LONGEST_PATH
        && path.split('/').all(fits)
        && !path.contains('\\')
        && !path.chars().any(char::is_control)
}

/// Whether it is a commit.
#[cfg(feature = "hub")]
pub(super) fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether it names a content: git's SHA-1 or a SHA-256, in hexadecimal.
#[cfg(feature = "hub")]
pub(super) fn is_digest(text: &str) -> bool {
    [40, 64].contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The text between quotes, short and on one line, whatever it holds.
#[cfg(feature = "hub")]
pub(super) fn quoted(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("'{}{more}'", shown.escape_debug())
}

#[cfg(all(test, feature = "hub"))]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_paths_are_told() {
        for good in ["model-00001-of-00002.safetensors", "a", "A_b.c-d"] {
            assert!(is_plain(good), "{good}");
        }
        let long = "a".repeat(201);
        for bad in [
            "", ".", "..", ".a", "a..b", "a/b", "/a", "a\\b", "a\0b", "C:a", "a b", "a%2fb", "ä",
            &long,
        ] {
            assert!(!is_plain(bad), "{bad}");
        }
        for good in ["main", "v1.0", "refs/pr/1", "feature/x"] {
            assert!(is_revision(good), "{good}");
        }
        for bad in [
            "", "/main", "main/", "a//b", "../x", "a/../b", "a\\b", "a\nb", "x.lock", "x.", &long,
        ] {
            assert!(!is_revision(bad), "{bad}");
        }
        for good in ["a b.txt", "ä.bin", "1_Pooling/config.json", "..a"] {
            assert!(stays_inside(good), "{good}");
        }
        for bad in ["", "/a", "../a", "a/..", "a/./b", "a//b", "a\\b", "a\0"] {
            assert!(!stays_inside(bad), "{bad}");
        }
    }

    #[test]
    fn hashes_are_hexadecimal_and_of_their_length() {
        assert!(is_commit(&"aB3".repeat(14)[..40]) && !is_commit(&"a".repeat(64)));
        assert!(is_digest(&"0".repeat(40)) && is_digest(&"f".repeat(64)));
        for bad in [
            "",
            "abc",
            &"g".repeat(40),
            &"a".repeat(41),
            &"/x".repeat(20),
        ] {
            assert!(!is_digest(bad) && !is_commit(bad), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_is_short_and_of_one_line() {
        assert_eq!(quoted("a\n\u{1b}[2J"), "'a\\n\\u{1b}[2J'");
        assert!(quoted(&"x".repeat(10_000)).chars().count() < 70);
    }
}
