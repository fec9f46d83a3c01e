//! No program compiles to policies that do something else than it says: `proof-failed` is a fault of the compiler or of the
//! proof, whatever the program.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twogate::compile::{Input, compile};
use twogate::source::{Source, Sources};

fuzz_target!(|texts: (&str, &str)| {
    let (intent, config) = texts;
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("fuzz.intent", intent))];
    let config = (!config.is_empty()).then(|| sources.add(Source::new("twogate.toml", config)));
    let outcome = compile(Input { sources, intents, config, ..Input::default() });
    let failed = outcome.findings.iter().find(|finding| finding.code.name() == "proof-failed");
    assert!(failed.is_none(), "{failed:?}");
    assert!(outcome.files.is_empty() || outcome.proof.is_some(), "something came out without a proof");
});
