//! Characters that hide what a line says: control characters and marks that reverse the direction of writing.
//!
//! Owns: where they stand and the finding for them. They are refused everywhere, comments and quotes included, because a
//! reviewer would read another line than the one that acts.

use crate::diagnostic::{Diagnostic, code};
use crate::source::{FileId, Location, Span};

/// The first such character of each line, in order.
pub(super) fn find(text: &str) -> Vec<Span> {
    let mut found = Vec::new();
    let mut line_has_one = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\n' => line_has_one = false,
            b'\t' | b' '..=b'~' => {}
            _ if line_has_one => {}
            _ => {
                if let Some(length) = unprintable_length(text.as_bytes(), at) {
                    found.push(Span::new(at, at + length));
                    line_has_one = true;
                }
            }
        }
    }
    found
}

/// How long the character that starts at `at` is, if it is one of them.
fn unprintable_length(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    match *rest {
        [b'\r', b'\n', ..] => None,
        [byte, ..] if byte < b' ' || byte == 0x7F => Some(1),
        // U+0080 to U+009F.
        [0xC2, 0x80..=0x9F, ..] => Some(2),
        // U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
        [0xE2, 0x80, 0x8E | 0x8F | 0xAA..=0xAE, ..] | [0xE2, 0x81, 0xA6..=0xA9, ..] => Some(3),
        _ => None,
    }
}

/// The finding for one of them.
pub(super) fn finding(file: FileId, span: Span, text: &str) -> Diagnostic {
    let location = Location { file, span };
    let character = text.get(span.range()).and_then(|found| found.chars().next()).unwrap_or_default();
    let number = u32::from(character);
    let (what, why) = match character {
        '\r' => ("a carriage return that ends no line", "lines end in LF or CRLF"),
        '\0'..='\u{9f}' => ("a control character", "control characters hide what a line says"),
        _ => ("a mark that changes the direction of writing", "it lets a line read otherwise than it acts"),
    };
    let finding = Diagnostic::new(code::SYNTAX_ERROR, location, format!("U+{number:04X} is {what}")).label("stands here, unseen").note(why);
    if character == '\r' { finding.fix("end the line here", location, "\n") } else { finding.fix("remove it", location, "") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_is_found_once_a_line() {
        let text = "a\0\0b\r\nc # \u{202e}x\n\td\rü — ok\n";
        let found: Vec<_> = find(text).into_iter().map(|span| text.get(span.range()).unwrap()).collect();
        assert_eq!(found, ["\0", "\u{202e}", "\r"]);
    }
}
