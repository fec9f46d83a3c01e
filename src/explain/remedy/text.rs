//! The text of statements: which of it is comment or in quotes, and where its words stand.
//!
//! Owns: `on_one_line`, `end_before`. It must not know any statement.

/// What a letter belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Plain,
    Quoted,
    Comment,
}

/// Each letter with its place and what it belongs to.
fn parts(text: &str) -> Vec<(usize, char, Part)> {
    let (mut part, mut is_escaped) = (Part::Plain, false);
    let mut found = Vec::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        let (own, next) = match (part, letter) {
            (Part::Plain, '"') => (Part::Quoted, Part::Quoted),
            (Part::Plain, '#') => (Part::Comment, Part::Comment),
            (Part::Quoted, '"') if !is_escaped => (Part::Quoted, Part::Plain),
            (Part::Quoted | Part::Comment, '\n') => (Part::Plain, Part::Plain),
            _ => (part, part),
        };
        is_escaped = own == Part::Quoted && letter == '\\' && !is_escaped;
        found.push((at, letter, own));
        part = next;
    }
    found
}

/// A statement on one line, without its comments. What stands in quotes stays as it is.
pub(super) fn on_one_line(text: &str) -> String {
    let mut line = String::new();
    for (_, letter, part) in parts(text).into_iter().filter(|(.., part)| *part != Part::Comment) {
        if part == Part::Quoted || !letter.is_whitespace() {
            line.push(letter);
        } else if !line.is_empty() && !line.ends_with(' ') {
            line.push(' ');
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Where a text ends before the first of some words that stands in it by itself, neither in quotes nor in a comment; before the blanks
/// and comments there.
pub(super) fn end_before(text: &str, words: &[&str]) -> usize {
    let parts = parts(text);
    let letters = parts.iter().map(|(at, letter, part)| (*at, if *part == Part::Plain { *letter } else { '"' }));
    let mut word: Option<(usize, String)> = None;
    let mut limit = text.len();
    for (at, letter) in letters.chain([(text.len(), ' ')]) {
        match &mut word {
            _ if letter.is_whitespace() => {
                if let Some((start, _)) = word.take().filter(|(_, own)| words.contains(&own.as_str())) {
                    limit = start;
                    break;
                }
            }
            Some((_, own)) => own.push(letter),
            None => word = Some((at, letter.to_string())),
        }
    }
    let mut told = parts.iter().filter(|(at, letter, part)| *at < limit && *part != Part::Comment && !letter.is_whitespace());
    told.next_back().map_or(0, |(at, letter, _)| at + letter.len_utf8())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_go_and_quotes_stay() {
        let text = "allow a,  # at \"night\n  \"b  # \\\" c\" # x\n";
        assert_eq!(on_one_line(text), "allow a, \"b  # \\\" c\"");
        assert_eq!(on_one_line("# only\n"), "");
    }

    #[test]
    fn words_are_found_by_themselves() {
        let end = |text: &str| end_before(text, &["at", "header"]);
        assert_eq!(end("GET /a at h"), 6);
        assert_eq!(end("GET /a\n\tat h"), 6);
        assert_eq!(end("GET /a, # at night\n POST /at"), 28);
        assert_eq!(end("GET \"/x at y\"  # z"), 13);
        assert_eq!(end(""), 0);
    }
}
