//! Formatting is idempotent, and formatted text still parses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twogate::compile::canonical;
use twogate::source::{Source, Sources};

fn formatted(text: &str) -> Option<String> {
    let mut sources = Sources::default();
    let file = sources.add(Source::new("fuzz.intent", text));
    canonical(file, &sources).text
}

fuzz_target!(|text: &str| {
    let Some(once) = formatted(text) else { return };
    assert_eq!(formatted(&once).as_deref(), Some(once.as_str()), "the second run changes the text");
});
