//! Any program, configuration and inventory compile or give findings; errors mean that nothing comes out.
#![no_main]

use libfuzzer_sys::fuzz_target;
use twogate::compile::{Input, compile};
use twogate::diagnostic::{human, order};
use twogate::source::{Source, Sources};

fuzz_target!(|texts: (&str, &str, &str)| {
    let (intent, config, inventory) = texts;
    let mut sources = Sources::default();
    let intents = vec![sources.add(Source::new("fuzz.intent", intent))];
    let config = (!config.is_empty()).then(|| sources.add(Source::new("twogate.toml", config)));
    let inventory = if inventory.is_empty() { Vec::new() } else { vec![sources.add(Source::new("inventory.yaml", inventory))] };
    let outcome = compile(Input { sources, intents, config, inventory, ..Input::default() });
    if order::has_error(&outcome.findings) {
        assert!(outcome.files.is_empty(), "something came out despite an error");
    }
    let _ = human::render(&outcome.findings, &outcome.sources, human::Colour::Plain);
});
