//! Any text parses: no panic, spans inside the text.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twogate::source::{Source, Sources};
use twogate::syntax;

fuzz_target!(|text: &str| {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("fuzz.intent", text));
    let Some(source) = sources.get(file) else { return };
    let (tree, findings) = syntax::parse(file, source);
    for item in &tree.items {
        assert!(text.get(item.span.range()).is_some(), "an item lies outside the text");
    }
    for finding in &findings {
        assert!(finding.span().is_none_or(|span| text.get(span.range()).is_some()), "a finding lies outside the text");
    }
});
