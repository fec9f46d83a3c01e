//! User text made safe to print: control, bidirectional and invisible characters become visible signs.
//!
//! Owns: `printable`, `line`, `prose`. It must not change how many characters a text has, since columns count them.

/// The longest text of a message, label, note or help that is printed whole, in characters.
const LONGEST: usize = 2_000;

/// The character that stands for this one on a terminal: itself, unless it would move, hide or reorder what is around it.
pub(super) fn printable(character: char) -> char {
    match character {
        '\t' => character,
        '\0'..='\u{1F}' => char::from_u32(0x2400 + u32::from(character)).unwrap_or('\u{FFFD}'),
        '\u{7F}' => '\u{2421}',
        // Of the last line, E000 and E001 are the marks of `human::origin`, which user text must not counterfeit.
        '\u{80}'..='\u{9F}'
        | '\u{AD}'
        | '\u{61C}'
        | '\u{180E}'
        | '\u{200B}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{FEFF}'
        | '\u{FFF9}'..='\u{FFFB}'
        | '\u{E0000}'..='\u{E0FFF}'
        | '\u{E000}'..='\u{E001}' => '\u{FFFD}',
        other => other,
    }
}

/// A text for one line: messages, labels, names.
pub(super) fn line(text: &str) -> String {
    shorten(text).map(printable).collect()
}

/// A text that may have several lines: notes and helps.
pub(super) fn prose(text: &str) -> String {
    shorten(text).map(|character| if character == '\n' { character } else { printable(character) }).collect()
}

/// The text up to [`LONGEST`] characters, then an ellipsis.
fn shorten(text: &str) -> impl Iterator<Item = char> {
    let end = text.char_indices().nth(LONGEST).map(|(at, _)| at);
    let (shown, rest) = text.split_at_checked(end.unwrap_or(text.len())).unwrap_or((text, ""));
    shown.chars().chain((!rest.is_empty()).then_some('…'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_reordering_become_visible() {
        assert_eq!(line("a\u{1b}[31mb\r\n\u{7f}"), "a␛[31mb␍␊␡");
        assert_eq!(line("web\u{202e}bd"), "web\u{FFFD}bd");
        assert_eq!(prose("one\ntwo\u{7}"), "one\ntwo␇");
        assert_eq!(line("größe 数 app=web"), "größe 数 app=web");
    }

    #[test]
    fn a_huge_text_is_cut() {
        let text = line(&"x".repeat(5_000));
        assert_eq!(text.chars().count(), LONGEST + 1);
        assert!(text.ends_with('…'));
        assert_eq!(line(&"x".repeat(LONGEST)).chars().count(), LONGEST);
    }
}
