//! Words that Kubernetes' YAML reader takes for something else than text.
//!
//! Owns: the list of traps (`dependencies.md` §3.1 and §3.2). Kubernetes reads YAML 1.1, our reader YAML 1.2: a plain `yes`
//! is text to us and a bool to the API server, which then refuses it. It must not know where the word stands.

/// What a plain word is to Kubernetes though it is text to us; none for a word that both read as text.
pub(crate) fn other_reading(word: &str) -> Option<&'static str> {
    if is_boolean(word) {
        return Some("true or false");
    }
    is_number(word).then_some("a number")
}

/// The words for true and false that only YAML 1.1 knows.
fn is_boolean(word: &str) -> bool {
    const WORDS: [&str; 4] = ["yes", "no", "on", "off"];
    if word.len() > 3 {
        return false;
    }
    let capitals = word.chars().skip(1).any(char::is_uppercase);
    let lower = word.to_ascii_lowercase();
    // `Yes` and `YES` count, `yEs` does not.
    let cased = !capitals || word.chars().all(char::is_uppercase);
    matches!(word, "y" | "Y" | "n" | "N") || (cased && WORDS.contains(&lower.as_str()))
}

/// Whether a plain word is text to Kubernetes, and true or false to other readers of YAML 1.1.
pub(crate) fn is_doubtful(word: &str) -> bool {
    matches!(word, "y" | "Y" | "n" | "N")
}

/// Whether a word is a number to Go's YAML reader: underscores, `0x`, `0o`, `0b`, leading zeros, exponents.
fn is_number(word: &str) -> bool {
    if !word.starts_with(|letter: char| letter.is_ascii_digit() || matches!(letter, '+' | '-' | '.')) {
        return false;
    }
    let digits: String = word.chars().filter(|letter| *letter != '_').collect();
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(&digits);
    let lower = unsigned.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = lower.strip_prefix(prefix) {
            return !rest.is_empty() && rest.chars().all(|letter| letter.is_digit(radix));
        }
    }
    unsigned.starts_with(|letter: char| letter.is_ascii_digit() || letter == '.') && unsigned.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_are_known_and_ordinary_words_are_not_touched() {
        for word in ["yes", "Yes", "YES", "no", "on", "OFF", "y", "N"] {
            assert_eq!(other_reading(word), Some("true or false"), "{word}");
        }
        for word in ["1_000", "0X1F", "0x1f", "0O17", "017", "08", "1_", "0b11", "+12", "1e3", ".5"] {
            assert_eq!(other_reading(word), Some("a number"), "{word}");
        }
        for word in ["yEs", "web", "v1", "1.2.3", "2024-01-01", "", "e3", "0xg", "none", "_1", "-", "nan", "1a", "true"] {
            assert_eq!(other_reading(word), None, "{word}");
        }
    }
}
