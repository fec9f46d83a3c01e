//! Bytes to text.
//!
//! Owns: the finding for what is no UTF-8. It must not look at what the text says.

use crate::diagnostic::{Diagnostic, code};
use crate::source::{FileId, Location, Source, Span};

/// Text of bytes that were read from a file, and a finding if they are no UTF-8.
///
/// With a finding, every byte that is no text is replaced in the source, so that the finding can be shown; such a source
/// is not worth parsing. Name and handle are those under which findings show the file.
pub fn decode(name: impl Into<String>, bytes: Vec<u8>, file: FileId) -> (Source, Option<Diagnostic>) {
    match String::from_utf8(bytes) {
        Ok(text) => (Source::new(name, text), None),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let bytes = error.as_bytes();
            let finding = invalid_utf8(file, at, bytes);
            (Source::new(name, String::from_utf8_lossy(bytes)), Some(finding))
        }
    }
}

/// The finding for the first byte that is no text. Its place is that of the mark that replaces the byte.
fn invalid_utf8(file: FileId, at: usize, bytes: &[u8]) -> Diagnostic {
    let location = Location { file, span: Span::new(at, at + char::REPLACEMENT_CHARACTER.len_utf8()) };
    let byte = bytes.get(at).copied().unwrap_or_default();
    let finding =
        Diagnostic::new(code::INVALID_UTF8, location, format!("byte {at} of the file (0x{byte:02x}) is not UTF-8 text")).label("not UTF-8");
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return finding.note("the file starts like UTF-16 text").help("save it as UTF-8");
    }
    finding.help("save the file as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_passes_and_other_bytes_are_found() {
        assert!(decode("a", b"allow \xC3\xBC".to_vec(), FileId(0)).1.is_none());
        let (source, finding) = decode("a", b"ab\xFFcd".to_vec(), FileId(3));
        let finding = finding.unwrap();
        assert_eq!(source.slice(finding.span().unwrap()), "\u{FFFD}");
        assert_eq!(finding.message, "byte 2 of the file (0xff) is not UTF-8 text");
        assert_eq!(finding.location().unwrap().file, FileId(3));
    }

    #[test]
    fn utf_16_is_named() {
        let (_, finding) = decode("a", b"\xFF\xFEa\0".to_vec(), FileId(0));
        assert_eq!(finding.unwrap().notes, ["the file starts like UTF-16 text"]);
    }
}
